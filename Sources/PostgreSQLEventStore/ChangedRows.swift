#if PostgreSQL

import EventLog
import PostgreSQL
import Projections

/// The rows that a batch changes, each with its last value and the number of its stream. The rows
/// of each view have their own type: code for any view would take twice the time. To add a view,
/// add it to each member.
struct ChangedRows {
  private var delegations = ChangedRowsOfView<DelegationRow>()
  private var pullRequests = ChangedRowsOfView<PullRequestRow>()
  private var workers = ChangedRowsOfView<WorkerRow>()
  private var repositoryUsage = ChangedRowsOfView<RepositoryUsage>()
  private var usage = ChangedRowsOfView<UsageRow>()
  private var tasks = ChangedRowsOfView<TaskRow>()

  /// Adds a row. It replaces the one with its key.
  /// - Throws: `StoreFault` if the view is not one of these.
  mutating func add(_ row: any ViewRow, stream: Int64) throws {
    switch row {
    case let row as DelegationRow: delegations.add(row, stream)
    case let row as PullRequestRow: pullRequests.add(row, stream)
    case let row as WorkerRow: workers.add(row, stream)
    case let row as RepositoryUsage: repositoryUsage.add(row, stream)
    case let row as UsageRow: usage.add(row, stream)
    case let row as TaskRow: tasks.add(row, stream)
    case _:
      throw StoreFault(operation: "write", message: "no table for \(type(of: row).name.rawValue)")
    }
  }

  /// The statements that write them.
  var statements: [PostgreSQLStatement] {
    [
      delegations.statement, pullRequests.statement, workers.statement,
      repositoryUsage.statement, usage.statement, tasks.statement,
    ].compactMap { $0 }
  }
}

/// The rows of one view that a batch changes.
private struct ChangedRowsOfView<Row: ViewRow> {
  private var places: [Row.ID: Int] = [:]
  private var rows: [Row] = []
  /// The number of each row's stream.
  private var streams: [Int64] = []

  mutating func add(_ row: Row, _ stream: Int64) {
    if let place = places[row.id] {
      rows[place] = row
      streams[place] = stream
    } else {
      places[row.id] = rows.count
      rows.append(row)
      streams.append(stream)
    }
  }

  var statement: PostgreSQLStatement? { ViewRows.put(rows, streams: streams) }
}

#endif
