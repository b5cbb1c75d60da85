import FoundationEssentials
import Glibc

extension DemoAgent {
  /// The agent as a program: reads the prompt and the working tree, writes the files, and reports
  /// to standard output.
  /// - Parameters:
  ///   - arguments: the prompt; if absent, it is read from standard input.
  ///   - directory: the working tree.
  /// - Returns: the exit code: 0 done, 1 something could not be read or written, 2 no prompt.
  package static func run(arguments: [String], directory: String) -> Int32 {
    guard let prompt = arguments.isEmpty ? standardInput() : arguments.joined(separator: " ") else {
      return complain("no prompt; give it as arguments or on standard input", code: 2)
    }
    say("reading the prompt: \(prompt.count) characters")
    guard let tree = tree(of: directory) else {
      return complain("the working tree \(directory) cannot be read", code: 1)
    }
    let files = files(prompt: prompt, tree: tree) { path in text(at: "\(directory)/\(path)") }
    say("looking around: \(tree.count) files")
    for file in files {
      do {
        try write(file, in: directory)
      } catch {
        return complain("\(file.path) cannot be written: \(error)", code: 1)
      }
      say("wrote \(file.path): \(file.contents.split(separator: "\n").count) lines")
    }
    say("done: \(files.count) files")
    return 0
  }

  /// A larger input is a mistake.
  private static let promptBytesMax = 16 << 20
  private static let entriesMax = 500_000

  /// Standard input; nil if it is a terminal, empty, or too large.
  private static func standardInput() -> String? {
    guard isatty(STDIN_FILENO) == 0 else { return nil }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 64 << 10)
    while bytes.count <= promptBytesMax {
      let count = Glibc.read(STDIN_FILENO, &chunk, chunk.count)
      if count < 0 {
        if errno == EINTR { continue }
        return nil
      }
      if count == 0 { break }
      bytes += chunk[..<count]
    }
    guard !bytes.isEmpty, bytes.count <= promptBytesMax else { return nil }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The paths of all files and links, except git's own. Links are not followed.
  private static func tree(of directory: String) -> [String]? {
    var paths: [String] = []
    var folders = [""]
    while let folder = folders.popLast() {
      let absolute = folder.isEmpty ? directory : "\(directory)/\(folder)"
      guard let names = try? FileManager.default.contentsOfDirectory(atPath: absolute) else {
        if folder.isEmpty { return nil }
        continue
      }
      for name in names where !(folder.isEmpty && name == ".git") {
        let path = Survey.join(folder, name)
        var status = stat()
        guard lstat("\(directory)/\(path)", &status) == 0 else { continue }
        if status.st_mode & S_IFMT == S_IFDIR { folders.append(path) } else { paths.append(path) }
        if paths.count + folders.count > entriesMax { return paths }
      }
    }
    return paths
  }

  private static func text(at path: String) -> String? {
    guard let data = FileManager.default.contents(atPath: path), data.count < 1 << 20 else {
      return nil
    }
    return String(decoding: data, as: UTF8.self)
  }

  private static func write(_ file: File, in directory: String) throws {
    let folder = Survey.parent(of: file.path)
    if !folder.isEmpty {
      try FileManager.default.createDirectory(
        atPath: "\(directory)/\(folder)", withIntermediateDirectories: true)
    }
    try Data(file.contents.utf8).write(
      to: URL(filePath: "\(directory)/\(file.path)"), options: .withoutOverwriting)
  }

  private static func say(_ line: String) { put("demo agent: \(line)\n", on: STDOUT_FILENO) }

  private static func complain(_ line: String, code: Int32) -> Int32 {
    put("demo agent: \(line)\n", on: STDERR_FILENO)
    return code
  }

  /// Written at once, so that a reader sees the progress.
  private static func put(_ line: String, on descriptor: Int32) {
    var rest = Array(line.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count <= 0 { return }
      rest = rest.dropFirst(count)
    }
  }
}
