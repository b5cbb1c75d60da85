import Domain
import EventLog
import Projections

/// Reads the log as it is written, and knows what must never stand in it. It trusts nothing that
/// the engine says: states are folded here, leases are followed here.
struct Judge {
  private struct Story {
    var state = DelegationState.absent
    /// The token of the lease, as the events alone say it.
    var lease: FencingToken?
    /// A commit was accepted and was not given up since.
    var hasCommit = false
    var lastToken: FencingToken?
  }

  private var stories: [DelegationID: Story] = [:]
  /// In the order in which they were asked for.
  private(set) var delegations: [DelegationID] = []
  /// Those that are no follow-ups.
  private(set) var submitted: [DelegationID] = []
  private var firsts: [MadeUpForge.Discussed: DelegationID] = [:]
  /// What rounds took, and the round.
  private var taken: [FeedbackID: DelegationID] = [:]
  private var givenUp: Set<String> = []
  /// The workflow's limits, and what counts for them, by the first delegation.
  var limits = RoundLimits(maximum: 0, checks: 0)
  private var sources: [FeedbackID: FeedbackSource] = [:]
  private var rounds: [DelegationID: (all: Int, checksInARow: Int)] = [:]
  private(set) var stops: [String: Int] = [:]
  /// What was asked for under each key: one delegation, however often it was asked.
  private var keys: [String: DelegationID] = [:]
  private var position: Int64 = 0
  private(set) var head: [UInt8] = []

  func state(of id: DelegationID) -> DelegationState? { stories[id]?.state }

  /// The first delegation of a pull request.
  func first(of place: MadeUpForge.Discussed) -> DelegationID? { firsts[place] }

  func delegations(of place: MadeUpForge.Discussed) -> [DelegationID] {
    delegations.filter { id in
      guard let d = stories[id]?.state.delegation else { return false }
      return d.request.repository == place.repository && d.pullRequest?.number == place.number
    }
  }

  /// Whether a notice was given up.
  func isGivenUp(_ id: DelegationID, _ marker: String) -> Bool {
    givenUp.contains("\(id) \(marker)")
  }

  /// The pushed commits by branch.
  var pushedCommits: [String: Set<ObjectID>] {
    var commits: [String: Set<ObjectID>] = [:]
    for story in stories.values {
      guard case .pushed(let d, let sha) = story.state else { continue }
      commits[d.request.branch, default: []].insert(sha)
    }
    return commits
  }

  /// Those that have not ended, or whose workflow wants something done still.
  private var open: Set<DelegationID> = []

  var isOver: Bool { open.isEmpty }

  /// - Returns: what is wrong with the event where it stands; nil where nothing is.
  mutating func take(_ event: RecordedEvent) -> String? {
    guard event.position == position + 1 else {
      return "position \(event.position) after \(position)"
    }
    position = event.position
    head = event.hash
    guard case .delegation(let id) = event.stream, case .delegation(let known) = event.event else {
      return nil
    }
    if stories[id] == nil { delegations.append(id) }
    var story = stories[id] ?? Story()
    defer { stories[id] = story }
    do {
      story.state = try story.state.evolve(known, id: id, at: event.time)
    } catch {
      return "\(id): \(error)"
    }
    let hasEnded = story.state.name?.isTerminal ?? false
    if hasEnded, story.state.nextIntent == nil { open.remove(id) } else { open.insert(id) }
    return follow(known, of: id, &story)
  }

  private mutating func follow(
    _ event: DelegationEvent, of id: DelegationID, _ story: inout Story
  ) -> String? {
    switch event {
    case .requested(let e):
      if e.follows == nil { submitted.append(id) }
      guard let key = e.idempotencyKey?.key else { break }
      if let first = keys[key] { return "\(id) and \(first) were asked for under one key" }
      keys[key] = id
    case .dispatched(let e):
      if let last = story.lastToken, e.token <= last { return "\(id): a token that does not rise" }
      if story.hasCommit { return "\(id): dispatched although a commit was accepted" }
      story.lastToken = e.token
      story.lease = e.token
    case .generating(let e):
      if e.token != story.lease { return "\(id): generating under a stale token" }
      if story.hasCommit { return "\(id): generated again although a commit was accepted" }
    case .generated(let e):
      if let token = e.token, token != story.lease { return "\(id): hand-in under a stale token" }
      story.hasCommit = true
      story.lease = nil
    case .released(let e):
      if let token = e.token, !story.hasCommit, token != story.lease {
        return "\(id): released under a stale token"
      }
      story.hasCommit = false
      story.lease = nil
    case .failed: story.lease = nil
    case .pushed:
      if !story.hasCommit { return "\(id): pushed without a commit" }
      story.lease = nil
    case .pullRequestCreated(let e):
      guard let request = story.state.delegation?.request, request.follows == nil else { break }
      firsts[.init(repository: request.repository, number: e.number)] = id
    case .actionDone(let e):
      if e.failure != nil { givenUp.insert("\(id) \(e.marker)") }
    case .conversation(.roundStarted(let e)):
      for feedback in e.takes {
        if let other = taken[feedback] {
          return "\(feedback) is taken by \(other) and \(e.delegation)"
        }
        taken[feedback] = e.delegation
      }
      return count(e, of: id)
    case .conversation(.feedbackRecorded(let e)): sources[e.feedback.id] = e.feedback.source
    case .conversation(.roundsStopped(let e)): stops[e.reason.rawValue, default: 0] += 1
    case .branchCreated, .taskCommitted, .baseResolved, .stepFailed, .cancelRequested,
      .retryRequested, .pullRequestUpdated, .networkUsed, .conversation:
      break
    }
    return nil
  }

  /// Counts a round, as the guide says it: what updates the branch alone does not count, and what a
  /// person asks for in AIPM has no limit.
  private mutating func count(_ round: RoundStarted, of first: DelegationID) -> String? {
    let kinds = Set(round.takes.map { sources[$0] })
    if kinds == [.behind] { return nil }
    let isForChecks = kinds == [.check]
    let before = rounds[first] ?? (0, 0)
    rounds[first] = (before.all + 1, isForChecks ? before.checksInARow + 1 : 0)
    guard round.requester == nil else { return nil }
    if before.all >= limits.maximum {
      return "\(first): round \(before.all + 1) of \(limits.maximum)"
    }
    if isForChecks, before.checksInARow >= limits.checks {
      return "\(first): round \(before.checksInARow + 1) in a row for checks of \(limits.checks)"
    }
    return nil
  }

  /// The views of the store, kept as it went, against one fold of all that was written.
  func compare(_ events: [RecordedEvent], with digests: [ViewName: ViewDigest]) -> String? {
    var projector = Projector()
    for event in events {
      _ = projector.apply(
        event.event, stream: event.stream, version: event.version, position: event.position,
        time: event.time)
    }
    let folded = projector.digests
    for view in ViewName.allCases where digests[view] != folded[view] {
      return "the view \(view.rawValue) is not the fold of its events"
    }
    for (id, story) in stories where projector.delegations[id]?.row?.state != story.state.name {
      return "\(id): its row is not its fold"
    }
    return nil
  }
}
