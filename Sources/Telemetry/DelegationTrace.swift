import Domain
import EventLog

/// The trace of one delegation: a root, and below it a span for each step, for each wait for a
/// worker, and for each attempt with its agent.
package struct DelegationTrace: Equatable, Sendable {
  /// 16 bytes.
  package let id: [UInt8]
  /// The root first, then in the order in which they began.
  package let spans: [TraceSpan]
  /// Whether the delegation has ended. Spans of one that has not end at its last event.
  package let isComplete: Bool

  /// - Parameter events: all events of the delegation, in order.
  /// - Returns: nil if they do not begin with a request.
  package init?(_ delegation: DelegationID, events: [RecordedEvent]) {
    guard let first = events.first, case .delegation(.requested(let request)) = first.event else {
      return nil
    }
    var fold = TraceFold(delegation, request, first)
    for event in events {
      guard fold.take(event) else { break }
    }
    id = TraceIdentity.trace(delegation)
    spans = fold.finished
    isComplete = fold.state.name?.isTerminal ?? false
  }
}

/// What is done in a state, from the outside to the inside. Spans are open as long as their stages
/// last, so they need no rules for each event.
private enum TraceStage: Equatable {
  case step(Step)
  /// Ready, and no worker has it.
  case queue
  case attempt(Int)

  static func stages(of state: DelegationState) -> [TraceStage] {
    switch state {
    case .absent, .pushed, .failed: []
    // The milestones of an adoption are recorded together.
    case .requested(let d), .branchCreated(let d), .taskCommitted(let d):
      if case .adopt = d.request.kind { [.step(.adopt)] } else { [.step(state.step)] }
    case .pullRequestCreated(let d): d.unpushed == nil ? [.queue] : [.step(.push)]
    case .dispatched(_, let lease): [.attempt(lease.attempt)]
    case .generating(_, let generation):
      generation.accepted == nil
        ? [.attempt(generation.lease.attempt), .step(.generate)] : [.step(.push)]
    }
  }

  var name: String {
    switch self {
    case .step(let step): step.rawValue
    case .queue: "queue"
    case .attempt: "attempt"
    }
  }

  var kind: TraceSpan.Kind {
    switch self {
    case .step(.generate), .queue, .attempt: .internal
    case .step: .client
    }
  }
}

private struct TraceFold {
  private struct Open {
    var stage: TraceStage
    var span: TraceSpan
  }

  private let id: DelegationID
  private(set) var state = DelegationState.absent
  private var root: TraceSpan
  private var open: [Open] = []
  private var closed: [TraceSpan] = []
  private var last: Timestamp
  /// When the pull request was there, and when the delegation last ended: notices follow both.
  private var pullRequestAt: Timestamp?
  private var endedAt: Timestamp?
  /// Failed tries of the notice that is pending.
  private var noticeTries: [TraceMoment] = []

  init(_ id: DelegationID, _ request: Requested, _ first: RecordedEvent) {
    self.id = id
    last = first.time
    root = TraceSpan(
      id: TraceIdentity.span("delegation", id.rawValue), parent: nil, name: "delegation",
      kind: .internal, start: first.time, end: first.time,
      attributes: Self.attributes(of: request, id))
  }

  /// - Returns: false if the state does not allow the event.
  mutating func take(_ recorded: RecordedEvent) -> Bool {
    guard case .delegation(let event) = recorded.event else { return false }
    let before = state
    do throws(CorruptStream) {
      try state.take(event, id: id, at: recorded.time)
    } catch { return false }
    last = recorded.time
    note(event, recorded, before)
    move(event, recorded)
    return true
  }

  /// All spans, those that are still open included.
  var finished: [TraceSpan] {
    var root = root
    root.end = endedAt ?? last
    if let name = state.name { root.attributes["aipm.delegation.state"] = .text(name.rawValue) }
    let rest = open.map { open -> TraceSpan in
      var span = open.span
      span.finish(at: last, failure: nil)
      span.attributes["aipm.unfinished"] = .flag(true)
      return span
    }
    if state.name?.isTerminal != true {
      root.end = last
      root.attributes["aipm.unfinished"] = .flag(true)
    }
    // Stable: spans that began in the same millisecond stay in the order of their events.
    let others = (closed + rest).enumerated().sorted {
      ($0.element.start, $0.offset) < ($1.element.start, $1.offset)
    }
    return [root] + others.map(\.element)
  }

