import Domain
import EventLog
import Projections
import SQLite

/// An accepted append: what it writes.
struct PlannedAppend {
  /// The number of its stream.
  let stream: Int64
  /// The name of the stream, if the append is its first.
  let newStream: StreamName?
  /// The version of the stream after it.
  let version: Int64
  let events: [SealedEvent]
  let changes: [RowChange]
}

/// Appends that share a commit, in order.
struct PlannedBatch {
  /// What its appends were planned on.
  let before: AppendPlanner.Position
  var requests: [AppendRequest] = []
  /// What their callers hear once the batch is committed.
  var results: [Result<[RecordedEvent], AppendFault>] = []
  var writes: [PlannedAppend] = []
  /// What is in the database once it is committed. Valid once the batch is closed.
  var after: AppendPlanner.Position
  /// What no read of the database finds until it is committed.
  var uniques = UniqueValues()

  init(on position: AppendPlanner.Position) {
    before = position
    after = position
  }
}

/// Values that the log has once.
struct UniqueValues {
  var keys: [String: (delegation: DelegationID, body: String)] = [:]
  var stamps: Set<Int64> = []
}

/// Decides about appends, in order: which are refused, and what the others write. It holds the end
/// of the log and the rows that the fold needs in memory.
///
/// It reads what is committed, with its own connection, and may be ahead of the database by the
/// batch that is being committed. What that batch changes is in memory: its streams, its rows and
/// its unique values.
final class AppendPlanner {
  /// The end of a log, and the digests of its views.
  struct Position {
    var sealer: EventSealer<SystemRandomNumberGenerator>
    var digests: [ViewName: ViewDigest]
    /// The number of the last stream.
    var lastStream: Int64

    var head: LogHead { sealer.head }
  }

  /// The most delegations, and the most rows of a view, that the fold keeps in memory.
  private static let cachedMax = 20_000

  private let database: Database
  private let clock: @Sendable () -> Timestamp
  private(set) var position: Position
  private var projector = Projector()
  /// The number and the version of streams, as needed.
  private var streams: [StreamName: (number: Int64, version: Int64)] = [:]
  /// Of the batch that is being committed.
  private var unwritten = UniqueValues()
  private var eventHasher = EventHasher()
  private var rowHasher = RowHasher()

  /// - Parameters:
  ///   - database: a connection that only reads.
  ///   - last: the last event of the log; nil for an empty log.
  init(
    _ database: Database, last: (head: LogHead, time: Timestamp, id: [UInt8])?,
    digests: [ViewName: ViewDigest], clock: @escaping @Sendable () -> Timestamp
  ) {
    self.database = database
    self.clock = clock
    position = Position(
      sealer: EventSealer(last: last, random: SystemRandomNumberGenerator()), digests: digests,
      lastStream: 0)
  }

  // MARK: Planning

  /// A batch without appends, to be planned on everything that was planned.
  func newBatch() -> PlannedBatch { PlannedBatch(on: position) }

  /// Plans an append that shares the commit of `batch`, the last one that is planned. A refused
  /// append writes nothing.
  /// - Throws: if the database cannot be read; then `rollBack` must follow.
  func plan(_ request: AppendRequest, in batch: inout PlannedBatch) throws {
    batch.requests.append(request)
    batch.results.append(try plan(request.append, in: &batch))
  }

  private func plan(
    _ encoded: EncodedAppend, in batch: inout PlannedBatch
  ) throws -> Result<[RecordedEvent], AppendFault> {
    let append = encoded.append
    do {
      let now = position.sealer.time(at: clock())
      let stream = try admit(append, batch.uniques)
      guard !append.events.isEmpty else {
        try projector.check([], on: append.stream, at: now)
        return .success([])
      }
      let planned = try write(encoded, to: stream, at: now)
      batch.writes.append(planned)
      note(planned, in: &batch.uniques)
      return .success(planned.events.map(\.recorded))
    } catch let fault as AppendFault {
      return .failure(fault)
    } catch let corrupt as CorruptStream {
      return .failure(.corrupt(corrupt))
    }
  }

  /// Checks everything of `append` except what its stream's state allows, and changes nothing.
  /// - Returns: the number of its stream; nil for a new one.
  private func admit(_ append: Append, _ uniques: UniqueValues) throws -> Int64? {
    var stamp: Int64?
    for case .delegation(.requested(let request)) in append.events {
      stamp = request.stamp.milliseconds
      guard let key = request.idempotencyKey else { continue }
      if let known = try self.known(key.key, uniques) {
        throw AppendFault.duplicate(of: known.delegation, body: known.body)
      }
    }
    let stream = try stream(append.stream)
    guard stream?.version ?? 0 == append.expectedVersion else {
      throw AppendFault.conflict(actual: stream?.version ?? 0)
    }
    if let stamp, try isTaken(stamp, uniques) { throw AppendFault.stampTaken }
    if stream != nil { try load(append.stream) }
    return stream?.number
  }

  private func known(
    _ key: String, _ uniques: UniqueValues
  ) throws -> (delegation: DelegationID, body: String)? {
    if let planned = uniques.keys[key] ?? unwritten.keys[key] { return planned }
    let s = try database.statement(PlannerSQL.selectKey)
    s.bind(key, at: 1)
    return try s.rows { (DelegationID($0.text(0) ?? ""), $0.text(1) ?? "") }.first
  }

