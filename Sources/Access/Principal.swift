import Domain

/// Whoever makes a request: a token, a person who signed in, or anybody on this machine.
package struct Principal: Equatable, Sendable {
  /// The actor of events and the requester of delegations.
  package var name: String
  package var roles: Set<Role>
  /// The repositories that its roles hold for; empty: all.
  package var repositories: [RepositoryPattern]

  package init(name: String, roles: Set<Role>, repositories: [RepositoryPattern] = []) {
    self.name = name
    self.roles = roles
    self.repositories = repositories
  }

  /// Whoever may connect, while a server takes everybody on this machine for its user.
  package static let local = Principal(name: "local", roles: [.admin])

  private var permissions: Set<Permission> {
    roles.reduce(into: []) { $0.formUnion($1.permissions) }
  }

  /// Why a request is refused; nil if it is not. What it says of repositories is asked with `in`.
  package func refusal(of permission: Permission) -> AccessRefusal? {
    guard permissions.contains(permission) else { return .role(permission) }
    guard permission.isLimitedByRepository || repositories.isEmpty else {
      return .limited(permission)
    }
    return nil
  }

  /// Why a request that concerns one repository is refused; nil if it is not.
  package func refusal(
    of permission: Permission, in repository: RepositoryName
  ) -> AccessRefusal? {
    if let refusal = refusal(of: permission) { return refusal }
    return isPermitted(repository) ? nil : .repository(repository)
  }

  /// Why a delegation may not be changed; nil if it may.
  /// - Parameter requester: who requested it.
  package func refusalOfChange(
    to requester: String, in repository: RepositoryName
  ) -> AccessRefusal? {
    let permission = requester == name ? Permission.changeOwn : .changeAll
    return refusal(of: permission, in: repository)
  }

  /// Whether its roles hold for the repository.
  package func isPermitted(_ repository: RepositoryName) -> Bool {
    repositories.isEmpty || repositories.contains { $0.matches(repository) }
  }
}

/// Why somebody may not do something.
package enum AccessRefusal: Equatable, Sendable {
  /// No role of theirs permits it.
  case role(Permission)
  /// Their roles hold for some repositories, and this concerns all of them.
  case limited(Permission)
  /// Their roles don't hold for the repository.
  case repository(RepositoryName)

  /// For people.
  package var message: String {
    switch self {
    case .role(let permission):
      let roles = Role.allCases.filter { $0.permissions.contains(permission) }
      return "This needs the role \(roles.map(\.rawValue).joined(separator: " or "))."
    case .limited:
      return "This concerns all repositories, and you are limited to some."
    case .repository(let name):
      return "The repository \(name) is not one of those that you are limited to."
    }
  }
}
