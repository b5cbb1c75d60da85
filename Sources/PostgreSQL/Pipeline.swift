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
  package func send(_ statements: [PostgreSQLStatement]) throws(PostgreSQLError) {
    let names = try preparedNames(of: statements)
    let operation = statements.first?.sql ?? ""
    _ = try begin(operation)
    guard PQenterPipelineMode(handle) == 1 else { throw lost(operation) }
    for (name, statement) in zip(names, statements) {
      guard send(name, statement.values()), PQflush(handle) >= 0 else { throw lost(operation) }
    }
    guard PQpipelineSync(handle) == 1 else { throw lost(operation) }
    answering = PipelineAnswers(operation: operation)
  }

  /// The results of the statements that were sent. Without transaction of their own, they are
  /// committed then.
  /// - Returns: nil if the server has not answered all of them in this time; it can be asked again.
  /// - Throws: as `pipeline`.
  package func answers(within time: Duration) throws(PostgreSQLError) -> [PostgreSQLRows]? {
    guard var found = answering else { throw lost("pipeline", "nothing was sent") }
    let operation = found.operation
    let deadline = ContinuousClock.now + time
    reading: while true {
      guard try hasNext(operation, by: deadline) else {
        answering = found
        return nil
      }
      // nil ends the results of one statement.
      guard let result = PQgetResult(handle) else { continue }
      switch PQresultStatus(result) {
      case PGRES_PIPELINE_SYNC:
        PQclear(result)
        break reading
      case PGRES_COMMAND_OK, PGRES_TUPLES_OK: found.results.append(PostgreSQLRows(result))
      case PGRES_PIPELINE_ABORTED: PQclear(result)
      case _:
        found.failure = found.failure ?? error(of: result, operation)
        PQclear(result)
        // After the end of the session there is no more.
        if let failure = found.failure, failure.isLost { throw broken(failure) }
      }
    }
    answering = nil
    guard PQexitPipelineMode(handle) == 1 else { throw lost(operation) }
    if let failure = found.failure { throw failure }
    return found.results
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
