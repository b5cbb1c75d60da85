#if PostgreSQL

import Domain
import EventLog
import PostgreSQL
import Projections
import SQLiteEventStore

/// Finds the events of a query within one snapshot. It reads the streams of a few delegations if
/// the query names them, else the log from its end, in windows that grow. There is no index for
/// audits: the server's conditions exclude what they can, and `AuditQuery.matches` decides.
struct LogSearch {
  /// At most this number of delegations is read stream by stream.
  private static let streamsMax = 1000
  /// The positions of the first window; each further window is larger.
  private static let windowMin: Int64 = 20_000
  /// How many events are read with their texts at once.
  private static let pageLength = 500

  private let connection: PostgreSQLConnection
  private let query: AuditQuery
  private var rows: [Int64: DelegationRow?] = [:]
  private var found: [StoredEvent] = []
  private var limit = 0

  init(_ query: AuditQuery, in connection: PostgreSQLConnection) {
    self.connection = connection
    self.query = query
  }

  /// The newest first.
  mutating func run(before: Int64?, limit: Int) throws -> [StoredEvent] {
    self.limit = limit
    let head = try LogRows.head(in: connection).position
    let end = before.map { min(head, $0 - 1) } ?? head
    guard limit > 0, end > 0, let bounds = try bounds(in: 1...end) else { return [] }
    let streams = try namedStreams()
    var upper = bounds.upperBound
    var size = streams == nil ? Self.windowMin : .max
    while found.count < limit, upper >= bounds.lowerBound {
      let lower = size > upper ? bounds.lowerBound : max(bounds.lowerBound, upper - size + 1)
      try look(in: lower...upper, streams)
      upper = lower - 1
      size *= size == .max ? 1 : 4
    }
    return found
  }

  /// The positions within the terms; nil if no position is.
  private func bounds(in all: ClosedRange<Int64>) throws -> ClosedRange<Int64>? {
    try query.bounds(
      in: all, isDelegation: { try stream(of: $0) != nil },
      time: {
        try connection.query("SELECT time FROM events WHERE position = $1", [.integer($0)])
          .first?.integer(0)
      })
  }

  // MARK: Streams

  private func stream(of id: String) throws -> Int64? {
    try connection.query(
      "SELECT id FROM streams WHERE name = $1",
      [.text(StreamName.delegation(DelegationID(id)).description)]
    ).first?.integer(0)
  }

  /// The streams of the delegations that the query names, or that are in the state that it names;
  /// nil if it names none, or too many.
  private func namedStreams() throws -> [Int64]? {
    var conditions = Conditions()
    var isNarrow = false
    for condition in query.positive {
      switch condition {
      case .id(let id):
        guard let stream = try stream(of: id) else { continue }
        conditions.require("stream", "=", .integer(stream))
      case .stamp(let stamp): conditions.require("stamp", "=", .integer(stamp))
      case .branch(let name): conditions.require("branch", "=", .text(name))
      case .pullRequest(let repository, let number):
        conditions.require("pr", "=", .integer(number))
        if let repository { conditions.require("repository", "=", .text(repository)) }
      case .state(let state): conditions.require("state", "=", .text(state.rawValue))
      case .stuck(true):
        conditions.require("\(StateSQL.live("state")) OR quarantine IS NOT NULL")
      case .stuck(false), .repository, .type, .actor, .worker, .agent, .sha, .time, .position,
        .refused, .follows, .age, .words:
        continue
      }
      isNarrow = true
    }
    guard isNarrow else { return nil }
    let mark = conditions.mark(.integer(Int64(Self.streamsMax + 1)))
    let streams = try connection.queryOnce(
      "SELECT stream FROM delegations WHERE \(conditions.sql) LIMIT \(mark)", conditions.values
    ).map { $0.integer(0) }
    return streams.count > Self.streamsMax ? nil : streams
  }

  // MARK: Searching

