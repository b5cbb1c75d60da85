// The state of a delegation. Each state has only the values that exist in it: only a dispatched
// delegation has a lease, only a failed one has a failure.

package enum DelegationState: Equatable, Sendable {
  /// Nothing was requested yet.
  case absent
  case requested(Delegation)
  case branchCreated(Delegation)
  case taskCommitted(Delegation)
  case pullRequestCreated(Delegation)
  case dispatched(Delegation, Lease)
  case generating(Delegation, Generation)
  case pushed(Delegation, ObjectID)
  case failed(Delegation, DelegationFailure)
}

/// The values that every state except `absent` has.
///
/// Copies share their storage until one of them changes, because states are copied far more often
/// than they change: a fold of millions of events would otherwise spend most of its time copying.
package struct Delegation: Equatable, Sendable {
  private struct Content: Equatable {
    let id: DelegationID
    let request: SharedRequest
    let requestedAt: Timestamp
    var stateSince: Timestamp
    var base: BaseResolved?
    var branchSHA: ObjectID?
    var taskCommit: ObjectID?
    var pullRequest: PullRequest?
    var attempt = 0
    var token: FencingToken?
    var attemptsUsed = 0
    var infrastructureFailures = 0
    var machineFaults = 0
    var cost: Int64 = 0
    var agentLimits: UInt8 = 0
    var nextAgent: String?
    var failedTry: FailedTry?
    var unpushed: Generated?
    var accepted: [ObjectID] = []
    var cancelRequested = false
    var actionsDone: Set<String> = []
    var networkToken: FencingToken?
    var begun: Begun?
    var conversation = Conversation()
  }

  private final class Storage {
    var content: Content
    init(_ content: Content) { self.content = content }
  }

  // Written only while it is uniquely referenced: see `ownStorage`.
  nonisolated(unsafe) private var storage: Storage

  /// The storage, copied if another value shares it.
  private mutating func ownStorage() -> Storage {
    if !isKnownUniquelyReferenced(&storage) { storage = Storage(storage.content) }
    return storage
  }

  package init(id: DelegationID, request: Requested, requestedAt: Timestamp) {
    var facts = request
    facts.text = nil
    storage = Storage(
      Content(
        id: id, request: SharedRequest(facts), requestedAt: requestedAt, stateSince: requestedAt))
  }

  package static func == (a: Self, b: Self) -> Bool {
    a.storage === b.storage || a.storage.content == b.storage.content
  }

  package var id: DelegationID { storage.content.id }
  /// The request without the user's texts.
  // Inlined, so that a caller reads the values that it needs: else each use would take a frame of a
  // coroutine from the heap, and most would copy the request.
  @inlinable
  package var request: Requested { _read { yield sharedRequest.value } }
  /// The same, as all states of the delegation share it.
  package var sharedRequest: SharedRequest { storage.content.request }
  package var requestedAt: Timestamp { storage.content.requestedAt }
  /// When its state began.
  package var stateSince: Timestamp {
    get { storage.content.stateSince }
    set { ownStorage().content.stateSince = newValue }
  }

  package var base: BaseResolved? {
    get { storage.content.base }
    set { ownStorage().content.base = newValue }
  }
  package var branchSHA: ObjectID? {
    get { storage.content.branchSHA }
    set { ownStorage().content.branchSHA = newValue }
  }
  package var taskCommit: ObjectID? {
    get { storage.content.taskCommit }
    set { ownStorage().content.taskCommit = newValue }
  }
  package var pullRequest: PullRequest? {
    get { storage.content.pullRequest }
    set { ownStorage().content.pullRequest = newValue }
  }

  /// The number of the last attempt, and the token of its last lease; both only rise.
  package var attempt: Int {
    get { storage.content.attempt }
    set { ownStorage().content.attempt = newValue }
  }
  package var token: FencingToken? {
    get { storage.content.token }
    set { ownStorage().content.token = newValue }
  }
  /// The number of attempts that agents have used up since the last retry.
  package var attemptsUsed: Int {
    get { storage.content.attemptsUsed }
    set { ownStorage().content.attemptsUsed = newValue }
  }
  /// How often a worker or a server died during the delegation since the last retry.
  package var infrastructureFailures: Int {
    get { storage.content.infrastructureFailures }
    set { ownStorage().content.infrastructureFailures = newValue }
  }
  /// How often a worker's disk or git failed since the last retry.
  package var machineFaults: Int {
    get { storage.content.machineFaults }
    set { ownStorage().content.machineFaults = newValue }
  }

  /// What the agents of all attempts reported that they cost, in millionths of a US dollar.
  package var cost: Int64 {
    get { storage.content.cost }
    set { ownStorage().content.cost = newValue }
  }
  /// How often an agent met its provider's limit since the last retry.
  package var agentLimits: Int {
    get { Int(storage.content.agentLimits) }
    set { ownStorage().content.agentLimits = UInt8(clamping: newValue) }
  }
  /// The agent of the next attempt.
  package var agent: String {
    get { storage.content.nextAgent ?? storage.content.request.value.agent }
    set { ownStorage().content.nextAgent = newValue }
  }

  /// The last failed try of the current step; nil if the step has not failed.
  package var failedTry: FailedTry? {
    get { storage.content.failedTry }
    set { ownStorage().content.failedTry = newValue }
  }
  /// An accepted commit that is not pushed, outside of any lease.
  package var unpushed: Generated? {
    get { storage.content.unpushed }
    set { ownStorage().content.unpushed = newValue }
  }
  /// All accepted commits, oldest first: a push may adopt any of them.
  package var accepted: [ObjectID] {
    get { storage.content.accepted }
    _modify { yield &ownStorage().content.accepted }
  }
  package var cancelRequested: Bool {
    get { storage.content.cancelRequested }
    set { ownStorage().content.cancelRequested = newValue }
  }
  package var actionsDone: Set<String> {
    get { storage.content.actionsDone }
    _modify { yield &ownStorage().content.actionsDone }
  }
  /// The token of the last record of an attempt's network use.
  package var networkToken: FencingToken? {
    get { storage.content.networkToken }
    set { ownStorage().content.networkToken = newValue }
  }
  /// The start of the last merge by an agent; nil if none has merged the base branch.
  package var begun: Begun? {
    get { storage.content.begun }
    set { ownStorage().content.begun = newValue }
  }
  /// The conversation on the pull request, if this is its first delegation; else it is empty.
  package var conversation: Conversation {
    get { storage.content.conversation }
    _modify { yield &ownStorage().content.conversation }
  }
}

