import Dispatch
import EventLog
import SQLite
import Synchronization
import SystemCalls

/// A thread that copies the write-ahead log into the database while appends go on. It cannot copy
/// what is appended meanwhile: the writer does, and that is little.
///
/// A checkpoint by the writer alone would delay every append for as long as it takes to write and
/// sync a thousand pages.
final class Checkpointer: Sendable {
  private enum State {
    case idle
    case begun
    case copied(Result<Void, SQLiteError>)
    case stopped
  }

  private let state = Mutex(State.idle)
  private let begun = DispatchSemaphore(value: 0)
  private let ended = DispatchSemaphore(value: 0)

  /// - Parameter path: the database's file.
  /// - Throws: `StoreFault` if no thread can be started.
  init(path: String) throws(StoreFault) {
    let isStarted = startThread { [self] in
      var connection: Database?
      while true {
        begun.wait()
        guard case .begun = state.withLock({ $0 }) else { break }
        var result = Result<Void, SQLiteError>.success(())
        do throws(SQLiteError) {
          if connection == nil { connection = try Self.connect(path) }
          _ = try connection?.checkpoint(.passive)
        } catch {
          // Without a file descriptor for it the writer copies everything.
          if error.isCannotOpen { connection = nil } else { result = .failure(error) }
        }
        state.withLock { $0 = .copied(result) }
        ended.signal()
      }
      connection = nil
      ended.signal()
    }
    guard isStarted else {
      throw StoreFault(operation: "open", message: "no thread for checkpoints could be started")
    }
  }

  private static func connect(_ path: String) throws(SQLiteError) -> Database {
    let database = try Database(path: path, mode: .readWriteCreate)
    // The writer closes last and decides about a checkpoint then.
    database.disableCheckpointOnClose()
    try database.execute("PRAGMA synchronous = FULL; PRAGMA mmap_size = 0")
    return database
  }

  /// Begins to copy, or takes the end of what was begun.
  /// - Returns: true if a copy has ended, and the writer should copy the rest.
  /// - Throws: `SQLiteError` of the copy.
  func proceed() throws(SQLiteError) -> Bool {
    let result = state.withLock { state -> Result<Void, SQLiteError>? in
      switch state {
      case .idle:
        state = .begun
        begun.signal()
        return nil
      case .begun, .stopped: return nil
      case .copied(let result):
        state = .idle
        return result
      }
    }
    guard let result else { return false }
    ended.wait()
    try result.get()
    return true
  }

  /// Waits until nothing is being copied.
  /// - Throws: `SQLiteError` of the copy.
  func settle() throws(SQLiteError) {
    let isUnderWay = state.withLock { state in
      switch state {
      case .begun, .copied: true
      case .idle, .stopped: false
      }
    }
    guard isUnderWay else { return }
    ended.wait()
    let result = state.withLock { state -> Result<Void, SQLiteError> in
      guard case .copied(let result) = state else { return .success(()) }
      state = .idle
      return result
    }
    try result.get()
  }

  /// Ends the thread and closes its connection. Nothing is being copied.
  func stop() {
    state.withLock { $0 = .stopped }
    begun.signal()
    ended.wait()
  }
}
