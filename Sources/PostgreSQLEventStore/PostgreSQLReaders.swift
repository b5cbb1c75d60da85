#if PostgreSQL

import EventLog
import PostgreSQL
import SQLiteEventStore
import SystemCalls

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

  private typealias Read = @Sendable (inout PostgreSQLConnection?) -> Void

  private let lookUps = BoundedQueue<Read>(capacity: waitingLookUpsMax, takers: threads)
  private let searches = BoundedQueue<Read>(capacity: waitingSearchesMax, takers: threads)
  private let place: PostgreSQLPlace

  /// - Throws: `StoreFault` if no thread can be started.
  init(_ place: PostgreSQLPlace) throws(StoreFault) {
    self.place = place
    for queue in [lookUps, searches] {
      for _ in 0..<Self.threads {
        guard startThread({ Self.serve(queue) }) else {
          close()
          throw StoreFault(operation: "open", message: "no thread for reading could be started")
        }
      }
    }
  }

  /// Runs the reads of `queue` until it is closed.
  private static func serve(_ queue: BoundedQueue<Read>) {
    var connection: PostgreSQLConnection?
    while case .items(let reads) = queue.take(max: 1, timeoutMs: nil) {
      for read in reads { read(&connection) }
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
    let queue =
      switch kind {
      case .lookUp: lookUps
      case .search: searches
      }
    let place = place
    let result = await withCheckedContinuation {
      (caller: CheckedContinuation<Result<T, StoreFault>, Never>) in
      let refusal = queue.put { connection in
        caller.resume(returning: Self.read(operation, place, &connection, body))
      }
      switch refusal {
      case nil: break
      case .full:
        caller.resume(
          returning: .failure(StoreFault(operation: operation, message: "too many reads wait")))
      case .closed:
        caller.resume(
          returning: .failure(StoreFault(operation: operation, message: "the store is closed")))
      }
    }
    return try result.get()
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
