import Domain
import EventLog
import Glibc
import Projections
import SQLite
import Text

/// The log's file, opened read-only. It never makes a running server wait. Events are read in
/// chunks, each in its own snapshot, so that a long replay blocks no checkpoint. Events and views
/// are compared in one snapshot.
///
/// It is used from one thread.
package final class LogFile {
  /// How many events a snapshot spans.
  private static let chunkLength: Int64 = 10_000

  private let database: Database
  private let names: StreamNames
  /// Passes rows to Swift, as `hand(…)` in SQL.
  private let handing: RowFunction
  package let path: String

  /// - Parameter directory: a data folder.
  /// - Returns: nil if there is no `aipm.db`.
  /// - Throws: `StoreFault` if the file is not a log, or was written by a newer program.
  package static func find(directory: String) throws(StoreFault) -> LogFile? {
    let path = directory + "/aipm.db"
    guard access(path, F_OK) == 0 else { return nil }
    return try LogFile(path: path)
  }

  /// - Throws: `StoreFault` if the file is missing, is not a log, or was written by a newer
  ///   program.
  package init(path: String) throws(StoreFault) {
    let database = try Readers.connect(path)
    do {
      let found = try Schema.inspect(database)
      if let refusal = Schema.refusal(of: found, path: path) {
        throw StoreFault(operation: "open", message: refusal)
      }
      if case .log(let version) = found, version < Schema.version {
        throw StoreFault(
          operation: "open",
          message: "\(path) has schema \(version): start `aipm serve` once to bring it up to date")
      }
      if found == .empty {
        throw StoreFault(operation: "open", message: "\(path) holds no log")
      }
    } catch let fault as StoreFault {
      throw fault
    } catch {
      throw StoreFault(operation: "open \(path)", message: "\(error)")
    }
    do throws(SQLiteError) {
      handing = try RowFunction("hand", on: database)
    } catch {
      throw StoreFault(operation: "open \(path)", message: "\(error)")
    }
    self.database = database
    self.path = path
    names = StreamNames(database, for: .many)
  }

  /// The current end of the log.
  package func head() throws(StoreFault) -> LogHead {
    try guarding("head") { try EventTable.head(in: database) }
  }

  /// More events than the file can contain, whatever their size.
  func mostEvents() throws(StoreFault) -> Int64 {
    try guarding("measure") {
      let pages = try database.integer("PRAGMA page_count") ?? 0
      return pages * (try database.integer("PRAGMA page_size") ?? 0) / 64
    }
  }

  /// The head as it was when the log ended at `position`.
  func head(at position: Int64) throws(StoreFault) -> LogHead {
    guard position > 0 else { return .empty }
    return try guarding("head") { try EventTable.last(through: position, in: database).head }
  }

  /// The events after `first`, up to `last`, with the columns of a fold, in their own snapshot.
  /// - Parameter isChecking: whether their hashes are checked.
  func stretch(
    after first: Int64, through last: Int64, _ isChecking: Bool
  ) throws(StoreFault) -> LogStretch {
    try snapshot {
      let columns = isChecking ? EventTable.columns : EventTable.leanColumns
      let s = try database.statement(
        "SELECT hand(\(columns)) FROM events e WHERE e.position > ? AND e.position <= ? "
          + "ORDER BY e.position")
      s.bind(first, at: 1)
      s.bind(last, at: 2)
      let check = try isChecking ? StretchCheck(after: first, through: last, in: database) : nil
      defer { check?.end() }
      var stretch = LogStretch()
      stretch.events.reserveCapacity(Int(last - first))
      let names = names
      let row = ValuesRow(names)
      try handing.run(s) { values in
        row.go(to: values)
        let stream = row.integer(.stream) ?? 0
        if let finding = try check?.take(row, stream: try names.text(stream)) {
          stretch.findings.append((stretch.events.count, finding))
        }
        stretch.events.append(LeanEvent(row, stream: try names.key(stream), number: stream))
      }
      return stretch
    }
  }

  /// Runs `body` on one state of the log and its views.
  package func snapshot<T>(_ body: () throws -> T) throws(StoreFault) -> T {
    try Readers.snapshot("read", database) { _ in try body() }.get()
  }

  /// Passes the events after `position` to `body`, in order, in chunks.
  /// - Parameters:
  ///   - last: the last position; nil for the current head.
  ///   - body: returns false to end the scan.
  package func scan(
    after position: Int64, through last: Int64? = nil, _ body: (StoredEvent) throws -> Bool
  ) throws(StoreFault) {
    try guarding("scan") {
      var next = position
      while true {
        let s = try database.statement(
          EventTable.select
            + " WHERE e.position > ? AND e.position <= ? ORDER BY e.position LIMIT ?")
        s.bind(next, at: 1)
        s.bind(last ?? Int64.max, at: 2)
        s.bind(Self.chunkLength, at: 3)
        defer { s.reset() }
        var count: Int64 = 0
        while try s.step() {
          let stored = try EventTable.read(s, names)
          next = stored.position
          count += 1
          if try !body(stored) { return }
        }
        if count < Self.chunkLength { return }
      }
    }
  }

  /// The events of one stream, in order; empty if there is no such stream.
  package func events(of stream: StreamName) throws(StoreFault) -> [StoredEvent] {
    try guarding("read \(stream)") { try EventTable.stream(stream, in: database) }
  }

  /// The digests as the writer keeps them, and their position; nil if they differ in it.
  package func storedDigests() throws(StoreFault) -> (
    position: Int64?, digests: [ViewName: ViewDigest]
  ) {
    try guarding("digests") {
      let found = try ViewTables.digests(in: database)
      return (found.position, .empty.merging(found.digests) { $1 })
    }
  }

  /// Compares the look-ups with the log.
  /// - Returns: the differences.
  package func lookupFaults() throws(StoreFault) -> [String] {
    try guarding("check") { try LookUps.faults(in: database, handing) }
  }

  /// Compares the head file with the log.
  func fault(
    of found: HeadFile.Found, endingAt head: LogHead
  ) throws(StoreFault) -> String? {
    try guarding("check the head") { try found.fault(of: database, endingAt: head) }
  }

  /// The result of SQLite's own checks of the file.
  func structureFaults() throws(StoreFault) -> [String] {
    try guarding("check the file") {
      let found = try database.statement("PRAGMA integrity_check(20)").rows { $0.text(0) ?? "" }
      let orphans = try database.statement("PRAGMA foreign_key_check").rows {
        "a row of \($0.text(0) ?? "") belongs to nothing in \($0.text(2) ?? "")"
      }
      return found.filter { $0 != "ok" }.map { "the file is corrupt: \($0)" } + orphans.prefix(20)
    }
  }

  /// Runs a check on the file's connection.
  func checking<T>(
    _ operation: String, _ body: (Database) throws -> T
  ) throws(StoreFault) -> T {
    try guarding(operation) { try body(database) }
  }

  private func guarding<T>(
    _ operation: String, _ body: () throws -> T
  ) throws(StoreFault) -> T {
    do {
      return try body()
    } catch let fault as StoreFault {
      throw fault
    } catch {
      throw StoreFault(operation: operation, message: "\(error)")
    }
  }
}
