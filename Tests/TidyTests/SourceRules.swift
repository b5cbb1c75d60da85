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

  /// Domain is a function of what it is given: no import, no clock, no chance, no concurrency.
  static func domainIsPure(_ file: SourceFile) -> [Finding] {
    guard file.path.hasPrefix("Sources/Domain/") else { return [] }
    let impure =
      #/
      \b(?:ContinuousClock|SuspendingClock|Date|UUID|SystemRandomNumberGenerator|random
      |randomElement|shuffled|shuffle|async|await|actor|Task|Hasher|hashValue|ObjectIdentifier
      |print|readLine|getenv)\b|\.now\b
      /#
    return file.code.indices.flatMap { index -> [Finding] in
      var findings: [Finding] = []
      if imported(file.code[index]) != nil {
        findings.append(file.finding(index, "Domain imports nothing"))
      }
      if let match = file.code[index].firstMatch(of: impure.wordBoundaryKind(.simple)) {
        findings.append(
          file.finding(
            index, "Domain is pure; \"\(match.output)\" is not for it, hand the value in"))
      }
      return findings
    }
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
