#if PostgreSQL

import Domain
import EventLog
import PostgreSQL
import Projections

/// What the database knows of a batch's appends. The batch adds what its own appends change.
struct AdmissionContext {
  var keys: [String: (delegation: DelegationID, body: String)] = [:]
  var stamps: Set<Int64> = []

  init(_ known: AdmissionContext) { self = known }
  init() {}
}

/// The rows of one view that are looked up together.
private struct RowsToFind {
  let statement: PostgreSQLStatement
  let read: (PostgreSQLRows) throws -> [any ViewRow]

  /// - Parameter wanted: rows of any views, with only their keys.
  /// - Returns: nil if none is of this view.
  init?(_ view: any ViewRow.Type, among wanted: [any ViewRow]) {
    func rows<Row: ViewRow>(
      _: Row.Type
    ) -> (PostgreSQLStatement, (PostgreSQLRows) throws -> [any ViewRow])? {
      let own = wanted.compactMap { $0 as? Row }
      guard let statement = ViewRows.find(own) else { return nil }
      return (statement, { found in try found.map { try ViewRows.read($0) as Row } })
    }
    guard let (statement, read) = rows(view) else { return nil }
    self.statement = statement
    self.read = read
  }
}

extension PostgreSQLWriter {
  /// The session.
  /// - Throws: `PostgreSQLError`, as if it was lost, if there is no session.
  func connection() throws -> PostgreSQLConnection {
    if isSessionBusy { throw SessionBusy() }
    guard let session else {
      throw PostgreSQLError(message: "no server could be reached", operation: "write", isLost: true)
    }
    return session.connection
  }

  /// Reads what the checks of these appends need, and is not in memory, at once.
  func lookUp(_ appends: [EncodedAppend]) throws -> AdmissionContext {
    if !areWorkersLoaded { try loadWorkers() }
    var (keys, stamps) = (Set<String>(), Set<Int64>())
    var names = Set<StreamName>()
    var unfolded = Set<DelegationID>()
    for append in appends.map(\.append) {
      for case .delegation(.requested(let request)) in append.events {
        stamps.insert(request.stamp.milliseconds)
        if let key = request.idempotencyKey { keys.insert(key.key) }
      }
      if streams[append.stream] == nil { names.insert(append.stream) }
      if case .delegation(let id) = append.stream, projector.delegations[id] == nil {
        unfolded.insert(id)
      }
    }
    var context = AdmissionContext()
    let connection = try connection()
    let time = sealer.time(at: clock())
    let wanted = projector.missingRows(for: appends.map(\.append), at: time)
    let rows = allViews.compactMap { RowsToFind($0, among: wanted) }
    var statements: [PostgreSQLStatement] = []
    if !keys.isEmpty || !stamps.isEmpty || !names.isEmpty {
      statements = [
        PostgreSQLStatement(
          "SELECT key, delegation, body FROM idempotency WHERE key = ANY($1)",
          [.texts(Array(keys))]),
        PostgreSQLStatement(
          "SELECT stamp FROM delegations WHERE stamp = ANY($1)",
          [.integers(stamps.map { $0 })]),
        PostgreSQLStatement(
          "SELECT name, id, version FROM streams WHERE name = ANY($1)",
          [.texts(names.map(\.description))]),
      ]
    }
    // One wait for the server.
    let found = try connection.pipeline(statements + rows.map(\.statement))
    if !statements.isEmpty {
      for row in found[0].map({ $0 }) {
        context.keys[row.text(0) ?? ""] = (DelegationID(row.text(1) ?? ""), row.text(2) ?? "")
      }
      context.stamps = Set(found[1].map { $0.integer(0) })
      for row in found[2].map({ $0 }) {
        guard let name = StreamName(row.text(0) ?? "") else { continue }
        streams[name] = (row.integer(1), row.integer(2))
      }
    }
    for row in wanted { lookedUp.updateValue(nil, forKey: row.key) }
    for (rows, found) in zip(rows, found.dropFirst(statements.count)) {
      for row in try rows.read(found) { lookedUp.updateValue(row, forKey: row.key) }
    }
    try fold(unfolded.filter { streams[.delegation($0)] != nil }, connection)
    return context
  }

