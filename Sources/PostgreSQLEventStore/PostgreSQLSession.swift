#if PostgreSQL

import EventLog
import PostgreSQL
import Synchronization

/// Where a log is.
package struct PostgreSQLPlace: Sendable {
  package let address: PostgreSQLAddress
  /// The folder with the file `head`; nil for none.
  package let folder: String?
  /// The sessions of one server have it in their names, so that others can tell them apart, and
  /// end them.
  let instance = String(UInt64.random(in: .min ... .max), radix: 36)
  let timelines = KnownTimelines()
  let silentHosts = SilentHosts()
  let writing = WriterRecord()
  let acceptance = RestoreAcceptance()

  package init(_ address: PostgreSQLAddress, folder: String?) {
    self.address = address
    self.folder = folder
  }

  /// The file with the head of the log.
  var headPath: String? { folder.map { $0 + "/head" } }

  /// This server, as the database names it: its process and machine for people, and what no other
  /// server has.
  var holder: String { "\(PostgreSQLLock.process), \(instance)" }

  /// The instance in what `holder` was of a server; nil for a text of another form.
  static func instance(ofHolder text: String) -> String? {
    guard text.contains(", ") else { return nil }
    return text.split(separator: " ").last.map { String($0) }
  }
}

/// The hosts that did not answer a while ago. With another host that works they are left out for
/// some time: each of them would delay each session by seconds.
final class SilentHosts: Sendable {
  private static let pause: Duration = .seconds(10)
  private let until = Mutex<[Int: ContinuousClock.Instant]>([:])

  func contains(_ host: Int) -> Bool {
    until.withLock { $0[host].map { ContinuousClock.now < $0 } ?? false }
  }

  func add(_ host: Int) { until.withLock { $0[host] = .now + Self.pause } }
}

/// The newest timeline of the servers of a log. Each promotion of a standby begins another one, so
/// a primary that was replaced is recognised when it comes back.
final class KnownTimelines: Sendable {
  private let newest = Mutex<Int64>(0)

  /// Takes the timeline of a server.
  /// - Returns: the newest one if that of the server is older; else nil.
  func newest(than timeline: Int64) -> Int64? {
    newest.withLock { newest in
      if timeline < newest { return newest }
      newest = timeline
      return nil
    }
  }
}

/// Begins sessions that the log can depend on.
enum PostgreSQLSession {
  /// What a session is for; it decides on its limits.
  enum Purpose {
    /// Writes the log.
    case writing
    /// Short reads for requests.
    case reading
    /// Reads and writes the files that servers share.
    case files
    /// Long reads, and the filling of tables that nobody else uses yet.
    case maintenance
    /// Holds the lock of the log, and waits for it for any time.
    case electing
    /// Follows the log that another server writes.
    case following

    fileprivate func name(_ place: PostgreSQLPlace) -> String {
      switch self {
      case .writing: "aipm \(place.instance) writer"
      case .reading: "aipm \(place.instance) reader"
      case .files: "aipm \(place.instance) files"
      case .maintenance: "aipm \(place.instance) maintenance"
      case .electing: "aipm \(place.instance) \(PostgreSQLLock.process)"
      case .following: "aipm \(place.instance) follower"
      }
    }

    /// The time of a statement in seconds; 0 for no limit.
    fileprivate var statementSeconds: Int {
      switch self {
      case .writing, .reading: 30
      case .files: 10
      case .maintenance: 600
      case .electing: 0
      case .following: 10
      }
    }

    /// What the server may plan. The writer's statements select by key. Their plans are made once
    /// and kept: one made while a table was small would read all of it when it is large.
    fileprivate var plans: String {
      self == .writing
        ? "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;" : ""
    }

    /// The time of a lock in seconds; 0 for no limit.
    fileprivate var lockSeconds: Int { self == .electing ? 0 : 5 }

    /// How long a silent server is waited for, in seconds.
    fileprivate var silenceSeconds: Int {
      self == .electing ? 2 : statementSeconds + 5
    }

    /// How long a transaction may wait for this program, in seconds. A program that is stopped in
    /// the middle holds the head's row for so long.
    fileprivate var idleSeconds: Int {
      switch self {
      case .writing, .electing, .files: 2
      case .reading, .following: 30
      case .maintenance: 600
      }
    }
  }

  /// The oldest server whose features are used.
  private static let versionMin = 140_000
  /// Connects, checks the server and what is between, and sets the session's limits. Of several
  /// hosts that accept writes, it takes the one that was promoted last.
  static func begin(
    _ place: PostgreSQLPlace, for purpose: Purpose
  ) throws(PostgreSQLSessionFault) -> PostgreSQLConnection {
    try beginOnTimeline(place, for: purpose).connection
  }

  /// The same, with the timeline of the server.
  static func beginOnTimeline(
    _ place: PostgreSQLPlace, for purpose: Purpose
  ) throws(PostgreSQLSessionFault) -> (connection: PostgreSQLConnection, timeline: Int64) {
    let (connection, timeline) = try connect(place, for: purpose)
    if let newest = place.timelines.newest(than: timeline) {
      throw .refused(
        "\(connection.place) is a former primary: it has timeline \(timeline), and another server "
          + "was promoted since, to timeline \(newest)")
    }
    let refusal: String?
    do throws(PostgreSQLError) {
      try connection.execute(
        """
        SET search_path = \(PostgreSQLSchema.name);
        SET synchronous_commit = on;
        SET timezone = 'UTC';
        SET client_min_messages = warning;
        SET jit = off;
        \(purpose.plans)
        SET lock_timeout = '\(purpose.lockSeconds)s';
        SET statement_timeout = '\(purpose.statementSeconds)s';
        SET idle_in_transaction_session_timeout = '\(purpose.idleSeconds)s'
        """)
      refusal = try self.refusal(of: connection)
    } catch {
      throw .failed(error)
    }
    if let refusal { throw .refused(refusal) }
    return (connection, timeline)
  }

