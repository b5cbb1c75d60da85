#if PostgreSQL

import Domain
import EventLog
import PostgreSQL
import Projections
import SQLiteEventStore
import Synchronization
import SystemCalls

/// Fills a schema of its own with a log, event by event as another store has them, checks it there,
/// and puts it in the place of the log. Until then the log is unchanged.
struct PostgreSQLImport {
  /// A copy is sent in pieces of about this size.
  private static let pieceBytes = 4 << 20

  private let connection: PostgreSQLConnection
  private var buffer = EventBuffer()
  private var streams: [String: (number: Int64, version: Int64)] = [:]
  private var keys = IdempotencyKeys()
  private var fold = LogFold(isChecking: true)

  /// Creates the tables.
  init(_ place: PostgreSQLPlace) throws {
    connection = try PostgreSQLSession.begin(place, for: .maintenance)
    try connection.execute("DROP SCHEMA IF EXISTS \(PostgreSQLSchema.incoming) CASCADE")
    try connection.execute("BEGIN; SET LOCAL search_path = \(PostgreSQLSchema.incoming)")
    try PostgreSQLSchema.migrate(connection, schema: PostgreSQLSchema.incoming)
  }

  /// Adds the next events.
  mutating func take(_ events: [StoredEvent]) throws {
    for event in events {
      let name = event.stream.text
      guard !NullCharacter.isIn(event) else {
        throw StoreFault(
          operation: "copy",
          message: "event \(event.position) contains the null character in a fact, which "
            + "PostgreSQL does not store")
      }
      let number = streams[name]?.number ?? Int64(streams.count + 1)
      streams[name] = (number, (streams[name]?.version ?? 0) + 1)
      buffer.add(event, stream: number)
      keys.take(event)
      fold.take(event)
    }
    if let fault = fold.faults.first { throw StoreFault(operation: "copy", message: fault) }
    if buffer.size > Self.pieceBytes { try flush() }
  }

  private mutating func flush() throws {
    try buffer.copy(to: connection)
    if let texts = buffer.texts { try connection.run(texts) }
    buffer.removeAll()
  }

  /// Writes the look-ups and the views, and checks everything.
  /// - Returns: the result of the check of what is stored.
  mutating func finish(_ onProgress: ReplayProgress) throws -> Verification {
    try flush()
    let names = Array(streams.keys)
    try connection.query(
      "INSERT INTO streams(id, name, version) "
        + "SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[])",
      [
        .integers(names.map { streams[$0]?.number }), .texts(names),
        .integers(names.map { streams[$0]?.version }),
      ])
    try Self.put(keys, connection)
    try connection.query(
      "UPDATE head SET position = $1, hash = $2",
      [.integer(fold.head.position), .bytes(fold.head.hash)])
    try ViewRows.replace(
      allViews, by: fold.projector, in: connection, schema: PostgreSQLSchema.incoming)
    let put = ViewRows.put(fold.projector.digests, position: fold.head.position)
    try connection.run(put)
    try connection.execute("ANALYZE events; ANALYZE payloads; ANALYZE streams; COMMIT")
    try connection.execute("SET search_path = \(PostgreSQLSchema.incoming)")
    return try PostgreSQLLog(connection).verify(headPath: nil, onProgress: onProgress)
  }

  /// Writes all idempotency keys.
  static func put(_ keys: IdempotencyKeys, _ connection: PostgreSQLConnection) throws {
    let all = Array(keys.byKey)
    guard !all.isEmpty else { return }
    try connection.query(
      "INSERT INTO idempotency(key, delegation, body) "
        + "SELECT * FROM unnest($1::text[], $2::text[], $3::text[])",
      [
        .texts(all.map(\.key)), .texts(all.map(\.value.delegation.rawValue)),
        .texts(all.map(\.value.body)),
      ])
  }

