import Cryptography
import Domain
import Glibc
import Text

/// Computes the hashes of rows without copying their columns. One hasher serves one event after
/// another, on one thread.
package struct EventHasher: ~Copyable {
  private var bytes = ByteWriter()
  private var hash = SHA256()
  private let result: UnsafeMutableRawBufferPointer

  package init() { result = .allocate(byteCount: 32, alignment: 16) }

  deinit { result.deallocate() }

  /// Whether the hash over salt and text is `expected`.
  mutating func isPayloadHash(
    _ expected: UnsafeRawBufferPointer, salt: UnsafeRawBufferPointer, text: UnsafeRawBufferPointer
  ) -> Bool {
    hash.update(salt)
    hash.update(text)
    return finishes(as: expected)
  }

  /// Whether the hash over the previous hash and the row's leaf is the row's own hash.
  /// - Parameter stream: the name of the row's stream.
  /// - Throws: `CodecFault` if a column can't be read.
  mutating func isChained(
    _ row: any EventRow, stream: String, after previous: [UInt8]
  ) throws(CodecFault) -> Bool {
    bytes.removeAll()
    try bytes.appendLeaf(of: row, stream: stream)
    chain(after: previous)
    return finishes(as: row.bytes(.hash) ?? .nothing)
  }

  /// The hash of a new event, over the previous hash and the event's leaf.
  mutating func chainHash(
    of event: RecordedEvent, _ content: EventContent, stream: String, after previous: [UInt8]
  ) -> [UInt8] {
    bytes.removeAll()
    bytes.appendLeaf(
      position: event.position, id: event.id, stream: stream, version: event.version,
      type: content.encoded.type.name, schema: event.schema, time: event.time, actor: event.actor,
      correlation: event.correlation, causation: event.causation, facts: content.facts,
      payloadHash: event.payloadHash)
    chain(after: previous)
    return hash.finish()
  }

  /// Begins the hash over the previous hash and the leaf that was written.
  private mutating func chain(after previous: [UInt8]) {
    hash.update(bytes.bytes)
    hash.finish(into: result)
    previous.withUnsafeBytes { hash.update($0) }
    hash.update(UnsafeRawBufferPointer(result))
  }

  private mutating func finishes(as expected: UnsafeRawBufferPointer) -> Bool {
    hash.finish(into: result)
    return expected.isSame(as: UnsafeRawBufferPointer(result))
  }
}

extension UnsafeRawBufferPointer {
  /// No bytes.
  package static var nothing: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: nil, count: 0)
  }

  /// Negative if these bytes come before the others, 0 if they are equal.
  func order(to other: UnsafeRawBufferPointer) -> Int {
    guard let start = baseAddress, let otherStart = other.baseAddress else {
      return count - other.count
    }
    let difference = memcmp(start, otherStart, Swift.min(count, other.count))
    return difference == 0 ? count - other.count : Int(difference)
  }

  /// Whether both have the same bytes.
  package func isSame(as other: UnsafeRawBufferPointer) -> Bool {
    guard count == other.count, let start = baseAddress, let otherStart = other.baseAddress else {
      return isEmpty && other.isEmpty
    }
    return memcmp(start, otherStart, count) == 0
  }
}

extension ByteWriter {
  /// Appends what `LogHash.leaf` hashes.
  /// - Throws: `CodecFault` if a column can't be read.
  fileprivate mutating func appendLeaf(
    of row: any EventRow, stream: String
  ) throws(CodecFault) {
    let position = row.integer(.position) ?? 0
    let type = try EventType(number: row.integer(.type) ?? 0, at: position)
    let kind = row.bytes(.actorKind) ?? .nothing
    if !Self.actorKinds.contains(where: { $0.withUnsafeBytes { $0.isSame(as: kind) } }) {
      _ = try Actor.Kind(name: String(decoding: kind, as: UTF8.self), at: position)
    }
    field { $0.append("aipm-event-1" as StaticString) }
    field { $0.append(decimal: position) }
    field { $0.append(uuid: row.bytes(.id) ?? .nothing) }
    field(stream)
    field { $0.append(decimal: row.integer(.version) ?? 0) }
    field(type.name)
    field { $0.append(decimal: row.integer(.schema) ?? 0) }
    field { $0.append(iso8601: Timestamp(milliseconds: row.integer(.time) ?? 0)) }
    field { $0.append(kind) }
    field { $0.append(row.bytes(.actor) ?? .nothing) }
    field { $0.append(row.bytes(.correlation) ?? .nothing) }
    field { if let causation = row.bytes(.causation) { $0.append(uuid: causation) } }
    let facts = beginField()
    if !appendFacts(of: row) {
      // `detail` isn't written as AIPM writes it, so it is parsed.
      removeAll(after: facts)
      var all = Facts(row)
      all.detail = try .init(
        json: row.bytes(.detail).map { Array($0) } ?? [], "detail", at: position)
      append(JSONValue.object(all.object).canonical)
    }
    endField(facts)
    field { $0.append(hex: row.bytes(.payloadHash) ?? .nothing) }
  }

  private static let actorKinds = Actor.Kind.allCases.map { Array($0.rawValue.utf8) }
}
