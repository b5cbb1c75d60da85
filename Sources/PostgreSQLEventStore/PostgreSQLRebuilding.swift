#if PostgreSQL

import Domain
import EventLog
import PostgreSQL
import Projections
import SQLiteEventStore
import Synchronization
import SystemCalls

/// Builds the views again from the log, in a schema of their own beside the live ones, and swaps
/// them in. It folds, compares and fills on a session of its own; only the last events and the swap
/// are done by the writer.
struct ViewRebuilding {
  /// The last step folds the events that were appended since. It begins when about this number is
  /// left.
  private static let tailLength: Int64 = 1000
  private static let catchUpsMax = 20

  /// Runs the last step: it folds the rest and swaps. It returns the fold, and the digests of the
  /// views that were replaced.
  typealias Swap = (_ fold: LogFold) throws -> (fold: LogFold, replaced: [ViewName: ViewDigest])

  let log: PostgreSQLLog
  let swap: Swap
  let onProgress: (_ events: Int) -> Void

  private var connection: PostgreSQLConnection { log.connection }

  func run() throws -> Rebuild {
    var fold = try log.fold(isChecking: true, onProgress: onProgress)
    try catchUp(&fold)
    let comparison = compare(&fold)
    if let fault = fold.faults.first { throw StoreFault.notRebuilt(fault) }
    defer { try? Self.drop(connection) }
    try Self.drop(connection)
    try ClaimedLog.transaction(on: connection) {
      try connection.execute("CREATE SCHEMA \(PostgreSQLSchema.rebuilt)")
      // New tables go there; the numbers of streams are read from the log's schema.
      try connection.execute(
        "SET LOCAL search_path = \(PostgreSQLSchema.rebuilt), \(PostgreSQLSchema.name)")
      try ViewRows.replace(
        allViews, by: fold.projector, in: connection, schema: PostgreSQLSchema.rebuilt)
    }
    let swapped = try swap(fold)
    return Rebuild(
      events: swapped.fold.events, head: swapped.fold.head,
      rebuilt: swapped.fold.projector.digests, replaced: swapped.replaced,
      comparison: comparison)
  }

  /// Removes the tables of a rebuild that did not finish.
  private static func drop(_ connection: PostgreSQLConnection) throws {
    try connection.execute("DROP SCHEMA IF EXISTS \(PostgreSQLSchema.rebuilt) CASCADE")
  }

  /// Views that cannot be read are rebuilt without a comparison.
  private func compare(_ fold: inout LogFold) -> Comparison {
    do {
      return try log.compare(with: &fold)
    } catch {
      var comparison = Comparison()
      comparison.faults.append("the views could not be read: \(error)")
      return comparison
    }
  }

  /// Folds until little is left, while others continue to write.
  private func catchUp(_ fold: inout LogFold) throws {
    for _ in 0..<Self.catchUpsMax {
      try log.scan(after: fold.head.position) { stored in
        fold.take(stored)
        onProgress(fold.events)
        return true
      }
      let head = try LogRows.head(in: connection).position
      if head - fold.head.position <= Self.tailLength { return }
    }
  }

  /// Folds the last events into the rebuilt tables, and replaces the live ones by them. The caller
  /// holds the head's row.
  /// - Returns: the digests of the new views.
  static func swap(
    _ fold: inout LogFold, on connection: PostgreSQLConnection
  ) throws -> [ViewName: ViewDigest] {
    var digests = fold.projector.digests
    var changes: [RowChange] = []
    try PostgreSQLLog(connection).scan(after: fold.head.position) {
      changes += fold.takeReturningChanges($0)
      return true
    }
    if let fault = fold.faults.first { throw StoreFault.notRebuilt(fault) }
    let numbers = try changes.isEmpty ? nil : StreamNumbers(in: connection)
    func number<Row: ViewRow>(of row: Row) throws -> Int64 {
      try Row.view.stream.map { try numbers?.number(of: $0(row)) ?? 0 } ?? 0
    }
    var rows = ChangedRows()
    for change in changes {
      digests.follow(change)
      try rows.add(change.new, stream: number(of: change.new))
    }
    try replace(connection)
    for statement in rows.statements { try connection.run(statement) }
    let put = ViewRows.put(digests, position: fold.head.position)
    try connection.run(put)
    return digests
  }

  /// Moves the rebuilt tables to the place of the live ones, with their indexes.
  private static func replace(_ connection: PostgreSQLConnection) throws {
    func move<Row: ViewRow>(_: Row.Type) throws {
      let table = Row.view.table
      try connection.execute(
        """
        DROP TABLE IF EXISTS \(PostgreSQLSchema.name).\(table);
        ALTER TABLE \(PostgreSQLSchema.rebuilt).\(table) SET SCHEMA \(PostgreSQLSchema.name)
        """)
    }
    for view in allViews { try move(view) }
  }
}

extension StoreFault {
  /// Views that are rebuilt from a corrupt log would prove nothing.
  fileprivate static func notRebuilt(_ fault: String) -> StoreFault {
    StoreFault(
      operation: "rebuild",
      message: "the log is corrupt, so the views stay as they are: \(fault). "
        + "Put the latest backup back with `aipm restore FILE`.")
  }
}

extension PostgreSQLWriter {
  /// Replaces the live views with the rebuilt ones.
  /// - Parameter fold: a fold up to near the head; the returned one is up to the head.
  func swapViews(
    _ fold: LogFold
  ) throws -> (fold: LogFold, replaced: [ViewName: ViewDigest]) {
    if let stopped { throw stopped }
    var fold = fold
    let replaced = digests
    let connection = try connection()
    do {
      digests = try ClaimedLog.transaction(on: connection, epoch: epoch) {
        try ViewRebuilding.swap(&fold, on: connection)
      }
    } catch {
      // The swap may have been committed if the session was lost.
      areDigestsKnown = false
      throw error
    }
    forgetRows()
    return (fold, replaced)
  }
}

extension PostgreSQLEventStore {
  /// See `ReadModels`.
  package func rebuild() async throws(StoreFault) -> Rebuild {
    guard
      rebuilding.withLock({ isUnderWay in
        defer { isUnderWay = true }
        return !isUnderWay
      })
    else {
      throw StoreFault(operation: "rebuild", message: "another rebuild is under way")
    }
    defer { rebuilding.withLock { $0 = false } }
    let place = place
    return try await onThread("rebuild") { [self] in
      let session = try PostgreSQLSession.begin(place, for: .maintenance)
      return try ViewRebuilding(
        log: PostgreSQLLog(session),
        swap: { fold in try self.onWriterBlocking { try $0.swapViews(fold) } },
        onProgress: { _ in }
      ).run()
    }
  }
}

#endif
