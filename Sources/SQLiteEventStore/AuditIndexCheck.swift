import Domain
import EventLog
import SQLite
import Text

extension AuditIndex {
  /// Compares the index with the log, by a sum over the hashes of all entries.
  /// - Parameter handing: of this connection.
  /// - Returns: the differences.
  static func faults(in database: Database, _ handing: RowFunction) throws -> [String] {
    let end = try position(in: database)
    let head = try EventTable.head(in: database).position
    guard end <= head else { return ["the index for audits ends at \(end), beyond the log"] }
    var log = LogEntries(streams: try StreamTerms.all(in: database))
    let s = try database.statement(LogEntries.reading)
    s.bind(end, at: 1)
    try handing.run(s) { log.add($0) }
    var terms: [Int64: UInt64] = [:]
    try database.statement("SELECT id, term FROM audit_terms").forEach {
      terms[$0.integer(0)] = FNV1a.hash($0.text(1) ?? "")
    }
    var (foundTerms, foundCommits) = (EntrySum(), EntrySum())
    // The entries of a term come one after another.
    var last: (id: Int64, hash: UInt64) = (0, FNV1a.hash(""))
    try handing.run(database.statement("SELECT hand(term, position) FROM audit_index")) { row in
      let id = row.integer(0) ?? 0
      if id != last.id { last = (id, terms[id] ?? FNV1a.hash("")) }
      foundTerms.add(last.hash, row.integer(1) ?? 0)
    }
    try handing.run(database.statement("SELECT hand(sha, position) FROM audit_commits")) { row in
      let sha = FNV1a.hash(row.bytes(0) ?? .nothing, after: FNV1a.start)
      foundCommits.add(sha, row.integer(1) ?? 0)
    }
    return foundTerms == log.terms && foundCommits == log.commits
      ? [] : ["the index for audit is not what the log makes of it"]
  }
}

/// The terms of a stream's events that stand outside of the events.
private struct StreamTerms {
  var worker: UInt64?
  var repository: UInt64?

  /// Those of every stream, by its number.
  static func all(in database: Database) throws -> [Int64: StreamTerms] {
    var all: [Int64: StreamTerms] = [:]
    try database.statement(
      """
      SELECT s.id, CASE WHEN s.name LIKE 'worker-%' THEN substr(s.name, 8) END, d.repository
      FROM streams s LEFT JOIN delegations d ON d.stream = s.id
      """
    ).forEach { row in
      all[row.integer(0)] = StreamTerms(
        worker: row.text(1).map { FNV1a.hash(AuditIndex.Term.worker($0)) },
        repository: row.text(2).map { FNV1a.hash(AuditIndex.Term.repository($0)) })
    }
    return all
  }
}

/// Sums the entries that the index has if it is the log's. Terms are hashed where they are in
/// SQLite's memory.
private struct LogEntries {
  static let reading = """
    SELECT hand(e.position, e.stream, e.type, e.actor_kind, e.actor, e.repository, e.worker,
      e.agent, e.code, e.step, e.sha)
    FROM events e WHERE e.position > 0 AND e.position <= ?
    """

  private static let actor = FNV1a.hash(AuditIndex.Term.actor(""))
  private static let worker = FNV1a.hash(AuditIndex.Term.worker(""))
  private static let repository = FNV1a.hash(AuditIndex.Term.repository(""))
  private static let agent = FNV1a.hash(AuditIndex.Term.agent(""))
  private static let code = FNV1a.hash(AuditIndex.Term.code(""))
  private static let step = FNV1a.hash(AuditIndex.Term.step(""))
  private static let workerKind = Array(Actor.Kind.worker.rawValue.utf8)

  private(set) var terms = EntrySum()
  private(set) var commits = EntrySum()
  private let streams: [Int64: StreamTerms]
  /// The hashes of the current event's terms, each once.
  private var own: [UInt64] = []

  init(streams: [Int64: StreamTerms]) { self.streams = streams }

  /// Adds the entries of an event.
  mutating func add(_ row: RowValues) {
    // The index has no event of a stream that does not exist.
    guard let stream = streams[row.integer(1) ?? 0] else { return }
    let position = row.integer(0) ?? 0
    own.removeAll(keepingCapacity: true)
    put(FNV1a.hash("type:\(row.integer(2) ?? 0)"))
    put(row, 3, Self.actor)
    put(row, 4, Self.actor)
    let isWorker = row.bytes(3)?.elementsEqual(Self.workerKind) ?? false
    if isWorker { put(row, 4, Self.worker) }
    if let repository = stream.repository {
      put(repository)
    } else {
      put(row, 5, Self.repository)
    }
    put(row, 6, Self.worker)
    if let worker = stream.worker { put(worker) }
    put(row, 7, Self.agent)
    put(row, 8, Self.code)
    put(row, 9, Self.step)
    for term in own { terms.add(term, position) }
    if let sha = row.bytes(10) { commits.add(FNV1a.hash(sha, after: FNV1a.start), position) }
  }

  private mutating func put(_ row: RowValues, _ column: Int, _ prefix: UInt64) {
    if let bytes = row.bytes(column) { put(FNV1a.hash(bytes, after: prefix)) }
  }

  private mutating func put(_ term: UInt64) {
    if !own.contains(term) { own.append(term) }
  }
}

/// The sum of the entries of a list, independent of their order.
private struct EntrySum: Equatable {
  private var count = 0
  private var sum: UInt64 = 0

  /// Adds the hash of a text, spread with the position as SplitMix64 does.
  mutating func add(_ hash: UInt64, _ position: Int64) {
    var z = hash &+ UInt64(bitPattern: position) &* 0x9e37_79b9_7f4a_7c15
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    sum &+= z ^ (z >> 31)
    count += 1
  }
}
