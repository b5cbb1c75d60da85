import Domain
import EventLog

/// Pull requests as the projector keeps them: each has its row from the delegation of the largest
/// stamp that has it.
///
/// Rows are kept up with each event where changes are told. A fold that tells none notes only whose
/// delegation such a row is made from, and makes it when it is asked for.
struct ProjectedPullRequests: Sendable {
  private struct Key: Hashable {
    var repository: RepositoryName
    var number: Int64
  }

  private var rows: [Key: PullRequestRow] = [:]
  /// Where rows are made when they are asked for: the delegation of each.
  private var owners: [Key: DelegationID] = [:]
  /// Delegations that came to have one since `owners` was made.
  private var newOwners: [DelegationID] = []

  /// About how many there are.
  var count: Int { rows.count + owners.count + newOwners.count }

  mutating func load(_ row: PullRequestRow) {
    if let key = Self.key(row.repository, row.number) { rows[key] = row }
  }

  /// nil where there can be no such repository.
  private static func key(_ repository: String, _ number: Int64) -> Key? {
    RepositoryName(repository).map { Key(repository: $0, number: number) }
  }

  /// What there is of a delegation; nil where it is not known.
  typealias Known = (DelegationID) -> ProjectedDelegation?

  /// One row; nil where there is none.
  func row(_ repository: String, _ number: Int64, _ known: Known) -> PullRequestRow? {
    guard let key = Self.key(repository, number) else { return nil }
    return rows[key] ?? allOwners(known)[key].flatMap { Self.row(of: $0, known) }
  }

  /// What names each of them.
  func keys(_ known: Known) -> [(repository: String, number: Int64)] {
    (Array(rows.keys) + allOwners(known).keys).map { ($0.repository.description, $0.number) }
  }

  /// Hands over every row.
  func forEach(_ known: Known, _ body: (PullRequestRow) throws -> Void) rethrows {
    for row in rows.values { try body(row) }
    for owner in allOwners(known).values {
      if let row = Self.row(of: owner, known) { try body(row) }
    }
  }

  private static func row(of owner: DelegationID, _ known: Known) -> PullRequestRow? {
    known(owner)?.row.flatMap { PullRequestRow(of: $0) }
  }

  /// The owners with the new ones among them: of two, that of the larger stamp.
  private func allOwners(_ known: Known) -> [Key: DelegationID] {
    guard !newOwners.isEmpty else { return owners }
    var all = owners
    all.reserveCapacity(owners.count + newOwners.count)
    for id in newOwners {
      guard let d = known(id)?.state.delegation, let number = d.pullRequest?.number else {
        continue
      }
      let key = Key(repository: d.request.repository, number: Int64(number))
      if let owner = all[key], let held = known(owner)?.state.delegation?.request.stamp,
        held > d.request.stamp
      {
        continue
      }
      all[key] = id
    }
    return all
  }

  /// Sorts the new owners in, so that single rows are found at once.
  mutating func settle(_ known: Known) {
    owners = allOwners(known)
    newOwners.removeAll()
  }

  /// Notes that a delegation has a pull request. From here on rows are made when they are asked
  /// for.
  mutating func note(_ owner: DelegationID) {
    if !rows.isEmpty {
      owners = rows.mapValues(\.delegation)
      rows.removeAll()
    }
    newOwners.append(owner)
  }

  /// From here on rows are kept up with each event.
  mutating func keepRows(_ known: Known) {
    guard !owners.isEmpty || !newOwners.isEmpty else { return }
    for (key, owner) in allOwners(known) { rows[key] = Self.row(of: owner, known) }
    owners.removeAll()
    newOwners.removeAll()
  }

  /// Takes a delegation's new row in.
  /// - Returns: what that changed; nil where it changed nothing.
  mutating func follow(_ row: DelegationRow) -> RowChange? {
    guard let new = PullRequestRow(of: row), let key = Self.key(new.repository, new.number) else {
      return nil
    }
    let old = rows[key]
    if let old, old.delegationStamp > new.delegationStamp { return nil }
    guard old != new else { return nil }
    rows[key] = new
    return .pullRequest(old: old, new: new)
  }
}
