import Domain
import EventLog
import Projections
import SQLite
import SystemCalls

/// The log in one file, opened read-only, whether or not a server writes to it.
package final class SQLiteReader: SQLiteLogReader {
  let path: String
  let headPath: String?
  let readers: Readers

  /// - Parameter headPath: the file with the head; nil for a copy without such a file.
  /// - Throws: `StoreFault` if the file is missing, is not a log, or was written by a newer
  ///   program.
  package init(path: String, headPath: String? = nil) throws(StoreFault) {
    _ = try LogFile(path: path)
    self.path = path
    self.headPath = headPath
    readers = try Readers(path: path, limits: .init(threads: 1))
  }

  deinit { readers.close() }

  /// See `LogReader`.
  package func head() async throws(StoreFault) -> LogHead {
    try await readers.read("head") { try EventTable.head(in: $0) }
  }
}

/// A reader of a log in one file.
protocol SQLiteLogReader: LogReader {
  var path: String { get }
  var headPath: String? { get }
  var readers: Readers { get }
}

extension SQLiteLogReader {
  /// See `LogReader`.
  package func read(
    after position: Int64, limit: Int
  ) async throws(StoreFault) -> [StoredEvent] {
    try await readers.read("read after \(position)") {
      try EventTable.after(position, limit: limit, in: $0)
    }
  }

  /// See `LogReader`.
  package func events(of stream: StreamName) async throws(StoreFault) -> [StoredEvent] {
    try await readers.read("read \(stream)") { try EventTable.stream(stream, in: $0) }
  }

  /// See `LogReader`.
  package func last(of stream: StreamName) async throws(StoreFault) -> StoredEvent? {
    try await readers.read("read \(stream)") { try EventTable.last(of: stream, in: $0) }
  }

  /// See `LogReader`.
  package func replay(
    _ plan: ReplayPlan, onProgress: @escaping ReplayProgress
  ) async throws(StoreFault) -> ReplayedLog {
    try await reading("replay") { file in
      let lookUps = plan.comparesViews ? LookUpCheck(of: file.path) : nil
      var fold = try file.fold(
        isChecking: plan.isChecking, while: { plan.end?.includes($0, $1) ?? true },
        onProgress: onProgress)
      let comparison = plan.comparesViews ? try file.compare(with: &fold, lookUps: lookUps) : nil
      return ReplayedLog(fold: fold, comparison: comparison)
    }
  }

  /// See `LogReader`.
  package func verify(
    onProgress: @escaping ReplayProgress
  ) async throws(StoreFault) -> Verification {
    let headPath = headPath
    return try await reading("verify") {
      try $0.verify(headPath: headPath, onProgress: onProgress)
    }
  }

  /// See `LogReader`.
  package func unfitStreams() async throws(StoreFault) -> [UnfitStream] {
    try await reading("check the streams") { try $0.unfitStreams() }
  }

  /// Runs `body`, which reads much of the log, on its own thread and connection.
  private func reading<T: Sendable>(
    _ operation: String, _ body: @escaping @Sendable (LogFile) throws -> T
  ) async throws(StoreFault) -> T {
    let path = path
    return try await onThread(operation) { try body(try LogFile(path: path)) }
  }
}

/// Runs `body`, which may block, on its own thread.
package func onThread<T: Sendable>(
  _ operation: String, _ body: @escaping @Sendable () throws -> T
) async throws(StoreFault) -> T {
  let result = await withCheckedContinuation {
    (caller: CheckedContinuation<Result<T, StoreFault>, Never>) in
    let isStarted = startThread {
      caller.resume(
        returning: Result { try body() }.mapError { StoreFault(operation: operation, $0) })
    }
    if !isStarted {
      caller.resume(
        returning: .failure(
          StoreFault(operation: operation, message: "no thread could be started")))
    }
  }
  return try result.get()
}
