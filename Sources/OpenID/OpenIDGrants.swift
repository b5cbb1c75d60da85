import Access
import Domain

/// What people of a group may do.
package struct OpenIDGrant: Equatable, Sendable {
  /// The group, as the groups claim contains it; nil: everybody who signs in.
  package let group: String?
  /// At least one, and not `worker`.
  package let roles: Set<Role>
  /// The repositories that the roles hold for; empty: all.
  package let repositories: [RepositoryPattern]

  /// The group of everybody in `init(_:)`.
  package static let everybody = "*"

  package init(group: String?, roles: Set<Role>, repositories: [RepositoryPattern] = []) {
    self.group = group
    self.roles = roles
    self.repositories = repositories
  }

  /// - Parameter text: `GROUP=ROLE`, `GROUP=ROLE+ROLE` or `GROUP=ROLE:PATTERN,PATTERN`. The group
  ///   may contain any characters, and `*` is everybody.
  /// - Returns: nil if the text has another form.
  package init?(_ text: String) {
    guard let equals = text.utf8.lastIndex(of: UInt8(ascii: "=")), equals > text.startIndex else {
      return nil
    }
    let group = String(text[..<equals])
    let parts = text[text.index(after: equals)...].split(
      separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let roles = parts[0].split(separator: "+", omittingEmptySubsequences: false).map {
      Role(rawValue: String($0))
    }
    let known = roles.compactMap { $0 }
    guard known.count == roles.count, !known.contains(.worker) else { return nil }
    var repositories: [RepositoryPattern] = []
    if parts.count == 2 {
      for text in parts[1].split(separator: ",", omittingEmptySubsequences: false) {
        guard let pattern = RepositoryPattern(String(text)) else { return nil }
        repositories.append(pattern)
      }
    }
    self.init(
      group: group == Self.everybody ? nil : group, roles: Set(known), repositories: repositories)
  }

  /// The form that `init(_:)` reads.
  package static let form =
    "write GROUP=ROLE or GROUP=ROLE:OWNER/REPO,…; roles are submit, support, operator and admin, "
    + "joined with +, and the group * is everybody"
}

/// What all groups may do.
package struct OpenIDGrants: Equatable, Sendable {
  /// In the order of the configuration, in which the first one counts.
  package let list: [OpenIDGrant]

  package init(_ list: [OpenIDGrant]) { self.list = list }

  /// What a person of these groups may do; nil if nothing.
  ///
  /// The first grant that applies gives the roles; those of everybody apply last. Other grants with
  /// the same roles add their repositories. Grants with other roles add nothing, because a role
  /// would then hold for the repositories of another.
  package func principal(named name: String, groups: [String]) -> Principal? {
    let groups = Set(groups)
    let own = list.filter { $0.group.map(groups.contains) ?? false }
    let applicable = own + list.filter { $0.group == nil }
    guard let first = applicable.first else { return nil }
    let equal = applicable.filter { $0.roles == first.roles }
    let isUnlimited = equal.contains { $0.repositories.isEmpty }
    return Principal(
      name: name, roles: first.roles,
      repositories: isUnlimited ? [] : equal.flatMap(\.repositories).unique)
  }
}

extension [RepositoryPattern] {
  /// Without repetitions, in order.
  fileprivate var unique: Self {
    var seen: Set<RepositoryPattern> = []
    return filter { seen.insert($0).inserted }
  }
}
