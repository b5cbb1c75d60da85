import Domain

/// The names that GitHub gives to owners and repositories.
package struct GitHubNames: RepositoryRules {
  package static let ownerBytesMax = 39
  package static let repositoryBytesMax = 100

  package init() {}

  package let ownerForm =
    "write the user or organisation that owns the repository, as in github.com/OWNER"
  package let repositoryForm = "write the repository's name, as in github.com/OWNER/REPO"
  package let ownerPattern: NamePattern? = NamePattern(
    "^[A-Za-z0-9_-]*[A-Za-z0-9][A-Za-z0-9_-]*$", charactersMax: ownerBytesMax)
  package let repositoryPattern: NamePattern? = NamePattern(
    "^(?!\\.{1,2}$)(?!.*\\.([gG][iI][tT]|[wW][iI][kK][iI])$)[A-Za-z0-9._-]+$",
    charactersMax: repositoryBytesMax)

  /// Letters, digits, hyphens and underscores. New accounts have single hyphens between other
  /// characters. Old ones may end with a hyphen or have two in a row. Those of managed users end
  /// with an underscore and the company's short name.
  package func faults(inOwner owner: String) -> [NameFault] {
    if owner.utf8.count > Self.ownerBytesMax {
      return [
        NameFault(
          message: "is longer than \(Self.ownerBytesMax) characters", instead: ownerForm)
      ]
    }
    let fits = owner.utf8.allSatisfy { $0.isAlphanumeric || "-_".utf8.contains($0) }
    if fits, owner.utf8.contains(where: \.isAlphanumeric) { return [] }
    return [
      NameFault(
        message: "is not a name that GitHub gives", instead: "write letters, digits and hyphens")
    ]
  }

  /// Letters, digits, `.`, `-` and `_`, also as the first character (`.github`). GitHub refuses
  /// `.`, `..`, and an ending of `.git` or `.wiki`, which distinguishes a repository from its wiki.
  package func faults(inRepository name: String) -> [NameFault] {
    if name.isEmpty { return [NameFault(message: "is empty", instead: repositoryForm)] }
    var faults: [NameFault] = []
    if name.utf8.count > Self.repositoryBytesMax {
      faults.append(
        NameFault(
          message: "is longer than \(Self.repositoryBytesMax) characters",
          instead: repositoryForm))
    }
    if !name.utf8.allSatisfy({ $0.isAlphanumeric || "._-".utf8.contains($0) }) {
      faults.append(
        NameFault(
          message: "holds a character that no repository's name may",
          instead: "write letters, digits, hyphens, dots and underscores"))
    } else if name == "." || name == ".." {
      faults.append(NameFault(message: "is \"\(name)\"", instead: repositoryForm))
    } else if let end = [".git", ".wiki"].first(where: name.lowercased().hasSuffix) {
      faults.append(
        NameFault(message: "ends with \"\(end)\"", instead: "write the name without it"))
    }
    return faults
  }
}

extension UInt8 {
  fileprivate var isAlphanumeric: Bool {
    (48...57).contains(self) || (65...90).contains(self) || (97...122).contains(self)
  }
}
