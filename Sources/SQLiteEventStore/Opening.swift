import Domain
import EventLog
import Glibc
import Projections
import SQLite
import SystemCalls

/// The log in a data folder, opened for writing.
struct OpenedLog {
  var database: Database
  var headFile: HeadFile
  var last: (head: LogHead, time: Timestamp, id: [UInt8])?
  var digests: [ViewName: ViewDigest]
  /// The fault of the log; nil if it is valid.
  var damage: String?
  /// The reason to rebuild the views before anything is written; nil if they are up to date.
  var viewDamage: String?
  /// The end of the log, if it was accepted although the head file differs; else nil.
  var acceptedRestore: Int64?
}

extension OpenedLog {
  /// How many events at the end are checked at each opening; a full check is `LogFile.verify`.
  static let tailLength: Int64 = 1000
  static let busyTimeoutMs: Int32 = 5000
  /// Pages that the writing connection keeps: on a log of a million events the indexes that each
  /// append touches do not fit into SQLite's default of 2000 KiB.
  private static let cacheKiB = 8 << 10

  /// Opens the folder for writing, creates missing files, checks the end of the log, and builds the
  /// views that are missing or have another version.
  /// - Parameter acceptsRestore: whether a log is accepted that differs from the head file or is
  ///   older.
  static func open(
    directory: String, acceptsRestore: Bool = false, onViewBuild: (ViewBuild) -> Void = { _ in }
  ) throws(StoreFault) -> OpenedLog {
    do {
      if mkdir(directory, 0o700) != 0, errno != EEXIST {
        throw StoreFault(operation: "open \(directory)", message: String(cString: strerror(errno)))
      }
      let path = directory + "/aipm.db"
      let database = try openDatabase(path)
      let headFile = try HeadFile(path: directory + "/head")
      // Without this, a power cut loses the directory entries of new files.
      try DurableFile.syncFolder(directory)
      var log = OpenedLog(
        database: database, headFile: headFile, last: nil, digests: .empty, damage: nil)
      let head = try log.checkEnd(acceptsRestore)
      if log.damage == nil {
        try OutdatedViews(path: path, database: database).build(onViewBuild)
      }
      try log.readViews(at: head)
      if log.damage == nil, log.viewDamage == nil, log.acceptedRestore == nil {
        try headFile.write(log.last?.head ?? .empty)
      }
      return log
    } catch let fault as StoreFault {
      throw fault
    } catch let fault as FileFault {
      throw StoreFault(operation: "open \(directory)", message: fault.description)
    } catch {
      throw StoreFault(
        operation: "open \(directory)",
        message: "\(error). If the disk is sound, put the latest backup back.")
    }
  }

  private static func openDatabase(_ path: String) throws -> Database {
    let database = try Database(path: path, mode: .readWriteCreate)
    database.setBusyTimeout(milliseconds: busyTimeoutMs)
    let found = try Schema.inspect(database)
    if let refusal = Schema.refusal(of: found, path: path) {
      throw StoreFault(operation: "open", message: refusal)
    }
    try database.execute("PRAGMA page_size = 4096; PRAGMA mmap_size = 0")
    try require("wal", database.text("PRAGMA journal_mode = WAL"), "journal_mode")
    try database.execute(
      """
      PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA foreign_keys = ON;
      PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA wal_autocheckpoint = 0;
      PRAGMA cache_size = -\(cacheKiB)
      """)
    try require("2", database.text("PRAGMA synchronous"), "synchronous")
    try require("1", database.text("PRAGMA secure_delete"), "secure_delete")
    database.countWALPages()
    switch found {
    case .empty: try Schema.migrate(database, from: 0)
    case .log(let version): try Schema.migrate(database, from: version)
    case .foreign, .newer: break
    }
    if try ShadowViews.areLeft(in: database) {
      try database.transaction { try ShadowViews(database).drop() }
    }
    return database
  }

  /// Durability depends on these settings, so they are read back.
  private static func require(
    _ wanted: String, _ actual: String?, _ pragma: String
  ) throws(StoreFault) {
    guard actual == wanted else {
      throw StoreFault(
        operation: "open",
        message: "SQLite took \(pragma) as \(actual ?? "nothing") in place of \(wanted)")
    }
  }

  private mutating func checkEnd(_ acceptsRestore: Bool) throws -> LogHead {
    let head = try EventTable.head(in: database)
    let contradiction = try headFile.found.fault(of: database, endingAt: head)
    if contradiction != nil, acceptsRestore { acceptedRestore = head.position }
    damage = try (acceptsRestore ? nil : contradiction) ?? damageOfTail(head)
    guard head.position > 0 else { return head }
    let s = try database.statement("SELECT time, id FROM events WHERE position = ?")
    s.bind(head.position, at: 1)
    let rows = try s.rows { (Timestamp(milliseconds: $0.integer(0)), $0.blob(1)) }
    last = rows.first.map { (head, $0.0, $0.1) }
    return head
  }

  private mutating func readViews(at head: LogHead) throws {
    let views = try ViewTables.digests(in: database)
    digests = .empty.merging(views.digests) { $1 }
    if views.position != head.position {
      viewDamage = """
        the views are at \(views.position.map(String.init) ?? "different positions"), the log at \
        \(head.position): rebuild them with `aipm-replay --rebuild`
        """
    }
  }

  /// The chain over the last events, from the values of their columns.
  private func damageOfTail(_ head: LogHead) throws -> String? {
    let first = max(0, head.position - Self.tailLength)
    var before = LogHead.empty
    if first > 0 {
      let s = try database.statement("SELECT hash FROM events WHERE position = ?")
      s.bind(first, at: 1)
      guard let hash = try s.rows({ $0.blob(0) }).first else {
        return "the log has a gap before position \(first + 1)"
      }
      before = LogHead(position: first, hash: hash)
    }
    var check = ChainCheck(after: before)
    let names = StreamNames(database, for: .many)
    let s = try database.statement(EventTable.select + " WHERE e.position > ? ORDER BY e.position")
    s.bind(first, at: 1)
    defer { s.reset() }
    let row = StatementRow(s, names)
    var hasher = EventHasher()
    while try s.step() {
      let finding = check.take(
        row, stream: try names.text(row.integer(.stream) ?? 0),
        salt: s.bytes(EventTable.saltIndex) ?? .nothing,
        text: s.bytes(EventTable.saltIndex + 1) ?? .nothing, using: &hasher)
      if let fault = finding.fault {
        return "\(fault). Put the latest backup back, or look with `aipm verify`."
      }
    }
    return nil
  }
}
