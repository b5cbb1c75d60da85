import Domain
import Text

/// A stream of the log: that of a delegation, of a worker, or of the system.
package enum StreamName: Hashable, Sendable, CustomStringConvertible {
  case delegation(DelegationID)
  case worker(WorkerID)
  case system

  package var description: String {
    switch self {
    case .delegation(let id): "delegation-\(id)"
    case .worker(let id): "worker-\(id)"
    case .system: "system"
    }
  }

  /// Parses a name; nil if it isn't the name of a stream.
  package init?(_ text: String) {
    if text == "system" {
      self = .system
    } else if text.hasPrefix("delegation-") {
      self = .delegation(DelegationID(String(text.dropFirst("delegation-".count))))
    } else if text.hasPrefix("worker-") {
      self = .worker(WorkerID(String(text.dropFirst("worker-".count))))
    } else {
      return nil
    }
  }
}

/// Who caused an event.
package struct Actor: Hashable, Sendable {
  /// What kind of actor it is.
  package enum Kind: String, CaseIterable, Sendable { case user, worker, system, forge }
  package var kind: Kind
  package var name: String
  package init(kind: Kind, name: String) {
    self.kind = kind
    self.name = name
  }
  package static let system = Actor(kind: .system, name: "aipm")
}

/// One event of the log with its envelope.
package struct RecordedEvent: Equatable, Sendable {
  /// 1, 2, 3 … in the log, without a gap.
  package var position: Int64
  /// A UUIDv7 in its usual lowercase text.
  package var id: String
  package var stream: StreamName
  /// 1, 2, 3 … in the stream.
  package var version: Int64
  package var schema: Int
  /// Never before the time of the previous event.
  package var time: Timestamp
  package var actor: Actor
  /// The delegation's id, or the worker's name.
  package var correlation: String?
  /// The id of the event that caused this one.
  package var causation: String?
  package var event: Event
  /// 16 random bytes; empty if the event has no text, or its text was redacted.
  package var salt: [UInt8]
  /// The SHA-256 of salt and text.
  package var payloadHash: [UInt8]
  /// The hash of the previous event's hash and of this event's leaf.
  package var hash: [UInt8]

  /// Whether the event had a text that was redacted.
  package var isRedacted: Bool { salt.isEmpty && payloadHash != LogHash.emptyPayload }

  /// The event after a redaction of its text.
  /// - Throws: `CodecFault` if it can't be decoded without the text.
  package func withoutText() throws(CodecFault) -> RecordedEvent {
    let encoded = EventCodec.encode(event)
    var empty = self
    empty.event = try EventCodec.decode(encoded.type, facts: encoded.facts, text: nil)
    empty.salt = []
    return empty
  }

  /// The envelope of the API, `aipm export` and JSONL.
  package var json: JSONValue {
    let encoded = EventCodec.encode(event)
    var data = encoded.facts.object
    if !salt.isEmpty, !encoded.text.isEmpty { data["text"] = .object(encoded.text) }
    var envelope: [String: JSONValue] = [
      "position": .integer(position), "id": .string(id),
      "stream": .string(stream.description), "version": .integer(version),
      "type": .string(encoded.type.name), "schema": .integer(Int64(schema)),
      "time": .string(time.iso8601),
      "actor": .object(["kind": .string(actor.kind.rawValue), "name": .string(actor.name)]),
      "data": .object(data), "salt": .string(Hex.encode(salt)),
      "payloadHash": .string(Hex.encode(payloadHash)), "hash": .string(Hex.encode(hash)),
    ]
    envelope["correlation"] = correlation.map { .string($0) } ?? .null
    envelope["causation"] = causation.map { .string($0) } ?? .null
    return .object(envelope)
  }
}
