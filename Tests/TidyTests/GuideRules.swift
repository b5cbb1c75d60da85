import Foundation

/// Rules about the README and the guide: what they list is what there is.
enum GuideRules {
  static let readme = "README.md"
  static let folder = "Sources/AIPM.docc"
  static let firstPage = "Sources/AIPM.docc/AIPM.md"

  static let readmeLinesMax = 200
  static let glossaryTermsMax = 30

  /// A newcomer reads the README to its end.
  static func length(_ readme: SourceFile) -> [Finding] {
    let count = readme.lines.count
    return count <= readmeLinesMax + 1
      ? [] : [readme.finding(readmeLinesMax, "has more than \(readmeLinesMax) lines")]
  }

  /// The guide opens with a glossary, in the order of the alphabet and short enough to be read.
  static func glossary(_ page: SourceFile) -> [Finding] {
    let sections = page.lines.indices.filter { page.lines[$0].hasPrefix("## ") }
    guard let first = sections.first, page.lines[first] == "## Glossary" else {
      return [page.finding(0, "does not open with the glossary")]
    }
    let end = sections.dropFirst().first ?? page.lines.endIndex
    let rows = (first..<end).filter { page.lines[$0].hasPrefix("| ") }.dropFirst(2)
    let terms = rows.map { page.lines[$0].split(separator: "|")[0].lowercased() }
    var findings = zip(rows.dropFirst(), zip(terms, terms.dropFirst())).compactMap { row, pair in
      pair.0 < pair.1 ? nil : page.finding(row, "stands after a term that it precedes")
    }
    if terms.isEmpty || terms.count > glossaryTermsMax {
      findings.append(
        page.finding(first, "has \(terms.count) terms, and not 1 to \(glossaryTermsMax)"))
    }
    return findings
  }

  /// The README's table names every module, in the order of the manifest.
  static func modules(_ readme: SourceFile, targets: [PackageRules.Target]) -> [Finding] {
    let known = targets.filter { !$0.isTest && $0.name.wholeMatch(of: #/C[A-Z].*/#) == nil }
      .map(\.name)
    let rows = readme.lines.prefixMatches(of: #/\| (`[A-Za-z-]+`(?:, `[A-Za-z-]+`)*) \|/#)
    let named = rows.flatMap { row, names in
      names.split(separator: ", ").map { (row, String($0.dropFirst().dropLast())) }
    }
    var findings = known.filter { name in !named.contains { $0.1 == name } }
      .map { Finding(file: readme.path, line: 1, message: "does not name the module \($0)") }
    findings += named.filter { !known.contains($0.1) }
      .map { readme.finding($0.0, "\($0.1) is not a module") }
    if findings.isEmpty, named.map(\.1) != known {
      findings.append(readme.finding(named[0].0, "the modules are not in the manifest's order"))
    }
    return findings
  }

  /// Links lead to files that exist.
  /// - Parameter exists: whether there is a file or folder at a path from the package's root.
  static func links(_ page: SourceFile, exists: (String) -> Bool) -> [Finding] {
    let folder = page.path.split(separator: "/").dropLast().map(String.init)
    return page.lines.indices.flatMap { index in
      page.lines[index].matches(of: #/\]\(([^)#:\s]+)(?:#[^)]*)?\)/#).compactMap { match in
        var parts = folder
        for part in match.output.1.split(separator: "/") {
          if part == ".." { _ = parts.popLast() } else { parts.append(String(part)) }
        }
        return exists(parts.joined(separator: "/"))
          ? nil : page.finding(index, "there is no \(match.output.1)")
      }
    }
  }

  /// Each page of the guide is linked, from its first page and from the README.
  static func pages(_ names: [String], from page: SourceFile) -> [Finding] {
    let text = page.lines.joined(separator: "\n")
    return names.sorted().filter { !text.contains("\($0))") }
      .map { Finding(file: page.path, line: 1, message: "does not link \($0)") }
  }

  /// The table of the API names every route of the server, and no other.
  static func routes(_ page: SourceFile, server: [SourceFile]) -> [Finding] {
    let registered = server.flatMap { file in
      file.lines.flatMap { line in
        line.matches(of: #/(?:method: \.([a-z]+), )?path: "([^"\\]+)", id:/#).map { match in
          "\((match.output.1 ?? "get").uppercased()) /\(placeholders(match.output.2))"
        }
      }
    }
    let rows = page.lines.prefixMatches(of: #/\| `((?:GET|POST|DELETE) [^`]+)` \|/#)
    let missing = Set(registered).subtracting(rows.map(\.1)).sorted()
      .map { Finding(file: page.path, line: 1, message: "does not name \($0)") }
    return missing
      + rows.filter { !registered.contains($0.1) }
      .map { page.finding($0.0, "the server has no \($0.1)") }
  }

  /// `{ref}` is `REF` to people.
  private static func placeholders(_ path: Substring) -> String {
    path.split(separator: "/").map { part in
      part.hasPrefix("{")
        ? part.filter(\.isLetter).uppercased() : String(part)
    }.joined(separator: "/")
  }

  /// The table of events names every event, and no other.
  static func events(_ page: SourceFile, names: SourceFile) -> [Finding] {
    let pattern = #/(?:delegation|worker|system)\.[a-z-]+/#
    let known = names.lines.flatMap { line in
      line.matches(of: #/"([a-z-]+\.[a-z-]+)"/#).map { String($0.output.1) }
    }
    let rows = page.lines.prefixMatches(of: #/\| `([a-z-]+\.[a-z-]+)` \|/#)
      .filter { $0.1.wholeMatch(of: pattern) != nil }
    return Set(known).subtracting(rows.map(\.1)).sorted()
      .map { Finding(file: page.path, line: 1, message: "does not name \($0)") }
      + rows.filter { !known.contains($0.1) }
      .map { page.finding($0.0, "there is no event \($0.1)") }
  }

  /// What has to be read twice.
  private static let phrases = [
    "is none", "are none", "where it stands", "in earnest", "the mend", "of ours", "hurt",
    "whoever", "anew",
  ]

  /// The guide is written in plain English.
  static func language(_ page: SourceFile) -> [Finding] {
    page.lines.indices.flatMap { index in
      let line = page.lines[index].lowercased()
      return phrases.filter(line.contains).map { page.finding(index, "says \"\($0)\"") }
    }
  }
}

extension [String] {
  /// The lines that begin with a pattern, with what it captures.
  fileprivate func prefixMatches(
    of pattern: Regex<(Substring, Substring)>
  ) -> [(Int, String)] {
    indices.compactMap { index in
      self[index].prefixMatch(of: pattern).map { (index, String($0.output.1)) }
    }
  }
}
