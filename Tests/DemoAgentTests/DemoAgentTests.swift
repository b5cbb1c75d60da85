import DemoAgent
import Foundation
import Testing

/// The files of the built-in agent, checked by the languages' own tools if they are installed.
struct DemoAgentTests {
  static let prompt = """
    Implement: User can export data

    Constraints: Use existing button patterns

    Acceptance Criteria:
    - Button appears
    - Export works
    """

  /// Texts that a careless generator would trip over.
  static let absurd: [String] = [
    "", " ", "\0\u{1}\u{2}", "Implement:", "- ", "Acceptance Criteria:", "Acceptance Criteria:\n- ",
    "Implement: ../../etc/passwd\n\nAcceptance Criteria:\n- ../x\n- /etc\n- ..\n- .git/config",
    "Implement: \"\"\" */ /* `'\\ \\\" ${x} #{y} <!-- -->"
      + "\nAcceptance Criteria:\n- \"\"\"\n- */\n- \\",
    "Implement: 导出数据\n\nAcceptance Criteria:\n- 按钮出现\n- 🧑‍👩‍👧\n- ümläut",
    "Implement: class\n"
      + "Acceptance Criteria:\n- return\n- if\n- def\n- import\n- 1\n- 2x\n- __init__",
    "Implement: same\n"
      + "Acceptance Criteria:\n- Same\n- same\n- SAME 2\n- Step 1\n- Step1\n- everything",
    "Implement: json\r\n\r\nAcceptance Criteria:\r\n- random\r\n- unittest\r\n",
    "Implement: \u{202E}evil\u{2028}import os\u{85}x\u{2029}\n"
      + "Acceptance Criteria:\n- a\u{2028}boom()",
    "Implement: ends with a quote \"\nAcceptance Criteria:\n- ends with a quote \"\n- backslash \\",
    "Acceptance Criteria:\n- one\n  goes on\n\nand on\n- two",
    String(repeating: "long ", count: 200_000),
    "Implement: x\nAcceptance Criteria:\n"
      + (1...5000).map { "- Criterion number \($0)\n" }.joined(),
    "Implement: " + String(repeating: "x", count: 1_000_000),
  ]

  static let prompts = [prompt] + absurd

  static let trees: [(name: String, files: [String: String])] = [
    ("python", ["app/main.py": "", "app/util.py": "", "tests/test_main.py": "", "a.js": ""]),
    ("flat python", ["main.py": ""]),
    ("javascript", ["src/a.js": "", "src/b.js": "", "test/a.test.js": "", "package.json": "{}"]),
    ("modules", ["index.js": "", "package.json": "{ \"type\": \"module\" }"]),
    ("mjs", ["lib/x.mjs": "", "lib/y.mjs": ""]),
    ("typescript", ["src/a.ts": "", "src/b.tsx": "", "tests/a.test.ts": ""]),
    ("go", ["cmd/x/main.go": "// hi\npackage main\n", "go.mod": "module x\n\ngo 1.20\n"]),
    ("rust", ["src/lib.rs": "", "Cargo.toml": "[package]\nname = \"x\"\nversion = \"0.1.0\"\n"]),
    (
      "swift",
      ["Sources/App/App.swift": "", "Tests/AppTests/AppTests.swift": "", "Package.swift": ""]
    ),
    ("nothing", [:]),
    ("words", ["README.md": "", "docs/a.md": ""]),
  ]

  func files(_ prompt: String, _ tree: [String: String]) -> [DemoAgent.File] {
    DemoAgent.files(prompt: prompt, tree: tree.keys.sorted()) { tree[$0] }
  }

