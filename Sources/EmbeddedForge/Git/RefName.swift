// Names, validated before they are part of a path or a command line.

/// The full name of a ref, such as `refs/heads/main`, by the rules of git-check-ref-format(1).
struct RefName: Hashable, Sendable, CustomStringConvertible {
  let text: String

  init?(_ text: String) {
    guard text.hasPrefix("refs/"), Self.isWellFormed(text) else { return nil }
    self.text = text
  }

  /// The ref of a branch; nil if the name is invalid for a branch.
  init?(branch: String) {
    guard !branch.hasPrefix("-"), branch != "HEAD", branch != "@" else { return nil }
    self.init("refs/heads/\(branch)")
  }

  /// The branch's name; nil for another kind of ref.
  var branch: String? {
    text.hasPrefix("refs/heads/") ? String(text.dropFirst("refs/heads/".count)) : nil
  }

  var description: String { text }

  private static func isWellFormed(_ text: String) -> Bool {
    guard text.utf8.count <= 1024, !text.hasSuffix("."), !text.contains(".."), !text.contains("@{")
    else { return false }
    let forbidden: Set<UInt8> = Set("~^:?*[\\ ".utf8)
    guard text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7f && !forbidden.contains($0) }) else {
      return false
    }
    return text.split(separator: "/", omittingEmptySubsequences: false).allSatisfy {
      !$0.isEmpty && !$0.hasPrefix(".") && !$0.hasSuffix(".lock") && $0.utf8.count <= 250
    }
  }
}

/// Names of owners and repositories by GitHub's rules.
enum ForgeName {
  /// First path segments with another meaning, and files in the forge's folder.
  private static let reserved: Set<String> = [
    "api", "app", "apps", "meta", "orgs", "port", "rate_limit", "repos", "search", "token", "user",
    "users",
  ]

  /// Letters, digits, hyphens and underscores. Includes names of old accounts and of managed users,
  /// such as those with a hyphen at the end or two in a row.
  static func isOwner(_ name: String) -> Bool {
    guard (1...39).contains(name.utf8.count), !reserved.contains(name.lowercased()) else {
      return false
    }
    return name.utf8.allSatisfy { isAlphanumeric($0) || "-_".utf8.contains($0) }
      && name.utf8.contains(where: isAlphanumeric)
  }

  /// Up to 100 letters, digits, `.`, `-` and `_`; not only dots, and not ending in `.git`.
  static func isRepository(_ name: String) -> Bool {
    guard (1...100).contains(name.utf8.count), name != ".", name != ".." else { return false }
    let lowercase = name.lowercased()
    guard !lowercase.hasSuffix(".git"), !lowercase.hasSuffix(".wiki") else { return false }
    return name.utf8.allSatisfy { isAlphanumeric($0) || "._-".utf8.contains($0) }
  }

  /// A name of an account; those of apps end in `[bot]`.
  static func isLogin(_ login: String) -> Bool {
    let name = login.hasSuffix("[bot]") ? login.dropLast(5) : login[...]
    return (1...39).contains(name.utf8.count)
      && name.utf8.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "-") }
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    case _: false
    }
  }
}

/// A path inside a repository, such as `Sources/main.swift`.
struct TreePath: Hashable, Sendable {
  let components: [String]

  /// nil if a component is empty, `.`, `..` or `.git`, or the path has a character that git or its
  /// line-based commands could misread.
  init?(_ text: String) {
    guard !text.isEmpty, text.utf8.count <= 4096,
      !text.utf8.contains(where: { $0 == 0 || $0 == UInt8(ascii: "\n") })
    else { return nil }
    components = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    let refused: Set<String> = ["", ".", "..", ".git"]
    guard components.allSatisfy({ !refused.contains($0.lowercased()) && $0.utf8.count <= 255 })
    else { return nil }
  }

  var text: String { components.joined(separator: "/") }
  var name: String { components.last ?? "" }

  /// The folders above it, the outermost first, without the root.
  var folders: [String] {
    (1..<max(components.count, 1)).map { components.prefix($0).joined(separator: "/") }
  }
}
