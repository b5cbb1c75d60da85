/// A set of files and folders. Two paths are equal if any file system treats them as equal, because
/// the repository is checked out on all of them.
package struct PathRules: Sendable {
  /// One rule, split into the parts that are compared.
  fileprivate struct Rule: Sendable {
    let parts: [String]
    /// The NTFS short name of each part, without the number.
    let shorts: [String]

    fileprivate func `is`(_ part: String, _ index: Int) -> Bool {
      if part == parts[index] { return true }
      let rest = part.dropFirst(shorts[index].count)
      return part.hasPrefix(shorts[index]) && rest.utf8.count == 1
        && rest.utf8.allSatisfy { (48...57).contains($0) }
    }
  }

  private let rules: [Rule]

  /// - Parameter paths: from the repository's root, as `docs/secret.md` or `infra/`.
  package init(_ paths: [String]) {
    rules = paths.map { path in
      let parts = Self.parts(of: path.utf8)
      return Rule(parts: parts, shorts: parts.map { Self.short($0) })
    }
  }

  /// Whether a path is in the set, or below a path in the set.
  package func contain(_ path: some Collection<UInt8>) -> Bool {
    let parts = Self.parts(of: path)
    return rules.contains { rule in
      parts.count >= rule.parts.count && rule.parts.indices.allSatisfy { rule.is(parts[$0], $0) }
    }
  }

  /// Whether a path in the set is below a path. A change that replaces such a folder removes or
  /// replaces the paths in the set.
  package func areBelow(_ path: some Collection<UInt8>) -> Bool {
    let parts = Self.parts(of: path)
    return rules.contains { rule in
      parts.count < rule.parts.count && parts.indices.allSatisfy { rule.is(parts[$0], $0) }
    }
  }

  // MARK: Comparison

  /// The parts of a path, folded for comparison with `==`, which also ignores how accents are
  /// composed.
  private static func parts(of path: some Collection<UInt8>) -> [String] {
    // Windows accepts both separators.
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
    // NTFS: `name:stream:type` is the file `name`; trailing dots and spaces are ignored.
    if let colon = scalars.firstIndex(of: ":"), colon > scalars.startIndex {
      scalars.removeSubrange(colon...)
    }
    while let last = scalars.last, last == "." || last == " " { scalars.removeLast() }
    return String(scalars)
  }

  /// The characters that HFS+ ignores in a name, as in git's `next_hfs_char`, and invisible ones.
  private static func isIgnored(_ scalar: UInt32) -> Bool {
    switch scalar {
    case 0x200B...0x200F, 0x202A...0x202E, 0x2060...0x2064, 0x206A...0x206F, 0xFEFF, 0x00AD, 0x034F,
      0xFE00...0xFE0F:
      true
    default: false
    }
  }

  /// On Windows, `.github` is also `GITHUB~1`.
  private static func short(_ part: String) -> String {
    String(part.filter { $0 != "." && $0 != " " }.prefix(6)) + "~"
  }
}

/// Paths that are allowed and that a reviewer should look at: their contents run code or control a
/// program when somebody opens, checks out or builds the repository.
package enum FlaggedPaths {
  private static let rules = PathRules([
    // Read by CI and by the forge.
    ".github/", ".gitlab-ci.yml", ".circleci/", ".buildkite/", "azure-pipelines.yml",
    "bitbucket-pipelines.yml", "Jenkinsfile", ".travis.yml",
    // Read by agents.
    "AGENTS.md", "CLAUDE.md", "GEMINI.md", ".cursor/", ".cursorrules", ".claude/", ".codex/",
    ".gemini/", ".aider.conf.yml", ".windsurfrules", ".mcp.json", ".aipm.yaml",
    // Run by editors and shells.
    ".vscode/", ".idea/", ".devcontainer/", ".envrc", ".npmrc",
    // Read by git, and hooks.
    ".gitmodules", ".gitattributes", ".lfsconfig", ".husky/", ".pre-commit-config.yaml",
    "lefthook.yml",
  ])

  /// The maximum number of paths in a report.
  package static let shownMax = 20
  private static let bytesMax = 200

  /// Whether a path is flagged.
  package static func contain(_ path: some Collection<UInt8>) -> Bool { rules.contain(path) }

  /// A path for display, cut if it is long.
  package static func shown(_ path: some Collection<UInt8>) -> String {
    let text = String(decoding: path.prefix(bytesMax), as: UTF8.self)
    return path.count > bytesMax ? "\(text)…" : text
  }
}
