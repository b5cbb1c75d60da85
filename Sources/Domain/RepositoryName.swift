/// A repository by its path on the forge: `OWNER/REPO`, or `GROUP/SUBGROUP/REPO` on a forge with
/// nested groups.
package struct RepositoryName: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// All parts but the last: an account, an organisation, or a path of groups.
  package let owner: String
  /// The last part.
  package let name: String

  package init(owner: String, name: String) {
    self.owner = owner
    self.name = name
  }

  /// - Parameter text: at least two parts, separated by slashes.
  /// - Returns: nil if a part is empty or there are less than two.
  package init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count >= 2, let name = parts.last, !parts.contains(where: \.isEmpty) else {
      return nil
    }
    self.init(owner: parts.dropLast().joined(separator: "/"), name: String(name))
  }

  package var description: String { "\(owner)/\(name)" }
  package static func < (a: Self, b: Self) -> Bool { a.description < b.description }

  /// Whether the path is safe as a path of folders on this machine. `RepositoryRules` defines the
  /// names that a forge allows.
  package var isValid: Bool {
    let groups = owner.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    return owner.utf8.count + name.utf8.count < Self.bytesMax && Self.isPart(name[...])
      && groups.allSatisfy { part in
        // Other repositories and their working trees are kept beside the folders of groups.
        let part = Substring(part)
        return Self.isPart(part) && part.utf8.first != UInt8(ascii: ".")
          && !part.lowercased().hasSuffix(".slot")
      }
  }

  /// A folder's name that also contains an agent's name has at most 255 bytes.
  package static let bytesMax = 180
  private static let partBytesMax = 100

  /// Letters, digits, `.`, `-` and `_`; not `.` or `..`, and not with the ending of a repository's
  /// folder or of its wiki.
  static func isPart(_ text: Substring) -> Bool {
    let lowercase = text.lowercased()
    return (1...partBytesMax).contains(text.utf8.count)
      && text.utf8.allSatisfy { isAlphanumeric($0) || "._-".utf8.contains($0) }
      && text != "." && text != ".." && !lowercase.hasSuffix(".git")
      && !lowercase.hasSuffix(".wiki")
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
  }
}

/// An invalid name: the problem and a correction.
package struct NameFault: Equatable, Sendable {
  /// Follows the field's name in a sentence.
  package var message: String
  package var instead: String

  package init(message: String, instead: String) {
    self.message = message
    self.instead = instead
  }
}

/// The names that a forge gives to owners and repositories.
package protocol RepositoryRules: Sendable {
  /// The valid form of an owner or a repository's name, for messages.
  var ownerForm: String { get }
  var repositoryForm: String { get }

  /// - Parameter owner: all parts of the path but the last.
  /// - Returns: every rule that the name breaks; empty if the forge allows it.
  func faults(inOwner owner: String) -> [NameFault]
  func faults(inRepository name: String) -> [NameFault]

  /// The same rules as patterns, for descriptions of the API; nil: any text.
  var ownerPattern: NamePattern? { get }
  var repositoryPattern: NamePattern? { get }
}

/// The valid texts of a name.
package struct NamePattern: Equatable, Sendable {
  /// A regular expression of ECMA-262.
  package var expression: String
  package var charactersMax: Int

  package init(_ expression: String, charactersMax: Int) {
    self.expression = expression
    self.charactersMax = charactersMax
  }
}

extension RepositoryRules {
  package var ownerPattern: NamePattern? { nil }
  package var repositoryPattern: NamePattern? { nil }

  /// - Returns: every rule that the repository's path breaks; empty if the forge allows it.
  package func faults(in repository: RepositoryName) -> [NameFault] {
    faults(inOwner: repository.owner) + faults(inRepository: repository.name)
  }
}