  /// Puts the copy in the place of the log. A server that still had the log can write nothing more.
  /// - Parameter replaces: whether a log with events may be replaced. Another schema keeps it.
  func install(replaces: Bool) throws {
    let (name, incoming, replaced) = (
      PostgreSQLSchema.name, PostgreSQLSchema.incoming, PostgreSQLSchema.replaced
    )
    try connection.execute("SET search_path = \(name)")
    try ClaimedLog.transaction(on: connection) {
      try connection.query("SELECT pg_advisory_xact_lock($1)", [.integer(PostgreSQLLock.opening)])
      if try PostgreSQLSchema.exists(in: connection) {
        let head = try connection.query("SELECT epoch, position FROM head FOR UPDATE").first
        guard replaces || head?.integer(1) ?? 0 == 0 else {
          throw StoreFault(
            operation: "copy", message: "the database has a log already: name an empty one")
        }
        try connection.query(
          "UPDATE \(incoming).head SET epoch = $1", [.integer((head?.integer(0) ?? 0) + 1)])
        // The files are no part of a log. A revoked token stays revoked, whatever log there is.
        try PostgreSQLSchema.moveFiles(from: name, to: incoming, in: connection)
        try connection.execute(
          """
          DROP SCHEMA IF EXISTS \(replaced) CASCADE;
          ALTER SCHEMA \(name) RENAME TO \(replaced)
          """)
      } else if try connection.queryOnce(
        "SELECT 1::bigint FROM pg_catalog.pg_namespace WHERE nspname = $1", [.text(name)]
      ).count > 0 {
        // One that the database's owner made, and that has no log.
        try connection.execute("DROP SCHEMA \(name)")
      }
      try connection.execute("ALTER SCHEMA \(incoming) RENAME TO \(name)")
    }
  }

  /// Removes the tables.
  func abandon() {
    if connection.isUsable, connection.isInTransaction { _ = try? connection.execute("ROLLBACK") }
    _ = try? connection.execute("DROP SCHEMA IF EXISTS \(PostgreSQLSchema.incoming) CASCADE")
  }
}

/// An import on threads of its own, step by step: its calls block.
final class PostgreSQLImporting: Sendable {
  private let state: Mutex<PostgreSQLImport?>

  private init() { state = Mutex(nil) }

  /// Fills the store with a log that `source` reads.
  /// - Parameter replaces: whether a log with events may be replaced.
  /// - Returns: the result of the check of what is stored.
  /// - Throws: `StoreFault` if the source is corrupt or can't be copied as it is; then the store is
  ///   unchanged.
  static func run(
    from source: any LogReader, to place: PostgreSQLPlace, replaces: Bool,
    onProgress: @escaping ReplayProgress
  ) async throws(StoreFault) -> Verification {
    let importing = PostgreSQLImporting()
    try await onThread("copy") { try importing.begin(place) }
    do throws(StoreFault) {
      try await LogCopy.run(from: source, onProgress: onProgress) { events throws(StoreFault) in
        try await onThread("copy") { try importing.with { try $0.take(events) } }
      }
      return try await onThread("copy") {
        try importing.with { copy in
          let found = try copy.finish(onProgress)
          guard found.isSound else {
            throw StoreFault(
              operation: "copy",
              message: found.faults.first ?? "a row of a view is not the log's")
          }
          try copy.install(replaces: replaces)
          return found
        }
      }
    } catch {
      try await onThread("copy") { try importing.with { $0.abandon() } }
      throw error
    }
  }

  private func begin(_ place: PostgreSQLPlace) throws {
    try state.withLock { $0 = try PostgreSQLImport(place) }
  }

  private func with<T>(_ body: (inout PostgreSQLImport) throws -> sending T) throws -> sending T {
    try state.withLock { state in
      guard var copy = state.take() else {
        throw StoreFault(operation: "copy", message: "it was not begun")
      }
      defer { state = copy }
      return try body(&copy)
    }
  }
}

extension NullCharacter {
  /// Whether what is stored of an event in text columns contains it.
  static func isIn(_ event: StoredEvent) -> Bool {
    event.actor.utf8.contains(0) || event.actorKind.utf8.contains(0)
      || event.stream.text.utf8.contains(0) || (event.correlation?.utf8.contains(0) ?? false)
      || event.detail.map { $0.contains("\\u0000") || $0.utf8.contains(0) } ?? false
      || isIn(event.facts)
  }
}

#endif
