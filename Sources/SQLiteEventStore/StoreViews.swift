import Domain
import EventLog
import Projections
import SQLite

extension SQLiteEventStore {
  /// See `ReadModels`.
  package func delegation(
    _ reference: DelegationReference
  ) async throws(StoreFault) -> DelegationDetail? {
    try await readers.read("delegation") { try DelegationQuery.find(reference, in: $0) }
  }

  /// See `ReadModels`.
  package func isKnown(key: String) async throws(StoreFault) -> Bool {
    try await readers.read("idempotency key") { database in
      let s = try database.statement("SELECT 1 FROM idempotency WHERE key = ?")
      s.bind(key, at: 1)
      return try !s.rows { _ in true }.isEmpty
    }
  }

  /// See `ReadModels`.
  package func delegations(
    _ filter: DelegationFilter, before: Stamp?, limit: Int
  ) async throws(StoreFault) -> [DelegationDetail] {
    try await readers.read("delegations", as: filter.words.isEmpty ? .lookUp : .search) {
      try DelegationQuery.list(filter, before: before, limit: limit, in: $0)
    }
  }

  /// See `ReadModels`.
  package func endedDelegationsWithWork() async throws(StoreFault) -> [DelegationRow] {
    try await readers.read("delegations with pending notices") { database in
      try database.statement(
        "\(DelegationQuery.select) WHERE \(StateSQL.ended("d.state")) "
          + "AND d.next_intent IS NOT NULL ORDER BY d.stamp"
      ).rows { try ViewTables.read($0) }
    }
  }

  /// See `ReadModels`.
  package func ended(
    since: Timestamp, limit: Int
  ) async throws(StoreFault) -> [EndedDelegation] {
    try await readers.read("ended delegations") { database in
      let s = try database.statement(
        """
        SELECT failure_code, requested_at, state_since, repository, agent FROM delegations
        WHERE \(StateSQL.ended("state")) AND stamp >= ? AND state_since >= ?
        ORDER BY stamp DESC LIMIT ?
        """)
      s.bind(EndedDelegation.oldestStamp(since: since), at: 1)
      s.bind(since.milliseconds, at: 2)
      s.bind(Int64(limit), at: 3)
      return try s.rows { row in
        EndedDelegation(
          failure: row.text(0).flatMap { FailureCode(rawValue: $0) },
          requestedAt: row.integer(1), endedAt: row.integer(2), repository: row.text(3) ?? "",
          agent: row.text(4) ?? "")
      }
    }
  }

  /// See `ReadModels`.
  package func texts(
    endedBefore time: Timestamp, limit: Int
  ) async throws(StoreFault) -> [Int64] {
    try await readers.read("texts", as: .search) { database in
      let s = try database.statement(
        """
        SELECT p.position FROM payloads p CROSS JOIN events e ON e.position = p.position
        CROSS JOIN delegations d ON d.stream = e.stream
        WHERE \(StateSQL.ended("d.state")) AND d.next_intent IS NULL AND d.state_since < ?1
        AND e.time < ?1 ORDER BY p.position LIMIT ?2
        """)
      s.bind(time.milliseconds, at: 1)
      s.bind(Int64(limit), at: 2)
      return try s.rows { $0.integer(0) }
    }
  }

  /// See `ReadModels`.
  package func pullRequests(
    in repositories: [RepositoryPattern], limit: Int
  ) async throws(StoreFault) -> [(row: PullRequestRow, title: String?)] {
    try await readers.read("pull requests") { database in
      let (condition, values) = DelegationQuery.condition("r.repository", in: repositories)
      let s = try database.statement(
        """
        SELECT \(ViewSQL.of(PullRequestRow.self).columns(alias: "r")), s.id FROM pull_requests r
        LEFT JOIN streams s ON s.name = 'delegation-' || r.delegation
        WHERE \(condition) ORDER BY r.delegation_stamp DESC LIMIT ?
        """)
      for (index, value) in values.enumerated() { s.bind(value, at: Int32(index + 1)) }
      s.bind(Int64(limit), at: Int32(values.count + 1))
      let streamColumn = Int32(PullRequestRow.view.columns.count)
      let rows = try s.rows { row -> (PullRequestRow, Int64?) in
        (try ViewTables.read(row), row.optionalInteger(streamColumn))
      }
      return try rows.map { row, stream in
        (row, try stream.flatMap { try DelegationQuery.text(of: $0, in: database)?.title })
      }
    }
  }

