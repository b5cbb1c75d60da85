/// The rules of `git check-ref-format --branch` (git-check-ref-format(1)), and some of AIPM's own
/// for names that git allows but people would regret. A name is accepted unchanged or refused.
package enum BranchName {
  /// A file name has at most 255 bytes, and git may use `refs/heads/NAME` as one.
  package static let bytesMax = 244

  /// The bytes of `-` and a timestamp in milliseconds, until the year 2286.
  package static let stampBytes = 14

  /// - Parameters:
  ///   - name: without `refs/heads/`.
  ///   - isStamped: whether `-` and a timestamp will be appended to it.
  /// - Returns: the first rule that the name breaks; nil if the name is valid.
  package static func fault(_ name: String, isStamped: Bool = false) -> NameFault? {
    textFault(name) ?? placeFault(name) ?? lengthFault(name, isStamped: isStamped)
  }

  private static func textFault(_ name: String) -> NameFault? {
    for scalar in name.unicodeScalars {
      if scalar.properties.generalCategory == .control {
        return NameFault(
          message: "holds the control character \(Characters.code(scalar))",
          instead: "write visible characters only")
      }
      if " ~^:?*[\\".unicodeScalars.contains(scalar) {
        let shown = scalar == " " ? "a space" : "\"\(scalar)\""
        return NameFault(
          message: "holds \(shown), which no branch may", instead: "write - in its place")
      }
    }
    for sequence in ["..", "@{", "//"] where holds(name, sequence) {
      return NameFault(
        message: "holds \"\(sequence)\", which no branch may",
        instead: "write a name such as feature/add-export")
    }
    return nil
  }

  private static func placeFault(_ name: String) -> NameFault? {
    let parts = name.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
      .map { Substring($0) }
    if name.isEmpty { return NameFault(message: "is empty", instead: "write the branch's name") }
    if name == "HEAD" || name == "@" {
      return NameFault(
        message: "is \"\(name)\", which git keeps for itself",
        instead: "write a name such as feature/add-export")
    }
    if starts(name, with: "refs/") {
      return NameFault(
        message: "begins with \"refs/\"", instead: "write the name after refs/heads/ alone")
    }
    if starts(name, with: "-") {
      return NameFault(message: "begins with \"-\"", instead: "begin with a letter or a digit")
    }
    if parts.contains(where: \.isEmpty) {
      return NameFault(
        message: "begins or ends with \"/\"", instead: "write / between its parts only")
    }
    if parts.contains(where: { starts($0, with: ".") }) {
      return NameFault(
        message: "has a part that begins with \".\"", instead: "begin each part with a letter")
    }
    if parts.contains(where: { ends($0, with: ".lock") }) {
      return NameFault(
        message: "has a part that ends with \".lock\", which git keeps for its locks",
        instead: "choose another ending")
    }
    if ends(name, with: ".") {
      return NameFault(message: "ends with \".\"", instead: "leave the last . out")
    }
    return nil
  }

  private static func lengthFault(_ name: String, isStamped: Bool) -> NameFault? {
    let allowed = isStamped ? bytesMax - stampBytes : bytesMax
    let bytes = name.utf8.count
    if bytes <= allowed { return nil }
    return NameFault(
      message: "is \(bytes) bytes long", instead: "write at most \(allowed) bytes")
  }

  // Swift compares by grapheme, in which "." and a combining mark are one; git compares bytes.

  private static func starts(_ text: some StringProtocol, with prefix: String) -> Bool {
    text.utf8.starts(with: prefix.utf8)
  }

  private static func ends(_ text: some StringProtocol, with suffix: String) -> Bool {
    text.utf8.reversed().starts(with: suffix.utf8.reversed())
  }

  private static func holds(_ text: String, _ sequence: String) -> Bool {
    let pattern = Array(sequence.utf8)
    let bytes = Array(text.utf8)
    guard bytes.count >= pattern.count else { return false }
    return (0...(bytes.count - pattern.count)).contains {
      bytes[$0...].starts(with: pattern)
    }
  }
}

/// Descriptions of characters for messages.
enum Characters {
  /// `U+0007`
  static func code(_ scalar: Unicode.Scalar) -> String {
    let hex = String(scalar.value, radix: 16, uppercase: true)
    return "U+" + String(repeating: "0", count: max(0, 4 - hex.count)) + hex
  }
}
