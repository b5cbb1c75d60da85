#if PostgreSQL

import CPostgreSQL
import Glibc

/// How much COPY sends at once.
private let pieceLength = 1 << 16

extension PostgreSQLConnection {
  /// Runs `COPY … FROM STDIN (FORMAT binary)` with these rows.
  package func copy(_ sql: String, _ rows: CopyBuffer) throws(PostgreSQLError) {
    guard rows.count > 0 else { return }
    _ = try run(sql, copying: rows) { _ in true }
  }

  /// Runs statements without parameters, in one message. The last one is
  /// `COPY … FROM STDIN (FORMAT binary)`.
  /// - Parameters:
  ///   - rows: what is copied.
  ///   - meanwhile: runs while the server begins. It must not use the session.
  ///   - goesOn: asked before the copy, with the result of the statement before it; nil for none.
  /// - Returns: false if `goesOn` has returned false: then the transaction has failed.
  package func run(
    _ sql: String, copying rows: CopyBuffer, meanwhile: () -> Void = {},
    goesOn: (PostgreSQLRows?) -> Bool
  ) throws(PostgreSQLError) -> Bool {
    let deadline = try begin(sql)
    guard PQsendQuery(handle, sql) == 1, PQflush(handle) >= 0 else { throw lost(sql) }
    meanwhile()
    var (isCopied, isRefused) = (false, false)
    do throws(PostgreSQLError) {
      _ = try collect(sql, deadline) { last throws(PostgreSQLError) in
        guard !isCopied else { return false }
        guard goesOn(last) else {
          isRefused = true
          try put(sql, deadline) { [handle] in PQputCopyEnd(handle, "refused") }
          return true
        }
        try send(rows, sql, deadline)
        isCopied = true
        return true
      }
    } catch {
      guard isRefused, !error.isLost else { throw error }
    }
    return !isRefused
  }

  private func send(
    _ rows: CopyBuffer, _ sql: String, _ deadline: ContinuousClock.Instant
  ) throws(PostgreSQLError) {
    let bytes = rows.finished
    for start in stride(from: 0, to: bytes.count, by: pieceLength) {
      let piece = bytes[start..<min(start + pieceLength, bytes.count)]
      try put(sql, deadline) { [handle] in
        piece.withUnsafeBytes {
          PQputCopyData(handle, $0.bindMemory(to: CChar.self).baseAddress, Int32($0.count))
        }
      }
    }
    try put(sql, deadline) { [handle] in PQputCopyEnd(handle, nil) }
  }

  /// Calls `send` until libpq has taken it.
  private func put(
    _ sql: String, _ deadline: ContinuousClock.Instant, _ send: () -> Int32
  ) throws(PostgreSQLError) {
    while true {
      switch send() {
      case 1: return
      case 0: try wait(POLLIN | POLLOUT, sql, deadline)
      case _: throw lost(sql)
      }
      guard PQconsumeInput(handle) == 1 else { throw lost(sql) }
    }
  }
}

#endif
