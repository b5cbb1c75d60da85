/// An issue by its repository and its number there: `OWNER/REPO#12`.
package struct IssueName: Hashable, Sendable, CustomStringConvertible {
  package let repository: RepositoryName
  /// From 1.
  package let number: Int

  package init(repository: RepositoryName, number: Int) {
    self.repository = repository
    self.number = number
  }

  /// - Parameter text: `OWNER/REPO#12`.
  /// - Returns: nil if it has another form.
  package init?(_ text: String) {
    let parts = text.utf8.split(
      separator: UInt8(ascii: "#"), maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, let repository = RepositoryName(String(Substring(parts[0]))),
      let number = Self.number(Substring(parts[1]))
    else { return nil }
    self.init(repository: repository, number: number)
  }

  /// - Parameter text: at most nine digits.
  /// - Returns: nil if it is no number from 1.
  package static func number(_ text: Substring) -> Int? {
    guard (1...9).contains(text.utf8.count), text.utf8.allSatisfy({ (48...57).contains($0) }),
      let number = Int(text), number > 0
    else { return nil }
    return number
  }

  package var description: String { "\(repository)#\(number)" }

  /// The issue as a text in a repository refers to it: `#12` in its own, in others the whole name.
  package func reference(in other: RepositoryName) -> String {
    let isOwn = other.description.lowercased() == repository.description.lowercased()
    return isOwn ? "#\(number)" : description
  }
}
