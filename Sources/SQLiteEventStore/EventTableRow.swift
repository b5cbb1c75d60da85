import Domain
import EventLog
import SQLite

/// A row of the table `events` that was selected by `EventTable.columns`. Its two kinds are two
/// classes: a replay reads columns through `any EventRow`, and would call the unspecialized methods
/// of a generic class.
protocol EventTableRow: EventRow {
  var names: StreamNames { get }
}

extension EventTableRow {
  func text(_ column: EventColumn) -> String? { bytes(column).map { names.text($0, of: column) } }

  func object(_ column: EventColumn) -> ObjectID? {
    bytes(column).map { ObjectID(decoding: $0) }
  }
}

/// The current row of a statement.
final class StatementRow: EventTableRow {
  private let statement: Statement
  let names: StreamNames

  init(_ statement: Statement, _ names: StreamNames) {
    self.statement = statement
    self.names = names
  }

  func integer(_ column: EventColumn) -> Int64? {
    statement.optionalInteger(Int32(column.index))
  }

  func bytes(_ column: EventColumn) -> UnsafeRawBufferPointer? {
    statement.bytes(Int32(column.index))
  }
}

/// The arguments of an SQL function, one row after another.
final class ValuesRow: EventTableRow {
  // A pointer, because access to a class's property checks for exclusive access each time.
  private let values: UnsafeMutablePointer<RowValues>
  let names: StreamNames

  /// Call `go(to:)` before reading a column.
  init(_ names: StreamNames) {
    values = .allocate(capacity: 1)
    self.names = names
  }

  deinit { values.deallocate() }

  /// Goes to the next row.
  func go(to next: RowValues) { values.initialize(to: next) }

  func integer(_ column: EventColumn) -> Int64? { values.pointee.integer(column.index) }

  func bytes(_ column: EventColumn) -> UnsafeRawBufferPointer? {
    values.pointee.bytes(column.index)
  }
}

/// The state that the rows of a read share: the names of streams by number, and the texts of the
/// row before.
final class StreamNames {
  /// The expected length of a read; it determines the size of the caches.
  enum Reach {
    /// A few events, or those of one stream. More memory would cost more than the read.
    case few
    /// The log, or a long part of it. The names of adjacent numbers are read together.
    case many
  }

  private struct Slot {
    /// 0 if the slot is empty: no stream has that number.
    var number: Int64
    var text: String
    var key: StreamKey
  }

  /// How many names are cached: events of one stream are near each other.
  private let slotCount: Int
  /// How many names are read at once if streams come one after another.
  private let aheadCount: Int64
  private let database: Database
  /// Whether adjacent rows share one copy of a column's text, by the column's index.
  private let isShared = EventColumn.table.map { $0.kind == .name }
  /// The last text of each shared column.
  private var last = [String](repeating: "", count: EventColumn.allCases.count)
  // A pointer for the same reason as the values of a row.
  private let slots: UnsafeMutablePointer<Slot>
  /// The largest number whose name was needed.
  private var largest: Int64 = 0

  init(_ database: Database, for reach: Reach) {
    self.database = database
    switch reach {
    case .few: (slotCount, aheadCount) = (64, 1)
    case .many: (slotCount, aheadCount) = (8192, 64)
    }
    slots = .allocate(capacity: slotCount)
    slots.initialize(repeating: Slot(number: 0, text: "", key: .unknown("")), count: slotCount)
  }

  deinit {
    slots.deinitialize(count: slotCount)
    slots.deallocate()
  }

  /// A column's text. Adjacent rows with the same text in a shared column get one copy.
  func text(_ bytes: UnsafeRawBufferPointer, of column: EventColumn) -> String {
    guard isShared[column.index] else { return String(decoding: bytes, as: UTF8.self) }
    let isSame = last[column.index].utf8.withContiguousStorageIfAvailable { known in
      UnsafeRawBufferPointer(known).isSame(as: bytes)
    }
    if isSame != true { last[column.index] = String(decoding: bytes, as: UTF8.self) }
    return last[column.index]
  }

  /// The name of a stream; empty if there is no such stream, which the check of the chain finds.
  func text(_ number: Int64) throws(SQLiteError) -> String {
    slots[try slot(of: number)].text
  }

  /// The parsed name of a stream.
  func key(_ number: Int64) throws(SQLiteError) -> StreamKey {
    slots[try slot(of: number)].key
  }

  /// The slot of a stream, which is read if it isn't cached.
  private func slot(of number: Int64) throws(SQLiteError) -> Int {
    let slot = index(of: number)
    if slots[slot].number == number { return slot }
    // A number larger than all before: the ones after it are needed next.
    let count = number > largest ? aheadCount : 1
    largest = max(largest, number)
    let s = try database.statement("SELECT id, name FROM streams WHERE id >= ? ORDER BY id LIMIT ?")
    s.bind(number, at: 1)
    s.bind(count, at: 2)
    defer { s.reset() }
    slots[slot] = Slot(number: number, text: "", key: .unknown(""))
    while try s.step() {
      let text = s.text(1) ?? ""
      let found = s.integer(0)
      guard found == number || count > 1 else { break }
      slots[index(of: found)] = Slot(number: found, text: text, key: StreamKey(text))
    }
    return slot
  }

  private func index(of number: Int64) -> Int {
    Int(truncatingIfNeeded: number.magnitude % UInt64(slotCount))
  }
}
