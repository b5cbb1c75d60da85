import Cryptography
import Domain
import Text

/// Events as they are stored, whether or not this program can decode them. An event is unreadable
/// if its type is unknown or one of its columns is corrupt. Readers of the log show such an event
/// with its columns and the reason, and continue with the next one.
extension StoredEvent {
  /// The type in the envelope of an event that cannot be decoded. It is not the type of any event,
  /// so a client that selects by type ignores such an envelope.
  package static let unreadableType = "unreadable"

  /// A decoded event, as a store keeps it.
  package init(_ event: RecordedEvent) {
    let encoded = EventCodec.encode(event.event)
    var facts = encoded.facts
    facts.detail = [:]
    let detail = encoded.facts.detail
    self.init(
      position: event.position, id: UUIDText.decode(event.id) ?? [],
      stream: Stream(event.stream.description), version: event.version,
      type: Int64(encoded.type.rawValue), schema: Int64(event.schema), time: event.time,
      actorKind: event.actor.kind.rawValue, actor: event.actor.name,
      correlation: event.correlation, causation: event.causation.flatMap { UUIDText.decode($0) },
      facts: facts, detail: detail.isEmpty ? nil : JSONValue.object(detail).canonicalText,
      payloadHash: event.payloadHash, hash: event.hash, salt: event.salt,
      body: event.salt.isEmpty ? [] : JSONValue.object(encoded.text).canonical)
  }

  /// The name of its type in the envelope.
  package var typeName: String { (try? recorded())?.event.name ?? Self.unreadableType }

  /// True if there was a text and it was redacted.
  package var isRedacted: Bool { salt.isEmpty && payloadHash != LogHash.emptyPayload }

  /// Why its text cannot be redacted; nil if the event itself allows it.
  package var redactionFault: RedactionFault? {
    if type == Int64(EventType.workflowDefined.rawValue) { return .definition(position) }
    if isRedacted { return .redactedBefore(position) }
    return salt.isEmpty ? .noText(position) : nil
  }

  /// The envelope of the API, `aipm export` and JSONL. If the event cannot be decoded, the type is
  /// `unreadable`, the data is null, and the member `unreadable` has the reason and the columns.
  package var json: JSONValue {
    do throws(CodecFault) {
      return try recorded().json
    } catch {
      return unreadable(error)
    }
  }

  private func unreadable(_ fault: CodecFault) -> JSONValue {
    func text(_ text: String?) -> JSONValue { text.map { .string($0) } ?? .null }
    return .object([
      "position": .integer(position), "id": .string(UUIDText.encode(id)),
      "stream": .string(stream.text), "version": .integer(version),
      "type": .string(Self.unreadableType), "schema": .integer(schema),
      "time": .string(time.iso8601),
      "actor": .object(["kind": .string(actorKind), "name": .string(actor)]),
      "correlation": text(correlation), "causation": text(causation.map { UUIDText.encode($0) }),
      "data": .null, "salt": .string(Hex.encode(salt)),
      "payloadHash": .string(Hex.encode(payloadHash)), "hash": .string(Hex.encode(hash)),
      "unreadable": .object([
        "reason": .string("\(fault)"), "type": .integer(type), "columns": .object(facts.object),
        "detail": text(detail),
        "text": body.isEmpty ? .null : .string(String(decoding: body, as: UTF8.self)),
      ]),
    ])
  }
}
