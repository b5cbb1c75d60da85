import Domain
import EventLog
import Projections
import SQLite

/// Finds the events of a query within one snapshot. It reads the smallest source of candidates: the
/// streams of a few delegations, a list of the index, or the log itself. The newest part of the log
/// is not in the index yet, and is always read.
struct AuditSearch {
  /// At most this number of delegations is read stream by stream.
  private static let streamsMax: Int64 = 1000
  /// At most this number of commits with one prefix is looked up one by one.
  private static let commitsMax = 16
  /// Lists longer than this count as equally long.
  private static let countMax: Int64 = 5000
  /// The positions of the first window; each further window is larger.
  private static let windowMin: Int64 = 20_000

  private enum Source {
    case log
    case streams([Int64])
    case terms([Int64])
    case commits([String])
    case words(String)
  }

  private let database: Database
  private let query: AuditQuery
  private let names: StreamNames
  private let conditions: SQLPart?
  private var rows: [Int64: DelegationRow?] = [:]
  private var found: [StoredEvent] = []
  private var limit = 0

  init(_ query: AuditQuery, in database: Database) {
    self.database = database
    self.query = query
    names = StreamNames(database, for: .few)
    conditions = AuditConditions.sql(for: query)
  }

  /// The newest first.
  mutating func run(before: Int64?, limit: Int) throws -> [StoredEvent] {
    self.limit = limit
    let head = try EventTable.head(in: database).position
    let end = before.map { min(head, $0 - 1) } ?? head
    guard limit > 0, let bounds = try bounds(in: 1...max(end, 1)), end > 0 else { return [] }
    let indexed = try AuditIndex.position(in: database)
    let source = try source(in: bounds)
    if case .streams = source {
      try look(in: bounds, source)
    } else {
      if bounds.upperBound > indexed {
        try look(in: max(bounds.lowerBound, indexed + 1)...bounds.upperBound, .log)
      }
      if bounds.lowerBound <= indexed {
        try look(in: bounds.lowerBound...min(bounds.upperBound, indexed), source)
      }
    }
    return found
  }

  // MARK: Sources

  /// The positions within the terms; nil if no position is.
  private func bounds(in all: ClosedRange<Int64>) throws -> ClosedRange<Int64>? {
    try query.bounds(
      in: all, isDelegation: { try stream(of: $0) != nil },
      time: {
        try database.integer("SELECT time FROM events WHERE position = ?", .integer($0))
      })
  }

  private func stream(of id: String) throws -> Int64? {
    try database.integer(
      "SELECT id FROM streams WHERE name = ?",
      .text(StreamName.delegation(DelegationID(id)).description))
  }

  private func source(in bounds: ClosedRange<Int64>) throws -> Source {
    if let streams = try namedStreams() { return .streams(streams) }
    if let commits = try commits() { return .commits(commits) }
    if let streams = try streamsByState() { return .streams(streams) }
    var shortest: (ids: [Int64], count: Int64)?
    for condition in query.positive {
      guard let terms = terms(for: condition) else { continue }
      let ids = try terms.compactMap { try AuditIndex.id(of: $0, in: database) }
      let count = try ids.reduce(0) { try $0 + self.count($1, in: bounds) }
      if shortest.map({ count < $0.count }) ?? true { shortest = (ids, count) }
    }
    let words = query.positive.compactMap { if case .words(let words) = $0 { words } else { nil } }
      .max { $0.utf8.count < $1.utf8.count }
    if let shortest, shortest.count < Self.countMax || words == nil {
      return .terms(shortest.ids)
    }
    return words.map { .words($0) } ?? .log
  }

