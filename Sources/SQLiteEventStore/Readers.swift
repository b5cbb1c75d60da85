import EventLog
import SQLite
import SystemCalls

/// A few threads that read, each with its own connection. Each read is one short snapshot; no
/// thread writes or checkpoints.
///
/// Searches have their own queue and threads. So a slow search does not delay the reads that a
/// submission or a worker waits for. Each read has a time limit.
final class Readers: Sendable {
  /// Which queue a read waits in.
  enum Kind {
    /// Finds its rows with an index.
    case lookUp
    /// May read all rows.
    case search
  }

  /// The limits of all reads.
  struct Limits {
    /// The longest time of one read, from its begin.
    var time: Duration = .seconds(30)
    /// Threads of each kind.
    var threads = 2
    var waitingLookUpsMax = 4096
    var waitingSearchesMax = 256
  }

  private static let busyTimeoutMs: Int32 = 5000

  /// - Returns: whether the connection can be used again.
  private typealias Read = @Sendable (Result<Database, StoreFault>) -> Bool

  private let lookUps: BoundedQueue<Read>
  private let searches: BoundedQueue<Read>
  private let time: Duration

  /// - Throws: `StoreFault` if no thread can be started.
  init(path: String, limits: Limits = Limits()) throws(StoreFault) {
    time = limits.time
    lookUps = BoundedQueue(capacity: limits.waitingLookUpsMax, takers: limits.threads)
    searches = BoundedQueue(capacity: limits.waitingSearchesMax, takers: limits.threads)
    for queue in [lookUps, searches] {
      for _ in 0..<limits.threads {
        guard startThread({ Self.serve(queue, path) }) else {
          close()
          throw StoreFault(operation: "open", message: "no thread for reading could be started")
        }
      }
    }
  }

  /// Runs the reads of `queue` until it is closed. Without a connection one read fails, and the
  /// next one tries to connect again.
  private static func serve(_ queue: BoundedQueue<Read>, _ path: String) {
    var connection: Database?
    while case .items(let reads) = queue.take(max: 1, timeoutMs: nil) {
      for read in reads {
        let database = Result { () throws(StoreFault) in
          if let connection { return connection }
          return try connect(path)
        }
        connection = read(database) ? try? database.get() : nil
      }
    }
  }

  /// A connection that only reads.
  static func connect(_ path: String) throws(StoreFault) -> Database {
    do {
      let database = try Database(path: path, mode: .readOnly)
      database.setBusyTimeout(milliseconds: busyTimeoutMs)
      try database.execute(
        "PRAGMA query_only = ON; PRAGMA mmap_size = 0; PRAGMA trusted_schema = OFF")
      try database.addTextSearch()
      return database
    } catch {
      throw StoreFault(operation: "open \(path)", message: "\(error)")
    }
  }

  func close() {
    stopLookUps()
    searches.close()
  }

  func stopLookUps() { lookUps.close() }

  /// Runs `body` in one snapshot on a reading thread.
  /// - Throws: `StoreFault`, also if too many reads wait or this one takes too long.
  func read<T: Sendable>(
    _ operation: String, as kind: Kind = .lookUp,
    _ body: @escaping @Sendable (Database) throws -> T
  ) async throws(StoreFault) -> T {
    let queue =
      switch kind {
      case .lookUp: lookUps
      case .search: searches
      }
    let time = time
    let result = await withCheckedContinuation {
      (caller: CheckedContinuation<Result<T, StoreFault>, Never>) in
      let refusal = queue.put { database in
        let result = database.flatMap { database in
          database.interrupt(at: .now + time)
          defer { database.interrupt(at: nil) }
          return Self.snapshot(operation, database, body)
        }
        caller.resume(returning: result)
        guard case .success(let database) = database else { return false }
        return database.isAutocommit
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

  static func snapshot<T>(
    _ operation: String, _ database: Database, _ body: (Database) throws -> T
  ) -> Result<T, StoreFault> {
    do {
      try database.run("BEGIN")
      defer { if !database.isAutocommit { try? database.run("COMMIT") } }
      return .success(try body(database))
    } catch let fault as StoreFault {
      return .failure(fault)
    } catch let error as SQLiteError where error.kind == .interrupted {
      return .failure(
        StoreFault(operation: operation, message: "\(error): ask for less at once"))
    } catch {
      return .failure(StoreFault(operation: operation, message: "\(error)"))
    }
  }
}
