import WorkerProtocol

@testable import Worker

/// A core with a clock that the test moves, and what it asked for last.
struct CoreLife {
  var core: WorkerCore
  var now: Duration = .zero
  var calls: [CallSlot: (id: CallID, request: Request)] = [:]

  init(local: Bool = false) {
    var settings = WorkerCore.Settings(
      worker: "w1", host: "h", version: "1", agents: ["demo"], local: local,
      desertedAfter: local ? .seconds(10) : nil)
    settings.checkoutTriesMax = 2
    core = WorkerCore(settings: settings)
  }

  @discardableResult
  mutating func tell(_ input: Input) -> [Action] {
    let actions = core.step(input, now: now)
    for action in actions {
      if case .send(let id, let request) = action { calls[request.slot] = (id, request) }
      if case .abandon(let id) = action {
        calls = calls.filter { $0.value.id != id }
      }
    }
    return actions
  }

  @discardableResult
  mutating func answer(_ slot: CallSlot, _ answer: CallAnswer) -> [Action] {
    guard let call = calls.removeValue(forKey: slot) else { return [] }
    return tell(.answered(call.id, answer))
  }

  /// An answer that several calls have, each in a type of its own.
  enum Common { case done, superseded(String), refused(String) }

  @discardableResult
  mutating func answer(_ slot: CallSlot, _ common: Common) -> [Action] {
    guard let call = calls[slot] else { return [] }
    return answer(slot, call.request.answer(common))
  }

  /// Goes to the moment at which the core wants to be woken, and wakes it.
  @discardableResult
  mutating func wake() -> [Action] {
    now = max(now, core.wakeAt ?? now)
    return tell(.tick)
  }

  @discardableResult
  mutating func pass(_ time: Duration) -> [Action] {
    now += time
    return tell(.tick)
  }

  func request(_ slot: CallSlot) -> Request? { calls[slot]?.request }

  static let assignment = Assignment.sample(head: "h", timeoutMs: 60_000, stallMs: 20_000)
  static let key = AttemptKey(assignment.lease)
  static let output = OutputSummary(bytes: 0, digest: "d", lastLines: "last words")
  static let agent = AgentIdentity(processID: 9, startTicks: 1)

  // Given …

  static func registered(local: Bool = false) -> CoreLife {
    var life = CoreLife(local: local)
    life.tell(.began(recovered: nil))
    life.answer(
      .session, .registered(Registered(incarnation: 3, heartbeatMs: 2000, discard: [])))
    return life
  }

  static func assigned(_ assignment: Assignment = assignment) -> CoreLife {
    var life = registered()
    life.desire(assignment)
    return life
  }

  static func generating() -> CoreLife {
    var life = assigned()
    life.tell(.checkedOut(key))
    life.tell(.agentStarted(key, agent))
    life.answer(.generating, .done)
    return life
  }

  static func committed() -> CoreLife {
    var life = generating()
    life.tell(.agentEnded(key, .finished, output))
    life.tell(.pickedUp(key, .committed("c")))
    return life
  }

  @discardableResult
  mutating func desire(
    _ assignment: Assignment?, revision: Int64 = 1, cancel: Bool = false, drain: Bool = false
  ) -> [Action] {
    answer(
      .session,
      .desired(
        Desired(revision: revision, assignment: assignment, cancel: cancel, drain: drain)))
  }

  /// The result that is on its way.
  var result: ResultReport? {
    guard case .result(let report)? = request(.handIn) else { return nil }
    return report
  }
}

extension [Action] {
  /// Without calls, which have tests of their own.
  var deeds: [Action] {
    filter { action in
      switch action {
      case .send, .abandon: false
      case .lookForAgents, .checkOut, .stopCheckout, .startAgent, .stopAgent, .pickUp, .salvage,
        .stopPickUp, .drop, .writeJournal, .exit:
        true
      }
    }
  }
}

extension Request {
  fileprivate func answer(_ common: CoreLife.Common) -> CallAnswer {
    switch (self, common) {
    case (.agents, _), (.register, _), (.poll, _): .unreachable("not an answer to this")
    case (.heartbeat, _): .heartbeat
    case (.generating, .done): .generating(.taken)
    case (.generating, _): .generating(.over)
    case (.output(_, _, let offset), .done): .output(.end(offset))
    case (.output, .superseded): .output(.over)
    case (.output, .refused(let detail)): .output(.refused(detail))
    case (.pack, .done): .pack(.taken)
    case (.pack, .superseded): .pack(.over)
    case (.pack, .refused(let detail)): .pack(.refused(detail))
    case (.patch, .done): .patch(.taken)
    case (.patch, .superseded): .patch(.over)
    case (.patch, .refused(let detail)): .patch(.refused(detail))
    case (.result, .done): .result(.taken)
    case (.result, _): .result(.over)
    }
  }
}

extension CallAnswer {
  static func unreachable(_ detail: String) -> CallAnswer { .failed(.unreachable(detail)) }
  static func unauthorized(_ detail: String) -> CallAnswer { .failed(.unauthorized(detail)) }
  static func revoked(_ detail: String) -> CallAnswer { .failed(.revoked(detail)) }
  static var unknownLife: CallAnswer { .failed(.unknownLife) }
  static var packMissing: CallAnswer { .result(.packMissing) }
  static func outputEnd(_ end: Int) -> CallAnswer { .output(.end(end)) }
}
