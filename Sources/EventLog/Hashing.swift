import Cryptography
import Domain
import Text

/// The hashes of the log. HashFormat.md of the guide specifies them. A test checks an export
/// against that specification alone.
package enum LogHash {
  /// The previous hash of the first event.
  package static let genesis = [UInt8](repeating: 0, count: 32)

  /// The payload hash of an event without text: that of an empty object without salt.
  package static let emptyPayload = payload(salt: [], text: Array("{}".utf8))

  /// SHA-256 over the salt and the canonical JSON of the text.
  package static func payload(salt: [UInt8], text: [UInt8]) -> [UInt8] {
    var hasher = SHA256()
    hasher.update(salt)
    hasher.update(text)
    return hasher.finish()
  }

  /// SHA-256 over the envelope: each field as its length in four bytes, most significant first,
  /// and its UTF-8. After a tag, the fields have the order of the parameters.
  /// - Parameter facts: their canonical JSON.
  package static func leaf(
    position: Int64, id: String, stream: String, version: Int64, type: String, schema: Int,
    time: Timestamp, actor: Actor, correlation: String?, causation: String?,
    facts: [UInt8], payloadHash: [UInt8]
  ) -> [UInt8] {
    var out = ByteWriter(capacity: 512 + facts.count)
    out.appendLeaf(
      position: position, id: id, stream: stream, version: version, type: type, schema: schema,
      time: time, actor: actor, correlation: correlation, causation: causation, facts: facts,
      payloadHash: payloadHash)
    return SHA256.hash(out.array)
  }

  /// SHA-256 over the hash of the event before and this event's leaf, 32 bytes each.
  package static func chain(previous: [UInt8], leaf: [UInt8]) -> [UInt8] {
    var hasher = SHA256()
    hasher.update(previous)
    hasher.update(leaf)
    return hasher.finish()
  }

  /// The leaf of a stored event.
  /// - Throws: `CodecFault` if its type, its actor's kind or its details are invalid.
  package static func leaf(of event: StoredEvent) throws(CodecFault) -> [UInt8] {
    func uuid(_ bytes: [UInt8]) -> String {
      // `UUIDText` takes sixteen bytes, and a corrupt id may have another number of them.
      bytes.count == 16 ? UUIDText.encode(bytes) : Hex.encode(bytes)
    }
    return leaf(
      position: event.position, id: uuid(event.id), stream: event.stream.text,
      version: event.version, type: try event.knownType().name, schema: Int(event.schema),
      time: event.time, actor: Actor(kind: try event.knownActorKind(), name: event.actor),
      correlation: event.correlation, causation: event.causation.map { uuid($0) },
      facts: JSONValue.object(try event.allFacts().object).canonical,
      payloadHash: event.payloadHash)
  }
}

extension ByteWriter {
  /// Appends what `LogHash.leaf` hashes.
  mutating func appendLeaf(
    position: Int64, id: String, stream: String, version: Int64, type: String, schema: Int,
    time: Timestamp, actor: Actor, correlation: String?, causation: String?,
    facts: [UInt8], payloadHash: [UInt8]
  ) {
    field { $0.append("aipm-event-1" as StaticString) }
    field { $0.append(decimal: position) }
    field(id)
    field(stream)
    field { $0.append(decimal: version) }
    field(type)
    field { $0.append(decimal: Int64(schema)) }
    field { $0.append(iso8601: time) }
    field(actor.kind.rawValue)
    field(actor.name)
    field(correlation ?? "")
    field(causation ?? "")
    field { $0.append(facts) }
    field { out in payloadHash.withUnsafeBytes { out.append(hex: $0) } }
  }
}
