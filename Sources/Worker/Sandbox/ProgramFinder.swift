// The folders that a program needs to run, and those of a PATH: never a whole home, nor a folder
// with more than programs.
//
// A folder of programs is often beside credentials: ~/.fly/bin is beside ~/.fly/config.yml. So
// beside a `bin`, only folders with the usual names of installations are included.

import FoundationEssentials
import Glibc
import Processes
import SystemCalls
import Text

package struct ProgramFinder {
  /// Folders that no agent sees: a folder that contains one is too broad.
  let hidden: [String]
  /// The home that must not be shown.
  var home = UnprivilegedUser.startersHome

  /// Folders beside a folder of programs that its programs need.
  private static let besides = ["lib", "lib32", "lib64", "libexec", "share", "include"]
  /// The maximum number of scripts in a chain of interpreters.
  private static let depthMax = 4

  // MARK: Requirements

  /// The paths that must be readable for a program to run: its folder, its installation, and the
  /// same for the interpreter in its first line.
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
    return found.filter { !SystemFiles.contain($0) && seen.insert($0).inserted }
  }

  /// The folders of a PATH, with the folders beside them that their programs need.
  func folders(ofPath path: String) -> [String] {
    path.split(separator: ":").map(String.init).filter { $0.hasPrefix("/") }.flatMap {
      programFolder($0)
    }.filter { !SystemFiles.contain($0) }
  }

  /// The requirements of a program for a user who may not enter the folders above it.
  /// - Parameters:
  ///   - program: an absolute path; a file that is not a program has no requirements.
  ///   - path: the PATH of the program.
  package static func needs(of program: String, path: String) -> [String] {
    var facts = stat()
    guard stat(program, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG, facts.st_mode & 0o111 != 0
    else { return [] }
    return ProgramFinder(hidden: []).folders(of: program, path: path)
  }

  // MARK: Programs

  private func installation(of program: String, path: String) -> [String] {
    let real = canonicalPath(program) ?? program
    // A program on the PATH is often a link to the installed one.
    var folders: [String] = []
    for file in Set([program, real]).sorted() {
      let folder = Self.folder(file)
      let isOnPath = path.split(separator: ":").contains { $0 == folder }
      if let modules = file.firstRange(of: "/node_modules/") {
        folders.append(String(file[..<modules.lowerBound]) + "/node_modules")
      } else if let environment = Self.environment(of: folder) {
        folders.append(environment)
      } else if isOnPath || Self.isProgramFolder(folder) {
        folders += programFolder(folder)
      } else if !isBroad(folder) {
        folders.append(folder)
      }
    }
    // If its folder is too broad, only the program itself is shown.
    let shown = folders.filter { !isBroad($0) }
    return shown + [program, real].filter { path in !shown.contains { path.hasPrefix("\($0)/") } }
  }

  /// A folder of programs, and the folders beside it that they need.
  private func programFolder(_ folder: String) -> [String] {
    let own = isBroad(folder) ? [] : [folder]
    let whole = Self.folder(folder)
    guard Self.isProgramFolder(folder), !isBroad(whole) else { return own }
    return own + Self.besides.map { "\(whole)/\($0)" }.filter(DurableFile.isFolder)
  }

  private static func isProgramFolder(_ folder: String) -> Bool {
    ["bin", "sbin", "shims"].contains(name(folder))
  }

  /// The Python virtual environment of a folder of programs; nil if it is not one. It contains only
  /// what was installed into it (PEP 405).
  private static func environment(of folder: String) -> String? {
    let whole = Self.folder(folder)
    return access("\(whole)/pyvenv.cfg", F_OK) == 0 ? whole : nil
  }

  /// The program in the first line of a script; nil if it is not a script.
  private func interpreter(of program: String, path: String) -> String? {
    // execve(2) reads at most 255 bytes of it.
    guard let head = try? DurableFile.read(program, atMost: 256), head.starts(with: "#!".utf8)
    else { return nil }
    let line = head.dropFirst(2).prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
    let parts = line.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
      .map { String(decoding: $0, as: UTF8.self) }
    guard let first = parts.first else { return nil }
    guard Self.name(first) == "env" else { return first }
    // `env -S NAME`, `env VARIABLE=x NAME`: the first argument that can be a program.
    let named = parts.dropFirst().first { !$0.hasPrefix("-") && !$0.contains("=") }
    guard let named, !named.contains("/") else { return named }
    return path.split(separator: ":").map { "\($0)/\(named)" }.first { access($0, X_OK) == 0 }
  }

  /// Whether a folder contains more than programs.
  private func isBroad(_ folder: String) -> Bool {
    let below = "\(folder)/"
    let known = ["", "/", "/tmp", "/var/tmp", "/etc", "/opt", "/var", "/srv", "/run", "/root"]
    let ofHome = [".local", ".local/share", ".config", ".cache"].map { "\(home)/\($0)" }
    return known.contains(folder) || ofHome.contains(folder) || "\(home)/".hasPrefix(below)
      || hidden.contains { "\($0)/".hasPrefix(below) }
  }

  // MARK: Paths

  static func folder(_ path: String) -> String {
    path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
  }

  static func name(_ path: String) -> String {
    path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
  }
}
