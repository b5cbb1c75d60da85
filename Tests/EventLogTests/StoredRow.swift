import Domain
import Text

@testable import EventLog

/// A stored event as a row, as a store hands it to a check.
final class StoredRow: EventRow {
  private var memory = ByteWriter(capacity: 1024)
  private var ranges = [Range<Int>?](repeating: nil, count: EventColumn.allCases.count)
  private var numbers = [Int64?](repeating: nil, count: EventColumn.allCases.count)

  init(_ event: StoredEvent) {
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

  func integer(_ column: EventColumn) -> Int64? { numbers[column.index] }

  func bytes(_ column: EventColumn) -> UnsafeRawBufferPointer? {
    ranges[column.index].map { UnsafeRawBufferPointer(rebasing: memory.bytes[$0]) }
  }

  func text(_ column: EventColumn) -> String? {
    bytes(column).map { String(decoding: $0, as: UTF8.self) }
  }

  func object(_ column: EventColumn) -> ObjectID? {
    bytes(column).map { ObjectID(decoding: $0) }
  }
}