  /// See `ReadModels`.
  package func workers() async throws(StoreFault) -> [WorkerRow] {
    try await readers.read("workers") { try ViewTables.rows(WorkerRow.self, in: $0) }
  }

  /// See `ReadModels`.
  package func workerCounts() async throws(StoreFault) -> [WorkerStateName: Int] {
    try await readers.read("worker counts") { database in
      var counts: [WorkerStateName: Int] = [:]
      let s = try database.statement("SELECT state, count(*) FROM workers GROUP BY state")
      defer { s.reset() }
      while try s.step() {
        if let state = s.text(0).flatMap(WorkerStateName.init) { counts[state] = Int(s.integer(1)) }
      }
      return counts
    }
  }

  /// See `ReadModels`.
  package func repositoryUsage() async throws(StoreFault) -> [RepositoryUsage] {
    try await readers.read("repository usage") {
      try ViewTables.rows(RepositoryUsage.self, in: $0)
    }
  }

  /// See `ReadModels`.
  package func usage(
    from first: String?, through last: String?
  ) async throws(StoreFault) -> [UsageRow] {
    try await readers.read("usage") {
      try ViewTables.rows(
        UsageRow.self, from: .text(first ?? ""), through: last.map { .text($0) }, in: $0)
    }
  }

  /// See `ReadModels`.
  package func audit(
    _ query: AuditQuery, before: Int64?, limit: Int
  ) async throws(StoreFault) -> [StoredEvent] {
    try await readers.read("audit", as: .search) { database in
      var search = AuditSearch(query, in: database)
      return try search.run(before: before, limit: limit)
    }
  }

  /// See `ReadModels`.
  package func digests() async throws(StoreFault) -> (
    position: Int64, digests: [ViewName: ViewDigest]
  ) {
    try await readers.read("digests") { database in
      let found = try ViewTables.digests(in: database)
      return (found.position ?? 0, .empty.merging(found.digests) { $1 })
    }
  }

  /// See `ReadModels`.
  package func marks() async throws(StoreFault) -> (stamp: Int64, epoch: Int64) {
    try await readers.read("marks") { database in
      let stamp = try database.integer("SELECT max(stamp) FROM delegations")
      let epoch = try database.integer(
        """
        SELECT max(json_extract(detail, '$.epoch')) FROM events
        WHERE stream = (SELECT id FROM streams WHERE name = 'system') AND type = ?
        """, .integer(Int64(EventType.systemStarted.rawValue)))
      return (stamp ?? 0, epoch ?? 0)
    }
  }
}

/// Conditions on a column with a delegation's state, as lists that an index can be used for.
package enum StateSQL {
  /// The delegation has not ended.
  package static func live(_ column: String) -> String { list(column) { !$0.isTerminal } }
  /// The delegation has ended.
  package static func ended(_ column: String) -> String { list(column, \.isTerminal) }

  private static func list(_ column: String, _ isIn: (DelegationStateName) -> Bool) -> String {
    let names = DelegationStateName.allCases.filter(isIn).map { "'\($0.rawValue)'" }
    return "\(column) IN (\(names.joined(separator: ", ")))"
  }
}

/// Reading delegations with the texts in their events.
enum DelegationQuery {
  static let select =
    "SELECT \(ViewSQL.of(DelegationRow.self).columns(alias: "d")), d.stream FROM delegations d"
  private static let streamColumn = Int32(DelegationRow.view.columns.count)

  static func find(
    _ reference: DelegationReference, in database: Database
  ) throws -> DelegationDetail? {
    switch reference {
    case .id(let id):
      let s = try database.statement(
        select + " WHERE d.stream = (SELECT id FROM streams WHERE name = ?)")
      s.bind(StreamName.delegation(id).description, at: 1)
      return try details(s, in: database).first
    case .stamp(let stamp):
      let s = try database.statement(select + " WHERE d.stamp = ?")
      s.bind(stamp.milliseconds, at: 1)
      return try details(s, in: database).first
    case .pullRequest(let repository, let number):
      let key = PullRequestRow.ID(repository: repository.description, number: number)
      let row = try ViewTables.row(like: PullRequestRow(id: key), in: database)
      return try row.flatMap { try find(.id($0.delegation), in: database) }
    }
  }

