#if PostgreSQL

import EventLog
import PostgreSQL
import SQLiteEventStore

/// A few threads that read, each with its own session. Each read is one short snapshot.
///
/// Searches have their own queue and threads. So a slow search does not delay the reads that a
/// submission or a worker waits for. Each read has a time limit.
final class PostgreSQLReaders: Sendable {
  /// Which queue a read waits in.
  enum Kind {
    /// Finds its rows with an index.
    case lookUp
    /// May read all rows.
    case search
  }

  private static let threads = 2
  private static let waitingLookUpsMax = 4096
  private static let waitingSearchesMax = 256

  private let lookUps: SessionThreads
  private let searches: SessionThreads
  private let place: PostgreSQLPlace

  /// - Throws: `StoreFault` if no thread can be started.
  init(_ place: PostgreSQLPlace) throws(StoreFault) {
    self.place = place
    lookUps = try SessionThreads(
      Self.threads, waitingMax: Self.waitingLookUpsMax, for: "reading")
    do throws(StoreFault) {
      searches = try SessionThreads(
        Self.threads, waitingMax: Self.waitingSearchesMax, for: "searches")
    } catch {
      lookUps.close()
      throw error
    }
  }

  func close() {
    lookUps.close()
    searches.close()
  }

  /// Runs `body` in one snapshot on a reading thread. If the session is lost, it runs once more on
  /// another one.
  /// - Throws: `StoreFault`, also if too many reads wait or this one takes too long.
  func read<T: Sendable>(
    _ operation: String, as kind: Kind = .lookUp,
    _ body: @escaping @Sendable (PostgreSQLConnection) throws -> T
  ) async throws(StoreFault) -> T {
    let threads =
      switch kind {
      case .lookUp: lookUps
      case .search: searches
      }
    return try await threads.run(
      orThrow: { StoreFault(operation: operation, message: $0) }
    ) { [place] session in Self.read(operation, place, &session, body) }
  }

  private static func read<T>(
    _ operation: String, _ place: PostgreSQLPlace, _ connection: inout PostgreSQLConnection?,
    _ body: (PostgreSQLConnection) throws -> T
  ) -> Result<T, StoreFault> {
    var isSecond = false
    while true {
      do {
        let session = try connection ?? PostgreSQLSession.begin(place, for: .reading)
        connection = session
        return .success(try snapshot(of: session) { try body(session) })
      } catch let fault as PostgreSQLSessionFault {
        return .failure(StoreFault(operation, fault))
      } catch {
        if let session = connection, session.isUsable, !session.isInTransaction {
          return .failure(StoreFault(operation: operation, error))
        }
        connection = nil
        guard let error = error as? PostgreSQLError, error.isLost, !isSecond else {
          return .failure(StoreFault(operation: operation, error))
        }
        isSecond = true
      }
    }
  }

  /// Runs `body` on one state of the log and its views.
  static func snapshot<T>(
    of connection: PostgreSQLConnection, _ body: () throws -> T
  ) throws -> T {
    try connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    do {
      let value = try body()
      try connection.execute("COMMIT")
      return value
    } catch {
      if connection.isUsable { _ = try? connection.execute("ROLLBACK") }
      throw error
    }
  }
}

#endif
