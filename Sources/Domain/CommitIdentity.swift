/// The author and committer of the commits that AIPM makes.
package struct CommitIdentity: Equatable, Sendable, CustomStringConvertible {
  package let name: String
  package let email: String

  /// An address that does not exist (RFC 2606, section 2), because a forge assigns a commit to the
  /// account of its address.
  package static let standard = CommitIdentity(checked: "AIPM", "aipm@aipm.invalid")

  package var description: String { "\(name) <\(email)>" }

  private init(checked name: String, _ email: String) {
    self.name = name
    self.email = email
  }

  /// - Parameter text: `NAME <ADDRESS>`, as git writes it.
  /// - Returns: nil if the form is invalid, or a part contains a character that a commit's header
  ///   cannot contain.
  package init?(_ text: String) {
    let bytes = text.utf8
    guard let open = bytes.firstIndex(of: UInt8(ascii: "<")), bytes.last == UInt8(ascii: ">"),
      text.unicodeScalars.allSatisfy({ $0.value >= 32 && $0.value != 127 })
    else { return nil }
    let name = text[..<open].split(separator: " ").joined(separator: " ")
    let email = String(text[bytes.index(after: open)...].utf8.dropLast()) ?? ""
    let parts = email.utf8.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false)
    guard !name.isEmpty, name.utf8.count <= 100, !name.utf8.contains(UInt8(ascii: ">")),
      email.utf8.count <= 254, parts.count == 2, parts.allSatisfy({ !$0.isEmpty }),
      email.utf8.allSatisfy({ !Array(" <>".utf8).contains($0) })
    else { return nil }
    self.init(checked: name, email)
  }
}
