import Domain
import EventLog
import Projections

/// The result of a submission.
package enum SubmissionReply: Equatable, Sendable {
  /// It is on disk and in progress.
  case accepted(DelegationID)
  /// The same request was made before with this key.
  case repeated(DelegationID)
  /// The key was used before for another body.
  case keyReused
  /// Another delegation uses the branch that was to be adopted.
  case branchTaken(by: DelegationID)
  case failed(AppendFault)
}

extension Engine {
  /// Makes a delegation durable and starts it.
  /// - Parameters:
  ///   - request: its stamp is replaced; unless it adopts a branch, the stamp is appended to the
  ///     name of its branch.
  ///   - id: a UUIDv7 that no other delegation has.
  package func submit(_ request: Requested, id: DelegationID) async -> SubmissionReply {
    guard case .adopt = request.kind else { return await record(request, id: id) }
    // What is being appended may be the end of the delegation that uses the branch.
    if let other = user(ofBranchOf: request) { await awaitAppend(of: other) }
    // Nothing is suspended between this check and the core's note of who uses the branch.
    if let other = user(ofBranchOf: request) {
      // The store knows the key of one that has no executor, and refuses the second request.
      if core.executors[other] == nil, let key = request.idempotencyKey?.key,
        (try? await store.isKnown(key: key)) ?? false
      {
        return await record(request, id: id)
      }
      return .branchTaken(by: other)
    }
    return await record(request, id: id)
  }

  /// The delegation that uses the branch of a request; one with the same key does not count.
  private func user(ofBranchOf request: Requested) -> DelegationID? {
    guard let other = core.branches.first(request.repository, request.branch) else { return nil }
    let known = core.executors[other].flatMap { $0.state.delegation?.request ?? $0.submitted }
    if let key = request.idempotencyKey, known?.idempotencyKey?.key == key.key { return nil }
    return other
  }

  /// - Parameter actor: who asked; nil for the requester.
  func record(
    _ request: Requested, id: DelegationID, by actor: Actor? = nil
  ) async -> SubmissionReply {
    let actor = actor ?? Actor(kind: .user, name: request.requester)
    while true {
      let requested = request.stamped(nextStamp())
      switch await reply(to: { .submit(id, requested, actor, $0) }) {
      case .done: return .accepted(id)
      case .failed(.stampTaken): continue
      case .failed(.duplicate(let first, let body)):
        let same = body == request.idempotencyKey?.body
        return same ? .repeated(first) : .keyReused
      case .failed(let fault): return .failed(fault)
      case .rejected: return .failed(.conflict(actual: 0))
      }
    }
  }

  /// Waits until a delegation has a pull request, has ended, or will not be retried in time. The
  /// core answers from its own state, so no view is read.
  /// - Parameter limit: how long to wait; if the caller is cancelled, the wait ends at once.
  /// - Returns: the progress; nil if it is not in memory, because it ended before or cannot be
  ///   read.
  package func follow(_ id: DelegationID, limit: Milliseconds) async -> SubmissionProgress? {
    let reply = nextReply()
    let end = clock.now().wall + limit
    // Ends the wait when the time is over, and at once when it is cancelled.
    let expiry = Task { [clock] in
      try? await clock.sleep(limit)
      self.step(.unfollow(id, reply))
    }
    defer { expiry.cancel() }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        followers[reply] = continuation
        step(.follow(id, until: end, reply))
      }
    } onCancel: {
      expiry.cancel()
    }
  }
}

/// The progress of a delegation, for its submitter.
package struct SubmissionProgress: Equatable, Sendable {
  package var id: DelegationID
  package var stamp: Stamp
  package var branch: String
  package var state: DelegationStateName
  package var pullRequest: (number: Int, url: String)?
  /// In state `Failed`.
  package var failure: Failed?

  package init(
    id: DelegationID, stamp: Stamp, branch: String, state: DelegationStateName,
    pullRequest: (number: Int, url: String)?, failure: Failed?
  ) {
    self.id = id
    self.stamp = stamp
    self.branch = branch
    self.state = state
    self.pullRequest = pullRequest
    self.failure = failure
  }

  package static func == (a: Self, b: Self) -> Bool {
    a.id == b.id && a.stamp == b.stamp && a.branch == b.branch && a.state == b.state
      && a.pullRequest?.number == b.pullRequest?.number && a.failure == b.failure
  }
}

/// Who waits for the progress of which delegation, up to `countMax`.
struct Followers: Sendable {
  static let countMax = 10_000

  private var waiting: [DelegationID: [(reply: ReplyID, until: Timestamp)]] = [:]
  private(set) var count = 0

  /// Whether a caller waits for this delegation.
  func wait(for id: DelegationID) -> Bool { waiting[id] != nil }

  /// - Returns: false if too many callers wait already.
  mutating func insert(_ reply: ReplyID, of id: DelegationID, until end: Timestamp) -> Bool {
    guard count < Self.countMax else { return false }
    waiting[id, default: []].append((reply, end))
    count += 1
    return true
  }

  /// - Returns: whether it waited.
  mutating func remove(_ reply: ReplyID, of id: DelegationID) -> Bool {
    !removeAll(id) { $0.reply == reply }.isEmpty
  }

  /// Removes the callers whose end of wait `isDue` selects.
  mutating func take(_ id: DelegationID, where isDue: (Timestamp) -> Bool) -> [ReplyID] {
    removeAll(id) { isDue($0.until) }
  }

  private mutating func removeAll(
    _ id: DelegationID, where isDue: ((reply: ReplyID, until: Timestamp)) -> Bool
  ) -> [ReplyID] {
    guard let all = waiting[id] else { return [] }
    let due = all.filter(isDue)
    guard !due.isEmpty else { return [] }
    count -= due.count
    waiting[id] = due.count == all.count ? nil : all.filter { !isDue($0) }
    return due.map { $0.reply }
  }
}

extension EngineCore {
  mutating func follow(
    _ id: DelegationID, until end: Timestamp, _ reply: ReplyID, _ now: Moment,
    _ actions: inout [Action]
  ) {
    let executor = executors[id]
    let mustWait = executor.map { !$0.hasAnswer(before: end) } ?? isAway(id)
    guard mustWait, followers.insert(reply, of: id, until: end) else {
      actions.append(.progress(reply, executor?.progress))
      return
    }
    if executor == nil { load(id, for: .wake, now, &actions) }
  }

  /// Answers the callers that wait for the current state of the delegation.
  mutating func answerFollowers(of id: DelegationID, _ actions: inout [Action]) {
    guard followers.wait(for: id) else { return }
    let executor = executors[id]
    let due = followers.take(id) { end in executor?.hasAnswer(before: end) ?? true }
    for reply in due { actions.append(.progress(reply, executor?.progress)) }
  }
}

extension Executor {
  /// Whether waiting until `end` is useless: it has its pull request, it has ended, or its next try
  /// comes later.
  fileprivate func hasAnswer(before end: Timestamp) -> Bool {
    guard let d = state.delegation else { return false }
    if d.pullRequest != nil || state.name?.isTerminal == true { return true }
    return d.failedTry.map { $0.retryAt > end } ?? false
  }

  /// nil until the request is on disk.
  var progress: SubmissionProgress? {
    guard let d = state.delegation, let name = state.name else { return nil }
    var failure: Failed?
    if case .failed = state { failure = failed }
    return SubmissionProgress(
      id: id, stamp: d.request.stamp, branch: d.request.branch, state: name,
      pullRequest: d.pullRequest.map { (number: $0.number, url: $0.url) }, failure: failure)
  }
}