  /// The streams of the delegations that the query names; nil if it names none.
  private func namedStreams() throws -> [Int64]? {
    var streams: Set<Int64>?
    func keep(_ found: [Int64]) { streams = streams?.intersection(found) ?? Set(found) }
    func select(_ sql: String, _ values: SQLiteValue...) throws -> [Int64] {
      let s = try database.statement("SELECT stream FROM delegations WHERE " + sql)
      for (index, value) in values.enumerated() { s.bind(value, at: Int32(index + 1)) }
      return try s.rows { $0.integer(0) }
    }
    for condition in query.positive {
      switch condition {
      case .id(let id):
        if let stream = try stream(of: id) { keep([stream]) }
      case .stamp(let stamp): keep(try select("stamp = ?", .integer(stamp)))
      case .branch(let name): keep(try select("branch = ?", .text(name)))
      case .pullRequest(let repository, let number):
        if let repository {
          keep(try select("pr = ? AND +repository = ?", .integer(number), .text(repository)))
        } else {
          keep(try select("pr = ?", .integer(number)))
        }
      case .repository, .type, .actor, .worker, .agent, .sha, .time, .position, .refused, .follows,
        .state, .age, .stuck, .words:
        break
      }
    }
    return streams?.sorted()
  }

  /// The commits that begin with a term's digits; nil if no term selects a commit, or there are too
  /// many.
  private func commits() throws -> [String]? {
    for case .sha(let prefix) in query.positive {
      var commits: [String] = []
      var next = prefix
      while commits.count <= Self.commitsMax {
        let sha = try database.text(
          "SELECT sha FROM audit_commits WHERE sha >= ? ORDER BY sha LIMIT 1", .text(next))
        guard let sha, sha.hasPrefix(prefix) else { return commits }
        commits.append(sha)
        next = sha + " "
      }
    }
    return nil
  }

  /// The streams of the delegations in the selected state; nil if no term selects a state, or there
  /// are too many.
  private func streamsByState() throws -> [Int64]? {
    let states = query.positive.compactMap { if case .state(let state) = $0 { state } else { nil } }
    let isStuck = query.positive.contains(.stuck(true))
    guard !states.isEmpty || isStuck else { return nil }
    let live = DelegationStateName.allCases.filter { !$0.isTerminal }
    let wanted = states.first.map { [$0] } ?? live
    let words = wanted.map { "'\($0.rawValue)'" }.joined(separator: ",")
    // Streams in quarantine are few, and can be in any state.
    let quarantined = isStuck && states.isEmpty ? " OR quarantine IS NOT NULL" : ""
    let s = try database.statement(
      "SELECT stream FROM delegations WHERE state IN (\(words))\(quarantined) LIMIT ?")
    s.bind(Self.streamsMax + 1, at: 1)
    let streams = try s.rows { $0.integer(0) }
    return streams.count > Self.streamsMax ? nil : streams
  }

  private func terms(for condition: AuditQuery.Condition) -> [String]? {
    switch condition {
    case .repository(let name): [AuditIndex.Term.repository(name)]
    case .type(let types): types.map(AuditIndex.Term.type)
    case .actor(let name): [AuditIndex.Term.actor(name)]
    case .worker(let name): [AuditIndex.Term.worker(name)]
    case .agent(let name): [AuditIndex.Term.agent(name)]
    case .refused: [AuditIndex.Term.type(.networkUsed)]
    case .follows: [EventType.requested, .roundStarted].map(AuditIndex.Term.type)
    case .pullRequest, .id, .stamp, .branch, .sha, .time, .position, .state, .age, .stuck, .words:
      nil
    }
  }

  private func count(_ term: Int64, in bounds: ClosedRange<Int64>) throws -> Int64 {
    try database.integer(
      """
      SELECT count(*) FROM (SELECT 1 FROM audit_index WHERE term = ? AND position BETWEEN ? AND ?
        LIMIT ?)
      """, .integer(term), .integer(bounds.lowerBound), .integer(bounds.upperBound),
      .integer(Self.countMax)) ?? 0
  }

  // MARK: Searching

  /// Searches from the newest position of a range to the oldest, in windows, until enough is found.
  private mutating func look(in range: ClosedRange<Int64>, _ source: Source) throws {
    var upper = range.upperBound
    var size = Self.windowMin
    while found.count < limit, upper >= range.lowerBound {
      let lower = max(range.lowerBound, isWindowed(source) ? upper - size + 1 : range.lowerBound)
      let order = if case .log = source { "e.position" } else { "c.position" }
      try look(in: lower...upper, statement(source), by: order)
      upper = lower - 1
      size *= 4
    }
  }

