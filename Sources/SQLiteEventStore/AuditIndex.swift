import Domain
import EventLog
import SQLite
import Text

/// The index for audits: lists of positions by term and by commit. Appends do not wait for it. The
/// writer adds events when it is idle. An audit reads the events that are not in the index yet one
/// by one.
enum AuditIndex {
  /// How many events one transaction adds: few enough that an append does not wait long.
  private static let batch: Int64 = 500
  private static let progressKey = "audit-position"

  /// A term of `audit_terms`.
  enum Term {
    static func repository(_ name: String) -> String { "repo:" + name }
    static func type(_ type: EventType) -> String { "type:\(type.rawValue)" }
    static func actor(_ name: String) -> String { "actor:" + name }
    static func worker(_ name: String) -> String { "worker:" + name }
    static func agent(_ name: String) -> String { "agent:" + name }
    static func code(_ word: String) -> String { "code:" + word }
    static func step(_ word: String) -> String { "step:" + word }
  }

  /// The last event in the index.
  static func position(in database: Database) throws(SQLiteError) -> Int64 {
    let text = try database.text("SELECT value FROM meta WHERE key = ?", .text(progressKey))
    return text.flatMap { Int64($0) } ?? 0
  }

  private static let reading = """
    SELECT e.position, e.type, e.actor_kind, e.actor, coalesce(d.repository, e.repository),
      e.worker, CASE WHEN s.name LIKE 'worker-%' THEN substr(s.name, 8) END, e.agent, e.code,
      e.step, e.sha
    FROM events e JOIN streams s ON s.id = e.stream LEFT JOIN delegations d ON d.stream = s.id
    WHERE e.position > ? AND e.position <= ? ORDER BY e.position LIMIT ?
    """
  private static let readNext = SQLText(reading)
  private static let insertCommit = SQLText("INSERT OR IGNORE INTO audit_commits VALUES (?, ?)")
  private static let insertEntry = SQLText("INSERT OR IGNORE INTO audit_index VALUES (?, ?)")
  /// A statement for many entries costs a third of one for each.
  private static let insertEntries = SQLText(
    "INSERT OR IGNORE INTO audit_index VALUES "
      + Array(repeating: "(?, ?)", count: entriesAtOnce).joined(separator: ", "))
  private static let entriesAtOnce = 50

  /// Adds the next events. The caller has begun a transaction.
  /// - Parameter end: no event beyond this position.
  /// - Returns: the last event in the index.
  static func catchUp(
    from position: Int64, through end: Int64 = .max, in database: Database
  ) throws -> Int64 {
    let s = try database.statement(readNext)
    s.bind(position, at: 1)
    s.bind(end, at: 2)
    s.bind(batch, at: 3)
    let events = try s.rows { row in
      (position: row.integer(0), terms: terms(of: row), sha: row.text(10))
    }
    var positions: [String: [Int64]] = [:]
    for event in events {
      for term in event.terms { positions[term, default: []].append(event.position) }
      if let sha = event.sha {
        try database.run(insertCommit, .text(sha), .integer(event.position))
      }
    }
    // In the order of the table, which finds the place of each entry next to the one before.
    var entries: [(term: Int64, position: Int64)] = []
    let lists = try positions.map { (number: try number(of: $0.key, in: database), $0.value) }
    for (number, positions) in lists.sorted(by: { $0.number < $1.number }) {
      entries += positions.map { (number, $0) }
    }
    try insert(entries, into: database)
    let last = events.last?.position ?? position
    try database.run(
      "INSERT OR REPLACE INTO meta VALUES (?, ?)", .text(progressKey), .text(String(last)))
    return last
  }

  private static func insert(
    _ entries: [(term: Int64, position: Int64)], into database: Database
  ) throws(SQLiteError) {
    var rest = entries[...]
    while !rest.isEmpty {
      let count = rest.count < entriesAtOnce ? 1 : entriesAtOnce
      let s = try database.statement(count == 1 ? insertEntry : insertEntries)
      for (index, entry) in rest.prefix(count).enumerated() {
        s.bind(entry.term, at: Int32(2 * index + 1))
        s.bind(entry.position, at: Int32(2 * index + 2))
      }
      try s.finish()
      rest.removeFirst(count)
    }
  }

  private static func terms(of row: Statement) -> Set<String> {
    var terms: Set<String> = ["type:\(row.integer(1))"]
    func put(_ column: Int32, _ term: (String) -> String) {
      if let text = row.text(column) { terms.insert(term(text)) }
    }
    put(2, Term.actor)
    put(3, Term.actor)
    if row.text(2) == Actor.Kind.worker.rawValue { put(3, Term.worker) }
    put(4, Term.repository)
    put(5, Term.worker)
    put(6, Term.worker)
    put(7, Term.agent)
    put(8, Term.code)
    put(9, Term.step)
    return terms
  }

  private static func number(
    of term: String, in database: Database
  ) throws(SQLiteError) -> Int64 {
    if let known = try id(of: term, in: database) { return known }
    try database.run("INSERT INTO audit_terms(term) VALUES (?)", .text(term))
    return database.lastInsertedRowID
  }

  /// The number of a term; nil if no event has it.
  static func id(of term: String, in database: Database) throws(SQLiteError) -> Int64? {
    try database.integer("SELECT id FROM audit_terms WHERE term = ?", .text(term))
  }

  /// Empties it; it is rebuilt from the start of the log.
  static func clear(in database: Database) throws(SQLiteError) {
    try database.execute(
      """
      DELETE FROM audit_index; DELETE FROM audit_commits; DELETE FROM audit_terms;
      DELETE FROM meta WHERE key = '\(progressKey)'
      """)
  }
}
