// Which folders a program needs to run, and which of a PATH: never a whole home, nor a folder that
// holds more than a program.
//
// A folder of programs is often a part of something that holds credentials beside it: ~/.fly/bin is
// beside ~/.fly/config.yml. So of what stands beside a `bin` only the names are taken that programs
// are installed under.

import FoundationEssentials
import Glibc
import Processes
import SystemCalls
import Text

package struct ProgramFinder {
  /// Folders that no agent sees: one that holds them is too broad.
  let hidden: [String]
  /// Whose home is not to be shown.
  var home = ProgramFinder.home

  init(hidden: [String]) { self.hidden = hidden }

  /// What stands beside a folder of programs for them to run.
  private static let besides = ["lib", "lib32", "lib64", "libexec", "share", "include"]
  /// How often an interpreter is looked up for a script that another script interprets.
  private static let depthMax = 4

  // MARK: Asking

  /// What has to be readable for a program to run: where it stands, what it was installed with, and
  /// the same of the interpreter that its first line names.
  /// - Parameters:
  ///   - program: an absolute path.
  ///   - path: the PATH of the program.
  func folders(of program: String, path: String) -> [String] {
    var found: [String] = []
    var next: String? = program
    for _ in 0..<Self.depthMax {
      guard let program = next else { break }
      found += installation(of: program, path: path)
      next = interpreter(of: program, path: path)
    }
    var seen: Set<String> = []
    return found.filter { !SystemFiles.hold($0) && seen.insert($0).inserted }
  }

  /// The folders of a PATH, each with what stands beside it for its programs to run.
  func folders(ofPath path: String) -> [String] {
    path.split(separator: ":").map(String.init).filter { $0.hasPrefix("/") }.flatMap {
      programFolder($0)
    }.filter { !SystemFiles.hold($0) }
  }

  /// What a program needs to be run by a user who may not enter the folders above it.
  /// - Parameters:
  ///   - program: an absolute path; what is no program needs nothing.
  ///   - path: the PATH of the program.
  package static func needs(of program: String, path: String) -> [String] {
    var facts = stat()
    guard stat(program, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG, facts.st_mode & 0o111 != 0
    else { return [] }
    return ProgramFinder(hidden: []).folders(of: program, path: path)
  }

  // MARK: Programs

  private func installation(of program: String, path: String) -> [String] {
    let real = Self.canonical(program) ?? program
    // A name on the PATH is a link as often as not; what it leads to is what was installed.
    var folders: [String] = []
    for place in Set([program, real]).sorted() {
      let folder = Self.folder(place)
      let isOnPath = path.split(separator: ":").contains { $0 == folder }
      if let modules = place.firstRange(of: "/node_modules/") {
        folders.append(String(place[..<modules.lowerBound]) + "/node_modules")
      } else if let environment = Self.environment(of: folder) {
        folders.append(environment)
      } else if isOnPath || Self.isProgramFolder(folder) {
        folders += programFolder(folder)
      } else if !isBroad(folder) {
        folders.append(folder)
      }
    }
    // Where its folder is too broad to be shown, the program alone is.
    let shown = folders.filter { !isBroad($0) }
    return shown + [program, real].filter { path in !shown.contains { path.hasPrefix("\($0)/") } }
  }

  /// A folder of programs: itself, and beside it what they run with.
  private func programFolder(_ folder: String) -> [String] {
    let own = isBroad(folder) ? [] : [folder]
    let whole = Self.folder(folder)
    guard Self.isProgramFolder(folder), !isBroad(whole) else { return own }
    return own + Self.besides.map { "\(whole)/\($0)" }.filter(DurableFile.isFolder)
  }

  private static func isProgramFolder(_ folder: String) -> Bool {
    ["bin", "sbin", "shims"].contains(name(folder))
  }

  /// The virtual environment of Python that a folder of programs belongs to; nil if it belongs to
  /// none. It holds nothing but what was installed into it (PEP 405).
  private static func environment(of folder: String) -> String? {
    let whole = Self.folder(folder)
    return access("\(whole)/pyvenv.cfg", F_OK) == 0 ? whole : nil
  }

  /// The program that the first line of a script names; nil if it is no script.
  private func interpreter(of program: String, path: String) -> String? {
    // execve(2) reads no more than 255 bytes of it.
    guard let head = try? DurableFile.read(program, atMost: 256), head.starts(with: "#!".utf8)
    else { return nil }
    let line = head.dropFirst(2).prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
    let words = line.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
      .map { String(decoding: $0, as: UTF8.self) }
    guard let first = words.first else { return nil }
    guard Self.name(first) == "env" else { return first }
    // `env -S NAME`, `env VARIABLE=x NAME`: the first word that can be a program.
    let named = words.dropFirst().first { !$0.hasPrefix("-") && !$0.contains("=") }
    guard let named, !named.contains("/") else { return named }
    return path.split(separator: ":").map { "\($0)/\(named)" }.first { access($0, X_OK) == 0 }
  }

  /// Whether more than programs is to be found there.
  private func isBroad(_ folder: String) -> Bool {
    let below = "\(folder)/"
    let known = ["", "/", "/tmp", "/var/tmp", "/etc", "/opt", "/var", "/srv", "/run", "/root"]
    let ofHome = [".local", ".local/share", ".config", ".cache"].map { "\(home)/\($0)" }
    return known.contains(folder) || ofHome.contains(folder) || "\(home)/".hasPrefix(below)
      || hidden.contains { "\($0)/".hasPrefix(below) }
  }

  // MARK: Paths

  /// The home that `~/…` means.
  static var home: String { UnprivilegedUser.startersHome }

  static func folder(_ path: String) -> String {
    path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
  }

  static func name(_ path: String) -> String {
    path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
  }

  static func canonical(_ path: String) -> String? {
    guard let resolved = realpath(path, nil) else { return nil }
    defer { free(resolved) }
    return String(cString: resolved)
  }
}
