#if PostgreSQL

import Dispatch
import Foundation
import Glibc
import PostgreSQL
import Synchronization

/// A real server in a folder of its own, on a free port of loopback. It ends with this process.
package final class Cluster: Sendable {
  package struct Fault: Error, CustomStringConvertible { package let description: String }

  private static let made = Mutex<Result<Cluster, any Error>?>(nil)
  private static let databases = Atomic<Int>(0)

  /// The server that tests share.
  package static var shared: Cluster {
    get throws {
      try made.withLock { made in
        let cluster = made ?? Result { try Cluster() }
        made = cluster
        return try cluster.get()
      }
    }
  }

  package let folder: String
  package let port: Int
  let programs: String
  let user: String
  private let running = Mutex<Process?>(nil)

  /// Whether it can have a standby, or is one.
  private let isReplicated: Bool
  /// Whether its log is archived.
  let isArchived: Bool
  /// What it listens on besides loopback.
  private let outside: String?

  /// - Parameters:
  ///   - primary: the server whose standby this one is; nil for none.
  ///   - outside: one more address of this machine, at which its neighbours reach the server.
  ///   - isArchived: whether a base backup is made and the log is archived, for `recover`.
  package init(
    isReplicated: Bool = false, standbyOf primary: Cluster? = nil, reachedAt outside: String? = nil,
    isArchived: Bool = false
  ) throws {
    programs = try Self.findPrograms()
    self.outside = outside
    self.isReplicated = isReplicated || isArchived || primary != nil
    self.isArchived = isArchived
    user = getpwnam("postgres") == nil ? "nobody" : "postgres"
    folder = NSTemporaryDirectory() + "aipm-postgresql-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    port = try Self.freePort()
    guard chmod(folder, 0o755) == 0 else { throw Fault(description: "no folder for the data") }
    try makeFolder("data")
    try runProgram(
      primary.map { "\(baseBackup(of: $0)) -D \(folder)/data -R" }
        ?? "initdb -D \(folder)/data -U aipm --auth=trust -E UTF8 --locale=C --no-sync")
    if outside != nil { try trustNeighbours() }
    if isArchived { try makeFolder("archive") }
    try start()
    if isArchived { try makeBaseBackup() }
  }

  /// Makes a folder that belongs to the server.
  func makeFolder(_ name: String) throws {
    let path = "\(folder)/\(name)"
    guard mkdir(path, 0o700) == 0 else { throw Fault(description: "no folder \(path)") }
    giveToServer(path)
  }

  func giveToServer(_ path: String) {
    if geteuid() == 0, let entry = getpwnam(user) {
      chown(path, entry.pointee.pw_uid, entry.pointee.pw_gid)
    }
  }

  func baseBackup(of primary: Cluster) -> String {
    "pg_basebackup -d 'host=127.0.0.1 port=\(primary.port) user=aipm' -X stream -c fast --no-sync"
  }

  /// Runs a program of PostgreSQL to its end.
  func runProgram(_ program: String) throws {
    let made = Process()
    made.executableURL = URL(fileURLWithPath: "/bin/sh")
    made.arguments = ["-c", "cd / && exec \(asUser) \(programs)/\(program)"]
    made.standardOutput = FileHandle.nullDevice
    try made.run()
    made.waitUntilExit()
    guard made.terminationStatus == 0 else { throw Fault(description: "failed: \(program)") }
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  /// The machines that are connected to this one directly, without a password as on loopback.
  private func trustNeighbours() throws {
    let rules = try FileHandle(forWritingTo: URL(fileURLWithPath: folder + "/data/pg_hba.conf"))
    try rules.seekToEnd()
    try rules.write(contentsOf: Data("host all all samenet trust\n".utf8))
    try rules.close()
  }

  private static func findPrograms() throws -> String {
    let root = "/usr/lib/postgresql"
    let versions = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
    guard let newest = versions.compactMap({ Int($0) }).max() else {
      throw Fault(description: "no PostgreSQL server: install postgresql")
    }
    return "\(root)/\(newest)/bin"
  }

  /// initdb and the server refuse to run as root.
  private var asUser: String {
    geteuid() == 0 ? "setpriv --reuid=\(user) --regid=\(user) --clear-groups" : ""
  }

  private static func freePort() throws -> Int {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(listener) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, size) == 0 && getsockname(listener, $0, &size) == 0
      }
    }
    guard isBound else { throw Fault(description: "no free port") }
    return Int(in_port_t(bigEndian: address.sin_port))
  }

  private var settings: String {
    guard isReplicated else { return "-c wal_level=minimal -c max_wal_senders=0" }
    let archive =
      isArchived ? " -c archive_mode=on -c archive_command='cp %p \(folder)/archive/%f'" : ""
    return "-c wal_level=replica -c max_wal_senders=4 -c wal_retrieve_retry_interval=100ms"
      + archive
  }

  /// Starts the server, and returns when it accepts connections.
  /// - Parameter isCutOff: whether a standby does not know its primary.
  package func start(isCutOff: Bool = false) throws {
    try start(isCutOff ? "-c primary_conninfo=''" : "")
  }

  /// - Parameter options: more of them.
  func start(_ options: String) throws {
    for _ in 0..<20 {
      if try startOnce(options) { return }
      // Processes of a server that was killed are still ending.
    }
    throw Fault(description: "the server does not start")
  }

  /// - Returns: false if the server ended instead.
  private func startOnce(_ more: String) throws -> Bool {
    let server = Process()
    server.executableURL = URL(fileURLWithPath: "/bin/bash")
    // The shell's child ends the server when the pipe is closed, which the end of this process does
    // too; then nobody else removes the folder. It keeps nothing else open, by which Foundation
    // knows of the server's end.
    server.arguments = [
      "-c",
      """
      cd / || exit 1
      exec 3<&0
      (
        for file in /proc/self/fd/*; do
          number=${file##*/}
          if [ "$number" -ne 3 ]; then eval "exec $number>&-"; fi
        done
        read -r line <&3
        kill -INT $$
        while kill -0 $$; do sleep 0.1; done
        kill -0 \(getpid()) && exit
        rm -rf \(folder)
      ) 2>/dev/null &
      exec \(asUser) \(programs)/postgres -D \(folder)/data -p \(port) -k '' \
        -h \(["127.0.0.1", outside].compactMap { $0 }.joined(separator: ",")) \
        -c shared_buffers=32MB -c max_connections=200 -c max_wal_size=256MB \
        \(settings) \(more) </dev/null 3<&-
      """,
    ]
    let (input, errors) = (Pipe(), Pipe())
    server.standardInput = input
    server.standardError = errors
    let answer = DispatchSemaphore(value: 0)
    let isReady = Mutex(false)
    let reader = errors.fileHandleForReading
    try server.run()
    Thread.detachNewThread {
      var text = ""
      while true {
        let chunk = reader.availableData
        if chunk.isEmpty { break }
        text += String(decoding: chunk, as: UTF8.self)
        if text.contains("ready to accept"), !isReady.withLock({ $0 }) {
          isReady.withLock { $0 = true }
          answer.signal()
        }
        text = String(text.suffix(200))
      }
      answer.signal()
    }
    answer.wait()
    guard isReady.withLock({ $0 }) else {
      server.waitUntilExit()
      return false
    }
    running.withLock { $0 = server }
    return true
  }

  /// Ends the server's first process with SIGKILL, and returns when it has ended.
  package func kill() throws {
    let server = running.withLock { running in
      defer { running = nil }
      return running
    }
    guard let server else { throw Fault(description: "the server does not run") }
    Glibc.kill(server.processIdentifier, SIGKILL)
    server.waitUntilExit()
  }

  // MARK: Standby

  /// A primary and its synchronous standby: a commit waits for it.
  package static func pair() throws -> (primary: Cluster, standby: Cluster) {
    let primary = try Cluster(isReplicated: true)
    let standby = try Cluster(standbyOf: primary)
    try primary.administer("ALTER SYSTEM SET synchronous_standby_names = '*'")
    try primary.administer("SELECT pg_reload_conf()")
    // The setting reaches the processes one after another.
    try primary.await(
      "SELECT (count(*) = 1)::int::bigint FROM pg_stat_replication WHERE sync_state = 'sync'")
    return (primary, standby)
  }

  /// Returns when the query's first value is 1.
  package func `await`(_ sql: String, takesStandby: Bool = false) throws {
    let session = try connection(to: "postgres", takesStandby: takesStandby)
    try Self.await { try session.query(sql).first?.integer(0) == 1 }
  }

  /// Returns when the condition is met, or throws when the test's time is over.
  package static func `await`(_ isMet: () throws -> Bool) throws {
    while try !isMet() {
      try Task.checkCancellation()
      sched_yield()
    }
  }

  /// Ends the standby with SIGKILL, and returns when the primary knows.
  package func kill(_ standby: Cluster) throws {
    try standby.kill()
    try self.await("SELECT (count(*) = 0)::int::bigint FROM pg_stat_replication")
  }

  /// Freezes the process of this standby that receives from the primary, or lets it go on.
  package func freezeReceiver(_ isFrozen: Bool) throws {
    let session = try connection(to: "postgres", takesStandby: true)
    let process = try session.query("SELECT pid::bigint FROM pg_stat_wal_receiver").first
    guard let process, Glibc.kill(pid_t(process.integer(0)), isFrozen ? SIGSTOP : SIGCONT) == 0
    else { throw Fault(description: "the standby receives nothing") }
  }

  /// The process of a commit of the log that waits for the standby. It is waited for.
  package func waitingProcess() throws -> Int64 {
    try awaitWaitingCommit()
    let session = try connection(to: "postgres")
    return try session.query("SELECT pid::bigint \(Self.waiting)").first?.integer(0) ?? 0
  }

  /// Returns when a commit of the log waits for the standby.
  package func awaitWaitingCommit(ofOtherThan process: Int64 = 0) throws {
    try self.await(
      "SELECT (count(*) FILTER (WHERE pid <> \(process)) > 0)::int::bigint \(Self.waiting)")
  }

  private static let waiting = """
    FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name LIKE 'aipm % writer'
    """

  /// Makes the standby a primary.
  package func promote() throws {
    try connection(to: "postgres", takesStandby: true).execute("SELECT pg_promote()")
  }

  // MARK: Databases

  /// A new database.
  /// - Parameter options: more of `CREATE DATABASE`.
  /// - Returns: its name.
  package func newDatabase(_ options: String = "") throws -> String {
    let name = "log\(Self.databases.wrappingAdd(1, ordering: .relaxed).newValue)"
    try administer("CREATE DATABASE \(name) TEMPLATE template0 \(options)")
    return name
  }

  /// Runs a statement in the first database.
  package func administer(_ sql: String) throws {
    try connection(to: "postgres").execute(sql)
  }

  package func connection(
    to database: String, takesStandby: Bool = false
  ) throws -> PostgreSQLConnection {
    try PostgreSQLConnection(
      try PostgreSQLAddress(address(of: database)), name: "test", takesStandby: takesStandby)
  }

  package func address(
    of database: String, host: String = "127.0.0.1", port: Int? = nil
  ) -> String {
    "postgresql://aipm@\(host):\(port ?? self.port)/\(database)"
  }

  /// The address of a database with this server first, and another one.
  package func address(of database: String, or other: Cluster) -> String {
    "postgresql://aipm@127.0.0.1:\(port),127.0.0.1:\(other.port)/\(database)"
  }
}

#endif
