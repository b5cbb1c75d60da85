// When the credential as a whole may call: a function of what it has called and what it was told.
// It reads no clock and waits for nothing; `CallGate` does that for it.
//
// Three things hold a call back. A limit that the forge told of: until its end nothing is sent, and
// then few at once at first, one more with each answer, for many at once would run into the next
// limit before any of them has come to something. The pace that the forge asks for: who comes too
// early is promised a turn. And a breaker: a forge that fails again and again is left alone for a
// while, and then asked by one call; only when that is answered may the others follow.

import Domain

struct Governor: Sendable {
  /// What becomes of a call that wants to go out.
  enum Verdict: Equatable, Sendable {
    case go
    /// A turn is promised for this moment, which is near.
    case turn(at: Timestamp)
    /// Too many are under way, or one asks whether the forge is there again: when a call has ended
    /// this one asks anew.
    case queue
    /// Nothing is sent before that moment, which is near: then this one asks anew.
    case hold(until: Timestamp)
    case limited(until: Timestamp)
    /// A turn is promised, and it is not near.
    case paced(until: Timestamp)
    case down(until: Timestamp)
  }

  /// How a call ended, as far as this knows it.
  enum Outcome: Equatable, Sendable {
    /// The forge answered, and be it with a refusal.
    case answered
    case limited(until: Timestamp, isOpenEnded: Bool)
    /// No answer, or none of the API's.
    case failed
    /// It was not sent after all.
    case unsent
  }

  /// When a forge counts as down, and for how long it is left alone.
  struct Breaker: Equatable, Sendable {
    /// So many failures in a row, no answer between them.
    var failuresMax = 8
    var firstPause = Milliseconds.seconds(1)
    var pauseMax = Milliseconds.seconds(30)
  }

  private enum Circuit: Equatable {
    case closed
    /// Nothing is sent before that moment.
    case open(until: Timestamp, pauses: Int)
    /// One call is out to see.
    case probing(pauses: Int)
  }

  /// A turn or the end of a limit that is nearer than this is waited for without a word to the log.
  private static let patience = Milliseconds.seconds(2)
  /// Those that a limit held back come again one after the other, not all at its end.
  private static let stagger: Int64 = 25
  private static let staggeredMax: Int64 = 400
  private static let openEndedMax = Milliseconds.seconds(3600)
  /// Calls at once when a limit has ended.
  private static let windowAfterLimit = 4

  private let pace: ForgePace
  private let breaker: Breaker
  private var keeper: PaceKeeper
  private(set) var inFlight = 0
  /// How many may be under way at once: what the pace says, and less after a limit.
  private var window: Int
  private(set) var limitedUntil: Timestamp?
  /// Limits in a row that named no end, and calls that the present one held back.
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

  /// When the present limit ends, where that is near; nil where none is, or where it lasts.
  func holdEnd(at now: Timestamp) -> Timestamp? {
    guard let until = limitedUntil, now < until, until - now <= Self.patience else { return nil }
    return until
  }

  /// Until when the forge is left alone because it fails; nil where it is not.
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

  /// How many of those that wait are to ask anew: all where all are refused, none where that ends
  /// soon, else as many as there are places.
  func places(at now: Timestamp) -> Int {
    if holdEnd(at: now) != nil { return 0 }
    if let limitedUntil, now < limitedUntil { return .max }
    if downUntil(at: now) != nil { return .max }
    if case .probing = circuit { return 0 }
    return window - inFlight
  }

  /// - Parameter hasTurn: it was promised one, which has come.
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

  /// A call that was let go has ended.
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

  /// A limit that was not told to a call of ours.
  mutating func noteLimit(until: Timestamp) {
    window = min(window, Self.windowAfterLimit)
    limitedUntil = max(until, limitedUntil ?? until)
  }

  private mutating func limit(until: Timestamp, isOpenEnded: Bool, at now: Timestamp) {
    var until = until
    if isOpenEnded {
      // Those that were under way when it began are told of the same limit: it counts once.
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
