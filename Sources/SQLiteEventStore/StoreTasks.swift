import Domain
import EventLog
import Projections
import SQLite

extension SQLiteEventStore {
  /// See `ReadModels`.
  package func tasks(
    _ filter: TaskFilter, before: Stamp?, limit: Int
  ) async throws(StoreFault) -> [TaskDetail] {
    try await readers.read("tasks", as: filter.terms.isEmpty ? .lookUp : .search) {
      try TaskQuery.list(filter, before: before, limit: limit, in: $0)
    }
  }

  /// See `ReadModels`.
  package func task(of id: DelegationID) async throws(StoreFault) -> TaskDetail? {
    try await readers.read("task") { database in
      // A chain of follow-ups begins at the task's key.
      var first = id
      while let follows = try DelegationQuery.find(.id(first), in: database)?.row.follows {
        first = DelegationID(follows)
      }
      let s = try database.prepare("\(TaskQuery.select) WHERE t.first = ?")
      s.bind(first.rawValue, at: 1)
      return try TaskQuery.details(s, in: database).first
    }
  }

  /// See `ReadModels`.
  package func taskCounts(_ filter: TaskFilter) async throws(StoreFault) -> [TaskPhase: Int] {
    try await readers.read("task counts") { database in
      let (condition, values) = TaskQuery.condition(filter)
      let s = try database.prepare(
        "SELECT t.phase, count(*) FROM tasks t WHERE \(condition) GROUP BY t.phase")
      for (index, value) in values.enumerated() { s.bind(value, at: Int32(index + 1)) }
      var counts: [TaskPhase: Int] = [:]
      while try s.step() {
        if let phase = s.text(0).flatMap(TaskPhase.init) { counts[phase] = Int(s.integer(1)) }
      }
      return counts
    }
  }

  /// See `ReadModels`.
  package func workTimes(since: Timestamp, limit: Int) async throws(StoreFault) -> [WorkTime] {
    try await readers.read("work times") { database in
      let s = try database.statement(
        """
        SELECT agent, worked_ms / rounds FROM tasks
        WHERE newest_stamp >= ? AND working_since IS NULL AND worked_ms > 0
        AND phase NOT IN ('queued', 'working', 'cancelled')
        ORDER BY newest_stamp DESC LIMIT ?
        """)
      s.bind(since.milliseconds, at: 1)
      s.bind(Int64(limit), at: 2)
      return try s.rows { row in
        WorkTime(agent: row.text(0) ?? "", span: Milliseconds(row.integer(1)))
      }
    }
  }
}

/// Reading tasks with the texts in their delegations' events.
enum TaskQuery {
  /// The columns of the task, those of its newest delegation, and the streams of both.
  static let select = """
    SELECT \(ViewSQL.of(TaskRow.self).columns(alias: "t")), n.id, f.id FROM tasks t
    JOIN streams n ON n.name = 'delegation-' || t.newest JOIN delegations d ON d.stream = n.id
    LEFT JOIN streams f ON f.name = 'delegation-' || t.first
    """
  private static let newestColumn = Int32(TaskRow.view.columns.count)

  static func list(
    _ filter: TaskFilter, before: Stamp?, limit: Int, in database: Database
  ) throws -> [TaskDetail] {
    var (condition, values) = condition(filter)
    if let before {
      condition += " AND t.newest_stamp < ?"
      values.append(.integer(before.milliseconds))
    }
    for term in filter.terms {
      condition += " AND holds(\(searched(term)), ?)"
      values.append(.text(term.text))
    }
    let s = try database.prepare(
      "\(select) WHERE \(condition) ORDER BY t.newest_stamp DESC LIMIT ?")
    for (index, value) in values.enumerated() { s.bind(value, at: Int32(index + 1)) }
    s.bind(Int64(limit), at: Int32(values.count + 1))
    return try details(s, in: database)
  }

  /// The condition of a filter without its texts.
  static func condition(_ filter: TaskFilter) -> (sql: String, values: [SQLiteValue]) {
    var conditions: [String] = []
    var values: [SQLiteValue] = []
    if let phases = filter.phases {
      let names = phases.map { "'\($0.rawValue)'" }.sorted().joined(separator: ", ")
      conditions.append("t.phase IN (\(names))")
    }
    if let repository = filter.repository {
      let folded = DelegationFilter.folded(repository)
      let isWhole = repository.contains("/")
      conditions.append(
        isWhole ? "lower(t.repository) = ?" : "instr(lower(t.repository), ?) > 0")
      values.append(.text(folded))
    }
    if let requester = filter.requester {
      conditions.append("t.requester = ?")
      values.append(.text(requester))
    }
    if let agent = filter.agent {
      conditions.append("t.agent = ?")
      values.append(.text(agent))
    }
    if let since = filter.since {
      conditions.append("t.newest_stamp >= ?")
      values.append(.integer(since.milliseconds))
    }
    if let until = filter.until {
      conditions.append("t.newest_stamp < ?")
      values.append(.integer(until.milliseconds))
    }
    let permitted = DelegationQuery.condition("t.repository", in: filter.repositories)
    conditions.append(permitted.sql)
    return (conditions.joined(separator: " AND "), values + permitted.values)
  }

  /// The text that `TaskFilter.text` searches, with line breaks between the parts.
  private static func searched(_ term: SearchTerm) -> String {
    let numbered = term.isSmallNumber ? [] : ["d.branch", "'PR' || d.stamp"]
    let parts = ["d.repository"] + numbered + ["n.id", "f.id"].map(title)
    return parts.joined(separator: " || char(10) || ")
  }

  private static func title(of stream: String) -> String {
    """
    coalesce((SELECT json_extract(p.body, '$.title') FROM events e JOIN payloads p
     ON p.position = e.position WHERE e.stream = \(stream) AND e.version = 1
     AND json_valid(p.body)), '')
    """
  }

  static func details(_ s: Statement, in database: Database) throws -> [TaskDetail] {
    let rows = try s.rows { row -> (TaskRow, Int64?) in
      (try ViewTables.read(row), row.optionalInteger(newestColumn + 1))
    }
    return try rows.compactMap { row, first in
      guard let newest = try DelegationQuery.find(.id(row.newest), in: database) else { return nil }
      let isFirst = row.first == row.newest
      let title =
        try isFirst
        ? newest.text?.title
        : first.flatMap { try DelegationQuery.text(of: $0, in: database)?.title }
      return TaskDetail(row: row, newest: newest, title: title)
    }
  }
}