/// The merge that the agent of an attempt started from. A worker that reports its start again,
/// under a new token, names only the commit that it checked out. Copies share their storage: most
/// delegations have none.
package struct Begun: Equatable, Sendable {
  private struct Content: Equatable {
    var attempt: Int
    var head: ObjectID
    var merge: BaseMerge
  }

  private final class Storage: Sendable {
    let content: Content
    init(_ content: Content) { self.content = content }
  }

  private let storage: Storage

  package var attempt: Int { storage.content.attempt }
  package var head: ObjectID { storage.content.head }
  package var merge: BaseMerge { storage.content.merge }

  /// - Returns: nil if the agent merges nothing.
  init?(_ e: GenerationStarted) {
    guard let merge = e.merge else { return nil }
    storage = Storage(Content(attempt: e.attempt, head: e.head, merge: merge))
  }

  package static func == (a: Self, b: Self) -> Bool {
    a.storage === b.storage || a.storage.content == b.storage.content
  }
}

/// The request, shared by all states of a delegation. It never changes.
package final class SharedRequest: Equatable, Sendable {
  package let value: Requested
  /// The text of the repository, which is needed for many events.
  package let repository: String

  init(_ value: Requested) {
    self.value = value
    repository = value.repository.description
  }

  package static func == (a: SharedRequest, b: SharedRequest) -> Bool {
    a === b || a.value == b.value
  }
}

