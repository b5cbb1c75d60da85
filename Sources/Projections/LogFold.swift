import Domain
import EventLog

extension Projector {
  /// Folds a stored event in; one that cannot be read puts its stream into quarantine.
  package mutating func absorb(_ stored: StoredEvent) {
    guard let stream = stored.stream.name else { return }
    do throws(CodecFault) {
      absorb(
        try stored.leanEvent(), stream: stream, version: stored.version, position: stored.position,
        time: stored.time)
    } catch {
      _ = quarantine(stream, CorruptStream(error))
    }
  }

  /// The same.
  /// - Returns: the rows that changed.
  package mutating func fold(_ stored: StoredEvent) -> [RowChange] {
    // An event whose stream cannot be told belongs to no row; the chain's check names it.
    guard let stream = stored.stream.name else { return [] }
    do throws(CodecFault) {
      return apply(
        try stored.leanEvent(), stream: stream, version: stored.version, position: stored.position,
        time: stored.time)
    } catch {
      return quarantine(stream, CorruptStream(error))
    }
  }
}

extension CorruptStream {
  fileprivate init(_ fault: CodecFault) {
    self.init(event: fault.type, state: "unknown", reason: fault.reason)
  }
}

/// Everything about a log that can be checked event by event.
package struct LogCheck: Sendable {
  /// So many faults are told; of a log that is hurt all through, more say nothing.
  package static let faultsMax = 100

  /// What is wrong with the log, in its order.
  package private(set) var faults: [String] = []
  private var chain = ChainCheck()
  private var versions: [String: Int64] = [:]
  private var textless: Set<Int64> = []

  package init() {}

  /// Takes the next event in.
  package mutating func take(_ stored: StoredEvent) {
    if let fault = chain.take(stored) { tell(fault) }
    let last = exchangeVersion(of: stored)
    if stored.version != last + 1 {
      tell(
        "event \(stored.position) has version \(stored.version) of \(stored.stream.text), whose "
          + "next is \(last + 1)")
    }
    if stored.recomputedPayloadHash == nil { textless.insert(stored.position) }
    if stored.type == EventType.systemRedacted.rawValue,
      case .system(.redacted(let position, _)) = try? stored.leanEvent()
    {
      textless.remove(position)
    }
  }

  /// The events whose text is gone and of which no event up to here says why, in order.
  package var unexplainedRedactions: [Int64] { textless.sorted() }

  /// - Returns: the version of the stream's event before this one; 0 where there was none.
  private mutating func exchangeVersion(of stored: StoredEvent) -> Int64 {
    func exchange(_ version: inout Int64) -> Int64 {
      defer { version = stored.version }
      return version
    }
    return exchange(&versions[stored.stream.text, default: 0])
  }

  private mutating func tell(_ fault: String) {
    if faults.count < Self.faultsMax { faults.append(fault) }
  }
}

/// A replay: the views made again from events alone, and everything about the log that can be
/// checked on the way.
package struct LogFold: Sendable {
  package private(set) var projector: Projector
  package private(set) var events: Int
  package private(set) var head: LogHead
  /// The time of the last event.
  package private(set) var time: Timestamp
  private var check: LogCheck?

  /// - Parameter isChecking: whether hashes and versions are checked.
  package init(isChecking: Bool) {
    self.init(
      projector: Projector(), check: isChecking ? LogCheck() : nil, events: 0, head: .empty,
      time: Timestamp(milliseconds: 0))
  }

  /// A fold whose parts were made apart from each other, of the same events.
  package init(projector: Projector, check: LogCheck?, events: Int, head: LogHead, time: Timestamp)
  {
    self.projector = projector
    self.check = check
    self.events = events
    self.head = head
    self.time = time
  }

  /// What is wrong with the log, in its order.
  package var faults: [String] { check?.faults ?? [] }

  /// The events whose text is gone and of which no event up to here says why, in order.
  package var unexplainedRedactions: [Int64] { check?.unexplainedRedactions ?? [] }

  /// Folds the next event in.
  package mutating func take(_ stored: StoredEvent) {
    note(stored)
    projector.absorb(stored)
  }

  /// Folds the next event in, which costs more where the changes are told.
  /// - Returns: the rows that changed.
  package mutating func takeTellingChanges(_ stored: StoredEvent) -> [RowChange] {
    note(stored)
    return projector.fold(stored)
  }

  private mutating func note(_ stored: StoredEvent) {
    check?.take(stored)
    events += 1
    head = LogHead(position: stored.position, hash: stored.hash)
    time = stored.time
  }
}
