#if PostgreSQL

import Domain
import EventLog
import PostgreSQL
import Projections
import SQLiteEventStore

extension PostgreSQLEventStore {
  /// See `ReadModels`.
  package func tasks(
    _ filter: TaskFilter, before: Stamp?, limit: Int
  ) async throws(StoreFault) -> [TaskDetail] {
    try await readers.read("tasks", as: filter.terms.isEmpty ? .lookUp : .search) {
      try TaskReads.list(filter, before: before, limit: limit, in: $0)
    }
  }

  /// See `ReadModels`.
  package func task(of id: DelegationID) async throws(StoreFault) -> TaskDetail? {
    try await readers.read("task") { connection in
      // A chain of follow-ups begins at the task's key.
      var first = id
      while let follows = try DelegationReads.find(.id(first), in: connection)?.row.follows {
        first = DelegationID(follows)
      }
      return try TaskReads.details(
        try connection.query(
          "\(TaskReads.select) WHERE t.first = $1", [.text(first.rawValue)]), in: connection
      ).first
    }
  }

  /// See `ReadModels`.
  package func taskCounts(_ filter: TaskFilter) async throws(StoreFault) -> [TaskPhase: Int] {
    try await readers.read("task counts") { connection in
      let conditions = TaskReads.conditions(filter)
      let rows = try connection.queryOnce(
        "SELECT t.phase, count(*) FROM tasks t WHERE \(conditions.sql) GROUP BY t.phase",
        conditions.values)
      var counts: [TaskPhase: Int] = [:]
      for index in 0..<rows.count {
        guard let phase = rows[index].text(0).flatMap(TaskPhase.init) else { continue }
        counts[phase] = Int(rows[index].integer(1))
      }
      return counts
    }
  }

  /// See `ReadModels`.
  package func workTimes(since: Timestamp, limit: Int) async throws(StoreFault) -> [WorkTime] {
    try await readers.read("work times") { connection in
      try connection.query(
        """
        SELECT agent, worked_ms / rounds FROM tasks
        WHERE newest_stamp >= $1 AND working_since IS NULL AND worked_ms > 0
        AND phase NOT IN ('queued', 'working', 'cancelled')
        ORDER BY newest_stamp DESC LIMIT $2
        """, [.integer(since.milliseconds), .integer(Int64(max(0, limit)))]
      ).map { WorkTime(agent: $0.text(0) ?? "", span: Milliseconds($0.integer(1))) }
    }
  }
}

/// Reading tasks with the texts in their delegations' events.
enum TaskReads {
  /// The columns of the task, and the stream of its first delegation.
  static let select = """
    SELECT \(ViewStatements.of(TaskRow.self).columns(alias: "t")), f.id FROM tasks t
    JOIN streams n ON n.name = 'delegation-' || t.newest JOIN delegations d ON d.stream = n.id
    LEFT JOIN streams f ON f.name = 'delegation-' || t.first
    """
  private static let streamColumn = TaskRow.view.columns.count
  /// How many rows are read at once while texts are searched.
  private static let pageLength = 500

  static func list(
    _ filter: TaskFilter, before: Stamp?, limit: Int, in connection: PostgreSQLConnection
  ) throws -> [TaskDetail] {
    var found: [TaskDetail] = []
    var before = before
    let terms = filter.terms
    while found.count < limit {
      let most = terms.isEmpty ? limit : pageLength
      var conditions = conditions(filter)
      if let before { conditions.require("t.newest_stamp", "<", .integer(before.milliseconds)) }
      for term in terms { conditions.require(mayHold(term, &conditions)) }
      let mark = conditions.mark(.integer(Int64(max(0, most))))
      let rows = try connection.queryOnce(
        "\(select) WHERE \(conditions.sql) ORDER BY t.newest_stamp DESC LIMIT \(mark)",
        conditions.values)
      let page = try details(rows, in: connection)
      found += page.filter { $0.holds(terms) }
      guard rows.count == most, let last = page.last else { break }
      before = Stamp(milliseconds: last.row.newestStamp)
    }
    return Array(found.prefix(max(0, limit)))
  }

  /// A condition that every task with the term fulfils, and few others.
  private static func mayHold(_ term: SearchTerm, _ conditions: inout Conditions) -> String {
    let plain = conditions.mark(.text(term.text))
    let numbered = term.isSmallNumber ? "" : " || chr(10) || d.branch || chr(10) || 'PR' || d.stamp"
    let title = conditions.mayContain("p.body", AuditNames.escaped(term.text))
    return """
      strpos(lower((d.repository\(numbered)) COLLATE "C"), \(plain)) > 0
      OR EXISTS (SELECT 1 FROM events e JOIN payloads p ON p.position = e.position
        WHERE e.stream IN (n.id, f.id) AND e.version = 1 AND \(title))
      """
  }

  /// The conditions of a filter without its texts.
  static func conditions(_ filter: TaskFilter) -> Conditions {
    var conditions = Conditions()
    if let phases = filter.phases {
      let mark = conditions.mark(.texts(phases.map(\.rawValue).sorted()))
      conditions.require("t.phase = ANY(\(mark))")
    }
    if let repository = filter.repository {
      let folded = DelegationFilter.folded(repository)
      let column = Conditions.folded("t.repository")
      if repository.contains("/") {
        conditions.require(column, "=", .text(folded))
      } else {
        conditions.require("strpos(\(column), \(conditions.mark(.text(folded)))) > 0")
      }
    }
    if let requester = filter.requester { conditions.require("t.requester", "=", .text(requester)) }
    if let agent = filter.agent { conditions.require("t.agent", "=", .text(agent)) }
    if let since = filter.since {
      conditions.require("t.newest_stamp", ">=", .integer(since.milliseconds))
    }
    if let until = filter.until {
      conditions.require("t.newest_stamp", "<", .integer(until.milliseconds))
    }
    conditions.require("t.repository", in: filter.repositories)
    return conditions
  }

  /// - Parameter rows: of a statement that begins with `select`.
  static func details(
    _ rows: PostgreSQLRows, in connection: PostgreSQLConnection
  ) throws -> [TaskDetail] {
    let rows: [(TaskRow, Int64?)] = try rows.map {
      (try ViewRows.read($0), $0.optionalInteger(streamColumn))
    }
    guard !rows.isEmpty else { return [] }
    let newest = try DelegationReads.details(
      try connection.query(
        DelegationReads.select + " JOIN streams s ON s.id = d.stream WHERE s.name = ANY($1)",
        [.texts(rows.map { StreamName.delegation($0.0.newest).description })]), in: connection)
    let byID = Dictionary(newest.map { ($0.row.id, $0) }) { first, _ in first }
    let titles = try DelegationReads.texts(of: rows.compactMap(\.1), in: connection)
    return rows.compactMap { row, first in
      byID[row.newest].map {
        TaskDetail(row: row, newest: $0, title: first.flatMap { titles[$0]?.title })
      }
    }
  }
}

extension TaskDetail {
  /// Whether a text of the task contains each of these.
  fileprivate func holds(_ terms: [SearchTerm]) -> Bool {
    if terms.isEmpty { return true }
    let row = newest.row
    let parts = [row.repository, newest.text?.title ?? "", title ?? ""]
      .map(DelegationFilter.folded)
    let numbered = [row.branch, Stamp(milliseconds: row.stamp).confirmationCode]
      .map(DelegationFilter.folded)
    return terms.allSatisfy { term in
      (term.isSmallNumber ? parts : parts + numbered).contains {
        $0.utf8.contains(term.text.utf8)
      }
    }
  }
}

#endif
