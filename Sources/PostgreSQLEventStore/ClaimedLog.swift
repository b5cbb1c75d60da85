#if PostgreSQL

import Domain
import EventLog
import Glibc
import PostgreSQL
import Projections
import SQLiteEventStore
import SystemCalls

/// The log, opened for writing under an epoch of its own.
struct ClaimedLog {
  var session: WriterSession
  var epoch: Int64
  var headFile: HeadFile?
  var last: (head: LogHead, time: Timestamp, id: [UInt8])?
  var lastStream: Int64 = 0
  var digests: [ViewName: ViewDigest] = .empty
  /// The fault of the log; nil if it is valid.
  var damage: String?
  /// The reason to rebuild the views before anything is written; nil if they are up to date.
  var viewDamage: String?
  /// The end of the log, if it was accepted although the head file differs; else nil.
  var acceptedRestore: Int64?
}

extension ClaimedLog {
  /// How many events at the end are checked at each opening; `verify` checks all.
  static let tailLength: Int64 = 1000

  /// Claims the log, creates it if it is missing, checks its end, and builds the views that are
  /// missing or have another version.
  static func open(
    _ place: PostgreSQLPlace, _ options: StoreOptions
  ) throws(StoreFault) -> ClaimedLog {
    do {
      if let folder = place.folder, mkdir(folder, 0o700) != 0, errno != EEXIST {
        throw StoreFault.system("open \(folder)")
      }
      let session = try WriterSession(place)
      let connection = session.connection
      let epoch = try claim(connection, place, address: options.address)
      var log = ClaimedLog(session: session, epoch: epoch)
      if let folder = place.folder {
        log.headFile = try HeadFile(path: folder + "/head")
        try DurableFile.syncFolder(folder)
      }
      let head = try log.checkEnd(options.acceptsRestore && !place.acceptance.isOver)
      if log.damage == nil { try log.buildViews(options.onViewBuild) }
      try log.readViews(at: head)
      log.lastStream = try connection.query("SELECT max(id) FROM streams").first?.integer(0) ?? 0
      if log.damage == nil, log.viewDamage == nil, log.acceptedRestore == nil {
        try log.headFile?.write(log.last?.head ?? .empty)
      }
      return log
    } catch let fault as PostgreSQLSessionFault {
      throw StoreFault("open \(place.address)", fault)
    } catch let fault as StoreFault {
      throw fault
    } catch let fault as FileFault {
      throw StoreFault(operation: "open", message: fault.description)
    } catch {
      throw StoreFault(operation: "open \(place.address)", message: "\(error)")
    }
  }

  /// Creates or migrates the tables, and claims the next epoch. The epoch before can commit nothing
  /// after this commit.
  /// - Returns: the epoch.
  /// - Throws: `StoreFault` if a newer program has written what this one cannot read.
  private static func claim(
    _ connection: PostgreSQLConnection, _ place: PostgreSQLPlace, address: String
  ) throws -> Int64 {
    try endFormer(connection, place)
    return try transaction(on: connection) {
      // Two programs that open at once wait for each other here: there is no table yet.
      try connection.query("SELECT pg_advisory_xact_lock($1)", [.integer(PostgreSQLLock.opening)])
      if let refusal = try PostgreSQLSchema.refusal(connection) {
        throw StoreFault(operation: "open", message: refusal)
      }
      try PostgreSQLSchema.migrate(connection, schema: PostgreSQLSchema.name)
      let epoch = try connection.query(
        "UPDATE head SET epoch = epoch + 1, claimed_by = $1, claimed_at = now() RETURNING epoch",
        [.text(place.holder)]
      ).first
      guard let epoch else {
        throw StoreFault(operation: "open", message: "the table `head` has no row")
      }
      try connection.run(KnownServers.put(place, address: address, position: nil))
      // A server that was frozen before its claim has lost the lock meanwhile.
      if let holder = try LockHolder.find(with: connection), !holder.instance.isEmpty,
        holder.instance != place.instance
      {
        throw StoreFault(
          operation: "open", message: "another server has the log: \(holder.name)")
      }
      return epoch.integer(0)
    }
  }

  /// Ends the sessions of the server that had the log before, if this one has its lock. It is dead
  /// or was replaced, and a session of it that waits for the standby would hold the head's row.
  private static func endFormer(
    _ connection: PostgreSQLConnection, _ place: PostgreSQLPlace
  ) throws {
    guard try LockHolder.find(with: connection)?.instance == place.instance,
      try PostgreSQLSchema.exists(in: connection),
      let former = try connection.query("SELECT claimed_by FROM head").first?.text(0),
      let instance = PostgreSQLPlace.instance(ofHolder: former), instance != place.instance
    else { return }
    try LockHolder.endSessions(of: instance, with: connection)
  }

