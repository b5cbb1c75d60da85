/// Rules about the package as a whole.
enum PackageRules {
  /// A target as the manifest declares it.
  struct Target: Equatable {
    var name: String
    /// Of this package's own targets only.
    var dependencies: [String]
    var isTest: Bool
    /// Counted from 1.
    var line: Int
  }

  /// Reads the targets out of a manifest, in their order.
  static func targets(_ manifest: SourceFile) -> [Target] {
    let text = manifest.lines.joined(separator: "\n")
    let opening =
      #/
      (?m)^\s*(module|tests|\.systemLibrary|\.target|\.executableTarget|\.testTarget)
      \(\s*(?:name:\s*)?"([^"]+)"
      /#
    var found: [(name: String, strings: [String], isTest: Bool, line: Int)] = []
    for match in text.matches(of: opening) {
      let line = text[..<match.output.2.startIndex].count { $0 == "\n" } + 1
      let call = parenthesized(text[match.range.upperBound...])
      let strings = call.matches(of: #/"([^"]+)"/#).map { String($0.output.1) }
      let isTest = match.output.1.lowercased().contains("test") || call.contains("path: \"Tests/")
      found.append((String(match.output.2), strings, isTest, line))
    }
    let own = Set(found.map(\.name))
    return found.map { target in
      Target(
        name: target.name, dependencies: target.strings.filter(own.contains),
        isTest: target.isTest, line: target.line)
    }
  }

  /// Up to the parenthesis that closes the call whose opening one stands before.
  private static func parenthesized(_ text: Substring) -> Substring {
    var depth = 1
    for index in text.indices {
      if text[index] == "(" { depth += 1 }
      if text[index] == ")" { depth -= 1 }
      if depth == 0 { return text[..<index] }
    }
    return text
  }

  /// A target depends only on what is declared above it.
  static func order(_ targets: [Target], manifest: String) -> [Finding] {
    var above: Set<String> = []
    var findings: [Finding] = []
    for target in targets {
      for dependency in target.dependencies where !above.contains(dependency) {
        findings.append(
          Finding(
            file: manifest, line: target.line,
            message: "\(target.name) depends on \(dependency), which does not stand above it"))
      }
      above.insert(target.name)
    }
    return findings
  }

  /// Sources import no module of the package that their own does not depend on, and product code
  /// imports none of the tests.
  static func imports(_ files: [SourceFile], targets: [Target]) -> [Finding] {
    let byName = Dictionary(targets.map { ($0.name, $0) }) { first, _ in first }
    return files.flatMap { file -> [Finding] in
      guard let target = byName[file.module] else { return [] }
      return file.code.indices.compactMap { index in
        guard let name = SourceRules.imported(file.code[index]), let other = byName[name],
          name != target.name
        else { return nil }
        if other.isTest, !target.isTest {
          return file.finding(index, "\(target.name) imports \(name), which belongs to the tests")
        }
        if target.dependencies.contains(name) { return nil }
        return file.finding(
          index, "\(target.name) imports \(name) without depending on it in Package.swift")
      }
    }
  }

  /// Replay links nothing that has effects: none of what is declared from `barrier` on.
  static func isolation(
    _ targets: [Target], of product: String, from barrier: String, manifest: String
  ) -> [Finding] {
    let byName = Dictionary(targets.map { ($0.name, $0) }) { first, _ in first }
    guard let start = targets.firstIndex(where: { $0.name == barrier }),
      let target = byName[product]
    else {
      return [
        Finding(file: manifest, line: 1, message: "there is no \(product) or no \(barrier)")
      ]
    }
    let effectful = Set(targets[start...].map(\.name))
    var reached: Set<String> = []
    var next = target.dependencies
    while let name = next.popLast() {
      if reached.insert(name).inserted { next += byName[name]?.dependencies ?? [] }
    }
    return reached.intersection(effectful).sorted().map {
      Finding(file: manifest, line: target.line, message: "\(product) links \($0)")
    }
  }

  /// The files that know which kinds of stores there are: one of each program.
  static let storeChoices: Set = ["Sources/Stores/Stores.swift"]

  /// The modules of stores and of their databases, and the other modules that may import them. A
  /// backup of any store is a SQLite file.
  static let storeImporters: [String: Set<String>] = [
    "SQLiteEventStore": ["PostgreSQLEventStore"], "SQLite": ["SQLiteEventStore", "EmbeddedForge"],
    "PostgreSQLEventStore": [], "PostgreSQL": ["PostgreSQLEventStore"],
  ]

  /// Everything but that file, and the stores themselves, reaches a store by its contracts alone.
  static func storesAreBehindContracts(_ file: SourceFile) -> [Finding] {
    guard file.path.hasPrefix("Sources/"), !storeChoices.contains(file.path) else { return [] }
    return file.code.indices.compactMap { index in
      guard let name = SourceRules.imported(file.code[index]) else { return nil }
      guard let importers = storeImporters[name], file.module != name,
        !importers.contains(file.module)
      else { return nil }
      return file.finding(
        index, "imports \(name); a store is reached by EventStore, ReadModels and LogReader")
    }
  }

  static let essayWords = 60

  /// The main file of each module opens with an essay.
  static func essays(_ files: [SourceFile], targets: [Target]) -> [Finding] {
    var findings: [Finding] = []
    for target in targets where !target.isTest && !target.name.hasPrefix("C") {
      let folder = "Sources/\(target.name)/"
      let names = ["\(target.name).swift", "main.swift", "\(target.name.uppercased()).swift"]
      guard let main = files.first(where: { file in names.contains { file.path == folder + $0 } })
      else {
        findings.append(
          Finding(
            file: folder + names[0], line: 1,
            message: "\(target.name) has no main file that opens with an essay"))
        continue
      }
      // Imports may stand before it, for some formatters sort them to the top.
      let head = main.lines.prefix {
        $0.isEmpty || $0.hasPrefix("//") || SourceRules.imported($0) != nil
      }
      let words = head.filter { $0.hasPrefix("//") }
        .reduce(0) { $0 + $1.split { !$0.isLetter && !$0.isNumber }.count }
      if words < essayWords {
        findings.append(
          main.finding(
            0,
            "the main file opens with \(words) words; say what the module is for, what it "
              + "promises and how it fails, in \(essayWords) or more"))
      }
    }
    return findings
  }

  static let topLevel: Set<String> = [
    "Package.swift", "Sources", "Tests", "workflows", "tools", "README.md",
  ]

  /// The top level holds only what a newcomer must see. `Package.resolved` is made by the build.
  static func topLevel(_ names: [String]) -> [Finding] {
    names.filter { !$0.hasPrefix(".") && !topLevel.contains($0) && $0 != "Package.resolved" }
      .sorted().map { Finding(file: $0, line: 1, message: "does not belong to the top level") }
  }
}