  static func list(
    _ filter: DelegationFilter, before: Stamp?, limit: Int, in database: Database
  ) throws -> [DelegationDetail] {
    var conditions: [String] = []
    var values: [SQLiteValue] = []
    func require(_ condition: String, _ value: SQLiteValue) {
      conditions.append(condition)
      values.append(value)
    }
    if let before { require("d.stamp < ?", .integer(before.milliseconds)) }
    if !filter.states.isEmpty {
      let names = filter.states.map(\.rawValue).sorted()
      conditions.append("d.state IN (\(names.map { _ in "?" }.joined(separator: ", ")))")
      values += names.map { .text($0) }
    }
    if let repository = filter.repository {
      let collation = filter.pullRequest == nil ? "" : " COLLATE NOCASE"
      require("d.repository = ?\(collation)", .text(repository))
    }
    if let requester = filter.requester { require("d.requester = ?", .text(requester)) }
    if let worker = filter.worker { require("d.worker = ?", .text(worker)) }
    if let number = filter.pullRequest { require("d.pr = ?", .integer(number)) }
    if let commit = filter.commit { require("d.commit_sha = ?", .text(commit)) }
    let permitted = condition("d.repository", in: filter.repositories)
    conditions.append(permitted.sql)
    values += permitted.values
    for word in filter.words {
      // The user's text is compared literally, without wildcards.
      require("holds(\(searched), ?)", .text(word))
    }
    let condition = conditions.joined(separator: " AND ")
    let s = try database.prepare("\(select) WHERE \(condition) ORDER BY d.stamp DESC LIMIT ?")
    for (index, value) in values.enumerated() { s.bind(value, at: Int32(index + 1)) }
    s.bind(Int64(limit), at: Int32(values.count + 1))
    return try details(s, in: database)
  }

  /// The condition that a column names one of these repositories; with none of them, any.
  static func condition(
    _ column: String, in repositories: [RepositoryPattern]
  ) -> (sql: String, values: [SQLiteValue]) {
    guard !repositories.isEmpty else { return ("TRUE", []) }
    let one = "\(column) LIKE ? ESCAPE '\\'"
    let sql = Array(repeating: one, count: repositories.count).joined(separator: " OR ")
    // Names have no `%`, and patterns neither.
    let values = repositories.map { pattern in
      SQLiteValue.text(pattern.description.replacing("_", with: "\\_").replacing("*", with: "%"))
    }
    return ("(\(sql))", values)
  }

  /// The text that `DelegationFilter.text` searches, with line breaks between the parts, so that no
  /// match spans two parts.
  private static let searched = """
    d.branch || char(10) || d.repository || char(10) || 'PR' || d.stamp || char(10) || coalesce(
      (SELECT json_extract(p.body, '$.title') FROM events e JOIN payloads p
       ON p.position = e.position WHERE e.stream = d.stream AND e.version = 1
       AND json_valid(p.body)), '')
    """

  private static func details(_ s: Statement, in database: Database) throws -> [DelegationDetail] {
    let rows = try s.rows { row -> (DelegationRow, Int64) in
      (try ViewTables.read(row), row.integer(streamColumn))
    }
    return try rows.map { row, stream in
      let failure = row.state == .failed ? try self.failure(of: stream, in: database) : nil
      return DelegationDetail(
        row: row, text: try text(of: stream, in: database), failureMessage: failure?.message,
        failureHint: failure?.hint)
    }
  }

  /// The text of a delegation's request; nil if it was redacted or cannot be read.
  static func text(of stream: Int64, in database: Database) throws -> TaskText? {
    let s = try database.statement(EventTable.select + " WHERE e.stream = ? AND e.version = 1")
    s.bind(stream, at: 1)
    let first = try EventTable.few(s, in: database).first
    // An unreadable event must not hide its delegation, nor others.
    guard case .delegation(.requested(let request)) = try? first?.event() else { return nil }
    return request.text
  }

  private static func failure(of stream: Int64, in database: Database) throws -> Failed? {
    let s = try database.statement(
      EventTable.select + " WHERE e.stream = ? AND e.type = ? ORDER BY e.version DESC LIMIT 1")
    s.bind(stream, at: 1)
    s.bind(Int64(EventType.failed.rawValue), at: 2)
    let last = try EventTable.few(s, in: database).first
    guard case .delegation(.failed(let failed)) = try? last?.event() else { return nil }
    return failed
  }
}
