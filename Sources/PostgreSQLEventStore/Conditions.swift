#if PostgreSQL

import Domain
import EventLog
import PostgreSQL
import Projections
import SQLiteEventStore

/// Conditions of a statement with their values, which are numbered in the order of the calls.
struct Conditions {
  private(set) var values: [PostgreSQLValue] = []
  private var parts: [String] = []

  /// - Returns: the mark of a value, such as `$2`.
  mutating func mark(_ value: PostgreSQLValue) -> String {
    values.append(value)
    return "$\(values.count)"
  }

  /// Requires a condition.
  mutating func require(_ sql: String) { parts.append("(\(sql))") }

  /// Requires that an expression has a relation to a value.
  mutating func require(_ left: String, _ relation: String, _ value: PostgreSQLValue) {
    require("\(left) \(relation) \(mark(value))")
  }

  /// Requires that a column names one of these repositories; none of them for any.
  mutating func require(_ column: String, in repositories: [RepositoryPattern]) {
    guard !repositories.isEmpty else { return }
    // Names have no `%`, and patterns neither.
    let patterns = repositories.map { pattern in
      pattern.description.replacing("\\", with: "\\\\").replacing("_", with: "\\_")
        .replacing("*", with: "%")
    }
    // As in SQLite, where LIKE ignores the case of A–Z.
    let marked = mark(.texts(patterns.map(DelegationFilter.folded)))
    require("\(Self.folded(column)) LIKE ANY(\(marked))")
  }

  /// All of them; `true` for none.
  var sql: String { parts.isEmpty ? "true" : parts.joined(separator: " AND ") }

  /// The text with A–Z as a–z.
  static func folded(_ column: String) -> String { "lower(\(column) COLLATE \"C\")" }

  /// A condition that every text with `words` fulfils, and few others: the caller decides. The
  /// bytes are compared as the server writes them in its form `escape`, so that no byte is invalid.
  /// - Parameter column: a text in bytes.
  mutating func mayContain(_ column: String, _ words: String) -> String {
    let bytes = Array(words.utf8)
    let mark = mark(.bytes(bytes))
    return "strpos(lower(encode(\(column), 'escape') COLLATE \"C\"), "
      + "lower(encode(\(mark), 'escape') COLLATE \"C\")) > 0"
  }
}

#endif
