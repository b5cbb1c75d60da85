import Domain
import EventLog
import Projections

/// A request for a delegation, checked, as the API hands it in.
package struct DelegationRequest: Sendable {
  package var kind: Requested.Kind
  package var repository: RepositoryName
  /// Without the stamp; of `POST /generate-code` the whole name of a branch that exists.
  package var branchName: String
  package var baseBranch: String?
  package var requester: String
  package var priority: Int
  package var agent: String
  package var workflow: Requested.Workflow
  package var draft: Bool
  package var attemptsMax: Int
  package var idempotencyKey: Requested.IdempotencyKey?
  package var text: TaskText
  /// What the workflow has to say; see `Requested`.
  package var notices: Set<NoticeMoment> = []

  package init(
    kind: Requested.Kind, repository: RepositoryName, branchName: String, baseBranch: String?,
    requester: String, priority: Int, agent: String, workflow: Requested.Workflow, draft: Bool,
    attemptsMax: Int, idempotencyKey: Requested.IdempotencyKey?, text: TaskText
  ) {
    self.kind = kind
    self.repository = repository
    self.branchName = branchName
    self.baseBranch = baseBranch
    self.requester = requester
    self.priority = priority
    self.agent = agent
    self.workflow = workflow
    self.draft = draft
    self.attemptsMax = attemptsMax
    self.idempotencyKey = idempotencyKey
    self.text = text
  }
}

/// What became of a submission.
package enum SubmissionReply: Equatable, Sendable {
  /// It is on disk and under way.
  case accepted(DelegationID)
  /// The same request was made before under its key.
  case repeated(DelegationID)
  /// The key was used before for another body.
  case keyReused
  /// Another delegation is at work on the branch that was to be adopted.
  case branchTaken(by: DelegationID)
  case failed(AppendFault)
}

extension Engine {
  /// Makes a delegation durable and begins with it.
  /// - Parameter id: a UUIDv7 that no other delegation has.
  package func submit(_ request: DelegationRequest, id: DelegationID) async -> SubmissionReply {
    guard case .adopt = request.kind else { return await record(request, id: id) }
    let branch = AdoptedBranch(repository: request.repository, name: request.branchName)
    // Between this look and the record nobody else gets to look.
    if let other = adopted[branch] ?? owner(of: branch, besides: request.idempotencyKey) {
      return .branchTaken(by: other)
    }
    adopted[branch] = id
    defer { adopted[branch] = nil }
    return await record(request, id: id)
  }

  /// The delegation that is at work on a branch; the one that was made under the same key is no
  /// other.
  private func owner(
    of branch: AdoptedBranch, besides key: Requested.IdempotencyKey?
  ) -> DelegationID? {
    core.executors.values.first { executor in
      guard let d = executor.state.delegation, executor.state.name?.isTerminal == false else {
        return false
      }
      if let key, d.request.idempotencyKey?.key == key.key { return false }
      return AdoptedBranch(repository: d.request.repository, name: d.request.branch) == branch
    }?.id
  }

  private func record(_ request: DelegationRequest, id: DelegationID) async -> SubmissionReply {
    let actor = Actor(kind: .user, name: request.requester)
    while true {
      let stamp = nextStamp()
      let branch =
        switch request.kind {
        case .delegate: "\(request.branchName)-\(stamp.milliseconds)"
        case .adopt: request.branchName
        }
      let requested = Requested(
        kind: request.kind, stamp: stamp, repository: request.repository, branch: branch,
        baseBranch: request.baseBranch, requester: request.requester, priority: request.priority,
        agent: request.agent, workflow: request.workflow, draft: request.draft,
        attemptsMax: request.attemptsMax, idempotencyKey: request.idempotencyKey,
        text: request.text, notices: request.notices)
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

  /// Follows a delegation until it has a pull request or has ended, or until `limit` is over.
  /// - Returns: as it stands then; nil where there is none.
  package func follow(
    _ id: DelegationID, limit: Milliseconds
  ) async throws(StoreFault) -> DelegationDetail? {
    let signals = feed.signals(of: id)
    let timeout = Task { [clock] in try? await clock.sleep(limit) }
    defer { timeout.cancel() }
    let (merged, signal) = AsyncStream.makeStream(
      of: Bool.self, bufferingPolicy: .bufferingNewest(2))
    let forward = Task {
      for await _ in signals { signal.yield(true) }
    }
    let expire = Task {
      _ = await timeout.value
      signal.yield(false)
      signal.finish()
    }
    defer {
      forward.cancel()
      expire.cancel()
      signal.finish()
    }
    let end = clock.now().wall + limit
    var detail = try await store.delegation(.id(id))
    if let row = detail?.row, row.hasAnswer(before: end) { return detail }
    for await isCommit in merged {
      if !isCommit { break }
      detail = try await store.delegation(.id(id))
      if let row = detail?.row, row.hasAnswer(before: end) { return detail }
    }
    return detail
  }
}

extension DelegationRow {
  /// Whether there is nothing to wait for until `end`: it has its pull request, it has ended, or
  /// its next try comes later.
  fileprivate func hasAnswer(before end: Timestamp) -> Bool {
    if pr != nil || state.isTerminal { return true }
    return retryAt.map { $0 > end.milliseconds } ?? false
  }
}
