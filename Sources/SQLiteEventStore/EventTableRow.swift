import Domain
import EventLog
import SQLite

/// A row of the table of events, whose columns are those of `EventTable.columns`.
protocol EventTableRow: EventRow {
  var names: StreamNames { get }
}

extension EventTableRow {
  func text(_ column: EventColumn) -> String? {
    bytes(column).map { bytes in
      names.isShared[column.index]
        ? names.shared(bytes, column) : String(decoding: bytes, as: UTF8.self)
    }
  }

  func object(_ column: EventColumn) -> ObjectID? {
    bytes(column).map { ObjectID(decoding: $0) }
  }
}

/// The row that a statement stands at.
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

/// One row after another, as a function is given them.
final class ValuesRow: EventTableRow {
  // In a place of its own, which is reached without asking whether somebody else does.
  private let place: UnsafeMutablePointer<RowValues>
  let names: StreamNames

  /// Nothing may be asked of it before the first row.
  init(_ names: StreamNames) {
    place = .allocate(capacity: 1)
    self.names = names
  }

  deinit { place.deallocate() }

  /// Goes to the next row.
  func go(to values: RowValues) { place.initialize(to: values) }

  func integer(_ column: EventColumn) -> Int64? { place.pointee.integer(column.index) }

  func bytes(_ column: EventColumn) -> UnsafeRawBufferPointer? {
    place.pointee.bytes(column.index)
  }
}

/// What rows of events have in common: the names of streams by their numbers, and the texts of the
/// row before.
final class StreamNames {
  /// What is read with the names.
  enum Reach {
    /// A few events, or those of one stream. Making room for more would cost more than the read.
    case few
    /// The log, or a long part of it. Streams that begin one after another are read together.
    case many
  }

  /// How many names are remembered: events of one stream are near each other.
  private let placeCount: Int
  /// How many names are read at once if streams come one after another.
  private let aheadCount: Int64
  private let database: Database
  /// Whether adjacent rows share one copy of a column's text, by the column's index.
  let isShared = EventColumn.table.map { $0.kind == .name }
  /// The last value of each shared column.
  private var last = [String](repeating: "", count: EventColumn.allCases.count)
  // In a place of its own, as the values of a row are.
  private let places: UnsafeMutablePointer<Place>

  private struct Place {
    /// 0 where nothing is remembered: no stream has that number.
    var number: Int64
    var text: String
    var key: StreamKey
  }

  /// The largest number whose name was asked for.
  private var largest: Int64 = 0

  init(_ database: Database, for reach: Reach) {
    self.database = database
    switch reach {
    case .few: (placeCount, aheadCount) = (64, 1)
    case .many: (placeCount, aheadCount) = (8192, 64)
    }
    places = .allocate(capacity: placeCount)
    places.initialize(repeating: Place(number: 0, text: "", key: .unknown("")), count: placeCount)
  }

  deinit {
    places.deinitialize(count: placeCount)
    places.deallocate()
  }

  /// A column's text; one copy is shared by rows that follow each other and say the same.
  func shared(_ bytes: UnsafeRawBufferPointer, _ column: EventColumn) -> String {
    let isSame = last[column.index].utf8.withContiguousStorageIfAvailable { known in
      UnsafeRawBufferPointer(known).isSame(as: bytes)
    }
    if isSame != true { last[column.index] = String(decoding: bytes, as: UTF8.self) }
    return last[column.index]
  }

  /// The name; empty where there is no such stream, which no chain of hashes accepts.
  func text(_ number: Int64) throws(SQLiteError) -> String {
    places[try place(of: number)].text
  }

  /// The same, as it is understood.
  func key(_ number: Int64) throws(SQLiteError) -> StreamKey {
    places[try place(of: number)].key
  }

  /// Where the stream of this number is remembered, once it was looked up.
  private func place(of number: Int64) throws(SQLiteError) -> Int {
    let place = slot(of: number)
    if places[place].number == number { return place }
    // What is newer than all before comes with the ones that will be asked for next.
    let count = number > largest ? aheadCount : 1
    largest = max(largest, number)
    let s = try database.statement("SELECT id, name FROM streams WHERE id >= ? ORDER BY id LIMIT ?")
    s.bind(number, at: 1)
    s.bind(count, at: 2)
    defer { s.reset() }
    places[place] = Place(number: number, text: "", key: .unknown(""))
    while try s.step() {
      let text = s.text(1) ?? ""
      let found = s.integer(0)
      guard found == number || count > 1 else { break }
      places[slot(of: found)] = Place(number: found, text: text, key: StreamKey(text))
    }
    return place
  }

  private func slot(of number: Int64) -> Int {
    Int(truncatingIfNeeded: number.magnitude % UInt64(placeCount))
  }
}