  /// The newest timeline of the hosts that accept writes.
  static func newestTimeline(_ place: PostgreSQLPlace) -> Int64? {
    try? connect(place, for: .reading, seconds: 2).timeline
  }

  /// - Parameter seconds: the longest wait for one host.
  private static func connect(
    _ place: PostgreSQLPlace, for purpose: Purpose, seconds: Int? = nil
  ) throws(PostgreSQLSessionFault) -> (connection: PostgreSQLConnection, timeline: Int64) {
    var limits = PostgreSQLConnection.Limits()
    let isHasty = purpose == .electing || place.address.hosts.count > 1
    limits.connectSeconds = seconds ?? (isHasty ? 2 : 5)
    limits.statement = .seconds(purpose.silenceSeconds)
    var best: (connection: PostgreSQLConnection, timeline: Int64)?
    var faults: [PostgreSQLError] = []
    let hosts = Array(place.address.hosts.enumerated())
    let silent = hosts.filter { place.silentHosts.contains($0.offset) }
    for (index, host) in hosts.filter({ !place.silentHosts.contains($0.offset) }) + silent {
      if best != nil, silent.contains(where: { $0.offset == index }) { break }
      let began = ContinuousClock.now
      do throws(PostgreSQLError) {
        let connection = try PostgreSQLConnection(
          host, name: purpose.name(place), limits: limits)
        let timeline = try self.timeline(of: connection)
        if timeline > best?.timeline ?? -1 { best = (connection, timeline) }
      } catch {
        faults.append(error)
        // One that refuses costs nothing.
        if .now - began > .milliseconds(500) { place.silentHosts.add(index) }
      }
    }
    if let best { return best }
    guard let first = faults.first else { throw .refused("the address names no host") }
    guard faults.count > 1 else { throw .failed(first) }
    throw .failed(
      PostgreSQLError(
        message: faults.map(\.message).joined(separator: "; "), operation: first.operation,
        isLost: true))
  }

  /// The names of files of the write-ahead log begin with it.
  private static func timeline(
    of connection: PostgreSQLConnection
  ) throws(PostgreSQLError) -> Int64 {
    let name = try connection.execute("SELECT pg_walfile_name(pg_current_wal_insert_lsn())")
      .first?.text(0)
    return name.flatMap { Int64($0.prefix(8), radix: 16) } ?? 0
  }

  /// Why this server, or what is between it and this program, is not used; nil if it is.
  private static func refusal(
    of connection: PostgreSQLConnection
  ) throws(PostgreSQLError) -> String? {
    guard connection.serverVersion >= versionMin else {
      return "PostgreSQL \(connection.serverVersion / 10_000) is too old: use 14 or newer"
    }
    if let pooler = try poolerFound(by: connection) { return pooler }
    let settings = try connection.query(
      """
      SELECT current_setting('synchronous_commit'), current_setting('fsync'),
        current_setting('full_page_writes'), current_setting('server_encoding')
      """
    ).first
    let wanted = [
      ("synchronous_commit", "on"), ("fsync", "on"), ("full_page_writes", "on"),
      ("server_encoding", "UTF8"),
    ]
    for (index, (name, value)) in wanted.enumerated() {
      let actual = settings?.text(index) ?? "nothing"
      if actual != value {
        return "PostgreSQL has \(name)=\(actual) in place of \(value), "
          + (name == "server_encoding"
            ? "so it cannot store every text: make the database with ENCODING 'UTF8'"
            : "so a power cut could lose what was acknowledged")
      }
    }
    return nil
  }

  /// A pooler gives its clients keys of its own, so the process that it announces is not the one
  /// that runs the statements. One that passes the keys on may still change the server's session
  /// between transactions, which the process and the settings show.
  private static func poolerFound(
    by connection: PostgreSQLConnection
  ) throws(PostgreSQLError) -> String? {
    for _ in 0..<3 {
      let facts = try connection.query(
        "SELECT pg_backend_pid()::bigint, current_setting('search_path')"
      ).first
      let process = facts?.integer(0) ?? 0
      let path = facts?.text(1)
      if process != connection.announcedProcess || path != PostgreSQLSchema.name {
        return """
          there is a connection pooler between AIPM and PostgreSQL (the session was announced as \
          process \(connection.announcedProcess), and process \(process) answers). AIPM needs \
          sessions of its own: give the address of PostgreSQL itself
          """
      }
    }
    return nil
  }
}

/// Why no session could be begun.
enum PostgreSQLSessionFault: Error, CustomStringConvertible {
  /// The server or what is between is not fit.
  case refused(String)
  case failed(PostgreSQLError)

  var description: String {
    switch self {
    case .refused(let reason): reason
    case .failed(let error): error.description
    }
  }
}

extension StoreFault {
  init(_ operation: String, _ fault: PostgreSQLSessionFault) {
    self.init(operation: operation, message: "\(fault)")
  }
}

#endif
