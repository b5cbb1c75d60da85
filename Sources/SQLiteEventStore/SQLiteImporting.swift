import EventLog
import Glibc
import Projections
import SQLite
import Synchronization
import SystemCalls

/// Writes the log of another store into a new file, event by event with the same hashes. Its calls
/// block, so each runs on a thread of its own.
package final class SQLiteImporting: Sendable {
  private struct State: ~Copyable {
    var database: Database
    var streams: [String: Int64] = [:]
    var head = LogHead.empty
  }

  private let path: String
  private let state: Mutex<State>

  /// - Parameter path: of the file; the copy is made beside it, with `.part` after its name.
  private init(path: String) throws {
    self.path = path
    try LogBackup.checkTarget(path)
    LogBackup.removeCopy(path + ".part")
    let database = try Database(path: path + ".part", mode: .readWriteCreate)
    // A copy that is cut off is made again, so it is synced once, at its end.
    try database.execute("PRAGMA page_size = 4096; PRAGMA synchronous = OFF")
    try Schema.migrate(database, from: 0)
    state = Mutex(State(database: database))
  }

  /// Writes the file.
  /// - Parameter onProgress: called with the number of events, copied and then checked.
  /// - Returns: the result of the check.
  /// - Throws: `StoreFault` if the file exists or the source is corrupt; then there is no file.
  package static func run(
    from source: any LogReader, to path: String, onProgress: @escaping ReplayProgress
  ) async throws(StoreFault) -> Verification {
    let copy = try await onThread("copy") { try SQLiteImporting(path: path) }
    do throws(StoreFault) {
      try await LogCopy.run(from: source, onProgress: onProgress) { events throws(StoreFault) in
        try await onThread("copy") { try copy.take(events) }
      }
      return try await onThread("copy") { try copy.finish(onProgress) }
    } catch {
      LogBackup.removeCopy(path + ".part")
      throw error
    }
  }

  private static let insertStream = SQLText("INSERT INTO streams(name, version) VALUES (?, 0)")

  private func take(_ events: [StoredEvent]) throws {
    try state.withLock { state in
      let database = state.database
      var streams = state.streams
      try database.transaction {
        for event in events {
          let name = event.stream.text
          let number: Int64
          if let known = streams[name] {
            number = known
          } else {
            try database.run(Self.insertStream, .text(name))
            number = database.lastInsertedRowID
            streams[name] = number
          }
          try EventTable.insert(event, stream: number, into: database)
        }
      }
      state.streams = streams
      if let last = events.last { state.head = LogHead(position: last.position, hash: last.hash) }
    }
  }

  private func finish(_ onProgress: ReplayProgress) throws -> Verification {
    let temporary = path + ".part"
    let head = try state.withLock { state in
      try state.database.transaction { try LookUps.rebuild(in: state.database) }
      try OutdatedViews(path: temporary, database: state.database).build { _ in }
      return state.head
    }
    let file = open(temporary, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw StoreFault.system("open \(temporary)") }
    defer { close(file) }
    guard fchmod(file, 0o600) == 0, fsync(file) == 0 else {
      throw StoreFault.system("sync \(temporary)")
    }
    let found = try LogBackup.finish(path, onProgress: onProgress)
    guard found.head == head else {
      throw StoreFault(operation: "copy", message: "the copy ends with another event")
    }
    return found
  }
}
