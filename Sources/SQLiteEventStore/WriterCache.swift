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

  /// Removes from memory what a rolled back transaction may have changed.
  func forgetRows() throws {
    projector = Projector()
    streams.removeAll()
    try loadWorkers()
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
    if streams.count > Self.cachedMax { streams.removeAll() }
    guard projector.knownDelegations > Self.cachedMax else { return }
    let terminal = projector.delegations.filter { $0.value.state.name?.isTerminal ?? true }
    let isEnough = terminal.count > Self.cachedMax / 2
    for id in isEnough ? terminal.map(\.key) : Array(projector.delegations.keys) {
      projector.forget(id)
    }
  }
}

/// The statements of an append.
enum WriterSQL {
  static let begin = SQLText("BEGIN IMMEDIATE")
  static let commit = SQLText("COMMIT")
  static let selectKey = SQLText("SELECT delegation, body FROM idempotency WHERE key = ?")
  static let insertKey = SQLText("INSERT INTO idempotency VALUES (?, ?, ?)")
  static let selectStamp = SQLText("SELECT 1 FROM delegations WHERE stamp = ?")
  static let selectStream = SQLText("SELECT id, version FROM streams WHERE name = ?")
  static let insertStream = SQLText("INSERT INTO streams(name, version) VALUES (?, ?)")
  static let updateStream = SQLText("UPDATE streams SET version = ? WHERE id = ?")
}
