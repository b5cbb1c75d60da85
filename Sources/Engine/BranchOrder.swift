import Domain
import EventLog

/// The delegations that use each branch, in the order in which they may work on it: at most one at
/// a time does.
struct BranchOrder: Sendable {
  /// By the branch's name, which almost always has one delegation: the name of a new branch ends in
  /// a timestamp of its own.
  private var users: [String: [User]] = [:]

  private struct User {
    var delegation: DelegationID
    var repository: RepositoryName
  }

  /// Adds a delegation behind those that use its branch.
  /// - Returns: whether it is the first.
  mutating func enter(
    _ id: DelegationID, _ repository: RepositoryName, _ branch: String
  ) -> Bool {
    let isFirst = first(repository, branch) == nil
    users[branch, default: []].append(User(delegation: id, repository: repository))
    return isFirst
  }

  /// Removes a delegation.
  /// - Returns: the one whose turn it is now; nil if it was another's turn, or no other waits.
  mutating func leave(
    _ id: DelegationID, _ repository: RepositoryName, _ branch: String
  ) -> DelegationID? {
    let wasFirst = first(repository, branch) == id
    users[branch]?.removeAll { $0.delegation == id }
    if users[branch]?.isEmpty ?? false { users[branch] = nil }
    return wasFirst ? first(repository, branch) : nil
  }

  /// The delegation that may work on a branch; nil if none uses it.
  func first(_ repository: RepositoryName, _ branch: String) -> DelegationID? {
    users[branch]?.first { $0.repository.isSame(as: repository) }?.delegation
  }
}

extension RepositoryName {
  /// Whether two names may be of one repository: forges do not distinguish their case.
  fileprivate func isSame(as other: RepositoryName) -> Bool {
    self == other || description.lowercased() == other.description.lowercased()
  }
}

extension EngineCore {
  /// Follows whether a delegation uses its branch, after a step of it. When it ends, the next one
  /// has its turn.
  mutating func followBranch(_ id: DelegationID, _ now: Moment, _ actions: inout [Action]) {
    guard let index = executors.index(forKey: id),
      let request = executors.values[index].state.delegation?.request
    else { return }
    let uses = executors.values[index].state.name?.isTerminal == false
    guard uses != executors.values[index].usesBranch else { return }
    executors.values[index].usesBranch = uses
    if uses {
      let wasHeld = executors.values[index].isHeld
      let isHeld = !branches.enter(id, request.repository, request.branch)
      executors.values[index].isHeld = isHeld
      if wasHeld, !isHeld { feed(id, .wake, now, &actions) }
      return
    }
    executors.values[index].isHeld = true
    leaveBranch(id, Branch(of: request), now, &actions)
  }

  /// Gives the branch of a delegation to the next one.
  mutating func leaveBranch(
    _ id: DelegationID, _ branch: Branch, _ now: Moment, _ actions: inout [Action]
  ) {
    guard let next = branches.leave(id, branch.repository, branch.name) else { return }
    if let index = executors.index(forKey: next) { executors.values[index].isHeld = false }
    feed(next, .wake, now, &actions)
  }

  /// Informs the conversation of the pull request that a round has ended, or is tried again.
  mutating func followRound(
    _ change: RoundChange, of id: DelegationID, _ now: Moment, _ actions: inout [Action]
  ) {
    let command: ConversationCommand =
      switch change.kind {
      case .ended(let end): .endRound(end)
      case .resumed: .resumeRound(id)
      }
    feed(change.first, .command(.conversation(command), .system, nil), now, &actions)
  }
}

/// A follow-up delegation ended or was resumed in a step.
struct RoundChange {
  enum Kind {
    case ended(RoundEnded)
    case resumed
  }

  /// The pull request's first delegation.
  var first: DelegationID
  var kind: Kind

  /// nil if the delegation is not a follow-up, or neither ended nor was resumed.
  init?(from before: DelegationStateName?, to state: DelegationState) {
    guard let before, let d = state.delegation, case .followUp(let followUp) = d.request.kind,
      let name = state.name, before.isTerminal != name.isTerminal
    else { return nil }
    first = followUp.first
    kind = RoundEnded(state).map { .ended($0) } ?? .resumed
  }
}

extension RoundEnded {
  /// How a follow-up delegation ended; nil if it has not.
  init?(_ state: DelegationState) {
    guard let id = state.delegation?.id else { return nil }
    switch state {
    case .pushed(_, let commit): self.init(delegation: id, commit: commit, failure: nil)
    case .failed(_, let failure): self.init(delegation: id, commit: nil, failure: failure.code)
    case .absent, .requested, .branchCreated, .taskCommitted, .pullRequestCreated, .dispatched,
      .generating:
      return nil
    }
  }
}
