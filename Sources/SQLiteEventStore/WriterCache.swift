import Domain
import EventLog
import Projections
import SQLite

/// The writer's rows in memory: all workers, and delegations and sums of events as needed.
extension Writer {
  /// The most delegations, and the most rows of a view, that the fold keeps in memory.
  private static let cachedMax = 20_000

  func load(_ stream: StreamName) throws {
    guard case .delegation(let id) = stream, projector.delegations[id] == nil else { return }
    let folded = try Projector.folding(stream, in: database)
    if let known = folded.delegations[id] { projector.load(id, known) }
  }

  /// Looks a row up for the projector.
  func look(_ row: any ViewRow) throws -> (any ViewRow)? {
    func look<Row: ViewRow>(_ row: Row) throws -> (any ViewRow)? {
      try ViewTables.row(like: row, in: database)
    }
    return try look(row)
  }

  func loadWorkers() throws {
    let rows = Dictionary(
      uniqueKeysWithValues: try ViewTables.rows(WorkerRow.self, in: database).map { ($0.id, $0) })
    let names = try database.statement(
      "SELECT name FROM streams WHERE name >= 'worker-' AND name < 'worker.'"
    ).rows { $0.text(0) ?? "" }
    for name in names {
      guard let stream = StreamName(name), case .worker(let id) = stream else { continue }
      var known = try Projector.folding(stream, in: database).workers[id]
      // Only the streams of delegations record what it works on; the row has that value.
      known?.delegation = rows[id]?.delegation
      known?.busySince = rows[id].map { Timestamp(milliseconds: $0.since) }
      if let known { projector.load(known) } else { projector.forget(id) }
    }
  }

  func trimCache() {
    projector.forgetFoldedRows(beyond: Self.cachedMax)
    guard projector.knownDelegations > Self.cachedMax else { return }
    let terminal = projector.delegations.filter { $0.value.state.name?.isTerminal ?? true }
    let isEnough = terminal.count > Self.cachedMax / 2
    for id in isEnough ? terminal.map(\.key) : Array(projector.delegations.keys) {
      projector.forget(id)
    }
  }
}
