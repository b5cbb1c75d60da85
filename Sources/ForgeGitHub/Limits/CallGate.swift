import Domain
import ForgePort
import Synchronization

/// Applies the governor's decisions: delays calls and wakes those that wait.
final class CallGate: Sendable {
  private typealias Caller = CheckedContinuation<Governor.Verdict?, Never>

  private struct State {
    var governor: Governor
    /// In the order of arrival.
    var waiting: [Caller] = []
    /// When they will be woken because a limit ends; nil if no wake-up is set.
    var wakesAt: Timestamp?

    /// Removes the callers that should ask again.
    mutating func next(at now: Timestamp) -> [Caller] {
      let count = min(governor.places(at: now), waiting.count)
      defer { waiting.removeFirst(max(count, 0)) }
      return Array(waiting.prefix(max(count, 0)))
    }
  }

  /// A bound: each delegation has a few calls at most.
  private static let waitingMax = 10_000

  private let state: Mutex<State>
  private let now: @Sendable () -> Timestamp

  init(pace: ForgePace, now: @escaping @Sendable () -> Timestamp) {
    state = Mutex(State(governor: Governor(pace: pace)))
    self.now = now
  }

  /// The time until which nothing is sent, because of a limit or because the forge is down.
  var closedUntil: (limited: Timestamp?, down: Timestamp?) {
    let now = now()
    return state.withLock { state in
      let limited = state.governor.limitedUntil.flatMap { now < $0 ? $0 : nil }
      return (limited, state.governor.downUntil(at: now))
    }
  }

  /// Returns when no limit forbids a call. It waits for a limit that ends soon.
  /// - Throws: `ForgeFault` with the end of a limit that does not end soon.
  func pass() async throws(ForgeFault) {
    while let verdict = state.withLock({ $0.governor.refusal(at: now()) }) {
      guard case .hold(let until) = verdict else { return try refuse(verdict) }
      do { try await Task.sleep(for: .milliseconds(max(0, (until - now()).count))) } catch {
        return try refuse(.limited(until: until))
      }
    }
  }

  /// Returns when the call may be sent. The caller must call `leave` afterwards.
  /// - Throws: `ForgeFault` with the time of the next turn, if that is not soon.
  func enter(_ cost: CallCost) async throws(ForgeFault) {
    var hasTurn = false
    while true {
      // nil: a place may be free, ask again.
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
        // This caller does not take the free place that it was woken for.
        case .turn, .limited, .paced, .down: return (verdict, state.next(at: now()))
        }
      }
      if let verdict { caller.resume(returning: verdict) }
      for one in next { one.resume(returning: nil) }
      wakeAfterHold()
    }
  }

  /// Schedules the wake-up of callers that wait for the end of a limit.
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
      // The clock may have been set back, or another limit may have begun.
      wakeAfterHold()
    }
  }

  /// Records that the call has ended.
  func leave(_ outcome: Governor.Outcome) {
    let next = state.withLock { state in
      state.governor.ended(outcome, at: now())
      return state.next(at: now())
    }
    for one in next { one.resume(returning: nil) }
    wakeAfterHold()
  }

  /// Records a limit that git met with the same credential.
  /// - Returns: the time until which nothing is sent.
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
        kind: .limited(until: now() + .seconds(1)),
        message: "too many calls wait for the forge; nothing was sent",
        hint: GitHubClient.limitHint)
    case .hold(let until), .limited(let until):
      throw ForgeFault(
        kind: .limited(until: until),
        message: "the credential is over a limit of the forge; nothing was sent",
        hint: GitHubClient.limitHint)
    case .paced(let until):
      throw ForgeFault(
        kind: .limited(until: until),
        message: "the forge asks for a slower pace; nothing was sent", hint: GitHubClient.limitHint)
    case .down(let until):
      throw ForgeFault(
        kind: .down(until: until),
        message: "the forge has failed again and again; nothing was sent",
        hint: "AIPM goes on by itself when the forge answers again.")
    }
  }
}