  // MARK: Stages

  /// Ends the stages that are over, and begins the new ones.
  private mutating func move(_ event: DelegationEvent, _ recorded: RecordedEvent) {
    let stages = TraceStage.stages(of: state)
    let kept = zip(open, stages).prefix { $0.stage == $1 }.count
    while open.count > kept {
      guard var ended = open.popLast() else { break }
      ended.span.finish(at: recorded.time, failure: Self.failure(event))
      closed.append(ended.span)
    }
    for stage in stages.dropFirst(kept) { begin(stage, event, recorded) }
  }

  private mutating func begin(
    _ stage: TraceStage, _ event: DelegationEvent, _ recorded: RecordedEvent
  ) {
    var span = TraceSpan(
      id: TraceIdentity.span(stage.name, recorded.id), parent: open.last?.span.id ?? root.id,
      name: stage.name, kind: stage.kind, start: recorded.time, end: recorded.time,
      attributes: [:])
    if case .step(let step) = stage { span.attributes["aipm.step"] = .text(step.rawValue) }
    switch event {
    case .dispatched(let e): span.attributes.merge(Self.attributes(of: e)) { _, new in new }
    case .generating(let e):
      span.name = "invoke_agent \(e.agent)"
      span.attributes.merge(Self.attributes(of: e)) { _, new in new }
    case .requested, .branchCreated, .taskCommitted, .pullRequestCreated, .pushed, .failed,
      .baseResolved, .generated, .stepFailed, .released, .cancelRequested, .retryRequested,
      .pullRequestUpdated, .actionDone, .networkUsed, .conversation:
      break
    }
    open.append(Open(stage: stage, span: span))
  }

  /// The code with which an event ends what was under way; nil if that was done.
  private static func failure(_ event: DelegationEvent) -> String? {
    switch event {
    case .failed(let e): e.code.rawValue
    // The worker was asked to end: nothing failed.
    case .released(let e): e.cause == .drained ? nil : e.cause.rawValue
    case .requested, .branchCreated, .taskCommitted, .pullRequestCreated, .dispatched,
      .generating, .pushed, .baseResolved, .generated, .stepFailed, .cancelRequested,
      .retryRequested, .pullRequestUpdated, .actionDone, .networkUsed, .conversation:
      nil
    }
  }

  // MARK: Facts

  /// Adds what an event says to the spans that are open before it changes them.
  private mutating func note(
    _ event: DelegationEvent, _ recorded: RecordedEvent, _ before: DelegationState
  ) {
    let time = recorded.time
    if let usage = event.usage { add(Self.attributes(of: usage)) }
    switch event {
    case .requested, .generating: break
    case .baseResolved(let e):
      root.attributes["vcs.ref.base.name"] = .text(e.branch)
      root.attributes["vcs.ref.base.revision"] = .text(e.sha.rawValue)
    case .branchCreated(let e): add(adopted: e.adopted)
    case .taskCommitted(let e): add(adopted: e.adopted)
    case .pullRequestCreated(let e):
      add(adopted: e.adopted)
      pullRequestAt = time
      root.attributes["vcs.change.id"] = .text(String(e.number))
      root.attributes["vcs.change.state"] = .text(PullRequestState.open.rawValue)
      root.attributes["aipm.pull_request.url"] = .text(e.url)
    case .dispatched(let e):
      // A worker that reconnects goes on with its attempt.
      if before.lease != nil {
        addMoment("aipm.attempt.taken_over", at: time, Self.attributes(of: e))
      }
    case .generated(let e):
      if let figures = e.figures { add(Self.attributes(of: figures)) }
    case .pushed(let e):
      add(adopted: e.adopted)
      root.attributes["vcs.ref.head.revision"] = .text(e.sha.rawValue)
      endedAt = time
      root.status = .good
      root.attributes["error.type"] = nil
    case .failed(let e):
      endedAt = time
      root.finish(at: time, failure: e.code.rawValue)
      root.attributes["aipm.failure.step"] = .text(e.step.rawValue)
      root.attributes["aipm.failure.retryable"] = .flag(e.retryable)
    case .stepFailed(let e): note(e, at: time)
    case .released(let e):
      root.note("aipm.released", at: time, ["aipm.release.cause": .text(e.cause.rawValue)])
    case .cancelRequested: root.note("aipm.cancel.requested", at: time)
    case .retryRequested:
      root.note("aipm.retry.requested", at: time)
      root.status = .unset
      for name in ["error.type", "aipm.failure.step", "aipm.failure.retryable"] {
        root.attributes[name] = nil
      }
    case .pullRequestUpdated(let e):
      root.attributes["vcs.change.state"] = .text(e.state.rawValue)
      root.note(
        "aipm.pull_request.updated", at: time, ["vcs.change.state": .text(e.state.rawValue)])
    case .actionDone(let e): addNotice(e, at: time)
    case .networkUsed(let e):
      if let use = e.use { addMoment("aipm.network.used", at: time, Self.attributes(of: use)) }
    case .conversation(let e): note(e, at: time)
    }
  }

