import EventLog
import SQLite

/// A few threads that read, each with a connection of its own. Each read is one short snapshot;
/// none of them ever writes or checkpoints.
final class Readers: Sendable {
  private static let waitingMax = 4096
  private static let busyTimeoutMs: Int32 = 5000

  private let lane: Lane<@Sendable (Result<Database, StoreFault>) -> Void>

  /// - Throws: `StoreFault` where the system has no thread left.
  init(path: String, threads: Int) throws(StoreFault) {
    let lane = Lane<@Sendable (Result<Database, StoreFault>) -> Void>(
      capacity: Self.waitingMax, takers: threads)
    self.lane = lane
    for _ in 0..<threads {
      let isStarted = startThread {
        let database = Result { () throws(StoreFault) in try Self.connect(path) }
        while case .items(let reads) = lane.take(max: 1, timeoutMs: nil) {
          for read in reads { read(database) }
        }
      }
      guard isStarted else {
        lane.close()
        throw StoreFault(operation: "open", message: "no thread for reading could be started")
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

  func close() { lane.close() }

  /// Runs `body` in one snapshot on a reading thread.
  /// - Throws: `StoreFault`, also where too many reads wait.
  func read<T: Sendable>(
    _ operation: String, _ body: @escaping @Sendable (Database) throws -> T
  ) async throws(StoreFault) -> T {
    let result = await withCheckedContinuation {
      (caller: CheckedContinuation<Result<T, StoreFault>, Never>) in
      let refusal = lane.put { database in
        caller.resume(
          returning: database.flatMap { Self.snapshot(operation, $0, body) })
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
    } catch {
      return .failure(StoreFault(operation: operation, message: "\(error)"))
    }
  }
}
