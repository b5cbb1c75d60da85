import Domain
import Engine
import Synchronization

/// The governor with a clock, and with those that wait.
final class CallGate: Sendable {
  private typealias Caller = CheckedContinuation<Governor.Verdict?, Never>

  private struct State {
    var governor: Governor
    /// In the order in which they came.
    var waiting: [Caller] = []
    /// When they are woken because a limit has ended; nil where nothing is set to do so.
    var wakesAt: Timestamp?

    /// Takes out those that are to ask anew.
    mutating func next(at now: Timestamp) -> [Caller] {
      let count = min(governor.places(at: now), waiting.count)
      defer { waiting.removeFirst(max(count, 0)) }
      return Array(waiting.prefix(max(count, 0)))
    }
  }

  /// Every delegation has a few calls at most; more than this wait for nothing good.
  private static let waitingMax = 10_000

  private let state: Mutex<State>
  private let now: @Sendable () -> Timestamp

  init(pace: ForgePace, now: @escaping @Sendable () -> Timestamp) {
    state = Mutex(State(governor: Governor(pace: pace)))
    self.now = now
  }

  /// Until when nothing is sent, because of a limit or because the forge is down.
  var closedUntil: (limited: Timestamp?, down: Timestamp?) {
    let now = now()
    return state.withLock { state in
      let limited = state.governor.limitedUntil.flatMap { now < $0 ? $0 : nil }
      return (limited, state.governor.downUntil(at: now))
    }
  }

  /// Returns when nothing forbids a call, having waited for a limit that ends soon.
  /// - Throws: `ForgeFault` with the moment to come again, where that is not soon.
  func pass() async throws(ForgeFault) {
    while let verdict = state.withLock({ $0.governor.refusal(at: now()) }) {
      guard case .hold(let until) = verdict else { return try refuse(verdict) }
      do { try await Task.sleep(for: .milliseconds(max(0, (until - now()).count))) } catch {
        return try refuse(.limited(until: until))
      }
    }
  }

  /// Returns when the call may go out; `leave` must follow.
  /// - Throws: `ForgeFault` with the moment to come again, where that is not soon.
  func enter(_ cost: CallCost) async throws(ForgeFault) {
    var hasTurn = false
    while true {
      // Nil: somebody left, ask again.
      guard let verdict = await ask(cost, hasTurn: hasTurn) else { continue }
      switch verdict {
      case .go: return
      case .turn(let moment):
        try? await Task.sleep(for: .milliseconds(max(0, (moment - now()).count)))
        hasTurn = true
      case .queue, .hold, .limited, .paced, .down: try refuse(verdict)
      }
    }
  }

  private func ask(_ cost: CallCost, hasTurn: Bool) async -> Governor.Verdict? {
    await withCheckedContinuation { caller in
      let (verdict, next) = state.withLock { state -> (Governor.Verdict?, [Caller]) in
        let verdict = state.governor.admit(cost, hasTurn: hasTurn, at: now())
        switch verdict {
        case .queue where state.waiting.count < Self.waitingMax,
          .hold where state.waiting.count < Self.waitingMax:
          state.waiting.append(caller)
          return (nil, [])
        case .go, .queue, .hold: return (verdict, [])
        // It may have been asked because there is a place, which it does not take.
        case .turn, .limited, .paced, .down: return (verdict, state.next(at: now()))
        }
      }
      if let verdict { caller.resume(returning: verdict) }
      for one in next { one.resume(returning: nil) }
      wakeAfterHold()
    }
  }

  /// Sees to it that those that wait for the near end of a limit are woken then.
  private func wakeAfterHold() {
    let moment = state.withLock { state -> Timestamp? in
      guard !state.waiting.isEmpty, let end = state.governor.holdEnd(at: now()),
        state.wakesAt.map({ $0 < end }) ?? true
      else { return nil }
      state.wakesAt = end
      return end
    }
    guard let moment else { return }
    Task {
      try? await Task.sleep(for: .milliseconds(max(0, (moment - now()).count)))
      let next = state.withLock { state in
        if state.wakesAt == moment { state.wakesAt = nil }
        return state.next(at: now())
      }
      for one in next { one.resume(returning: nil) }
      // The clock may have been set back, or another limit begun.
      wakeAfterHold()
    }
  }

  /// The call has ended.
  func leave(_ outcome: Governor.Outcome) {
    let next = state.withLock { state in
      state.governor.ended(outcome, at: now())
      return state.next(at: now())
    }
    for one in next { one.resume(returning: nil) }
    wakeAfterHold()
  }

  /// A limit that somebody else was told of, who calls by the same credential.
  /// - Returns: until when nothing is sent.
  func noteLimit(_ span: Milliseconds) -> Timestamp {
    let now = now()
    let (until, next) = state.withLock { state in
      state.governor.noteLimit(until: now + span)
      return (state.governor.limitedUntil ?? now + span, state.next(at: now))
    }
    for one in next { one.resume(returning: nil) }
    wakeAfterHold()
    return until
  }

  private func refuse(_ verdict: Governor.Verdict) throws(ForgeFault) {
    switch verdict {
    case .go, .turn: return
    case .queue:
      throw ForgeFault(
        kind: .limited(until: now() + .seconds(1)), status: 0,
        message: "too many calls wait for the forge; nothing was sent",
        hint: GitHubClient.limitHint)
    case .hold(let until), .limited(let until):
      throw ForgeFault(
        kind: .limited(until: until), status: 0,
        message: "the credential is over a limit of the forge; nothing was sent",
        hint: GitHubClient.limitHint)
    case .paced(let until):
      throw ForgeFault(
        kind: .limited(until: until), status: 0,
        message: "the forge asks for a slower pace; nothing was sent", hint: GitHubClient.limitHint)
    case .down(let until):
      throw ForgeFault(
        kind: .down(until: until), status: 0,
        message: "the forge has failed again and again; nothing was sent",
        hint: "AIPM goes on by itself when the forge answers again.")
    }
  }
}
