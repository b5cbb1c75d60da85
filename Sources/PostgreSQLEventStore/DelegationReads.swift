#if PostgreSQL

import Domain
import EventLog
import PostgreSQL
import Projections
import SQLiteEventStore

extension PostgreSQLEventStore {
  /// See `ReadModels`.
  package func delegation(
    _ reference: DelegationReference
  ) async throws(StoreFault) -> DelegationDetail? {
    try await readers.read("delegation") { try DelegationReads.find(reference, in: $0) }
  }

  /// See `ReadModels`.
  package func isKnown(key: String) async throws(StoreFault) -> Bool {
    try await readers.read("idempotency key") { connection in
      try connection.query("SELECT 1::bigint FROM idempotency WHERE key = $1", [.text(key)])
        .count > 0
    }
  }

  /// See `ReadModels`.
  package func delegations(
    _ filter: DelegationFilter, before: Stamp?, limit: Int
  ) async throws(StoreFault) -> [DelegationDetail] {
    try await readers.read("delegations", as: filter.words.isEmpty ? .lookUp : .search) {
      try DelegationReads.list(filter, before: before, limit: limit, in: $0)
    }
  }

  /// See `ReadModels`.
  package func endedDelegationsWithWork() async throws(StoreFault) -> [DelegationRow] {
    try await readers.read("delegations with pending notices") { connection in
      try connection.query(
        "\(DelegationReads.select) WHERE \(StateSQL.ended("d.state")) "
          + "AND d.next_intent IS NOT NULL ORDER BY d.stamp"
      ).map { try ViewRows.read($0) }
    }
  }