  @Test func followsTheCriteria() throws {
    let files = files(Self.prompt, Self.trees[2].files)
    #expect(
      files.map(\.path) == ["src/export-data.js", "test/export-data.test.js"])
    let module = try #require(files.first?.contents)
    for words in [
      "User can export data", "Constraints: Use existing button patterns", "/** Button appears */",
      "function buttonAppears(", "/** Export works */", "function exportWorks(",
    ] {
      #expect(module.contains(words), "\(words)")
    }
  }

  @Test func usesTheLanguageOfMostFiles() {
    func first(_ tree: [String]) -> String? {
      DemoAgent.files(prompt: Self.prompt, tree: tree).first?.path
    }
    #expect(
      first(["Sources/App/a.swift", "Sources/App/b.swift", "x.py"])
        == "Sources/App/ExportData.swift")
    #expect(
      first([
        "pkg/a.go", "pkg/b.go", "node_modules/x/1.js", "node_modules/x/2.js",
        "node_modules/x/3.js",
      ]) == "pkg/export_data_steps.go")
    #expect(first([".hidden/a.py", ".hidden/b.py", "src/lib.rs"]) == "src/export_data.rs")
    #expect(first([]) == "export-data.md")
  }

  @Test(arguments: trees.indices, absurd.indices)
  func isDeterministicAndStaysWithinTheTree(tree: Int, prompt: Int) {
    let paths = Self.trees[tree].files.keys.sorted()
    let read = { (path: String) -> String? in Self.trees[tree].files[path] }
    let files = DemoAgent.files(prompt: Self.absurd[prompt], tree: paths, read: read)
    #expect(
      files == DemoAgent.files(prompt: Self.absurd[prompt], tree: paths.reversed(), read: read))
    #expect(!files.isEmpty)
    for file in files {
      let allowed = file.path.utf8.allSatisfy {
        $0 < 128 && ($0 == UInt8(ascii: "/") || "._-".utf8.contains($0) || Self.isAlphanumeric($0))
      }
      #expect(allowed, "\(file.path)")
      #expect(!file.path.contains("..") && !file.path.hasPrefix("/"), "\(file.path)")
      #expect(!paths.contains(file.path))
      #expect(file.contents.utf8.count < 200_000)
      #expect(!file.contents.unicodeScalars.contains { $0.value < 32 && $0 != "\n" && $0 != "\t" })
    }
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
  }

  @Test func takenNamesGetANumber() {
    var tree = ["src/a.js", "src/b.js"]
    var seen: Set<String> = []
    for _ in 0..<5 {
      let paths = DemoAgent.files(prompt: Self.prompt, tree: tree).map(\.path)
      #expect(seen.isDisjoint(with: paths))
      seen.formUnion(paths)
      tree += paths
    }
    #expect(seen.contains("src/export-data-5.js"))
    let paths = DemoAgent.files(prompt: Self.prompt, tree: ["x.py", "EXPORT_data.PY"]).map(\.path)
    #expect(paths == ["export_data_2.py", "test_export_data_2.py"])
    // A link instead of the test folder is not followed.
    let linked = DemoAgent.files(prompt: Self.prompt, tree: ["src/lib.rs", "tests"]).map(\.path)
    #expect(linked == ["src/export_data.rs"])
  }

  // MARK: The languages' own verdicts

  /// Writes a tree and the agent's files into a temporary folder.
  private func withTree(
    _ tree: [String: String], _ prompt: String,
    _ body: (_ folder: String, _ written: [String]) throws -> Void
  ) throws {
    let folder = URL.temporaryDirectory.appending(path: "demo-agent-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let made = files(prompt, tree)
    for (path, text) in tree.map({ ($0, $1) }) + made.map({ ($0.path, $0.contents) }) {
      let place = folder.appending(path: path)
      try FileManager.default.createDirectory(
        at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: place)
    }
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try body(folder.path, made.map(\.path))
  }

  /// Runs a program in a folder; nil if it is not installed.
  private func run(_ command: [String], in folder: String) throws -> (code: Int32, output: String)?
  {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    let program = path.split(separator: ":").map { "\($0)/\(command[0])" }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
    guard let program else { return nil }
    let process = Process()
    process.executableURL = URL(filePath: program)
    process.arguments = Array(command.dropFirst())
    process.currentDirectoryURL = URL(filePath: folder)
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: output, as: UTF8.self))
  }

  private func expectGood(_ command: [String], in folder: String, _ prompt: String) throws {
    guard let result = try run(command, in: folder) else { return }
    #expect(result.code == 0, "\(command) on \(prompt.prefix(80)): \(result.output.suffix(2000))")
  }

  @Test(arguments: [0, 1, 9, 10], prompts.indices)
  func pythonRuns(tree: Int, index: Int) throws {
    let prompt = Self.prompts[index]
    try withTree(Self.trees[tree].files, prompt) { folder, written in
      for path in written where path.hasSuffix(".py") && path.contains("test_") {
        try expectGood(["python3", "-W", "error", path], in: folder, prompt)
      }
    }
  }

  @Test(arguments: [2, 3, 4], prompts.indices)
  func javaScriptRuns(tree: Int, index: Int) throws {
    let prompt = Self.prompts[index]
    try withTree(Self.trees[tree].files, prompt) { folder, written in
      for path in written where path.contains(".test.") {
        try expectGood(["node", path], in: folder, prompt)
      }
    }
  }

  @Test(arguments: prompts.indices)
  func rustRuns(index: Int) throws {
    // A launcher of toolchains may be there without any toolchain.
    guard let version = try run(["rustc", "--version"], in: "/"), version.code == 0 else { return }
    let prompt = Self.prompts[index]
    try withTree(Self.trees[7].files, prompt) { folder, written in
      for path in written where path.hasPrefix("tests/") {
        let command = ["rustc", "--edition", "2021", "-D", "warnings", "--test", path, "-o", "t"]
        try expectGood(command, in: folder, prompt)
        try expectGood(["./t"], in: folder, prompt)
      }
    }
  }

  @Test func swiftParses() throws {
    for prompt in Self.prompts {
      try withTree(Self.trees[8].files, prompt) { folder, written in
        try expectGood(["swiftc", "-frontend", "-parse"] + written, in: folder, prompt)
      }
    }
    try withTree(Self.trees[8].files, Self.prompt) { folder, written in
      try expectGood(
        ["swiftc", "-typecheck", "-warnings-as-errors", "-swift-version", "6", written[0]],
        in: folder, Self.prompt)
    }
  }

  @Test func goRuns() throws {
    for prompt in Self.prompts {
      try withTree(Self.trees[6].files, prompt) { folder, _ in
        try expectGood(["go", "vet", "./..."], in: folder, prompt)
      }
    }
  }

  // MARK: The program

  @Test func theProgramWritesIntoTheFolder() throws {
    let tree = Self.trees[0].files.merging([".git/x.js": "", "app/deep/er/z.py": ""]) { a, _ in a }
    try withTree(tree, "Implement: something else") { folder, _ in
      #expect(DemoAgent.run(arguments: [Self.prompt], directory: folder) == 0)
      #expect(FileManager.default.fileExists(atPath: folder + "/app/export_data.py"))
      #expect(DemoAgent.run(arguments: [Self.prompt], directory: folder) == 0)
      #expect(FileManager.default.fileExists(atPath: folder + "/app/export_data_2.py"))
      #expect(DemoAgent.run(arguments: [Self.prompt], directory: folder + "/gone") == 1)
    }
  }
}
