#if PostgreSQL

import CPostgreSQL

/// A statement with its values.
package struct PostgreSQLStatement {
  package let sql: String
  /// Makes the values. In a pipeline the server runs the statements before it meanwhile.
  let values: () -> [PostgreSQLValue]

  package init(_ sql: String, _ values: @autoclosure @escaping () -> [PostgreSQLValue] = []) {
    self.sql = sql
    self.values = values
  }
}

/// What has been answered of a pipeline.
struct PipelineAnswers {
  var operation: String
  var results: [PostgreSQLRows] = []
  var failure: PostgreSQLError?
  /// Whether all statements are answered.
  var isWhole = false
}

extension PostgreSQLConnection {
  /// Runs one statement.
  @discardableResult
  package func run(_ statement: PostgreSQLStatement) throws(PostgreSQLError) -> PostgreSQLRows {
    try query(statement.sql, statement.values())
  }

  /// Runs statements one after another, and waits for the server once
  /// (https://www.postgresql.org/docs/current/libpq-pipeline-mode.html). After an error the server
  /// skips the rest.
  /// - Returns: the result of each.
  /// - Throws: the first error; the earlier statements ran. They are rolled back only if a
  ///   transaction was begun before or among them.
  @discardableResult
  package func pipeline(
    _ statements: [PostgreSQLStatement]
  ) throws(PostgreSQLError) -> [PostgreSQLRows] {
    guard statements.count > 1 else {
      guard let only = statements.first else { return [] }
      return [try run(only)]
    }
    try send(statements)
    guard let results = try answers(within: limits.statement) else {
      throw silent(statements[0].sql)
    }
    return results
  }

  /// Sends statements as `pipeline` does, and does not wait for the server: `answers` does.
  /// - Parameters:
  ///   - more: statements that follow. It is called while the server runs the first ones. Those
  ///     that are not prepared yet, and all after them, are left out. They are answered as soon as
  ///     they have run: `results` has them before the last statement has ended.
  ///   - last: the last statement; nil for none.
  /// - Returns: how many of `more` were sent.
  @discardableResult
  package func send(
    _ statements: [PostgreSQLStatement], then more: () -> [PostgreSQLStatement] = { [] },
    last: PostgreSQLStatement? = nil
  ) throws(PostgreSQLError) -> Int {
    let names = try preparedNames(of: statements + (last.map { [$0] } ?? []))
    let operation = statements.first?.sql ?? ""
    _ = try begin(operation)
    guard PQenterPipelineMode(handle) == 1 else { throw lost(operation) }
    for (name, statement) in zip(names, statements) {
      guard send(name, statement.values()), PQflush(handle) >= 0 else { throw lost(operation) }
    }
    var sent = 0
    for statement in more() {
      guard let name = prepared[statement.sql] else { break }
      guard send(name, statement.values()) else { throw lost(operation) }
      sent += 1
    }
    if sent > 0, PQsendFlushRequest(handle) != 1 { throw lost(operation) }
    if let last, let name = names.last, !send(name, last.values()) { throw lost(operation) }
    guard PQpipelineSync(handle) == 1 else { throw lost(operation) }
    answering = PipelineAnswers(operation: operation)
    return sent
  }

  /// The results of the statements that were sent. Without transaction of their own, they are
  /// committed then.
  /// - Returns: nil if the server has not answered all of them in this time; it can be asked again.
  /// - Throws: as `pipeline`.
  package func answers(within time: Duration) throws(PostgreSQLError) -> [PostgreSQLRows]? {
    guard let found = try read(.max, within: time) else { return nil }
    answering = nil
    guard PQexitPipelineMode(handle) == 1 else { throw lost(found.operation) }
    if let failure = found.failure { throw failure }
    return found.results
  }

  /// The results of some of the statements that were sent, before all are answered.
  /// - Returns: nil if the server has not answered them in this time, or one has failed: `answers`
  ///   throws the error.
  /// - Throws: `PostgreSQLError` if the session has ended.
  package func results(
    _ range: Range<Int>, within time: Duration
  ) throws(PostgreSQLError) -> [PostgreSQLRows]? {
    guard let found = try read(range.upperBound, within: time), found.failure == nil,
      found.results.count >= range.upperBound
    else { return nil }
    return Array(found.results[range])
  }

  /// Reads until so many results have come, one statement has failed, or all are answered.
  /// - Returns: nil if the server has not answered in this time.
  private func read(
    _ count: Int, within time: Duration
  ) throws(PostgreSQLError) -> PipelineAnswers? {
    guard var found = answering else { throw lost("pipeline", "nothing was sent") }
    let operation = found.operation
    let deadline = ContinuousClock.now + time
    while found.results.count < count, !found.isWhole {
      guard try hasNext(operation, by: deadline) else {
        answering = found
        return nil
      }
      // nil ends the results of one statement.
      guard let result = PQgetResult(handle) else { continue }
      switch PQresultStatus(result) {
      case PGRES_PIPELINE_SYNC:
        PQclear(result)
        found.isWhole = true
      case PGRES_COMMAND_OK, PGRES_TUPLES_OK: found.results.append(PostgreSQLRows(result))
      case PGRES_PIPELINE_ABORTED: PQclear(result)
      case _:
        found.failure = found.failure ?? error(of: result, operation)
        PQclear(result)
        // After the end of the session there is no more.
        if let failure = found.failure, failure.isLost { throw broken(failure) }
      }
    }
    answering = found
    return found
  }

  private func preparedNames(
    of statements: [PostgreSQLStatement]
  ) throws(PostgreSQLError) -> [String] {
    // None of them may be forgotten while the others are prepared.
    try makeRoom(for: statements.count)
    var names: [String] = []
    for statement in statements { names.append(try prepare(statement.sql, statement.values())) }
    return names
  }
}

#endif
