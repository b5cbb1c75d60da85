import Domain

/// A stream as an event names it.
package enum StreamKey: Hashable, Sendable {
  case known(StreamName)
  /// A text that names no stream, which only a hurt log holds.
  case unknown(String)

  /// Reads a stream's name.
  package init(_ text: String) { self = StreamName(text).map { .known($0) } ?? .unknown(text) }

  package init(_ stream: StoredEvent.Stream) {
    self = stream.name.map { .known($0) } ?? .unknown(stream.text)
  }

  /// As it stands in the log.
  package var text: String {
    switch self {
    case .known(let name): name.description
    case .unknown(let text): text
    }
  }
}

/// An event as a fold takes it: without words, and with details only where a row depends on them.
package struct LeanEvent: Sendable {
  package var position: Int64
  package var stream: StreamKey
  /// What the store calls the stream: small numbers, each for one stream; 0 where it has none.
  package var number: Int64
  package var version: Int64
  package var time: Timestamp
  /// Why it cannot be read, where it cannot.
  package var event: Result<Event, CodecFault>

  /// Reads a row.
  package init(_ row: any EventRow, stream: StreamKey, number: Int64) {
    position = row.integer(.position) ?? 0
    self.stream = stream
    self.number = number
    version = row.integer(.version) ?? 0
    time = Timestamp(milliseconds: row.integer(.time) ?? 0)
    do throws(CodecFault) {
      let number = row.integer(.type) ?? 0
      guard let type = EventType(rawValue: Int(number)) else {
        throw CodecFault(type: "event \(position)", reason: "type \(number) is not known")
      }
      let detail =
        LeanDetail.isRead(for: type)
        ? try LeanDetail.read(row.bytes(.detail).map { Array($0) }, of: type, at: position) : [:]
      event = .success(
        try EventCodec.decode(FactReader(type: type, facts: row, detail: detail, text: [:])))
    } catch {
      event = .failure(error)
    }
  }

  /// The same of an event that was read whole.
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

/// What a fold reads of the details of an event. Of what most events keep there no row shows
/// anything, so a fold of millions parses none of it.
enum LeanDetail {
  /// Whether a fold looks at the details of such events at all.
  static func isRead(for type: EventType) -> Bool { type == .requested || type.foldsDetail }

  /// - Throws: `CodecFault` where a row depends on the details, and they are no JSON object.
  static func read(
    _ detail: [UInt8]?, of type: EventType, at position: Int64
  ) throws(CodecFault) -> [String: JSONValue] {
    guard let detail, type.foldsDetail || (type == .requested && asksForNotices(detail)) else {
      return [:]
    }
    guard let json = try? JSONValue(json: detail), let object = json.objectValue else {
      throw CodecFault(type: "event \(position)", reason: "its detail is no JSON object")
    }
    return object
  }

  /// Whether notices stand in the details of a request: they are steps of the delegation, and all
  /// else that stands there shows in no row.
  private static func asksForNotices(_ detail: [UInt8]) -> Bool {
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
  /// Whether the fold of the views always reads what stands in `detail`.
  var foldsDetail: Bool {
    switch self {
    case .requested, .branchCreated, .taskCommitted, .pullRequestCreated, .dispatched, .generating,
      .pushed, .failed, .baseResolved, .generated, .stepFailed, .released, .cancelRequested,
      .retryRequested, .pullRequestUpdated, .networkUsed:
      false
    case .actionDone, .workerRegistered, .workerUnhealthy, .workerRecovered, .workerRestarted,
      .workerParked, .workerDraining, .workerStopped, .workerLost, .systemStarted,
      .systemRecovered, .systemRestored, .systemRedacted, .workflowDefined:
      true
    }
  }
}
