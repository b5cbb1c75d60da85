// The rounds of a pull request: feedback goes to the conversation of its first delegation, and each
// round that the conversation has recorded becomes a follow-up delegation.

import Domain
import EventLog
import Workflows

extension Engine {
  /// Records feedback from the forge on a pull request. What was recorded before changes nothing.
  /// - Parameters:
  ///   - first: the pull request's first delegation.
  ///   - digest: the digest of its workflow, whose rules apply.
  ///   - actor: who reported it.
  /// - Returns: nil if none of it is meant for AIPM.
  package func hear(
    _ feedback: [Feedback], on first: DelegationID, digest: String, by actor: Actor
  ) async -> CommandReply? {
    guard let rounds = core.workflows[digest]?.rounds else { return nil }
    let heard = feedback.compactMap { said in
      rounds.verdict(on: said).map { HeardFeedback(said, $0) }
    }
    if heard.isEmpty { return nil }
    return await command(first, .conversation(.hear(heard)), by: actor)
  }

  /// A person asks for changes: a round begins.
  /// - Parameters:
  ///   - first: the pull request's first delegation.
  ///   - branch: its repository and branch.
  package func ask(
    _ ask: FollowUpRequest, on first: DelegationID, branch: (RepositoryName, String)
  ) async -> CommandReply {
    let isKnown = await isRequested(ask.delegation)
    if !isKnown, !ask.mayQueue {
      if let other = core.branches.first(branch.0, branch.1) { await awaitAppend(of: other) }
      if let other = core.branches.first(branch.0, branch.1), other != first,
        other != ask.delegation
      {
        return .rejected(.branchInUse(by: other))
      }
    }
    let actor = Actor(kind: .user, name: ask.requester)
    let reply = await command(first, .conversation(.ask(ask)), by: actor)
    // The caller waits for the round. Its delegation is requested by the conversation's next step,
    // which is under way; this only waits until it is on disk.
    if case .done = reply { _ = await request(round: ask.delegation, of: first) }
    return reply
  }

  /// Whether a delegation was requested before.
  private func isRequested(_ id: DelegationID) async -> Bool {
    if core.isTracked(id) { return true }
    let events = try? await store.read(.delegation(id), types: [.requested])
    return events?.isEmpty == false
  }

  /// Requests the follow-up delegation of a round that the conversation has recorded, unless that
  /// has happened. The conversation's next step and the caller who asked may both come here: the
  /// second waits for the first one's answer.
  func request(round: DelegationID, of first: DelegationID) async -> RoundAnswer {
    if let other = roundRequests[round] { return await other.value }
    let request = Task { await self.requestOnce(round: round, of: first) }
    roundRequests[round] = request
    defer { roundRequests[round] = nil }
    return await request.value
  }

  private func requestOnce(round: DelegationID, of first: DelegationID) async -> RoundAnswer {
    if let executor = core.executors[round], executor.state.name != nil {
      return executor.corrupt == nil ? RoundAnswer(executor.state) : .underWay
    }
    do throws(StoreFault) {
      let own = try await store.read(.delegation(round))
      if !own.isEmpty { return RoundAnswer(own, of: round) }
      let events = try await store.read(.delegation(first))
      guard let plan = RoundPlan(round, of: first, events) else {
        return .failed("the conversation has no round \(round)")
      }
      var earlier: [[RecordedEvent]] = []
      for id in plan.earlier { earlier.append(try await store.read(.delegation(id))) }
      let request = plan.request(earlier)
      recallWorker(of: first, [events] + earlier)
      // It may have been loaded while this read.
      guard !core.isTracked(round) else { return .failed("it is being requested") }
      let actor = plan.requester.map { Actor(kind: .user, name: $0) } ?? .system
      switch await record(request, id: round, by: actor) {
      case .accepted, .repeated: return .underWay
      case .failed(.conflict): return .underWay
      case .failed(let fault): return .failed("\(fault)")
      case .keyReused, .branchTaken: return .failed("the request was refused")
      }
    } catch {
      return .failed(error.message)
    }
  }
}

extension Engine {
  /// The rules for rounds of a workflow.
  /// - Returns: nil if the workflow is not known.
  package func rounds(digest: String) -> RoundPolicy? { core.workflows[digest]?.rounds }

  /// Whether this feedback was recorded on a pull request.
  /// - Parameter first: the pull request's first delegation.
  package func hasHeard(_ feedback: FeedbackID, on first: DelegationID) async -> Bool {
    if let known = core.executors[first]?.state.delegation?.conversation {
      return known.recorded.contains(feedback)
    }
    let events = try? await store.read(
      .delegation(first), types: [.feedbackRecorded])
    return (events ?? []).contains { recorded in
      if case .delegation(.conversation(.feedbackRecorded(let e))) = recorded.event {
        e.feedback.id == feedback
      } else {
        false
      }
    }
  }
}
