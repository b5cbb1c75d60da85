import Domain
import EventLog
import SQLite
import Text

/// The index for audits: lists of positions by term and by commit. Appends do not wait for it. The
/// writer adds events when it is idle. An audit reads the events that are not in the index yet one
/// by one.
enum AuditIndex {
  /// How many events one transaction adds: few enough that an append does not wait long.
  private static let batch: Int64 = 2000
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

  /// Adds the next events. The caller has begun a transaction.
  /// - Parameter end: no event beyond this position.
  /// - Returns: the last event in the index.
  static func catchUp(
    from position: Int64, through end: Int64 = .max, in database: Database
  ) throws -> Int64 {
    let s = try database.statement(reading)
    s.bind(position, at: 1)
    s.bind(end, at: 2)
    s.bind(batch, at: 3)
    let events = try s.rows { row in
      (position: row.integer(0), terms: terms(of: row), sha: row.text(10))
    }
    var known: [String: Int64] = [:]
    for event in events {
      for term in event.terms {
        let id = try known[term] ?? number(of: term, in: database)
        known[term] = id
        try database.run(
          "INSERT OR IGNORE INTO audit_index VALUES (?, ?)", .integer(id), .integer(event.position))
      }
      if let sha = event.sha {
        try database.run(
          "INSERT OR IGNORE INTO audit_commits VALUES (?, ?)", .text(sha), .integer(event.position))
      }
    }
    let last = events.last?.position ?? position
    try database.run(
      "INSERT OR REPLACE INTO meta VALUES (?, ?)", .text(progressKey), .text(String(last)))
    return last
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

  /// Compares the index with the log, by a sum over the hashes of all entries.
  /// - Returns: the differences.
  static func faults(in database: Database) throws -> [String] {
    let end = try position(in: database)
    let head = try EventTable.head(in: database).position
    guard end <= head else { return ["the index for audits ends at \(end), beyond the log"] }
    var (terms, commits) = (EntrySum(), EntrySum())
    let s = try database.statement(reading)
    s.bind(0, at: 1)
    s.bind(end, at: 2)
    s.bind(Int64.max, at: 3)
    try s.forEach { row in
      for term in Self.terms(of: row) { terms.add(term, row.integer(0)) }
      if let sha = row.text(10) { commits.add(sha, row.integer(0)) }
    }
    var (foundTerms, foundCommits) = (EntrySum(), EntrySum())
    try database.statement(
      "SELECT t.term, i.position FROM audit_index i LEFT JOIN audit_terms t ON t.id = i.term"
    ).forEach { foundTerms.add($0.text(0) ?? "", $0.integer(1)) }
    try database.statement("SELECT sha, position FROM audit_commits").forEach {
      foundCommits.add($0.text(0) ?? "", $0.integer(1))
    }
    return foundTerms == terms && foundCommits == commits
      ? [] : ["the index for audit is not what the log makes of it"]
  }
}

/// The sum of the entries of a list, independent of their order.
private struct EntrySum: Equatable {
  private var count = 0
  private var sum: UInt64 = 0

  /// FNV-1a over the text, spread with the position as SplitMix64 does.
  mutating func add(_ text: String, _ position: Int64) {
    var z = FNV1a.hash(text) &+ UInt64(bitPattern: position) &* 0x9e37_79b9_7f4a_7c15
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    sum &+= z ^ (z >> 31)
    count += 1
  }
}
