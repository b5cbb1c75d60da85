/// Paths by name: a file, or a folder with all below it. A path is taken for another one wherever a
/// file system would take it for that: the repository is checked out on all of them.
package struct PathRules: Sendable {
  /// How one rule is written, and its parts as they are compared.
  fileprivate struct Rule: Sendable {
    let parts: [String]
    /// What NTFS calls each part in its short form, without the number.
    let shorts: [String]
  }

  private let rules: [Rule]

  /// - Parameter paths: from the repository's root, as `docs/secret.md` or `infra/`.
  package init(_ paths: [String]) {
    rules = paths.map { path in
      let parts = Self.parts(of: path.utf8)
      return Rule(parts: parts, shorts: parts.map { Self.short($0) })
    }
  }

  /// Whether a path is one of those that are named, or below one.
  package func cover(_ path: some Collection<UInt8>) -> Bool {
    let parts = Self.parts(of: path)
    return rules.contains { rule in
      parts.count >= rule.parts.count && rule.parts.indices.allSatisfy { rule.is(parts[$0], $0) }
    }
  }

  /// Whether one of those that are named is below a path: what stands there instead of a folder
  /// takes them away, or puts another folder in their place.
  package func lieBelow(_ path: some Collection<UInt8>) -> Bool {
    let parts = Self.parts(of: path)
    return rules.contains { rule in
      parts.count < rule.parts.count && parts.indices.allSatisfy { rule.is(parts[$0], $0) }
    }
  }

  // MARK: How names are compared

  /// The parts of a path, each as it is to be compared; with `==`, so that it does not matter
  /// either whether an accent is a character of its own.
  private static func parts(of path: some Collection<UInt8>) -> [String] {
    // To Windows the one is as good as the other.
    path.split { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "\\") }.map { folded(Array($0)) }
      .filter { !$0.isEmpty }
  }

  private static func folded(_ part: [UInt8]) -> String {
    var scalars = String.UnicodeScalarView()
    for scalar in String(decoding: part, as: UTF8.self).unicodeScalars
    where !isIgnored(scalar.value) {
      switch scalar.value {
      case 0x212A: scalars.append("k")
      case 0x017F: scalars.append("s")
      default: scalars.append(contentsOf: scalar.properties.lowercaseMapping.unicodeScalars)
      }
    }
    // NTFS: `name:stream:type` is the file `name`; points and blanks at the end are not there.
    if let colon = scalars.firstIndex(of: ":"), colon > scalars.startIndex {
      scalars.removeSubrange(colon...)
    }
    while let last = scalars.last, last == "." || last == " " { scalars.removeLast() }
    return String(scalars)
  }

  /// What HFS+ does not see in a name, as git's `next_hfs_char` has it, and what nobody sees.
  private static func isIgnored(_ scalar: UInt32) -> Bool {
    switch scalar {
    case 0x200B...0x200F, 0x202A...0x202E, 0x2060...0x2064, 0x206A...0x206F, 0xFEFF, 0x00AD, 0x034F,
      0xFE00...0xFE0F:
      true
    default: false
    }
  }

  /// `.github` is also `GITHUB~1` to Windows.
  private static func short(_ part: String) -> String {
    String(part.filter { $0 != "." && $0 != " " }.prefix(6)) + "~"
  }
}

extension PathRules.Rule {
  fileprivate func `is`(_ part: String, _ index: Int) -> Bool {
    if part == parts[index] { return true }
    let rest = part.dropFirst(shorts[index].count)
    return part.hasPrefix(shorts[index]) && rest.utf8.count == 1
      && rest.utf8.allSatisfy { (48...57).contains($0) }
  }
}

/// Paths that nothing forbids and that people should look at: what stands there runs code or steers
/// a program as soon as somebody opens, checks out or builds the repository.
package enum FlaggedPaths {
  private static let rules = PathRules([
    // What CI, and GitHub itself, act on.
    ".github/", ".gitlab-ci.yml", ".circleci/", ".buildkite/", "azure-pipelines.yml",
    "bitbucket-pipelines.yml", "Jenkinsfile", ".travis.yml",
    // What agents obey.
    "AGENTS.md", "CLAUDE.md", "GEMINI.md", ".cursor/", ".cursorrules", ".claude/", ".codex/",
    ".gemini/", ".aider.conf.yml", ".windsurfrules", ".mcp.json", ".aipm.yaml",
    // What editors and shells run.
    ".vscode/", ".idea/", ".devcontainer/", ".envrc", ".npmrc",
    // What git acts on, and hooks.
    ".gitmodules", ".gitattributes", ".lfsconfig", ".husky/", ".pre-commit-config.yaml",
    "lefthook.yml",
  ])

  /// More are not told.
  package static let shownMax = 20
  private static let bytesMax = 200

  /// Whether a path is one of them.
  package static func hold(_ path: some Collection<UInt8>) -> Bool { rules.cover(path) }

  /// A path as it is shown and kept; of a long one its beginning.
  package static func shown(_ path: some Collection<UInt8>) -> String {
    let text = String(decoding: path.prefix(bytesMax), as: UTF8.self)
    return path.count > bytesMax ? "\(text)…" : text
  }
}