  /// Whether a source has another order than the log, so that all of it is read before the newest
  /// event is known.
  private func isWindowed(_ source: Source) -> Bool {
    switch source {
    case .words: true
    case .terms(let ids): ids.count > 1
    case .log, .streams, .commits: false
    }
  }

  /// The ends of the range are the first two parameters of the statement.
  private func statement(_ source: Source) -> SQLPart {
    func list(_ ids: [Int64]) -> String { ids.map(String.init).joined(separator: ",") }
    let events = "CROSS JOIN events e ON e.position = c.position"
    let range = "position BETWEEN ?1 AND ?2"
    switch source {
    case .log: return SQLPart(sql: "events e NOT INDEXED")
    case .streams(let streams):
      let sql = "SELECT position FROM events WHERE stream IN (\(list(streams))) AND \(range)"
      return SQLPart(sql: "(\(sql)) c \(events)")
    case .terms(let ids):
      let term = ids.count == 1 ? "= \(list(ids))" : "IN (\(list(ids)))"
      let sql = "SELECT position FROM audit_index WHERE term \(term) AND \(range)"
      return SQLPart(sql: "(\(sql)) c \(events)")
    case .commits(let commits):
      let marks = commits.map { _ in "?" }.joined(separator: ",")
      let sql = "SELECT position FROM audit_commits WHERE \(range) AND sha IN (\(marks))"
      return SQLPart(sql: "(\(sql)) c \(events)", values: commits.map { .text($0) })
    case .words(let words):
      var sql = "SELECT position FROM payloads WHERE \(range) AND holds(body, ?)"
      let named = AuditNames(holding: words)
      let terms =
        named.types.map(AuditIndex.Term.type) + named.codes.map(AuditIndex.Term.code)
        + named.steps.map(AuditIndex.Term.step)
      if !terms.isEmpty {
        let marks = terms.map { _ in "?" }.joined(separator: ",")
        sql += """
           UNION SELECT i.position FROM audit_terms t JOIN audit_index i ON i.term = t.id
          WHERE t.term IN (\(marks)) AND i.\(range)
          """
      }
      return SQLPart(
        sql: "(\(sql)) c \(events)",
        values: [.text(AuditNames.escaped(words))] + terms.map { .text($0) })
    }
  }

  private mutating func look(
    in range: ClosedRange<Int64>, _ source: SQLPart, by order: String
  ) throws {
    let s = try database.prepare(
      """
      SELECT e.position, e.stream FROM \(source.sql) LEFT JOIN delegations d ON d.stream = e.stream
      WHERE e.position BETWEEN ?1 AND ?2 AND \(conditions?.sql ?? "1") ORDER BY \(order) DESC
      """)
    s.bind(range.lowerBound, at: 1)
    s.bind(range.upperBound, at: 2)
    for (index, value) in (source.values + (conditions?.values ?? [])).enumerated() {
      s.bind(value, at: Int32(index + 3))
    }
    defer { s.reset() }
    while found.count < limit, try s.step() {
      let event = try event(at: s.integer(0))
      let row = try row(of: s.integer(1))
      if query.matches(AuditedEvent(event: event, row: row)) { found.append(event) }
    }
  }

  private func event(at position: Int64) throws -> StoredEvent {
    let s = try database.statement(EventTable.select + " WHERE e.position = ?")
    s.bind(position, at: 1)
    let names = names
    guard let event = try s.rows({ row in try EventTable.read(row, names) }).first else {
      throw StoreFault(operation: "audit", message: "there is no event \(position)")
    }
    return event
  }

  private mutating func row(of stream: Int64) throws -> DelegationRow? {
    if let known = rows[stream] { return known }
    let s = try database.statement(DelegationQuery.select + " WHERE d.stream = ?")
    s.bind(stream, at: 1)
    let row = try s.rows { try ViewTables.read($0) as DelegationRow }.first
    rows[stream] = row
    return row
  }
}
