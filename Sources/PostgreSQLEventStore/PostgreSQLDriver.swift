#if PostgreSQL

import Domain
import EventLog
import PostgreSQL
import Projections
import SQLiteEventStore
import Synchronization

/// The store in a PostgreSQL database. Its head file is in the data folder.
package struct PostgreSQLDriver: StoreDriver {
  private let found: Result<PostgreSQLPlace, PostgreSQLAddress.Fault>

  /// - Parameters:
  ///   - address: `postgresql://…`; an invalid one makes each call fail.
  ///   - folder: the folder with the file `head`; nil for none.
  package init(address: String, folder: String?) {
    found = Result { () throws(PostgreSQLAddress.Fault) in
      PostgreSQLPlace(try PostgreSQLAddress(address), folder: folder)
    }
  }

  /// The address without the password.
  package var description: String {
    (try? found.get())?.address.description ?? "a PostgreSQL database"
  }

  /// - Throws: `StoreFault` if the address is invalid.
  package var place: PostgreSQLPlace {
    get throws(StoreFault) {
      do throws(PostgreSQLAddress.Fault) {
        return try found.get()
      } catch {
        throw StoreFault(operation: "open the store", message: error.description)
      }
    }
  }

  /// See `StoreDriver`.
  package func lock() throws -> any StoreLock {
    let place = try place
    do {
      let connection = try PostgreSQLSession.begin(place, for: .maintenance)
      return try PostgreSQLHold(connection, place)
    } catch let fault as PostgreSQLSessionFault {
      throw StoreFault("lock \(place.address)", fault)
    } catch let error as PostgreSQLError {
      throw StoreFault(operation: "lock \(place.address)", error)
    }
  }

  /// See `StoreDriver`.
  package func election() -> (any StoreElection)? {
    (try? found.get()).map { PostgreSQLElection($0) }
  }

  /// See `StoreDriver`.
  package func open(_ options: StoreOptions) throws(StoreFault) -> any RunningStore {
    try PostgreSQLEventStore.open(try place, options)
  }

  /// See `StoreDriver`.
  package func reader() throws -> any LogReader { try logReader() }

  private func logReader() throws -> PostgreSQLReader {
    let place = try place
    do {
      let connection = try PostgreSQLSession.begin(place, for: .reading)
      guard try PostgreSQLSchema.exists(in: connection) else {
        throw NoLog(description: "there is no log in \(place.address): no schema aipm")
      }
      if let refusal = try PostgreSQLSchema.refusal(connection) {
        throw StoreFault(operation: "open", message: refusal)
      }
      return try PostgreSQLReader(place)
    } catch let fault as PostgreSQLSessionFault {
      throw StoreFault("open \(place.address)", fault)
    } catch let error as PostgreSQLError {
      throw StoreFault(operation: "open \(place.address)", error)
    }
  }

  /// See `StoreDriver`.
  package func backUp(
    to path: String, onProgress: @escaping ReplayProgress
  ) async throws(StoreFault) -> Verification {
    let source: PostgreSQLReader
    do {
      source = try logReader()
    } catch {
      throw StoreFault(operation: "back up", error)
    }
    return try await SQLiteImporting.run(from: source, to: path, onProgress: onProgress)
  }

  /// See `StoreDriver`. The log that it replaces is kept in the schema `aipm_replaced`.
  package func restore(
    from path: String, onProgress: @escaping ReplayProgress
  ) async throws(StoreFault) -> Verification {
    let backup = try SQLiteReader(path: path)
    let found = try await backup.verify { _ in }
    guard found.isSound else {
      let first = found.faults.first ?? "a row of a view is not the log's"
      throw StoreFault(
        operation: "restore", message: "\(path) is damaged, so nothing was changed: \(first)")
    }
    return try await PostgreSQLImporting.run(
      from: backup, to: try place, replaces: true, onProgress: onProgress)
  }

  /// See `StoreDriver`.
  package func copy(
    from source: any LogReader, onProgress: @escaping ReplayProgress
  ) async throws(StoreFault) -> Verification {
    try await PostgreSQLImporting.run(
      from: source, to: try place, replaces: false, onProgress: onProgress)
  }

  /// See `StoreDriver`.
  package func rebuildViews(
    onProgress: @escaping ReplayProgress
  ) async throws(StoreFault) -> Rebuild {
    let place = try place
    do {
      _ = try logReader()
    } catch {
      throw StoreFault(operation: "rebuild", error)
    }
    return try await onThread("rebuild") {
      let options = StoreOptions(clock: { Timestamp(milliseconds: 0) })
      let log = try ClaimedLog.open(PostgreSQLPlace(place.address, folder: nil), options)
      if let damage = log.damage { throw StoreFault(operation: "rebuild", message: damage) }
      let session = try PostgreSQLSession.begin(place, for: .maintenance)
      let rebuild = try ViewRebuilding(
        log: PostgreSQLLog(session),
        swap: { fold in
          var fold = fold
          _ = try ClaimedLog.transaction(on: session, epoch: log.epoch) {
            try ViewRebuilding.swap(&fold, on: session)
          }
          return (fold, log.digests)
        }, onProgress: onProgress
      ).run()
      try ClaimedLog.transaction(on: session, epoch: log.epoch) { try rebuildLookUps(session) }
      return rebuild
    }
  }

  /// See `StoreDriver`. A log of an older program has none until a server has opened it.
  package func sharedFiles() async throws(StoreFault) -> (any SharedFiles)? {
    let place = try place
    return try await onThread("open the shared files") {
      let connection: PostgreSQLConnection
      do throws(PostgreSQLSessionFault) {
        connection = try PostgreSQLSession.begin(place, for: .files)
      } catch { throw StoreFault("open \(place.address)", error) }
      guard try PostgreSQLSchema.exists(in: connection) else { return nil }
      if let refusal = try PostgreSQLSchema.refusal(connection) {
        throw StoreFault(operation: "open", message: refusal)
      }
      guard try PostgreSQLSchema.hasFiles(in: connection) else { return nil }
      return try PostgreSQLFiles(place, epoch: nil)
    }
  }

  /// Rebuilds what the writer looks up. The caller has begun a transaction.
  private func rebuildLookUps(_ connection: PostgreSQLConnection) throws {
    try connection.execute(
      """
      UPDATE streams SET version = (SELECT count(*) FROM events e WHERE e.stream = streams.id)
      WHERE version <> (SELECT count(*) FROM events e WHERE e.stream = streams.id);
      DELETE FROM idempotency
      """)
    try PostgreSQLImport.put(try IdempotencyKeys(in: connection), connection)
  }
}

