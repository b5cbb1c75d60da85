import NIOCore

/// The deadlines of a connection: a pure function of its events and the time. The handler reports
/// events and asks for the next deadline.
struct ConnectionClock {
  /// What to do with a connection.
  enum Verdict: Equatable {
    case goOn
    /// No response is expected, or the current one cannot be completed.
    case close
    /// The request came too slowly, and the client can still get a response.
    case answerTimeout
  }

  private let limits: ServingLimits
  /// When the wait for a request's head began.
  private var waitsSince: NIODeadline
  private var requests = 0
  private var answers = 0
  /// A request's head has come and its end has not.
  private var isReceiving = false
  /// A response's head has been written and its end has not.
  private var isAnswering = false
  /// When the server began to wait for bytes; nil if it does not wait.
  private var wantsSince: NIODeadline?
  /// How long the server has waited for this body until `wantsSince`.
  private var waited = TimeAmount.zero
  private var bodyBytes = 0
  /// When a response was completed before its request.
  private var lingersSince: NIODeadline?
  /// When the client stopped reading.
  private var blockedSince: NIODeadline?

  init(_ limits: ServingLimits, at now: NIODeadline) {
    self.limits = limits
    waitsSince = now
  }

  // MARK: Events

  mutating func head(at now: NIODeadline) {
    requests += 1
    isReceiving = true
    (bodyBytes, waited) = (0, .zero)
    if wantsSince != nil { wantsSince = now }
  }

  /// A part of a body has come.
  mutating func body(_ bytes: Int, at now: NIODeadline) {
    bodyBytes += bytes
    received(at: now)
  }

  /// A request is complete.
  mutating func end(at now: NIODeadline) {
    isReceiving = false
    lingersSince = nil
    wantsSince = nil
    if requests == answers { waitsSince = now }
  }

  /// The server waits for more bytes.
  mutating func wants(at now: NIODeadline) {
    if wantsSince == nil { wantsSince = now }
  }

  /// Everything received was passed on.
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

  /// The bytes are not valid HTTP. The client gets an error, and further bytes are ignored.
  mutating func failed(at now: NIODeadline) { lingersSince = lingersSince ?? now }

  mutating func blocked(_ isBlocked: Bool, at now: NIODeadline) {
    blockedSince = isBlocked ? blockedSince ?? now : nil
  }

  // MARK: Deadlines

  /// When the connection times out; nil for never.
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
    // Only a client that waits for the response to this request can get the error.
    let isUnanswered = isReceiving && !isAnswering && requests == answers + 1
    return isUnanswered && blockedSince == nil ? .answerTimeout : .close
  }

  /// The connection's rank when another one needs its slot.
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

/// Which connections are closed first when all slots are in use.
struct Standing: Equatable {
  enum Phase {
    case fresh, receiving, kept, answering
    /// It has its final response and still sends.
    case spent
  }

  var phase: Phase
  /// When it began to wait for the head of its latest request.
  var since: NIODeadline
  /// The received bytes of the current body.
  var bodyBytes: Int

  init(_ phase: Phase, since: NIODeadline, bodyBytes: Int) {
    self.phase = phase
    self.since = since
    self.bodyBytes = bodyBytes
  }

  /// The order in which connections are closed, lowest first; nil for never. First the ones that
  /// have their response and still send, and the ones without a request for a second, oldest first.
  /// Then bodies that are slower than any network, slowest first. Then idle kept connections. Last
  /// the ones that are younger than a second, oldest first. A connection with a complete request,
  /// or with a fast body, is never closed: it gets its response.
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
