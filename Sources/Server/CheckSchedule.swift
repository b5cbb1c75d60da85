import Domain
import ForgePort
import Projections

// Which checks are read in a cycle. A forge has no list of a repository's checks that would tell
// which have changed, so each commit costs a request of its own. Most commits are settled: they
// were pushed some time ago, and no check runs. They are read seldom, the others in each cycle. So
// a cycle has few requests, however many pull requests are open.

/// When to ask again for what could not be read: after 1, 2, 4 … cycles.
struct Pauses<Key: Hashable & Sendable>: Sendable {
  /// About an hour at the usual interval. A refusal costs a forge's limit as any other answer does.
  static var longest: Int { 128 }

  private var failed: [Key: (count: Int, until: Int)] = [:]

  func holds(_ key: Key, at cycle: Int) -> Bool { failed[key].map { cycle < $0.until } ?? false }

  mutating func fail(_ key: Key, at cycle: Int) {
    let count = min((failed[key]?.count ?? 0) + 1, 16)
    failed[key] = (count, cycle + min(1 << (count - 1), Self.longest))
  }

  mutating func succeed(_ key: Key) { failed[key] = nil }

  mutating func forget(where isGone: (Key) -> Bool) {
    failed = failed.filter { !isGone($0.key) }
  }
}

/// The checks that are watched, by pull request. It counts cycles and reads no clock.
struct CheckSchedule: Sendable {
  typealias Key = FeedbackWatch.PullRequestKey

  /// The most commits that are read in one cycle; the others follow in the next ones.
  static let readMax = 200
  /// In how many cycles each settled commit is read once.
  static let settledCycles = 10
  /// So long after the push new checks are expected,
  static let youngFor = Milliseconds.seconds(30 * 60)
  /// and so long one that is pending may still end. Some never do.
  static let pendingFor = Milliseconds.seconds(24 * 3600)

  /// The last commit that AIPM pushed to a pull request.
  struct Commit: Equatable, Sendable {
    var sha: ObjectID
    var pushedAt: Timestamp
  }

  private struct Watched: Sendable {
    /// The newest delegation, and its state when this was read: another one may push.
    var newest: DelegationID
    var state: DelegationStateName
    var commit: Commit?
    var validator: ForgeValidator?
    var hasPending = false
    var dueAt: Int
  }

  private var watched: [Key: Watched] = [:]
  private var pauses = Pauses<Key>()
  private(set) var cycle = 0

  /// Begins a cycle.
  /// - Returns: the pull requests whose checks are to be read, those that waited longest first.
  mutating func begin(_ rows: [PullRequestRow]) -> [PullRequestRow] {
    cycle += 1
    let due = rows.compactMap { row -> (row: PullRequestRow, at: Int)? in
      guard row.delegationState.isTerminal, let key = Key(row), !pauses.holds(key, at: cycle)
      else { return nil }
      guard let known = watched[key], known.newest == row.delegation,
        known.state == row.delegationState
      else { return (row, 0) }
      return known.dueAt <= cycle ? (row, known.dueAt) : nil
    }
    // A stable order, so that none waits for ever.
    return due.enumerated().sorted { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) }
      .prefix(Self.readMax).map(\.element.row)
  }

  /// What to ask with for the checks of a commit; nil: ask without.
  func validator(of key: Key, _ commit: ObjectID) -> ForgeValidator? {
    watched[key].flatMap { $0.commit?.sha == commit ? $0.validator : nil }
  }

  /// The checks of a pull request were read.
  /// - Parameters:
  ///   - commit: nil if it has none that is watched.
  ///   - checks: nil if they are as they were.
  mutating func note(
    _ row: PullRequestRow, _ commit: Commit?, _ checks: [ForgeCheck]?, _ validator: ForgeValidator?,
    at now: Timestamp
  ) {
    guard let key = Key(row) else { return }
    let hasPending =
      checks.map { $0.contains { $0.outcome == .pending } } ?? watched[key]?.hasPending ?? false
    let age = commit.map { now - $0.pushedAt }
    let isSettled = age.map { $0 > (hasPending ? Self.pendingFor : Self.youngFor) } ?? true
    watched[key] = Watched(
      newest: row.delegation, state: row.delegationState, commit: commit, validator: validator,
      hasPending: hasPending, dueAt: cycle + (isSettled ? Self.settledCycles : 1))
    pauses.succeed(key)
  }

  /// The checks could not be read.
  mutating func fail(_ row: PullRequestRow) {
    if let key = Key(row) { pauses.fail(key, at: cycle) }
  }

  /// What is known of a commit, for a later process.
  struct Saved: Codable, Equatable, Sendable {
    var repository: String
    var number: Int64
    var newest: String
    var state: String
    var commit: String?
    /// Milliseconds since 1970.
    var pushedAt: Int64?
    var validator: String?
    var hasPending: Bool
  }

  /// By repository and number.
  var saved: [Saved] {
    watched.map { key, known in
      Saved(
        repository: key.repository.description, number: key.number, newest: known.newest.rawValue,
        state: known.state.rawValue, commit: known.commit?.sha.rawValue,
        pushedAt: known.commit?.pushedAt.milliseconds, validator: known.validator?.rawValue,
        hasPending: known.hasPending)
    }.sorted { ($0.repository, $0.number) < ($1.repository, $1.number) }
  }

  /// Takes over what an earlier process knew; all of it is due at once.
  mutating func restore(_ saved: [Saved]) {
    for known in saved {
      guard let name = RepositoryName(known.repository),
        let state = DelegationStateName(rawValue: known.state)
      else { continue }
      var commit: Commit?
      if let sha = known.commit, let pushedAt = known.pushedAt {
        commit = Commit(sha: ObjectID(sha), pushedAt: Timestamp(milliseconds: pushedAt))
      }
      watched[Key(repository: name, number: known.number)] = Watched(
        newest: DelegationID(known.newest), state: state, commit: commit,
        validator: known.validator.map { ForgeValidator($0) }, hasPending: known.hasPending,
        dueAt: 0)
    }
  }

  mutating func forget(besides kept: Set<Key>) {
    watched = watched.filter { kept.contains($0.key) }
    pauses.forget { !kept.contains($0) }
  }
}

extension FeedbackWatch.PullRequestKey {
  /// nil if the name of the repository cannot be read.
  init?(_ row: PullRequestRow) {
    guard let name = RepositoryName(row.repository) else { return nil }
    self.init(repository: name, number: row.number)
  }
}