  private func isTaken(_ stamp: Int64, _ uniques: UniqueValues) throws -> Bool {
    if uniques.stamps.contains(stamp) || unwritten.stamps.contains(stamp) { return true }
    let s = try database.statement(PlannerSQL.selectStamp)
    s.bind(stamp, at: 1)
    return try s.rows { _ in true }.first != nil
  }

  private func stream(_ name: StreamName) throws -> (number: Int64, version: Int64)? {
    if let known = streams[name] { return known }
    let s = try database.statement(PlannerSQL.selectStream)
    s.bind(name.description, at: 1)
    return try s.rows { (number: $0.integer(0), version: $0.integer(1)) }.first
  }

  private func note(_ planned: PlannedAppend, in uniques: inout UniqueValues) {
    for sealed in planned.events {
      guard case .delegation(.requested(let request)) = sealed.recorded.event,
        case .delegation(let id) = sealed.recorded.stream
      else { continue }
      uniques.stamps.insert(request.stamp.milliseconds)
      if let key = request.idempotencyKey { uniques.keys[key.key] = (id, key.body) }
    }
  }

  /// - Throws: `AppendFault` and `CorruptStream` only if nothing has changed.
  private func write(
    _ encoded: EncodedAppend, to known: Int64?, at now: Timestamp
  ) throws -> PlannedAppend {
    let append = encoded.append
    let before = position.sealer
    guard let sealed = position.sealer.seal(encoded, at: now, &eventHasher) else {
      throw AppendFault.corrupt(
        CorruptStream(
          event: append.events.first?.name ?? "", state: append.stream.description,
          reason: "its causation is no id: \(append.causation ?? "")"))
    }
    let changes: [RowChange]
    do {
      changes = try projector.apply(sealed.map(\.recorded), look: look, &rowHasher)
    } catch {
      position.sealer = before
      throw error
    }
    for change in changes { position.digests.follow(change) }
    let version = append.expectedVersion + Int64(sealed.count)
    let number = known ?? position.lastStream + 1
    if known == nil { position.lastStream = number }
    streams[append.stream] = (number, version)
    return PlannedAppend(
      stream: number, newStream: known == nil ? append.stream : nil, version: version,
      events: sealed, changes: changes)
  }

  /// Plans an append of the store itself, which no other append waits for.
  /// - Throws: if it is not possible; then `rollBack` must follow.
  func plan(_ append: Append) throws -> PlannedAppend {
    let known = try stream(append.stream)
    return try write(
      EncodedAppend(append), to: known?.number, at: position.sealer.time(at: clock()))
  }

  /// The version of a stream; 0 if it does not exist.
  func version(of name: StreamName) throws -> Int64 { try stream(name)?.version ?? 0 }

  // MARK: Commits

  /// No append joins the batch any more: it is committed next.
  func close(_ batch: inout PlannedBatch) { batch.after = position }

  /// The batch is being committed; the next one may be planned.
  func hasBegun(_ batch: PlannedBatch) { unwritten = batch.uniques }

  /// All that was begun is committed.
  func hasCommitted() { unwritten = UniqueValues() }

  /// Returns to a position. Nothing that was planned after it was committed, and nothing is being
  /// committed.
  /// - Throws: if the database cannot be read.
  func rollBack(to position: Position) throws {
    self.position = position
    unwritten = UniqueValues()
    try forgetRows()
  }

  /// The views were rebuilt.
  /// - Returns: the digests that they had.
  /// - Throws: if the database cannot be read.
  func replaceViews(_ digests: [ViewName: ViewDigest]) throws -> [ViewName: ViewDigest] {
    let replaced = position.digests
    position.digests = digests
    try forgetRows()
    return replaced
  }

  // MARK: Rows in memory: all workers; delegations and sums of events as needed

  /// Reads what it needs before the first append.
  /// - Throws: if the database cannot be read.
  func load() throws {
    position.lastStream = try database.integer("SELECT max(id) FROM streams") ?? 0
    try loadWorkers()
  }

  private func load(_ stream: StreamName) throws {
    guard case .delegation(let id) = stream, projector.delegations[id] == nil else { return }
    let folded = try Projector.folding(stream, in: database)
    if let known = folded.delegations[id] { projector.load(id, known) }
  }

  /// Looks a row up for the projector.
  private func look(_ row: any ViewRow) throws -> (any ViewRow)? {
    func look<Row: ViewRow>(_ row: Row) throws -> (any ViewRow)? {
      try ViewTables.row(like: row, in: database)
    }
    return try look(row)
  }

  private func forgetRows() throws {
    projector = Projector()
    streams.removeAll()
    try loadWorkers()
  }

  private func loadWorkers() throws {
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

  /// Whether it holds more than it should. Then `trim` is due.
  var isFull: Bool {
    streams.count > Self.cachedMax || projector.knownDelegations > Self.cachedMax
      || projector.foldedRowsMax > Self.cachedMax
  }

  /// Removes rows from memory. All that was planned must be committed, since a removed row is read
  /// from the database.
  func trim() {
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

/// The planner's questions.
private enum PlannerSQL {
  static let selectKey = SQLText("SELECT delegation, body FROM idempotency WHERE key = ?")
  static let selectStamp = SQLText("SELECT 1 FROM delegations WHERE stamp = ?")
  static let selectStream = SQLText("SELECT id, version FROM streams WHERE name = ?")
}
