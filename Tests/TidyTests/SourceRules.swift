/// Rules about one source file.
enum SourceRules {
  /// Whether a line holds one of these words: asked before a regular expression is, which takes a
  /// hundred times as long.
  static func mentions(_ line: String, _ words: [String]) -> Bool {
    words.contains { line.contains($0) }
  }

  static let linesMax = 400
  static let columnsMax = 100

  /// Files of a size that is read in one sitting.
  static func length(_ file: SourceFile) -> [Finding] {
    let count = file.lines.last == "" ? file.lines.count - 1 : file.lines.count
    guard count > linesMax else { return [] }
    return [
      file.finding(linesMax, "the file has \(count) lines; part it, \(linesMax) is the limit")
    ]
  }

  static func width(_ file: SourceFile) -> [Finding] {
    file.lines.indices.filter { file.lines[$0].count > columnsMax }.map {
      file.finding($0, "the line has \(file.lines[$0].count) columns; \(columnsMax) is the limit")
    }
  }

  /// What no file of the package may say.
  static func banned(_ file: SourceFile) -> [Finding] {
    let declared =
      #/
      \b(?:public|open)\s+(?:[a-z]+\s+)*
      (?:class|struct|enum|actor|protocol|func|var|let|init|extension|typealias|subscript)\b
      /#
    let unwrapped = #/[A-Za-z0-9_)\]"`>]!(?![=A-Za-z0-9_])/#
    // What other modules inline has to be public, which says so itself.
    func isInlined(_ index: Int) -> Bool {
      mentions(file.code[index], ["@frozen", "@inlinable"])
        || (index > 0 && mentions(file.code[index - 1], ["@inlinable"]))
    }
    let rules: [(pattern: Regex<Substring>, message: String)] = [
      (declared, "nothing here is public but what is @inlinable or @frozen; write package"),
      (#/\btry!/#, "try! crashes; handle the error"),
      (#/\bas!/#, "as! crashes; write as? and say what else"),
      (#/@unchecked\s+Sendable\b/#, "@unchecked Sendable; hold the state in a Mutex"),
      (unwrapped, "a forced unwrap crashes; unwrap it with guard or if"),
      (#/\b(?:fatalError|preconditionFailure)\s*\(/#, "this crashes; return an error"),
    ]
    return file.code.indices.compactMap { index in
      guard mentions(file.code[index], ["!", "public", "open", "@unchecked", "fatal", "precond"])
      else { return nil }
      let broken = rules.dropFirst(isInlined(index) ? 1 : 0).first {
        file.code[index].contains($0.pattern.wordBoundaryKind(.simple))
      }
      return broken.map { file.finding(index, $0.message) }
    }
  }

  /// What the modules may import whose code is a function of its input alone.
  static let pureModules = ["Domain": ["Text"], "Text": ["FoundationEssentials"]]

  /// Domain and Text are functions of their input: no clock, no chance, no concurrency, and no
  /// import of what has any of it.
  static func isPure(_ file: SourceFile) -> [Finding] {
    guard file.isProduct, let imports = pureModules[file.module] else { return [] }
    let impure =
      #/
      \b(?:ContinuousClock|SuspendingClock|Date|UUID|SystemRandomNumberGenerator|random
      |randomElement|shuffled|shuffle|async|await|actor|Task|Hasher|hashValue|ObjectIdentifier
      |print|readLine|getenv)\b|\.now\b
      /#
    return file.code.indices.flatMap { index -> [Finding] in
      var findings: [Finding] = []
      if let name = imported(file.code[index]), !imports.contains(name) {
        findings.append(
          file.finding(index, "\(file.module) is pure and does not import \(name)"))
      }
      if let match = file.code[index].firstMatch(of: impure.wordBoundaryKind(.simple)) {
        findings.append(
          file.finding(
            index,
            "\(file.module) is pure; pass in the value instead of \"\(match.output)\""))
      }
      return findings
    }
  }

  /// No two top-level types of the product have the same name, in whatever module.
  /// - Parameter exceptions: names that are declared more than once; each must still be.
  static func uniqueTypeNames(_ files: [SourceFile], exceptions: Set<String>) -> [Finding] {
    let declaration =
      #/
      ^(?:@\w+\s+)*(?:(?:public|package|internal|private|fileprivate|final|indirect)\s+)*
      (?:struct|class|enum|actor|protocol|typealias)\s+([A-Za-z_]\w*)
      /#
    var places: [String: [Finding]] = [:]
    for file in files where file.isProduct {
      for index in file.code.indices where file.code[index].first?.isLetter ?? false {
        guard let match = file.code[index].firstMatch(of: declaration) else { continue }
        let name = String(match.output.1)
        places[name, default: []].append(
          file.finding(index, "another top-level type is called \(name) too"))
      }
    }
    let repeated = places.filter { $0.value.count > 1 }
    let wrong = repeated.filter { !exceptions.contains($0.key) }.values.flatMap { $0 }
    let needless = exceptions.subtracting(repeated.keys).sorted().map {
      Finding(file: "Sources", line: 1, message: "\($0) is declared once; drop the exception")
    }
    return wrong.sorted { ($0.file, $0.line) < ($1.file, $1.line) } + needless
  }

  /// Nothing that a worker starts outlives it: each command says so, near to where it is made.
  static func diesWithWorker(_ file: SourceFile) -> [Finding] {
    guard file.path.hasPrefix("Sources/Worker/") else { return [] }
    let start = #/(?:^|[^.\w])(?:Command|Git\.run|Git\.blobs)\(/#
    return file.code.indices.compactMap { index in
      guard mentions(file.code[index], ["Command(", "Git.run(", "Git.blobs("]),
        file.code[index].contains(start),
        !file.code[index...].prefix(10).contains(where: {
          // One that is only looked up is not started.
          mentions($0, ["diesWithParent", ".resolved()"])
        })
      else { return nil }
      return file.finding(index, "what a worker starts dies with it; set diesWithParent")
    }
  }

  /// The module that a line imports, nil where it imports none.
  static func imported(_ line: String) -> String? {
    guard mentions(line, ["import"]) else { return nil }
    let form =
      #/
      ^\s*(?:@[A-Za-z_()]+\s+)*(?:(?:package|internal|private|fileprivate)\s+)?import\s+
      (?:(?:struct|class|enum|func|protocol|var|let|typealias)\s+)?([A-Za-z_][A-Za-z0-9_]*)
      /#
    return line.firstMatch(of: form).map { String($0.output.1) }
  }

  /// What other modules call says what it does. The comment that a file opens with speaks for the
  /// first declaration in it.
  static func documented(_ file: SourceFile) -> [Finding] {
    guard file.isProduct else { return [] }
    let declaration =
      #/
      ^\s*package\s+
      (?:(?:static|final|mutating|nonisolated|indirect|consuming|borrowing|isolated)\s+)*
      (struct|class|actor|enum|protocol|func)\s+([A-Za-z_]\w*)
      /#
    var isFirst = file.lines.first?.hasPrefix("//") ?? false
    return file.code.indices.compactMap { index -> Finding? in
      guard mentions(file.code[index], ["package"]),
        let match = file.code[index].firstMatch(of: declaration)
      else { return nil }
      if isFirst {
        isFirst = false
        return nil
      }
      var above = index - 1
      while above >= 0, file.lines[above].drop(while: \.isWhitespace).hasPrefix("@") { above -= 1 }
      if above >= 0, file.lines[above].drop(while: \.isWhitespace).hasPrefix("///") { return nil }
      return file.finding(index, "package \(match.output.1) \(match.output.2) has no /// comment")
    }
  }
}