  /// Reads the events of a range that may match, the newest first, until enough is found.
  private mutating func look(in range: ClosedRange<Int64>, _ streams: [Int64]?) throws {
    var upper = range.upperBound
    while found.count < limit, upper >= range.lowerBound {
      var conditions = Conditions()
      conditions.require("e.position", ">=", .integer(range.lowerBound))
      conditions.require("e.position", "<=", .integer(upper))
      if let streams {
        conditions.require("e.stream = ANY(\(conditions.mark(.integers(streams.map { $0 }))))")
      }
      for term in query.terms { require(term, &conditions) }
      let mark = conditions.mark(.integer(Int64(Self.pageLength)))
      let events = LogRows.read(
        try connection.queryOnce(
          LogRows.select + " LEFT JOIN delegations d ON d.stream = e.stream "
            + "WHERE \(conditions.sql) ORDER BY e.position DESC LIMIT \(mark)", conditions.values))
      try readRows(of: Set(events.compactMap(\.stream.number)))
      for event in events where found.count < limit {
        let row = event.stream.number.flatMap { rows[$0] ?? nil }
        if query.matches(AuditedEvent(event: event, row: row)) { found.append(event) }
      }
      guard events.count == Self.pageLength, let last = events.last else { return }
      upper = last.position - 1
    }
  }

  /// Adds what the server can exclude: a condition that every matching event fulfils.
  private func require(_ term: AuditQuery.Term, _ conditions: inout Conditions) {
    // The negation of a condition that selects too much would select too little.
    guard !term.isNegated else { return }
    switch term.condition {
    case .repository(let name):
      conditions.require("coalesce(d.repository, e.repository)", "=", .text(name))
    case .type(let types):
      let mark = conditions.mark(.integers(types.map { Int64($0.rawValue) }))
      conditions.require("e.type = ANY(\(mark))")
    case .actor(let name):
      let mark = conditions.mark(.text(name))
      conditions.require("e.actor = \(mark) OR e.actor_kind = \(mark)")
    case .worker(let name):
      let mark = conditions.mark(.text(name))
      let stream = conditions.mark(.text(StreamName.worker(WorkerID(name)).description))
      conditions.require(
        "e.worker = \(mark) OR (e.actor_kind = 'worker' AND e.actor = \(mark)) "
          + "OR s.name = \(stream)")
    case .agent(let name): conditions.require("e.agent", "=", .text(name))
    case .sha(let prefix):
      // Digits come before letters, and no name of a commit has a `g`.
      conditions.require("e.sha", ">=", .text(prefix))
      conditions.require("e.sha", "<", .text(prefix + "g"))
    case .refused:
      conditions.require("e.type", "=", .integer(Int64(EventType.networkUsed.rawValue)))
    case .follows(let id): conditions.require("e.follows", "=", .text(id.rawValue))
    case .words(let words): require(words, &conditions)
    case .state(let state): conditions.require("d.state", "=", .text(state.rawValue))
    case .pullRequest, .id, .stamp, .branch, .time, .position, .age, .stuck: break
    }
  }

  /// Events with a text in their texts, their type, their code or their step.
  private func require(_ words: String, _ conditions: inout Conditions) {
    let named = AuditNames(holding: words)
    let body = conditions.mayContain("p.body", AuditNames.escaped(words))
    let types = conditions.mark(.integers(named.types.map { Int64($0.rawValue) }))
    let codes = conditions.mark(.texts(named.codes))
    let steps = conditions.mark(.texts(named.steps))
    conditions.require(
      "\(body) OR e.type = ANY(\(types)) OR e.code = ANY(\(codes)) OR e.step = ANY(\(steps))")
  }

  /// Reads the rows of delegations that are not known yet.
  private mutating func readRows(of streams: Set<Int64>) throws {
    let unknown = streams.filter { rows[$0] == nil }
    guard !unknown.isEmpty else { return }
    for stream in unknown { rows[stream] = .some(nil) }
    let column = DelegationRow.view.columns.count
    let read: [(Int64, DelegationRow)] = try connection.query(
      DelegationReads.select + " WHERE d.stream = ANY($1)", [.integers(unknown.map { $0 })]
    ).map { ($0.integer(column), try ViewRows.read($0)) }
    for (stream, row) in read { rows[stream] = row }
  }
}

#endif