/// The lock of a database for one process, held by a session. It ends with that session, so it only
/// keeps a second server from starting; the epoch is what fences.
private final class PostgreSQLHold: StoreLock {
  private let connection: Mutex<PostgreSQLConnection>

  init(_ connection: sending PostgreSQLConnection, _ place: PostgreSQLPlace) throws {
    try connection.query(Self.naming, [.text(Self.name(PostgreSQLLock.process))])
    let isFree = try connection.query(
      "SELECT pg_try_advisory_lock($1)", [.integer(PostgreSQLLock.serving)]
    ).first?.integer(0)
    guard isFree == 1 else {
      let holder = try LockHolder.find(with: connection)
      throw StoreInUse(
        description: "the log in \(place.address) is in use by "
          + "\(holder?.name ?? "another process"); stop that one, or name another database")
    }
    self.connection = Mutex(connection)
  }

  func note(_ text: String) {
    connection.withLock {
      // The server cuts it off after 63 bytes. It only helps people, so a failure is no fault.
      _ = try? $0.query(Self.naming, [.text(Self.name(text))])
    }
  }

  private static let naming = "SELECT set_config('application_name', $1, false)"

  /// No server has such a name, so none is replaced for its silence.
  private static func name(_ text: String) -> String { "aipm-tool \(text)" }
}

#endif
