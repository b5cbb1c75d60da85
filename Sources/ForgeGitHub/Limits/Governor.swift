// Decides when a credential may send calls, as a function of its calls and their outcomes. It reads
// no clock and does not wait; `CallGate` does that.
//
// Three things delay a call:
// - A limit that GitHub reported. Nothing is sent before its end. Afterwards few calls go at the
//   same time, and one more with each answer: many would meet the next limit before any is done.
// - The pace that GitHub asks for. A call that comes too early is promised a turn.
// - A circuit breaker. If the forge fails again and again, calls pause. Then one call tests it, and
//   the others follow when that one is answered.

import Domain

struct Governor: Sendable {
  /// The decision about a call.
  enum Verdict: Equatable, Sendable {
    case go
    /// A turn is promised for this time, which is near.
    case turn(at: Timestamp)
    /// Too many calls are under way, or one tests the forge. Ask again when a call has ended.
    case queue
    /// Nothing is sent before this time, which is near. Then ask again.
    case hold(until: Timestamp)
    case limited(until: Timestamp)
    /// A turn is promised for this time, which is not near.
    case paced(until: Timestamp)
    case down(until: Timestamp)
  }

  /// How a call ended.
  enum Outcome: Equatable, Sendable {
    /// The forge answered, perhaps with a refusal.
    case answered
    case limited(until: Timestamp, isOpenEnded: Bool)
    /// There was no answer, or one with status 500 or above.
    case failed
    /// It was not sent.
    case unsent
  }

  /// When a forge counts as down, and how long calls pause.
  struct Breaker: Equatable, Sendable {
    /// Consecutive failures.
    var failuresMax = 8
    var firstPause = Milliseconds.seconds(1)
    var pauseMax = Milliseconds.seconds(30)
  }

  private enum Circuit: Equatable {
    case closed
    /// Nothing is sent before `until`.
    case open(until: Timestamp, pauses: Int)
    /// One call tests the forge.
    case probing(pauses: Int)
  }

  /// A nearer turn or end of a limit is waited for without an event in the log.
  private static let patience = Milliseconds.seconds(2)
  /// Calls that a limit held back come again one after the other, not all at its end.
  private static let stagger: Int64 = 25
  private static let staggeredMax: Int64 = 400
  private static let openEndedMax = Milliseconds.seconds(3600)
  /// Calls at the same time after a limit.
  private static let windowAfterLimit = 4

  private let pace: ForgePace
  private let breaker: Breaker
  private var keeper: PaceKeeper
  private(set) var inFlight = 0
  /// How many calls may be under way: as the pace says, and fewer after a limit.
  private var window: Int
  private(set) var limitedUntil: Timestamp?
  /// Consecutive limits without an end, and calls that the present limit held back.
  private var openEnded = 0
  private var heldBack: Int64 = 0
  private var failures = 0
  private var circuit = Circuit.closed

  init(pace: ForgePace, breaker: Breaker = Breaker()) {
    self.pace = pace
    self.breaker = breaker
    keeper = PaceKeeper(pace)
    window = pace.callsAtOnce
  }

  /// The end of the present limit if it is near; nil if it is not, or there is no limit.
  func holdEnd(at now: Timestamp) -> Timestamp? {
    guard let until = limitedUntil, now < until, until - now <= Self.patience else { return nil }
    return until
  }

  /// Until when calls pause because the forge fails; nil if they do not.
  func downUntil(at now: Timestamp) -> Timestamp? {
    guard case .open(let until, _) = circuit, now < until else { return nil }
    return until
  }

  /// Whether anything forbids every call at this moment.
  mutating func refusal(at now: Timestamp) -> Verdict? {
    if let until = holdEnd(at: now) { return .hold(until: until) }
    if let until = limitedUntil {
      if now < until {
        defer { heldBack += 1 }
        let later = Milliseconds(heldBack % Self.staggeredMax * Self.stagger)
        return .limited(until: until + later)
      }
      limitedUntil = nil
      heldBack = 0
    }
    return downUntil(at: now).map { .down(until: $0) }
  }

  /// How many waiting calls should ask again: all if all are refused, none if a limit ends soon,
  /// otherwise as many as there are free places.
  func places(at now: Timestamp) -> Int {
    if holdEnd(at: now) != nil { return 0 }
    if let limitedUntil, now < limitedUntil { return .max }
    if downUntil(at: now) != nil { return .max }
    if case .probing = circuit { return 0 }
    return window - inFlight
  }

  /// - Parameter hasTurn: whether the call was promised a turn that has come.
  mutating func admit(_ cost: CallCost, hasTurn: Bool, at now: Timestamp) -> Verdict {
    if let refusal = refusal(at: now) { return refusal }
    if case .probing = circuit { return .queue }
    guard inFlight < window else { return .queue }
    if !hasTurn, let turn = keeper.take(cost, at: now) {
      return turn - now <= Self.patience ? .turn(at: turn) : .paced(until: turn)
    }
    if case .open(_, let pauses) = circuit { circuit = .probing(pauses: pauses) }
    inFlight += 1
    return .go
  }

  /// Records that a call has ended.
  mutating func ended(_ outcome: Outcome, at now: Timestamp) {
    inFlight -= 1
    switch outcome {
    case .answered:
      window = min(window + 1, pace.callsAtOnce)
      failures = 0
      openEnded = 0
      circuit = .closed
    case .limited(let until, let isOpenEnded):
      failures = 0
      circuit = .closed
      limit(until: until, isOpenEnded: isOpenEnded, at: now)
    case .failed:
      failures += 1
      trip(at: now)
    case .unsent:
      if case .probing(let pauses) = circuit { circuit = .open(until: now, pauses: pauses) }
    }
  }

  /// Records a limit that git met.
  mutating func noteLimit(until: Timestamp) {
    window = min(window, Self.windowAfterLimit)
    limitedUntil = max(until, limitedUntil ?? until)
  }

  private mutating func limit(until: Timestamp, isOpenEnded: Bool, at now: Timestamp) {
    var until = until
    if isOpenEnded {
      // Calls that were under way when it began report the same limit: it counts once.
      if limitedUntil.map({ now >= $0 }) ?? true {
        until = now + min(Milliseconds(60_000 << Int64(min(openEnded, 6))), Self.openEndedMax)
        openEnded += 1
      } else {
        until = limitedUntil ?? until
      }
    }
    noteLimit(until: until)
  }

  private mutating func trip(at now: Timestamp) {
    switch circuit {
    case .closed:
      guard failures >= breaker.failuresMax else { return }
      circuit = .open(until: now + breaker.firstPause, pauses: 1)
    case .open: break
    case .probing(let pauses):
      let pause = min(
        Milliseconds(breaker.firstPause.count << Int64(min(pauses, 20))), breaker.pauseMax)
      circuit = .open(until: now + pause, pauses: pauses + 1)
    }
  }
}
