#if PostgreSQL

import Domain
import EventLog
import PostgreSQL
import Projections

/// What the database knows of a batch's appends. The batch adds what its own appends change.
struct AdmissionContext {
  var keys: [String: (delegation: DelegationID, body: String)] = [:]
  var stamps: Set<Int64> = []

  /// Adds what was looked up later. What the batch has changed stays.
  mutating func add(_ later: AdmissionContext) {
    keys.merge(later.keys) { known, _ in known }
    stamps.formUnion(later.stamps)
  }
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

/// What the checks of appends need, and the writer does not have in memory.
struct LookUp {
  private let keys: Set<String>
  private let stamps: Set<Int64>
  private let names: Set<StreamName>
  /// Delegations whose streams have to be folded, if they exist.
  let unfolded: Set<DelegationID>
  /// Rows of views, with only their keys.
  private let wanted: [any ViewRow]
  private let rows: [RowsToFind]

  init(for appends: [Append], _ writer: PostgreSQLWriter) {
    var (keys, stamps) = (Set<String>(), Set<Int64>())
    var names = Set<StreamName>()
    var unfolded = Set<DelegationID>()
    for append in appends {
      for case .delegation(.requested(let request)) in append.events {
        stamps.insert(request.stamp.milliseconds)
        if let key = request.idempotencyKey { keys.insert(key.key) }
      }
      if writer.streams[append.stream] == nil { names.insert(append.stream) }
      if case .delegation(let id) = append.stream, writer.projector.delegations[id] == nil {
        unfolded.insert(id)
      }
    }
    (self.keys, self.stamps, self.names, self.unfolded) = (keys, stamps, names, unfolded)
    wanted = writer.projector.missingRows(
      for: appends, at: writer.sealer.time(at: writer.clock()))
    rows = allViews.compactMap { [wanted] in RowsToFind($0, among: wanted) }
  }

  private var concernsRequests: Bool { !keys.isEmpty || !stamps.isEmpty || !names.isEmpty }

  var statements: [PostgreSQLStatement] {
    var statements: [PostgreSQLStatement] = []
    if concernsRequests {
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
    return statements + rows.map(\.statement)
  }

  /// Reads the results of the statements.
  /// - Parameters:
  ///   - streams: the number and the version of each stream that exists are added.
  ///   - known: the rows that were looked up are added; nil for one that does not exist.
  func read(
    _ found: [PostgreSQLRows], _ streams: inout [StreamName: (number: Int64, version: Int64)],
    _ known: inout [ViewKey: (any ViewRow)?]
  ) throws -> AdmissionContext {
    var context = AdmissionContext()
    if concernsRequests {
      for row in found[0].map({ $0 }) {
        context.keys[row.text(0) ?? ""] = (DelegationID(row.text(1) ?? ""), row.text(2) ?? "")
      }
      context.stamps = Set(found[1].map { $0.integer(0) })
      for row in found[2].map({ $0 }) {
        guard let name = StreamName(row.text(0) ?? "") else { continue }
        streams[name] = (row.integer(1), row.integer(2))
      }
    }
    let existing = try zip(rows, found.suffix(rows.count)).flatMap { try $0.read($1) }
    for row in wanted { known.updateValue(nil, forKey: row.key) }
    for row in existing { known.updateValue(row, forKey: row.key) }
    return context
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
  func lookUp(_ appends: [Append]) throws -> AdmissionContext {
    if !areWorkersLoaded { try loadWorkers() }
    let connection = try connection()
    let lookUp = LookUp(for: appends, self)
    // One wait for the server.
    let found = try connection.pipeline(lookUp.statements)
    let context = try lookUp.read(found, &streams, &lookedUp)
    try fold(lookUp.unfolded.filter { streams[.delegation($0)] != nil }, connection)
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
