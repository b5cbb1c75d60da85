#if PostgreSQL

import CPostgreSQL

/// A statement with its values.
package struct PostgreSQLStatement {
  package var sql: String
  package var values: [PostgreSQLValue]

  package init(_ sql: String, _ values: [PostgreSQLValue] = []) {
    self.sql = sql
    self.values = values
  }
}

extension PostgreSQLConnection {
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
      return [try query(only.sql, only.values)]
    }
    let names = try preparedNames(of: statements)
    let operation = statements[0].sql
    let deadline = try begin(operation)
    guard PQenterPipelineMode(handle) == 1 else { throw lost(operation) }
    for (name, statement) in zip(names, statements) {
      guard send(name, statement.values) else { throw lost(operation) }
    }
    guard PQpipelineSync(handle) == 1 else { throw lost(operation) }
    var results: [PostgreSQLRows] = []
    var failure: PostgreSQLError?
    reading: while true {
      // nil ends the results of one statement.
      guard let result = try next(operation, deadline) else { continue }
      switch PQresultStatus(result) {
      case PGRES_PIPELINE_SYNC:
        PQclear(result)
        break reading
      case PGRES_COMMAND_OK, PGRES_TUPLES_OK: results.append(PostgreSQLRows(result))
      case PGRES_PIPELINE_ABORTED: PQclear(result)
      case _:
        failure = failure ?? error(of: result, operation)
        PQclear(result)
        // After the end of the session there is no more.
        if let failure, failure.isLost { throw broken(failure) }
      }
    }
    guard PQexitPipelineMode(handle) == 1 else { throw lost(operation) }
    if let failure { throw failure }
    return results
  }

  private func preparedNames(
    of statements: [PostgreSQLStatement]
  ) throws(PostgreSQLError) -> [String] {
    // None of them may be forgotten while the others are prepared.
    try makeRoom(for: statements.count)
    var names: [String] = []
    for statement in statements { names.append(try prepare(statement.sql, statement.values)) }
    return names
  }
}

#endif