  /// Folds the streams of delegations into memory.
  private func fold(_ ids: Set<DelegationID>, _ connection: PostgreSQLConnection) throws {
    guard !ids.isEmpty else { return }
    let numbers = ids.compactMap { streams[.delegation($0)]?.number }
    let events = LogRows.read(
      try connection.query(
        LogRows.select + " WHERE e.stream = ANY($1) ORDER BY e.stream, e.version",
        [.integers(numbers)]))
    var scratch = Projector()
    for stored in events { _ = scratch.fold(stored) }
    for id in ids {
      if let known = scratch.delegations[id] { projector.load(id, known) }
    }
  }

  private func loadWorkers() throws {
    let connection = try connection()
    let rows = Dictionary(
      uniqueKeysWithValues: try ViewRows.all(WorkerRow.self, in: connection).map { ($0.id, $0) })
    let events = LogRows.read(
      try connection.query(
        LogRows.select + " WHERE s.name >= 'worker-' AND s.name < 'worker.' "
          + "ORDER BY e.stream, e.version"))
    var scratch = Projector()
    for stored in events { _ = scratch.fold(stored) }
    for (id, found) in scratch.workers {
      var known = found
      // Only the streams of delegations record what it works on; the row has that value.
      known.delegation = rows[id]?.delegation
      known.busySince = rows[id].map { Timestamp(milliseconds: $0.since) }
      projector.load(known)
    }
    areWorkersLoaded = true
  }

  /// Looks a row up for the projector.
  func look(_ row: any ViewRow) throws -> (any ViewRow)? {
    if let known = lookedUp[row.key] { return known }
    let connection = try connection()
    func look<Row: ViewRow>(_ row: Row) throws -> (any ViewRow)? {
      try ViewRows.row(like: row, in: connection)
    }
    return try look(row)
  }

  /// Adds one append to the batch. A refused append adds nothing.
  /// - Throws: if the batch has to begin again.
  func carryOut(
    _ encoded: EncodedAppend, _ context: inout AdmissionContext, _ batch: inout LogBatch
  ) throws -> Result<[RecordedEvent], AppendFault> {
    let append = encoded.append
    let now = sealer.time(at: clock())
    do {
      if let fault = refusal(of: encoded, context) { return .failure(fault) }
      guard !append.events.isEmpty else {
        try projector.check([], on: append.stream, at: now)
        return .success([])
      }
      let recorded = try add(encoded, at: now, to: &batch)
      for case .delegation(.requested(let request)) in append.events {
        guard case .delegation(let id) = append.stream else { continue }
        context.stamps.insert(request.stamp.milliseconds)
        guard let key = request.idempotencyKey else { continue }
        context.keys[key.key] = (id, key.body)
        batch.add(key, of: id)
      }
      return .success(recorded)
    } catch let corrupt as CorruptStream {
      return .failure(.corrupt(corrupt))
    }
  }

  /// Checks everything of an append except what its stream's state allows.
  /// - Returns: nil if the append may be written.
  private func refusal(of encoded: EncodedAppend, _ context: AdmissionContext) -> AppendFault? {
    let append = encoded.append
    var stamp: Int64?
    for case .delegation(.requested(let request)) in append.events {
      stamp = request.stamp.milliseconds
      if let key = request.idempotencyKey, let known = context.keys[key.key] {
        return .duplicate(of: known.delegation, body: known.body)
      }
    }
    let version = streams[append.stream]?.version ?? 0
    guard version == append.expectedVersion else { return .conflict(actual: version) }
    if let stamp, context.stamps.contains(stamp) { return .stampTaken }
    if NullCharacter.isIn(encoded) {
      return .corrupt(
        CorruptStream(
          event: append.events.first?.name ?? "", state: append.stream.description,
          reason: "a fact contains the null character, which PostgreSQL does not store"))
    }
    return nil
  }
}

#endif
