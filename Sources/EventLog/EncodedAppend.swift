import Domain
import Text

/// An append whose events are encoded, without the credentials that a mask finds in their texts.
/// Callers make it on their own threads: a store's writer has one thread for all of them.
package struct EncodedAppend: Sendable {
  /// The append with masked events.
  package private(set) var append: Append
  /// The contents of its events.
  private(set) var contents: [EventContent] = []

  package var encoded: [EncodedEvent] { contents.map(\.encoded) }

  /// Each event is encoded once. An event is read back from its encoding only if something was
  /// masked in it. A workflow's definition is never masked: its digest names it.
  package init(_ append: Append, mask: SecretMask? = nil) {
    self.append = append
    var out = ByteWriter()
    contents.reserveCapacity(append.events.count)
    for (index, event) in append.events.enumerated() {
      var encoded = EventCodec.encode(event)
      if let mask, !encoded.text.isEmpty, encoded.type != .workflowDefined {
        let text = encoded.text.mapValues { $0.masked(by: mask) }
        // The facts are the event's own, so it can be read with another text.
        if text != encoded.text,
          let masked = try? EventCodec.decode(encoded.type, facts: encoded.facts, text: text)
        {
          encoded.text = text
          self.append.events[index] = masked
        }
      }
      contents.append(EventContent(encoded, &out))
    }
  }

  /// The same, with the salts and hashes of the texts, which the sealer computes otherwise.
  package init(
    _ append: Append, mask: SecretMask?, salts random: inout some RandomNumberGenerator
  ) {
    self.init(append, mask: mask)
    for index in contents.indices { contents[index].salt(using: &random) }
  }
}

/// What is written of an event that does not depend on its place in the log.
package struct EventContent: Sendable {
  package let encoded: EncodedEvent
  /// The canonical JSON of the facts.
  let facts: [UInt8]
  /// The canonical JSON of the facts that have no column; empty if all have one.
  package let detail: [UInt8]
  /// The canonical JSON of the text; empty if the event has none.
  package let body: [UInt8]
  /// nil until the text is salted, if there is one.
  private(set) var payload: (salt: [UInt8], hash: [UInt8])?

  init(_ encoded: EncodedEvent) {
    var out = ByteWriter()
    self.init(encoded, &out)
  }

  fileprivate init(_ encoded: EncodedEvent, _ out: inout ByteWriter) {
    func written(_ members: [String: JSONValue]) -> [UInt8] {
      members.isEmpty ? [] : JSONValue.object(members).canonical
    }
    self.encoded = encoded
    detail = written(encoded.facts.detail)
    body = written(encoded.text)
    out.removeAll()
    out.append(encoded.facts)
    facts = out.array
    if encoded.text.isEmpty { payload = ([], LogHash.emptyPayload) }
  }

  /// Salts and hashes the text, if that has not been done.
  mutating func salt(using random: inout some RandomNumberGenerator) {
    guard payload == nil else { return }
    let salt = (0..<2).flatMap { _ in
      let word: UInt64 = random.next()
      return (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(8 * $0)) }
    }
    payload = (salt, LogHash.payload(salt: salt, text: body))
  }
}

extension JSONValue {
  /// The same with credentials in its texts masked.
  fileprivate func masked(by mask: SecretMask) -> JSONValue {
    switch self {
    case .null, .bool, .integer, .number: self
    case .string(let text): .string(mask.masked(text))
    case .array(let items): .array(items.map { $0.masked(by: mask) })
    case .object(let members): .object(members.mapValues { $0.masked(by: mask) })
    }
  }
}
