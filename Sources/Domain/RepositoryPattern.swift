/// A set of repositories: a name in which each `*` matches any characters, slashes included.
package struct RepositoryPattern: Hashable, Sendable, CustomStringConvertible {
  /// The parts between the asterisks.
  private let parts: [[UInt8]]
  package let description: String

  /// The largest pattern, in bytes.
  package static let bytesMax = 200

  /// - Parameter text: such as `acme/tools`, `acme/*` or `*/docs`.
  /// - Returns: nil if it cannot match the name of any repository.
  package init?(_ text: String) {
    let bytes = Array(text.utf8)
    guard (1...Self.bytesMax).contains(bytes.count),
      bytes.allSatisfy(Self.isAllowed),
      text == "*" || bytes.contains(UInt8(ascii: "/"))
    else { return nil }
    description = text
    // As on GitHub, upper and lower case are the same name.
    parts = bytes.map(Self.lowercased).split(
      separator: UInt8(ascii: "*"), omittingEmptySubsequences: false
    ).map { Array($0) }
  }

  /// Whether the repository is one of them.
  package func matches(_ repository: RepositoryName) -> Bool { matches("\(repository)") }

  /// The same for a repository by its name, `OWNER/REPO`.
  package func matches(_ name: String) -> Bool {
    let name = name.utf8.map(Self.lowercased)
    guard let first = parts.first, let last = parts.last, name.starts(with: first) else {
      return false
    }
    if parts.count == 1 { return name.count == first.count }
    var rest = name[first.count...]
    // The shortest match of each part leaves the most to the others.
    for part in parts.dropFirst().dropLast() where !part.isEmpty {
      guard let found = rest.firstIndex(of: part) else { return false }
      rest = rest[(found + part.count)...]
    }
    return rest.count >= last.count && rest.suffix(last.count).elementsEqual(last)
  }

  private static func isAllowed(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"),
      UInt8(ascii: "_"), UInt8(ascii: "/"), UInt8(ascii: "*"):
      true
    case _: false
    }
  }

  private static func lowercased(_ byte: UInt8) -> UInt8 {
    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
  }
}

extension [RepositoryPattern] {
  /// Whether the repository, `OWNER/REPO`, matches one of the patterns. An empty list permits all.
  package func permit(_ repository: String) -> Bool {
    isEmpty || contains { $0.matches(repository) }
  }
}

extension ArraySlice<UInt8> {
  fileprivate func firstIndex(of part: [UInt8]) -> Int? {
    guard count >= part.count else { return nil }
    return (startIndex...(endIndex - part.count)).first {
      self[$0..<($0 + part.count)].elementsEqual(part)
    }
  }
}
