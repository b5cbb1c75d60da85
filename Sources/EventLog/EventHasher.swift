import Cryptography
import Domain
import Glibc

/// Makes the hashes of events again from their columns where those stand. One of these serves one
/// event after another, on one thread.
package struct EventHasher: ~Copyable {
  private var bytes = ByteWriter()
  private var hash = SHA256()
  private let made: UnsafeMutableRawBufferPointer

  package init() { made = .allocate(byteCount: 32, alignment: 16) }

  deinit { made.deallocate() }

  /// Whether the hash over salt and text is `expected`.
  mutating func isPayloadHash(
    _ expected: UnsafeRawBufferPointer, salt: UnsafeRawBufferPointer, text: UnsafeRawBufferPointer
  ) -> Bool {
    hash.update(salt)
    hash.update(text)
    return finishes(as: expected)
  }

  /// Whether the chain over the event before and this one's columns ends in the row's own hash.
  /// - Parameter stream: the name of the row's stream.
  /// - Throws: `CodecFault` where a column cannot be read.
  mutating func isChained(
    _ row: any EventRow, stream: String, after previous: [UInt8]
  ) throws(CodecFault) -> Bool {
    bytes.removeAll()
    try bytes.appendLeaf(of: row, stream: stream)
    hash.update(bytes.bytes)
    hash.finish(into: made)
    previous.withUnsafeBytes { hash.update($0) }
    hash.update(UnsafeRawBufferPointer(made))
    return finishes(as: row.bytes(.hash) ?? .nothing)
  }

  private mutating func finishes(as expected: UnsafeRawBufferPointer) -> Bool {
    hash.finish(into: made)
    return expected.isSame(as: UnsafeRawBufferPointer(made))
  }
}

extension UnsafeRawBufferPointer {
  /// No bytes.
  package static var nothing: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: nil, count: 0)
  }

  /// Below 0 where these bytes come before the others, 0 where they are the same.
  func order(to other: UnsafeRawBufferPointer) -> Int {
    guard let start = baseAddress, let otherStart = other.baseAddress else {
      return count - other.count
    }
    let difference = memcmp(start, otherStart, Swift.min(count, other.count))
    return difference == 0 ? count - other.count : Int(difference)
  }

  /// Whether the same bytes stand in both.
  package func isSame(as other: UnsafeRawBufferPointer) -> Bool {
    guard count == other.count, let start = baseAddress, let otherStart = other.baseAddress else {
      return isEmpty && other.isEmpty
    }
    return memcmp(start, otherStart, count) == 0
  }
}

extension ByteWriter {
  /// Appends what `LogHash.leaf` hashes.
  /// - Throws: `CodecFault` where a column cannot be read.
  fileprivate mutating func appendLeaf(
    of row: any EventRow, stream: String
  ) throws(CodecFault) {
    let position = row.integer(.position) ?? 0
    let number = row.integer(.type) ?? 0
    guard let type = EventType(rawValue: Int(number)) else {
      throw CodecFault(type: "event \(position)", reason: "type \(number) is not known")
    }
    let kind = row.bytes(.actorKind) ?? .nothing
    guard Self.actorKinds.contains(where: { $0.withUnsafeBytes { $0.isSame(as: kind) } }) else {
      let text = String(decoding: kind, as: UTF8.self)
      throw CodecFault(type: "event \(position)", reason: "actor kind \(text) is not known")
    }
    field { $0.append("aipm-event-1" as StaticString) }
    field { $0.append(decimal: position) }
    field { $0.append(uuid: row.bytes(.id) ?? .nothing) }
    field { $0.append(stream) }
    field { $0.append(decimal: row.integer(.version) ?? 0) }
    field { $0.append(type.name) }
    field { $0.append(decimal: row.integer(.schema) ?? 0) }
    field { $0.append(iso8601: Timestamp(milliseconds: row.integer(.time) ?? 0)) }
    field { $0.append(kind) }
    field { $0.append(row.bytes(.actor) ?? .nothing) }
    field { $0.append(row.bytes(.correlation) ?? .nothing) }
    field { if let causation = row.bytes(.causation) { $0.append(uuid: causation) } }
    let facts = beginField()
    if !appendFacts(of: row) {
      removeAll(after: facts)
      append(try Self.rareFacts(of: row, at: position))
    }
    endField(facts)
    field { $0.append(hex: row.bytes(.payloadHash) ?? .nothing) }
  }

  private static let actorKinds = Actor.Kind.allCases.map { Array($0.rawValue.utf8) }

  /// The canonical JSON of facts whose details are not written as AIPM writes them.
  private static func rareFacts(
    of row: any EventRow, at position: Int64
  ) throws(CodecFault) -> String {
    var facts = Facts(row)
    guard let detail = row.bytes(.detail), let json = try? JSONValue(json: Array(detail)),
      let object = json.objectValue
    else { throw CodecFault(type: "event \(position)", reason: "its detail is no JSON object") }
    facts.detail = object
    return JSONValue.object(facts.object).canonicalText
  }
}

/// A stored event as a row, in memory that this owns.
package final class StoredRow: EventRow {
  private var memory = ByteWriter(capacity: 1024)
  private var ranges = [Range<Int>?](repeating: nil, count: EventColumn.allCases.count)
  private var numbers = [Int64?](repeating: nil, count: EventColumn.allCases.count)

  package init(_ event: StoredEvent) {
    put(.position, event.position)
    put(.version, event.version)
    put(.type, event.type)
    put(.schema, event.schema)
    put(.time, event.time.milliseconds)
    put(.id, event.id)
    put(.actorKind, Array(event.actorKind.utf8))
    put(.actor, Array(event.actor.utf8))
    put(.correlation, event.correlation.map { Array($0.utf8) })
    put(.causation, event.causation)
    put(.detail, event.detail.map { Array($0.utf8) })
    put(.payloadHash, event.payloadHash)
    put(.hash, event.hash)
    for fact in event.facts.values {
      put(fact.column, fact.value.stringValue.map { Array($0.utf8) })
      put(fact.column, event.facts.integer(fact.column))
    }
  }

  private func put(_ column: EventColumn, _ number: Int64?) { numbers[column.index] = number }

  private func put(_ column: EventColumn, _ bytes: [UInt8]?) {
    guard let bytes else { return }
    let start = memory.count
    memory.append(bytes)
    ranges[column.index] = start..<memory.count
  }

  /// See `FactSource`.
  package func integer(_ column: EventColumn) -> Int64? { numbers[column.index] }

  /// See `EventRow`.
  package func bytes(_ column: EventColumn) -> UnsafeRawBufferPointer? {
    ranges[column.index].map { UnsafeRawBufferPointer(rebasing: memory.bytes[$0]) }
  }

  /// See `FactSource`.
  package func text(_ column: EventColumn) -> String? {
    bytes(column).map { String(decoding: $0, as: UTF8.self) }
  }

  /// See `FactSource`.
  package func object(_ column: EventColumn) -> ObjectID? {
    bytes(column).map { ObjectID(decoding: $0) }
  }
}