/// The known data of the delegation's pull request.
package struct PullRequest: Equatable, Sendable {
  package var number: Int
  package var url: String
  package var state: PullRequestState
  /// When the forge last reported it, by the forge's clock.
  package var asOf: Timestamp?
  /// When it was opened, or adopted.
  package var since: Timestamp
}

/// The last failed try of a step.
package struct FailedTry: Equatable, Sendable {
  package var step: Step
  package var tries: Int
  package var code: FaultCode
  package var retryAt: Timestamp
  package var ambiguous: Bool
}

/// The worker that has the delegation, and the token of its lease.
package struct Lease: Equatable, Sendable {
  package var worker: WorkerID
  package var incarnation: Int
  package var attempt: Int
  package var token: FencingToken
}

/// A lease whose agent runs, or whose commit was accepted and waits for its push. Copies share
/// their storage, so that a state stays small.
package struct Generation: Equatable, Sendable {
  private struct Content: Equatable {
    var lease: Lease
    var agent: String
    var head: ObjectID
    var merge: BaseMerge?
    var accepted: Generated?
  }

  private final class Storage: Sendable {
    let content: Content
    init(_ content: Content) { self.content = content }
  }

  private let storage: Storage

  package var lease: Lease { storage.content.lease }
  package var agent: String { storage.content.agent }
  package var head: ObjectID { storage.content.head }
  /// The merge that the agent completes.
  package var merge: BaseMerge? { storage.content.merge }
  package var accepted: Generated? { storage.content.accepted }

  init(
    lease: Lease, agent: String, head: ObjectID, merge: BaseMerge? = nil, accepted: Generated? = nil
  ) {
    storage = Storage(
      Content(lease: lease, agent: agent, head: head, merge: merge, accepted: accepted))
  }

  /// The same with an accepted commit.
  func accepting(_ commit: Generated) -> Generation {
    Generation(lease: lease, agent: agent, head: head, merge: merge, accepted: commit)
  }

  package static func == (a: Self, b: Self) -> Bool {
    a.storage === b.storage || a.storage.content == b.storage.content
  }
}

/// Why the delegation failed.
package struct DelegationFailure: Equatable, Sendable {
  package var step: Step
  package var code: FailureCode
  package var retryable: Bool
}

extension DelegationState {
  /// nil if nothing was requested.
  package var delegation: Delegation? {
    switch self {
    case .absent: nil
    case .requested(let d), .branchCreated(let d), .taskCommitted(let d),
      .pullRequestCreated(let d):
      d
    case .dispatched(let d, _): d
    case .generating(let d, _): d
    case .pushed(let d, _): d
    case .failed(let d, _): d
    }
  }

  package var name: DelegationStateName? {
    switch self {
    case .absent: nil
    case .requested: .requested
    case .branchCreated: .branchCreated
    case .taskCommitted: .taskCommitted
    case .pullRequestCreated: .pullRequestCreated
    case .dispatched: .dispatched
    case .generating: .generating
    case .pushed: .pushed
    case .failed: .failed
    }
  }

  package var lease: Lease? {
    switch self {
    case .dispatched(_, let lease): lease
    case .generating(_, let generation): generation.lease
    case .absent, .requested, .branchCreated, .taskCommitted, .pullRequestCreated, .pushed,
      .failed:
      nil
    }
  }

  /// The lease of a worker that still has work to do; nil once its hand-in was accepted.
  package var workingLease: Lease? {
    switch self {
    case .dispatched(_, let lease): lease
    case .generating(_, let generation): generation.accepted == nil ? generation.lease : nil
    case .absent, .requested, .branchCreated, .taskCommitted, .pullRequestCreated, .pushed,
      .failed:
      nil
    }
  }

  /// The accepted commit that waits for its push, with the head that it is based on.
  package var commitToPush: Generated? {
    switch self {
    case .generating(_, let generation): generation.accepted
    case .pullRequestCreated(let d): d.unpushed
    case .absent, .requested, .branchCreated, .taskCommitted, .dispatched, .pushed, .failed: nil
    }
  }
}