  /// Runs `body` in a transaction; rolls back if it throws.
  static func transaction<T>(
    on connection: PostgreSQLConnection, _ body: () throws -> T
  ) throws -> T {
    try connection.execute("BEGIN")
    do {
      let value = try body()
      connection.forgetWarning()
      try connection.execute("COMMIT")
      guard connection.warning != "01000" else {
        // The wait for the standby was cancelled.
        throw PostgreSQLError(
          message: "the standby did not confirm", operation: "COMMIT", isLost: true)
      }
      return value
    } catch {
      if connection.isUsable { _ = try? connection.execute("ROLLBACK") }
      throw error
    }
  }

  /// Runs `body` in a transaction that holds the head's row, if the epoch is still this one.
  static func transaction<T>(
    on connection: PostgreSQLConnection, epoch: Int64, _ body: () throws -> T
  ) throws -> T {
    try transaction(on: connection) {
      let own = try connection.query(
        "SELECT 1::bigint FROM head WHERE epoch = $1 FOR UPDATE", [.integer(epoch)])
      guard own.count == 1 else {
        throw StoreFault(operation: "write", message: "another server has taken over this log")
      }
      return try body()
    }
  }

  private mutating func checkEnd(_ acceptsRestore: Bool) throws -> LogHead {
    let connection = session.connection
    let head = try LogRows.head(in: connection)
    let contradiction = try headFile?.found.fault(endingAt: head, store: "database") {
      try LogRows.hash(at: $0, in: connection)
    }
    if contradiction != nil, acceptsRestore { acceptedRestore = head.position }
    damage = try (acceptsRestore ? nil : contradiction) ?? damageOfTail(head)
    guard head.position > 0 else { return head }
    last = try LogRows.at([head.position], in: connection).first.map { (head, $0.time, $0.id) }
    return head
  }

  /// The chain over the last events, from the values of their columns, up to the row of the head.
  private func damageOfTail(_ head: LogHead) throws -> String? {
    let connection = session.connection
    let advice = "Put the latest backup back, or look with `aipm verify`."
    let row = try connection.query("SELECT position, hash FROM head").first
    guard row?.integer(0) == head.position, row?.blob(1) == head.hash else {
      return "the table `head` has position \(row?.integer(0) ?? 0), and the events end at "
        + "\(head.position). \(advice)"
    }
    let first = max(0, head.position - Self.tailLength)
    var before = LogHead.empty
    if first > 0 {
      guard let hash = try LogRows.hash(at: first, in: connection) else {
        return "the log has a gap before position \(first + 1)"
      }
      before = LogHead(position: first, hash: hash)
    }
    var check = ChainCheck(after: before)
    for event in try LogRows.after(first, limit: Int(Self.tailLength), in: connection) {
      if let fault = check.take(event) { return "\(fault). \(advice)" }
    }
    return nil
  }

  private func buildViews(_ onProgress: (ViewBuild) -> Void) throws {
    let connection = session.connection
    let outdated = try ViewRows.outdated(in: connection)
    guard !outdated.isEmpty else { return }
    let log = PostgreSQLLog(connection)
    var build = ViewBuild(
      views: outdated.map { $0.name }, events: try LogRows.head(in: connection).position)
    if build.events > 0 { onProgress(build) }
    // Hashes are not checked: a corrupt log is shown too.
    let fold = try log.fold(isChecking: false) {
      build.folded = $0
      if build.events > 0 { onProgress(build) }
    }
    try Self.transaction(on: connection, epoch: epoch) {
      try ViewRows.replace(outdated, by: fold.projector, in: connection)
      let names = Set(outdated.map { $0.name })
      let put = ViewRows.put(
        fold.projector.digests.filter { names.contains($0.key) }, position: fold.head.position)
      try connection.run(put)
    }
  }

  private mutating func readViews(at head: LogHead) throws {
    let connection = session.connection
    let exists = try PostgreSQLSchema.exists(in: connection)
    guard exists else { return }
    let views = try ViewRows.digests(in: connection)
    digests = .empty.merging(views.digests) { $1 }
    if views.position != head.position {
      viewDamage = """
        the views are at \(views.position.map(String.init) ?? "different positions"), the log at \
        \(head.position): rebuild them with `aipm-replay --rebuild`
        """
    }
  }
}

/// The locks that programs of one database take before they change it. A lock ends with its
/// session, so it only keeps people from a mistake; the epoch is what fences.
enum PostgreSQLLock {
  /// `AIPM` and a number.
  static let opening: Int64 = 0x4149_504d_0000_0001
  static let serving: Int64 = 0x4149_504d_0000_0002

  /// This process, for messages to others.
  static var process: String {
    var name = [CChar](repeating: 0, count: 256)
    _ = gethostname(&name, name.count - 1)
    let bytes = name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    let host = String(decoding: bytes, as: UTF8.self)
    return "process \(getpid()) on \(host.isEmpty ? "an unnamed host" : host)"
  }
}

#endif
