import Cryptography
import Domain

/// The hashes that make the log evidence. HashFormat.md of the guide repeats these definitions in
/// prose; a test checks an export against that prose alone.
package enum LogHash {
  /// What the first event's chain starts from.
  package static let genesis = [UInt8](repeating: 0, count: 32)

  /// The payload hash of every event that has no text: that of an empty object without salt.
  package static let emptyPayload = payload(salt: [], text: Array("{}".utf8))

  /// SHA-256 over the salt and the canonical JSON of the text.
  package static func payload(salt: [UInt8], text: [UInt8]) -> [UInt8] {
    var hasher = SHA256()
    hasher.update(salt)
    hasher.update(text)
    return hasher.finish()
  }

  /// SHA-256 over the envelope: each field as its length in four bytes, most significant first,
  /// and its UTF-8. The order of the fields is that of the parameters, after a domain tag.
  /// - Parameter facts: their canonical JSON.
  package static func leaf(
    position: Int64, id: String, stream: String, version: Int64, type: String, schema: Int,
    time: Timestamp, actor: Actor, correlation: String?, causation: String?,
    facts: [UInt8], payloadHash: [UInt8]
  ) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(512 + facts.count)
    func length(_ count: Int) {
      let count = UInt32(count)
      bytes.append(UInt8(truncatingIfNeeded: count >> 24))
      bytes.append(UInt8(truncatingIfNeeded: count >> 16))
      bytes.append(UInt8(truncatingIfNeeded: count >> 8))
      bytes.append(UInt8(truncatingIfNeeded: count))
    }
    func field(_ text: String.UTF8View) {
      length(text.count)
      bytes.append(contentsOf: text)
    }
    field("aipm-event-1".utf8)
    field(String(position).utf8)
    field(id.utf8)
    field(stream.utf8)
    field(String(version).utf8)
    field(type.utf8)
    field(String(schema).utf8)
    field(time.iso8601.utf8)
    field(actor.kind.rawValue.utf8)
    field(actor.name.utf8)
    field((correlation ?? "").utf8)
    field((causation ?? "").utf8)
    length(facts.count)
    bytes.append(contentsOf: facts)
    field(Hex.encode(payloadHash).utf8)
    return SHA256.hash(bytes)
  }

  /// SHA-256 over the hash of the event before and this event's leaf, 32 bytes each.
  package static func chain(previous: [UInt8], leaf: [UInt8]) -> [UInt8] {
    var hasher = SHA256()
    hasher.update(previous)
    hasher.update(leaf)
    return hasher.finish()
  }
}
