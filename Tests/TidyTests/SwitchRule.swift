/// Switches over what happens list every case, so that the compiler names every place that a new
/// event, state, command or intent touches.
enum SwitchRule {
  /// The cases of the enums that are meant: those of Domain whose name ends so.
  static func watchedCases(in files: [SourceFile]) -> Set<String> {
    var cases: Set<String> = []
    let opening = #/\benum\s+\w*(?:Event|State|Command|Intent|StateName)\b/#
    for file in files where file.path.hasPrefix("Sources/Domain/") {
      var depth = 0
      var enumDepth: Int?
      for line in file.code {
        if enumDepth == nil, SourceRules.mentions(line, ["enum"]), line.contains(opening) {
          enumDepth = depth
        }
        if let opened = enumDepth, depth == opened + 1,
          let match = line.firstMatch(of: #/^\s*(?:indirect\s+)?case\s+(.*)/#)
        {
          cases.formUnion(names(in: String(match.output.1)))
        }
        depth += line.count { $0 == "{" } - line.count { $0 == "}" }
        if let opened = enumDepth, depth <= opened, line.contains("}") { enumDepth = nil }
      }
    }
    return cases
  }

  /// The names that a line of `case a(X), b = "…"` declares.
  private static func names(in declaration: String) -> [String] {
    var depth = 0
    var flat = ""
    for character in declaration {
      if character == "(" { depth += 1 }
      if depth == 0 { flat.append(character) }
      if character == ")" { depth -= 1 }
    }
    return flat.split(separator: ",").compactMap { part in
      part.firstMatch(of: #/[A-Za-z_]\w*/#).map { String($0.output) }
    }
  }

  private struct Switch {
    var depth: Int
    var patterns: [String] = []
    var catchAll: Int?
  }

  /// - Parameter watched: what `watchedCases` gives. A switch whose patterns are all of these and
  ///   that has a `default:` or `case _:` is a finding.
  static func noDefault(_ file: SourceFile, watched: Set<String>) -> [Finding] {
    guard file.isProduct else { return [] }
    var findings: [Finding] = []
    var open: [Switch] = []
    var depth = 0
    var pattern: String?
    for (index, line) in file.code.enumerated() {
      if SourceRules.mentions(line, ["switch"]),
        line.contains(#/\bswitch\b[^{]*\{\s*$/#.wordBoundaryKind(.simple))
      {
        open.append(Switch(depth: depth))
      }
      if let last = open.indices.last, depth == open[last].depth + 1 {
        if line.contains(
          #/^\s*(?:default|case\s+_|case\s+let\s+\w+)\s*:/#.wordBoundaryKind(.simple))
        {
          open[last].catchAll = index
        } else if pattern != nil || line.contains(#/^\s*case\b/#.wordBoundaryKind(.simple)) {
          // A pattern may have several lines; it ends with its colon.
          let whole = (pattern ?? "") + line
          pattern = line.contains(":") ? nil : whole
          if pattern == nil { open[last].patterns += heads(of: whole) }
        }
      }
      depth += line.count { $0 == "{" } - line.count { $0 == "}" }
      while let last = open.last, depth <= last.depth, line.contains("}") {
        open.removeLast()
        let isOurs = !last.patterns.isEmpty && last.patterns.allSatisfy(watched.contains)
        if let place = last.catchAll, isOurs {
          findings.append(
            file.finding(
              place, "default over our own cases (\(last.patterns[0]) …); list every case"))
        }
      }
    }
    return findings
  }

  /// The cases that a pattern begins with, also within a tuple: `(.a, .b(.c))` has a and b.
  private static func heads(of pattern: String) -> [String] {
    pattern.matches(
      of: #/(?:\bcase\s+|\bcase\s*\(|\(\s*|,\s*|\blet\s+)\.([A-Za-z_]\w*)/#.wordBoundaryKind(
        .simple)
    )
    .map { String($0.output.1) }
  }
}
