import Domain
import EventLog
import Projections
import SQLite
import Text

/// A part of a statement, with its values in order.
struct SQLPart {
  var sql: String
  var values: [SQLiteValue] = []
}

/// The terms of a query as SQL over `events e LEFT JOIN delegations d`. It selects every event that
/// matches, and few that do not; `AuditQuery.matches` decides.
enum AuditConditions {
  /// nil if SQL excludes nothing.
  static func sql(for query: AuditQuery) -> SQLPart? {
    let parts = query.terms.compactMap { term -> SQLPart? in
      guard let part = sql(for: term.condition, now: query.now) else { return nil }
      if !term.isNegated { return part.sql }
      // The negation of a condition that selects too much would select too little.
      guard part.isExact else { return nil }
      return SQLPart(sql: "NOT coalesce(\(part.sql.sql), 0)", values: part.sql.values)
    }
    guard !parts.isEmpty else { return nil }
    return SQLPart(
      sql: parts.map { "(\($0.sql))" }.joined(separator: " AND "),
      values: parts.flatMap(\.values))
  }

  private static func sql(
    for condition: AuditQuery.Condition, now: Timestamp
  ) -> (sql: SQLPart, isExact: Bool)? {
    func exact(_ sql: String, _ values: SQLiteValue...) -> (SQLPart, Bool) {
      (SQLPart(sql: sql, values: values), true)
    }
    switch condition {
    case .repository(let name):
      return exact("coalesce(d.repository, e.repository) = ?", .text(name))
    case .pullRequest(let repository, let number):
      guard let repository else { return exact("d.pr = ?", .integer(number)) }
      return exact("d.pr = ? AND d.repository = ?", .integer(number), .text(repository))
    case .stamp(let stamp): return exact("d.stamp = ?", .integer(stamp))
    case .branch(let name): return exact("d.branch = ?", .text(name))
    case .type(let types):
      return exact("e.type IN (\(types.map { String($0.rawValue) }.joined(separator: ",")))")
    case .actor(let name):
      return exact("e.actor = ? OR e.actor_kind = ?", .text(name), .text(name))
    case .worker(let name):
      return exact(
        """
        e.worker = ? OR (e.actor_kind = 'worker' AND e.actor = ?)
        OR e.stream = (SELECT id FROM streams WHERE name = ?)
        """, .text(name), .text(name), .text(StreamName.worker(WorkerID(name)).description))
    case .agent(let name): return exact("e.agent = ?", .text(name))
    case .sha(let prefix):
      return exact("e.sha >= ? AND e.sha < ?", .text(prefix), .text(prefix + "g"))
    case .state(let state): return exact("d.state = ?", .text(state.rawValue))
    case .age(let span):
      // The older it is, the earlier its state began.
      return exact(
        "d.state_since BETWEEN ? AND ?",
        .integer(span.upper.map { now.milliseconds - $0 } ?? .min),
        .integer(span.lower.map { now.milliseconds - $0 } ?? .max))
    case .stuck(true):
      let sql = "d.quarantine IS NOT NULL OR NOT \(StateSQL.ended("d.state"))"
      return (SQLPart(sql: sql), false)
    case .refused(let host):
      // A host name contains no character that JSON escapes.
      let sql = "e.type = \(EventType.networkUsed.rawValue) AND instr(e.detail, ?) > 0"
      return (SQLPart(sql: sql, values: [.text("\"\(host)\"")]), false)
    case .follows(let id): return exact("e.follows = ?", .text(id.rawValue))
    case .words(let words): return (sql(for: words), false)
    case .stuck(false), .id, .time, .position: return nil
    }
  }

  /// Events with a text in their texts, their type, their code or their step.
  private static func sql(for words: String) -> SQLPart {
    var alternatives = [
      """
      EXISTS (SELECT 1 FROM payloads p WHERE p.position = e.position
        AND holds(p.body, ?))
      """
    ]
    let named = AuditNames(holding: words)
    if !named.types.isEmpty {
      let types = named.types.map { String($0.rawValue) }.joined(separator: ",")
      alternatives.append("e.type IN (\(types))")
    }
    // All these words are from a closed set and contain only letters and hyphens.
    func quoted(_ words: [String]) -> String { words.map { "'\($0)'" }.joined(separator: ",") }
    if !named.codes.isEmpty { alternatives.append("e.code IN (\(quoted(named.codes)))") }
    if !named.steps.isEmpty { alternatives.append("e.step IN (\(quoted(named.steps)))") }
    return SQLPart(
      sql: alternatives.joined(separator: " OR "), values: [.text(AuditNames.escaped(words))])
  }
}

/// The names of types, codes and steps that hold a text.
package struct AuditNames {
  package let types: [EventType]
  package let codes: [String]
  package let steps: [String]

  package init(holding words: String) {
    func holds(_ name: String) -> Bool {
      DelegationFilter.folded(name).utf8.contains(words.utf8)
    }
    types = EventType.allCases.filter { holds($0.name) }
    let all =
      FailureCode.allCases.map(\.rawValue) + FaultCode.allCases.map(\.rawValue)
      + ReleaseCause.allCases.map(\.rawValue) + PullRequestState.allCases.map(\.rawValue)
    codes = Set(all).sorted().filter(holds)
    steps = Step.allCases.map(\.rawValue).filter(holds)
  }

  /// The text as it is escaped in a JSON string.
  package static func escaped(_ words: String) -> String {
    String(JSONValue.string(words).canonicalText.dropFirst().dropLast())
  }
}
