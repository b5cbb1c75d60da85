import NIOCore

/// What a connection is doing, and until when it may go on so: a pure function of what was seen of
/// it and of the time. The handler tells it what happens, and asks it when to look again.
struct ConnectionClock {
  /// What has to be done with a connection.
  enum Verdict: Equatable {
    case goOn
    /// Nobody waits for an answer, or the one under way is lost.
    case close
    /// The request came too slowly, and its client can still be told.
    case answerTimeout
  }

  private let limits: ServingLimits
  /// When the phase began that waits for a request's head.
  private var waitsSince: NIODeadline
  private var requests = 0
  private var answers = 0
  /// A request's head has come and its end has not.
  private var isReceiving = false
  /// An answer's head has been written and its end has not.
  private var isAnswering = false
  /// Since when the server wants bytes and has got none.
  private var wantsSince: NIODeadline?
  /// How long bytes of this body were waited for until `wantsSince`.
  private var waited = TimeAmount.zero
  private var bodyBytes = 0
  /// Since when an answer is complete whose request is not.
  private var lingersSince: NIODeadline?
  /// Since when the client takes nothing.
  private var blockedSince: NIODeadline?

  init(_ limits: ServingLimits, at now: NIODeadline) {
    self.limits = limits
    waitsSince = now
  }

  // MARK: What happens

  mutating func head(at now: NIODeadline) {
    requests += 1
    isReceiving = true
    (bodyBytes, waited) = (0, .zero)
    if wantsSince != nil { wantsSince = now }
  }

  /// Part of a body has come.
  mutating func body(_ bytes: Int, at now: NIODeadline) {
    bodyBytes += bytes
    received(at: now)
  }

  /// A request has come to its end.
  mutating func end(at now: NIODeadline) {
    isReceiving = false
    lingersSince = nil
    wantsSince = nil
    if requests == answers { waitsSince = now }
  }

  /// The server wants more of what the client sends.
  mutating func wants(at now: NIODeadline) {
    if wantsSince == nil { wantsSince = now }
  }

  /// All that had come was handed on.
  mutating func received(at now: NIODeadline) {
    guard let since = wantsSince else { return }
    waited = waited + (now - since)
    wantsSince = nil
  }

  mutating func answerBegins() { isAnswering = true }

  mutating func answerEnds(at now: NIODeadline) {
    isAnswering = false
    answers += 1
    guard requests == answers else { return }
    if isReceiving { lingersSince = now } else { waitsSince = now }
  }

  /// What came is no HTTP. It is told so, and what follows is passed over.
  mutating func failed(at now: NIODeadline) { lingersSince = lingersSince ?? now }

  mutating func blocked(_ isBlocked: Bool, at now: NIODeadline) {
    blockedSince = isBlocked ? blockedSince ?? now : nil
  }

  // MARK: What follows

  /// When the connection's time is up, as things stand; nil: it may take as long as it likes.
  var deadline: NIODeadline? {
    var first: NIODeadline?
    func consider(_ moment: NIODeadline) { first = min(first ?? moment, moment) }
    if requests == answers, !isReceiving {
      consider(
        waitsSince + TimeAmount(requests == 0 ? limits.headTimeout : limits.idleTimeout))
    }
    if isReceiving, let wantsSince {
      let stall = TimeAmount(limits.bodyStallTimeout)
      let earned = TimeAmount.milliseconds(
        Int64(bodyBytes) * 1000 / Int64(max(limits.bodyBytesPerSecondMin, 1)))
      consider(wantsSince + min(stall, stall + earned - waited))
    }
    if let lingersSince { consider(lingersSince + TimeAmount(limits.lingerTimeout)) }
    if let blockedSince { consider(blockedSince + TimeAmount(limits.writeStallTimeout)) }
    return first
  }

  func verdict(at now: NIODeadline) -> Verdict {
    guard let deadline, deadline <= now else { return .goOn }
    // Only a client that waits for the answer to this very request can be told.
    let isUnanswered = isReceiving && !isAnswering && requests == answers + 1
    return isUnanswered && blockedSince == nil ? .answerTimeout : .close
  }

  /// What the connection is worth when another one needs its room.
  var standing: Standing {
    if lingersSince != nil { return Standing(.spent, since: waitsSince, bodyBytes: 0) }
    if requests == answers, !isReceiving {
      return Standing(requests == 0 ? .fresh : .kept, since: waitsSince, bodyBytes: 0)
    }
    if isReceiving, !isAnswering {
      return Standing(.receiving, since: waitsSince, bodyBytes: bodyBytes)
    }
    return Standing(.answering, since: waitsSince, bodyBytes: bodyBytes)
  }
}

/// How a connection compares with others when there is no room for all.
struct Standing: Equatable {
  enum Phase {
    case fresh, receiving, kept, answering
    /// It was told all that it will be told, and goes on sending.
    case spent
  }

  var phase: Phase
  /// When it began to wait for the head of its latest request.
  var since: NIODeadline
  /// What has come of the body that is under way.
  var bodyBytes: Int

  init(_ phase: Phase, since: NIODeadline, bodyBytes: Int) {
    self.phase = phase
    self.since = since
    self.bodyBytes = bodyBytes
  }

  /// Which one gives way first: the lowest. First those that have their answer and go on sending,
  /// and those that said nothing for a second, the oldest before the others; then bodies that come
  /// slower than any network sends them, the slowest first; then kept connections; last those that
  /// came within this second, whatever they do, the oldest first. A connection whose request is
  /// complete never gives way, nor one whose body comes fast: it gets its answer.
  func rank(at now: NIODeadline) -> (group: Int, value: Int64)? {
    let age = now - since
    let oldestFirst = Int64(clamping: since.uptimeNanoseconds)
    switch phase {
    case .spent: return (0, oldestFirst)
    case .fresh: return (age > .seconds(1) ? 0 : 3, oldestFirst)
    case .receiving:
      guard age > .seconds(1) else { return (3, oldestFirst) }
      let bytesPerSecond = Int64(bodyBytes) * 1000 / max(age.nanoseconds / 1_000_000, 1)
      return bytesPerSecond < 16 << 10 ? (1, bytesPerSecond) : nil
    case .kept: return (2, oldestFirst)
    case .answering: return nil
    }
  }
}