  private mutating func note(_ event: ConversationEvent, at time: Timestamp) {
    var attributes: TraceAttributes = [:]
    switch event {
    case .feedbackRecorded(let e):
      attributes["aipm.feedback.id"] = .text(e.feedback.id.rawValue)
      attributes["aipm.feedback.source"] = .text(e.feedback.source.rawValue)
    case .feedbackJudged(let e): attributes["aipm.feedback.id"] = .text(e.id.rawValue)
    case .roundStarted(let e):
      attributes["aipm.round.delegation"] = .text(e.delegation.rawValue)
      attributes["aipm.round.feedback"] = .integer(Int64(e.takes.count))
    case .roundEnded(let e): attributes["aipm.round.delegation"] = .text(e.delegation.rawValue)
    case .roundResumed(let id): attributes["aipm.round.delegation"] = .text(id.rawValue)
    case .roundsStopped(let e): attributes["aipm.round.limit"] = .text(e.reason.rawValue)
    }
    root.note("aipm." + event.name.dropFirst("delegation.".count), at: time, attributes)
  }

  private mutating func note(_ failed: StepFailed, at time: Timestamp) {
    let attributes: TraceAttributes = [
      "aipm.step": .text(failed.step.rawValue), "aipm.try": .integer(Int64(failed.attemptedTry)),
      "error.type": .text(failed.code.rawValue), "aipm.ambiguous": .flag(failed.ambiguous),
      "aipm.retry_at": .text(failed.retryAt.iso8601),
    ]
    let name = "aipm.try.failed"
    if failed.step.isOfConversation {
      root.note(name, at: time, attributes)
    } else if failed.step == .act {
      noticeTries.append(TraceMoment(name: name, time: time, attributes: attributes))
    } else {
      addMoment(name, at: time, attributes)
    }
  }

  /// A notice on the pull request is written beside the other stages and after the end.
  private mutating func addNotice(_ done: ActionDone, at time: Timestamp) {
    let isOpening = done.marker == NoticeMoment.opened.rawValue
    var span = TraceSpan(
      id: TraceIdentity.span("act", "\(id.rawValue) \(done.marker)"), parent: root.id,
      name: Step.act.rawValue, kind: .client,
      start: (isOpening ? pullRequestAt : endedAt) ?? time, end: time,
      attributes: [
        "aipm.step": .text(Step.act.rawValue), "aipm.notice": .text(done.marker),
      ])
    span.moments = noticeTries
    span.finish(at: time, failure: done.failure == nil ? nil : "given-up")
    noticeTries = []
    closed.append(span)
  }

  private mutating func add(adopted: Bool) {
    if adopted { add(["aipm.adopted": .flag(true)]) }
  }

