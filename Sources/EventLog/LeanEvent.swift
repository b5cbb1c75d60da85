import Domain
import Text

/// The name of a stream in an event.
package enum StreamKey: Hashable, Sendable {
  case known(StreamName)
  /// A text that isn't the name of a stream, which only a corrupt log has.
  case unknown(String)

  /// Parses a name.
  package init(_ text: String) { self = StreamName(text).map { .known($0) } ?? .unknown(text) }

  package init(_ stream: StoredEvent.Stream) {
    self = stream.name.map { .known($0) } ?? .unknown(stream.text)
  }

  /// The name in the log.
  package var text: String {
    switch self {
    case .known(let name): name.description
    case .unknown(let text): text
    }
  }
}

/// An event for a fold: without text, and with details only if a row depends on them.
package struct LeanEvent: Sendable {
  package var position: Int64
  package var stream: StreamKey
  /// The store's number of the stream; 0 if it has none. Numbers are small.
  package var number: Int64
  package var version: Int64
  package var time: Timestamp
  /// The event, or the reason why it can't be decoded.
  package var event: Result<Event, CodecFault>

  /// Reads a row.
  package init(_ row: any EventRow, stream: StreamKey, number: Int64) {
    position = row.integer(.position) ?? 0
    self.stream = stream
    self.number = number
    version = row.integer(.version) ?? 0
    time = Timestamp(milliseconds: row.integer(.time) ?? 0)
    do throws(CodecFault) {
      event = .success(
        try EventCodec.decodeLean(row, type: row.integer(.type) ?? 0, at: position) {
          row.bytes(.detail).map { Array($0) }
        })
    } catch {
      event = .failure(error)
    }
  }

  /// Reads a stored event.
  package init(_ stored: StoredEvent) {
    position = stored.position
    stream = StreamKey(stored.stream)
    number = stored.stream.number ?? 0
    version = stored.version
    time = stored.time
    do throws(CodecFault) {
      event = .success(try stored.leanEvent())
    } catch {
      event = .failure(error)
    }
  }
}

extension EventCodec {
  /// Decodes an event for a fold: without text, and with details only if a row depends on them.
  /// Most details show in no row, so a fold of millions of events parses few of them.
  /// - Throws: `CodecFault` if a fact is missing or invalid.
  static func decodeLean(
    _ facts: some FactSource, type number: Int64, at position: Int64, detail: () -> [UInt8]?
  ) throws(CodecFault) -> Event {
    let type = try EventType(number: number, at: position)
    var object: [String: JSONValue] = [:]
    if type == .requested || type.foldsDetail, let detail = detail(),
      type.foldsDetail || facts.text(.follows) != nil || hasNotices(detail)
    {
      if let plain = detail.withUnsafeBytes({ DetailMembers.plainObject($0) }) {
        object = plain
      } else {
        object = try .init(json: detail, "detail", at: position)
      }
    }
    // The start of a merge shows in no row, so neither does the merge that a commit completes.
    if type == .generated { object[mergedBaseKey] = nil }
    return try decode(FactReader(type: type, facts: facts, detail: object, text: [:]))
  }

  /// Whether a request's details contain notices. They are steps of the delegation; its other
  /// details show in no row.
  private static func hasNotices(_ detail: [UInt8]) -> Bool {
    let key = UnsafeRawBufferPointer(
      start: noticesKey.utf8Start, count: noticesKey.utf8CodeUnitCount)
    guard detail.count >= key.count else { return false }
    return (0...(detail.count - key.count)).contains { start in
      detail[start] == key[0] && detail[start + 1] == key[1]
        && detail[start..<(start + key.count)].elementsEqual(key)
    }
  }
  private static let noticesKey: StaticString = "\"notices\":"
}

extension EventType {
  /// Whether the fold of the views always reads `detail`.
  var foldsDetail: Bool {
    switch self {
    case .requested, .branchCreated, .taskCommitted, .pullRequestCreated, .dispatched, .generating,
      .pushed, .failed, .baseResolved, .stepFailed, .released, .cancelRequested,
      .retryRequested, .pullRequestUpdated, .networkUsed:
      false
    case .generated, .actionDone, .feedbackRecorded, .feedbackJudged, .roundStarted, .roundEnded,
      .roundResumed, .roundsStopped, .workerRegistered, .workerUnhealthy, .workerRecovered,
      .workerRestarted, .workerParked, .workerDraining, .workerStopped, .workerLost, .systemStarted,
      .systemRecovered, .systemRestored, .systemRedacted, .workflowDefined, .tokenCreated,
      .tokenRevoked:
      true
    }
  }
}
