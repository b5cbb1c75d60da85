/// The language of a working tree, and the folder for new files.
struct Survey {
  let language: Language
  /// The folder with most files of that language, except tests; empty for the root.
  let folder: String
  private let taken: Set<String>
  private let tree: [String]

  /// Folders with code of others, or with build products.
  private static let foreign: Set<String> = [
    "node_modules", "vendor", "third_party", "dist", "build", "target", "out", "venv",
    "site-packages", "__pycache__", "Pods", "Carthage",
  ]
  private static let testFolders: Set<String> = ["test", "tests", "__tests__", "spec"]

  init(tree: [String]) {
    self.tree = tree.sorted()
    // On some file systems, names that differ only in case are equal.
    taken = Set(tree.map { $0.lowercased() })
    var byLanguage: [Language: Int] = [:]
    var byFolder: [Language: [String: Int]] = [:]
    for path in self.tree {
      let parts = path.split(separator: "/")
      guard let language = parts.last.flatMap(Language.init(file:)) else { continue }
      let folders = parts.dropLast().map(String.init)
      if folders.contains(where: { $0.hasPrefix(".") || Self.foreign.contains($0) }) { continue }
      byLanguage[language, default: 0] += 1
      if folders.contains(where: { Self.testFolders.contains($0.lowercased()) }) { continue }
      byFolder[language, default: [:]][folders.joined(separator: "/"), default: 0] += 1
    }
    let dominant = Language.allCases.max { (byLanguage[$0] ?? 0) < (byLanguage[$1] ?? 0) }
    let chosen = dominant.flatMap { byLanguage[$0] == nil ? nil : $0 } ?? .unknown
    language = chosen
    // The folder with most files; of equals, the first by name.
    let folders = (byFolder[chosen] ?? [:]).sorted { $0.key < $1.key }
    folder = folders.max { $0.value < $1.value }?.key ?? ""
  }

  func files(in folder: String) -> [String] {
    tree.filter { Self.parent(of: $0) == folder }
  }

  func has(_ path: String) -> Bool { taken.contains(path.lowercased()) }

  /// Whether files can be written there: no part of its path is a file or a link.
  func isFolder(_ folder: String) -> Bool {
    var path = ""
    for part in folder.split(separator: "/") {
      path = Self.join(path, String(part))
      if has(path) { return false }
    }
    return true
  }

  /// The first of these folders that contains files.
  func existing(_ folders: [String]) -> String? {
    folders.first { folder in tree.contains { $0.hasPrefix(folder + "/") } && isFolder(folder) }
  }

  /// New files. If one exists, the name gets a number.
  /// - Parameters:
  ///   - paths: the paths of the files with a name.
  ///   - contents: the lines of each file, in the same order; those without a path are left out.
  func files(
    _ name: Name, paths: (Name) -> [String], contents: (Name) -> [[String]]
  ) -> [DemoAgent.File] {
    let name = name.numbered { paths($0).contains(where: has) }
    return zip(paths(name), contents(name)).map { path, lines in
      DemoAgent.File(path: path, contents: lines.joined(separator: "\n") + "\n")
    }
  }

  static func join(_ folder: String, _ name: String) -> String {
    folder.isEmpty ? name : "\(folder)/\(name)"
  }

  static func parent(of path: String) -> String {
    path.split(separator: "/").dropLast().joined(separator: "/")
  }
}

/// The languages of modules. Of equally frequent ones, the first wins.
enum Language: CaseIterable, Hashable {
  case swift, python, typescript, javascript, go, rust, unknown

  /// The language of a file by its name; nil if it is not a source file of one of these.
  init?(file name: Substring) {
    switch name.split(separator: ".").last {
    case "swift": self = .swift
    case "py": self = .python
    case "ts", "tsx", "mts", "cts": self = .typescript
    case "js", "jsx", "mjs", "cjs": self = .javascript
    case "go": self = .go
    case "rs": self = .rust
    default: return nil
    }
  }

  func files(
    for brief: Brief, in survey: Survey, read: (String) -> String?
  ) -> [DemoAgent.File] {
    switch self {
    case .swift: SwiftModule.files(for: brief, in: survey)
    case .python: PythonModule.files(for: brief, in: survey)
    case .typescript: ScriptModule(isTyped: true, survey, read).files(for: brief)
    case .javascript: ScriptModule(isTyped: false, survey, read).files(for: brief)
    case .go: GoModule.files(for: brief, in: survey, read: read)
    case .rust: RustModule.files(for: brief, in: survey)
    case .unknown: MarkdownPage.files(for: brief, in: survey)
    }
  }
}