  /// Adds attributes to the innermost open span.
  private mutating func add(_ attributes: TraceAttributes) {
    guard let index = open.indices.last else { return }
    open[index].span.attributes.merge(attributes) { _, new in new }
  }

  private mutating func addMoment(
    _ name: String, at time: Timestamp, _ attributes: TraceAttributes
  ) {
    if let index = open.indices.last {
      open[index].span.note(name, at: time, attributes)
    } else {
      root.note(name, at: time, attributes)
    }
  }
}

extension TraceFold {
  private static func attributes(of request: Requested, _ id: DelegationID) -> TraceAttributes {
    var attributes: TraceAttributes = [
      "aipm.delegation.id": .text(id.rawValue),
      "aipm.delegation.code": .text(request.stamp.confirmationCode),
      "aipm.delegation.priority": .integer(Int64(request.priority)),
      "aipm.workflow.name": .text(request.workflow.name),
      "aipm.workflow.digest": .text(request.workflow.digest),
      "gen_ai.agent.name": .text(request.agent), "user.name": .text(request.requester),
      "vcs.owner.name": .text(request.repository.owner),
      "vcs.repository.name": .text(request.repository.name),
      "vcs.ref.head.name": .text(request.branch), "vcs.ref.head.type": .text("branch"),
    ]
    switch request.kind {
    case .delegate: attributes["aipm.delegation.kind"] = .text("delegate")
    case .adopt: attributes["aipm.delegation.kind"] = .text("adopt")
    case .followUp(let followUp):
      attributes["aipm.delegation.kind"] = .text("follow-up")
      attributes["aipm.delegation.follows"] = .text(followUp.follows.rawValue)
    }
    return attributes
  }

  private static func attributes(of dispatched: Dispatched) -> TraceAttributes {
    [
      "aipm.attempt": .integer(Int64(dispatched.attempt)),
      "aipm.worker.name": .text(dispatched.worker.rawValue),
      "aipm.worker.incarnation": .integer(Int64(dispatched.incarnation)),
    ]
  }

  private static func attributes(of started: GenerationStarted) -> TraceAttributes {
    var attributes: TraceAttributes = [
      "aipm.attempt": .integer(Int64(started.attempt)),
      "gen_ai.operation.name": .text("invoke_agent"), "gen_ai.agent.name": .text(started.agent),
      "vcs.ref.head.revision": .text(started.head.rawValue),
    ]
    attributes["gen_ai.conversation.id"] = started.session.map { .text($0) }
    return attributes
  }

  private static func attributes(of figures: GenerationFigures) -> TraceAttributes {
    [
      "aipm.change.files": .integer(Int64(figures.filesChanged)),
      "aipm.change.insertions": .integer(Int64(figures.insertions)),
      "aipm.change.deletions": .integer(Int64(figures.deletions)),
    ]
  }

  private static func attributes(of usage: AgentUsage) -> TraceAttributes {
    var attributes: TraceAttributes = [:]
    for figure in UsageFigure.allCases {
      guard let value = usage[figure] else { continue }
      switch figure {
      case .inputTokens: attributes["gen_ai.usage.input_tokens"] = .integer(value)
      case .outputTokens: attributes["gen_ai.usage.output_tokens"] = .integer(value)
      case .cachedTokens: attributes["gen_ai.usage.cache_read.input_tokens"] = .integer(value)
      case .cost:
        attributes["aipm.usage.cost_dollars"] = .number(Double(value) / Double(figure.scale))
      case .credits:
        attributes["aipm.usage.credits"] = .number(Double(value) / Double(figure.scale))
      }
    }
    return attributes
  }

  private static func attributes(of use: NetworkUse) -> TraceAttributes {
    [
      "aipm.network.hosts_reached": .integer(Int64(use.hostsReached)),
      "aipm.network.hosts_refused": .integer(Int64(use.hostsRefused)),
      "aipm.network.connections": .integer(Int64(use.connections)),
      "aipm.network.bytes_up": .integer(Int64(use.bytesUp)),
      "aipm.network.bytes_down": .integer(Int64(use.bytesDown)),
    ]
  }
}
