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

/// A replay: the views made again from events alone, and everything about the log that can be
/// checked on the way.
package struct LogFold: Sendable {
  /// So many faults are told; of a log that is hurt all through, more say nothing.
  package static let faultsMax = 100

  package private(set) var projector = Projector()
  package private(set) var events = 0
  package private(set) var head = LogHead.empty
  /// The time of the last event.
  package private(set) var time = Timestamp(milliseconds: 0)
  /// What is wrong with the log, in its order.
  package private(set) var faults: [String] = []
  private var chain: ChainCheck?
  private var versions: [String: Int64] = [:]
  private var textless: Set<Int64> = []

  /// - Parameter isChecking: whether hashes and versions are checked.
  package init(isChecking: Bool) { chain = isChecking ? ChainCheck() : nil }

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
    if chain != nil { check(stored) }
    events += 1
    head = LogHead(position: stored.position, hash: stored.hash)
    time = stored.time
  }

  private mutating func check(_ stored: StoredEvent) {
    if let fault = chain?.take(stored) { tell(fault) }
    let version = (versions[stored.stream.text] ?? 0) + 1
    if stored.version != version {
      tell(
        "event \(stored.position) has version \(stored.version) of \(stored.stream.text), whose "
          + "next is \(version)")
    }
    versions[stored.stream.text] = stored.version
    if stored.recomputedPayloadHash == nil { textless.insert(stored.position) }
    if stored.type == EventType.systemRedacted.rawValue,
      case .system(.redacted(let position, _)) = try? stored.leanEvent()
    {
      textless.remove(position)
    }
  }

  /// The events whose text is gone and of which no event up to here says why, in order.
  package var unexplainedRedactions: [Int64] { textless.sorted() }

  private mutating func tell(_ fault: String) {
    if faults.count < Self.faultsMax { faults.append(fault) }
  }
}