  /// See `ReadModels`.
  package func ended(
    since: Timestamp, limit: Int
  ) async throws(StoreFault) -> [EndedDelegation] {
    try await readers.read("ended delegations") { connection in
      try connection.query(
        """
        SELECT failure_code, requested_at, state_since, repository, agent FROM delegations
        WHERE \(StateSQL.ended("state")) AND stamp >= $1 AND state_since >= $2
        ORDER BY stamp DESC LIMIT $3
        """,
        [
          .integer(EndedDelegation.oldestStamp(since: since)), .integer(since.milliseconds),
          .integer(Int64(max(0, limit))),
        ]
      ).map { row in
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
    try await readers.read("texts", as: .search) { connection in
      try connection.query(
        """
        SELECT p.position FROM payloads p JOIN events e ON e.position = p.position
        JOIN delegations d ON d.stream = e.stream
        WHERE \(StateSQL.ended("d.state")) AND d.next_intent IS NULL AND d.state_since < $1
        AND e.time < $1 ORDER BY p.position LIMIT $2
        """, [.integer(time.milliseconds), .integer(Int64(max(0, limit)))]
      ).map { $0.integer(0) }
    }
  }

  /// See `ReadModels`.
  package func pullRequests(
    in repositories: [RepositoryPattern], limit: Int
  ) async throws(StoreFault) -> [(row: PullRequestRow, title: String?)] {
    try await readers.read("pull requests") { connection in
      var conditions = Conditions()
      conditions.require("r.repository", in: repositories)
      let limit = conditions.mark(.integer(Int64(max(0, limit))))
      let streamColumn = PullRequestRow.view.columns.count
      let rows: [(PullRequestRow, Int64?)] = try connection.queryOnce(
        """
        SELECT \(ViewStatements.of(PullRequestRow.self).columns(alias: "r")), s.id
        FROM pull_requests r LEFT JOIN streams s ON s.name = 'delegation-' || r.delegation
        WHERE \(conditions.sql) ORDER BY r.delegation_stamp DESC LIMIT \(limit)
        """, conditions.values
      ).map { (try ViewRows.read($0), $0.optionalInteger(streamColumn)) }
      let texts = try DelegationReads.texts(of: rows.compactMap(\.1), in: connection)
      return rows.map { row, stream in (row, stream.flatMap { texts[$0]?.title }) }
    }
  }

  /// See `ReadModels`.
  package func workers() async throws(StoreFault) -> [WorkerRow] {
    try await readers.read("workers") { try ViewRows.all(WorkerRow.self, in: $0) }
  }

  /// See `ReadModels`.
  package func workerCounts() async throws(StoreFault) -> [WorkerStateName: Int] {
    try await readers.read("worker counts") { connection in
      var counts: [WorkerStateName: Int] = [:]
      let rows = try connection.query("SELECT state, count(*) FROM workers GROUP BY state")
      for index in 0..<rows.count {
        guard let state = rows[index].text(0).flatMap(WorkerStateName.init) else { continue }
        counts[state] = Int(rows[index].integer(1))
      }
      return counts
    }
  }

  /// See `ReadModels`.
  package func repositoryUsage() async throws(StoreFault) -> [RepositoryUsage] {
    try await readers.read("repository usage") { try ViewRows.all(RepositoryUsage.self, in: $0) }
  }

  /// See `ReadModels`.
  package func usage(
    from first: String?, through last: String?
  ) async throws(StoreFault) -> [UsageRow] {
    try await readers.read("usage") { connection in
      let column = UsageRow.view.columns[0].sqlName
      var conditions = Conditions()
      if let first { conditions.require(column, ">=", .text(first)) }
      if let last { conditions.require(column, "<=", .text(last)) }
      return try connection.queryOnce(
        "\(ViewStatements.of(UsageRow.self).select) WHERE \(conditions.sql)", conditions.values
      ).map { try ViewRows.read($0) }
    }
  }

  /// See `ReadModels`.
  package func audit(
    _ query: AuditQuery, before: Int64?, limit: Int
  ) async throws(StoreFault) -> [StoredEvent] {
    try await readers.read("audit", as: .search) { connection in
      var search = LogSearch(query, in: connection)
      return try search.run(before: before, limit: limit)
    }
  }

  /// See `ReadModels`.
  package func digests() async throws(StoreFault) -> (
    position: Int64, digests: [ViewName: ViewDigest]
  ) {
    try await readers.read("digests") { connection in
      let found = try ViewRows.digests(in: connection)
      return (found.position ?? 0, .empty.merging(found.digests) { $1 })
    }
  }

  /// See `ReadModels`.
  package func marks() async throws(StoreFault) -> (stamp: Int64, epoch: Int64) {
    try await readers.read("marks") { connection in
      let stamp = try connection.query("SELECT max(stamp) FROM delegations").first
      let starts = try LogRows.stream(.system, types: [.systemStarted], in: connection)
      let epochs = starts.compactMap { stored -> Int64? in
        guard case .system(.started(let epoch, _))? = try? stored.event() else { return nil }
        return epoch
      }
      return (stamp?.integer(0) ?? 0, epochs.max() ?? 0)
    }
  }
}

/// Reading delegations with the texts in their events.
enum DelegationReads {
  static let select =
    "SELECT \(ViewStatements.of(DelegationRow.self).columns(alias: "d")), d.stream "
    + "FROM delegations d"
  private static let streamColumn = DelegationRow.view.columns.count
  /// How many rows are read at once while texts are searched.
  private static let pageLength = 500

  static func find(
    _ reference: DelegationReference, in connection: PostgreSQLConnection
  ) throws -> DelegationDetail? {
    switch reference {
    case .id(let id):
      return try details(
        try connection.query(
          select + " WHERE d.stream = (SELECT id FROM streams WHERE name = $1)",
          [.text(StreamName.delegation(id).description)]), in: connection
      ).first
    case .stamp(let stamp):
      return try details(
        try connection.query(select + " WHERE d.stamp = $1", [.integer(stamp.milliseconds)]),
        in: connection
      ).first
    case .pullRequest(let repository, let number):
      let key = PullRequestRow.ID(repository: repository.description, number: number)
      let row = try ViewRows.row(like: PullRequestRow(id: key), in: connection)
      return try row.flatMap { try find(.id($0.delegation), in: connection) }
    }
  }

  static func list(
    _ filter: DelegationFilter, before: Stamp?, limit: Int, in connection: PostgreSQLConnection
  ) throws -> [DelegationDetail] {
    var found: [DelegationDetail] = []
    var before = before
    let words = filter.words
    while found.count < limit {
      let most = words.isEmpty ? limit : pageLength
      let page = try page(filter, before: before, limit: most, in: connection)
      found += page.filter { $0.holds(words) }
      guard page.count == most, let last = page.last else { break }
      before = Stamp(milliseconds: last.row.stamp)
    }
    return Array(found.prefix(max(0, limit)))
  }

  /// The next delegations that may be what the filter selects: texts are only narrowed down here.
  private static func page(
    _ filter: DelegationFilter, before: Stamp?, limit: Int, in connection: PostgreSQLConnection
  ) throws -> [DelegationDetail] {
    var conditions = Conditions()
    if let before { conditions.require("d.stamp", "<", .integer(before.milliseconds)) }
    if !filter.states.isEmpty {
      let mark = conditions.mark(.texts(filter.states.map(\.rawValue).sorted()))
      conditions.require("d.state = ANY(\(mark))")
    }
    if let repository = filter.repository {
      if filter.pullRequest == nil {
        conditions.require("d.repository", "=", .text(repository))
      } else {
        conditions.require(
          Conditions.folded("d.repository"), "=", .text(DelegationFilter.folded(repository)))
      }
    }
    if let requester = filter.requester { conditions.require("d.requester", "=", .text(requester)) }
    if let worker = filter.worker { conditions.require("d.worker", "=", .text(worker)) }
    if let number = filter.pullRequest { conditions.require("d.pr", "=", .integer(number)) }
    if let commit = filter.commit { conditions.require("d.commit_sha", "=", .text(commit)) }
    conditions.require("d.repository", in: filter.repositories)
    for word in filter.words {
      let plain = conditions.mark(.text(word))
      let columns = "d.branch || chr(10) || d.repository || chr(10) || 'PR' || d.stamp"
      let title = conditions.mayContain("p.body", AuditNames.escaped(word))
      conditions.require(
        """
        strpos(lower((\(columns)) COLLATE "C"), \(plain)) > 0
        OR EXISTS (SELECT 1 FROM events e JOIN payloads p ON p.position = e.position
          WHERE e.stream = d.stream AND e.version = 1 AND \(title))
        """)
    }
    let mark = conditions.mark(.integer(Int64(max(0, limit))))
    let rows = try connection.queryOnce(
      "\(select) WHERE \(conditions.sql) ORDER BY d.stamp DESC LIMIT \(mark)", conditions.values)
    return try details(rows, in: connection)
  }

  /// Rows with the texts of their events, all of which are read at once.
  /// - Parameter rows: of a statement that begins with `select`.
  static func details(
    _ rows: PostgreSQLRows, in connection: PostgreSQLConnection
  ) throws -> [DelegationDetail] {
    let rows: [(DelegationRow, Int64)] = try rows.map {
      (try ViewRows.read($0), $0.integer(streamColumn))
    }
    let texts = try texts(of: rows.map(\.1), in: connection)
    let failures = try failures(
      of: rows.filter { $0.0.state == .failed }.map(\.1), in: connection)
    return rows.map { row, stream in
      DelegationDetail(
        row: row, text: texts[stream], failureMessage: failures[stream]?.message,
        failureHint: failures[stream]?.hint)
    }
  }

  /// The texts of requests by their streams. One that was redacted or cannot be read is absent: an
  /// unreadable event must not hide its delegation, nor others.
  static func texts(
    of streams: [Int64], in connection: PostgreSQLConnection
  ) throws -> [Int64: TaskText] {
    guard !streams.isEmpty else { return [:] }
    let events = LogRows.read(
      try connection.query(
        LogRows.select + " WHERE e.stream = ANY($1) AND e.version = 1",
        [.integers(streams.map { $0 })]))
    var texts: [Int64: TaskText] = [:]
    for event in events {
      guard case .delegation(.requested(let request))? = try? event.event(),
        let number = event.stream.number
      else { continue }
      texts[number] = request.text
    }
    return texts
  }

  private static func failures(
    of streams: [Int64], in connection: PostgreSQLConnection
  ) throws -> [Int64: Failed] {
    guard !streams.isEmpty else { return [:] }
    let events = LogRows.read(
      try connection.query(
        LogRows.select + " WHERE e.stream = ANY($1) AND e.type = $2 ORDER BY e.position",
        [.integers(streams.map { $0 }), .integer(Int64(EventType.failed.rawValue))]))
    var failures: [Int64: Failed] = [:]
    for event in events {
      guard let number = event.stream.number else { continue }
      // The last failure counts, also if it cannot be read.
      failures[number] = nil
      if case .delegation(.failed(let failed))? = try? event.event() { failures[number] = failed }
    }
    return failures
  }
}

extension DelegationDetail {
  /// Whether the title, the branch, the repository or the code contains each of `words`.
  fileprivate func holds(_ words: [String]) -> Bool {
    if words.isEmpty { return true }
    let parts = [
      row.branch, row.repository, Stamp(milliseconds: row.stamp).confirmationCode,
      text?.title ?? "",
    ].map(DelegationFilter.folded)
    return words.allSatisfy { word in parts.contains { $0.utf8.contains(word.utf8) } }
  }
}

#endif
