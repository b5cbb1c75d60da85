import Domain

/// The sender of a request: a token, a person who signed in, or any process of this machine.
package struct Principal: Equatable, Sendable {
  /// The actor of events and the requester of delegations.
  package var name: String
  package var roles: Set<Role>
  /// The repositories that its roles hold for; empty: all.
  package var repositories: [RepositoryPattern]
  /// The id of its token; nil if it has none.
  package var token: String?
  /// The id of its session on the page; nil if it has none.
  package var session: String?
  /// Its name as a user of the forge; nil if it is unknown.
  package var forgeUser: String?

  package init(
    name: String, roles: Set<Role>, repositories: [RepositoryPattern] = [], token: String? = nil
  ) {
    self.name = name
    self.roles = roles
    self.repositories = repositories
    self.token = token
  }

  /// Any process of this machine, while the server requires no token.
  package static let local = Principal(name: "local", roles: [.admin])

  /// Its name if it proved who it is, by a token or a session; nil for a process of this machine.
  package var provenName: String? { token == nil && session == nil ? nil : name }

  /// What its roles permit.
  package var permissions: Set<Permission> {
    roles.reduce(into: []) { $0.formUnion($1.permissions) }
  }

  /// Why a request is refused; nil if it is permitted, perhaps for some repositories only.
  package func refusal(of permission: Permission) -> AccessRefusal? {
    guard permissions.contains(permission) else { return .role(permission) }
    guard permission.isLimitedByRepository || repositories.isEmpty else {
      return .limited(permission)
    }
    return nil
  }

  /// Why a request that concerns one repository is refused; nil if it is permitted.
  package func refusal(
    of permission: Permission, in repository: RepositoryName
  ) -> AccessRefusal? {
    if let refusal = refusal(of: permission) { return refusal }
    return isPermitted(repository) ? nil : .repository(repository)
  }

  /// Why a change of a delegation is refused; nil if it is permitted.
  /// - Parameter requester: who requested it.
  package func refusalOfChange(
    to requester: String, in repository: RepositoryName
  ) -> AccessRefusal? {
    let permission = requester == name ? Permission.changeOwn : .changeAll
    return refusal(of: permission, in: repository)
  }

  /// Whether its roles hold for the repository.
  package func isPermitted(_ repository: RepositoryName) -> Bool {
    isPermitted(repository.description)
  }

  /// The same for a repository by its name, as views have it.
  package func isPermitted(_ repository: String) -> Bool {
    repositories.permit(repository)
  }
}

/// Why somebody may not do something.
package enum AccessRefusal: Equatable, Sendable {
  /// No role of theirs permits it.
  case role(Permission)
  /// Their roles hold for some repositories, and this concerns all of them.
  case limited(Permission)
  /// Their roles do not hold for the repository.
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
