#if PostgreSQL

import Dispatch
import EventLog
import Foundation
import Glibc
import PostgreSQL
import PostgreSQLEventStore
import Projections
import Synchronization

/// A real server in a folder of its own, on a free port of loopback. It ends with this process.
final class Cluster: Sendable {
  struct Fault: Error, CustomStringConvertible { let description: String }

  private static let made = Mutex<Result<Cluster, any Error>?>(nil)
  private static let databases = Atomic<Int>(0)

  /// The server that tests share.
  static var shared: Cluster {
    get throws {
      try made.withLock { made in
        let cluster = made ?? Result { try Cluster() }
        made = cluster
        return try cluster.get()
      }
    }
  }

  let folder: String
  let port: Int
  private let programs: String
  private let user: String
  private let running = Mutex<Process?>(nil)

  init() throws {
    programs = try Self.findPrograms()
    user = getpwnam("postgres") == nil ? "nobody" : "postgres"
    folder = NSTemporaryDirectory() + "aipm-postgresql-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    port = try Self.freePort()
    guard chmod(folder, 0o755) == 0, mkdir(folder + "/data", 0o700) == 0 else {
      throw Fault(description: "no folder for the data")
    }
    if geteuid() == 0, let entry = getpwnam(user) {
      chown(folder + "/data", entry.pointee.pw_uid, entry.pointee.pw_gid)
    }
    let made = Process()
    made.executableURL = URL(fileURLWithPath: "/bin/sh")
    made.arguments = [
      "-c",
      "cd / && exec \(asUser) \(programs)/initdb -D \(folder)/data -U aipm --auth=trust "
        + "-E UTF8 --locale=C --no-sync",
    ]
    made.standardOutput = FileHandle.nullDevice
    try made.run()
    made.waitUntilExit()
    guard made.terminationStatus == 0 else { throw Fault(description: "initdb failed") }
    try start()
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

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

  /// Starts the server, and returns when it accepts connections.
  func start() throws {
    for _ in 0..<20 {
      if try startOnce() { return }
      // Processes of a server that was killed are still ending.
    }
    throw Fault(description: "the server does not start")
  }

  /// - Returns: false if the server ended instead.
  private func startOnce() throws -> Bool {
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
      exec \(asUser) \(programs)/postgres -D \(folder)/data -h 127.0.0.1 -p \(port) -k '' \
        -c shared_buffers=32MB -c max_connections=200 -c max_wal_size=256MB \
        -c wal_level=minimal -c max_wal_senders=0 </dev/null 3<&-
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
        if text.contains("ready to accept connections"), !isReady.withLock({ $0 }) {
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
  func kill() throws {
    let server = running.withLock { running in
      defer { running = nil }
      return running
    }
    guard let server else { throw Fault(description: "the server does not run") }
    Glibc.kill(server.processIdentifier, SIGKILL)
    server.waitUntilExit()
  }

  // MARK: Databases

  /// A new database.
  /// - Parameter options: more of `CREATE DATABASE`.
  func database(_ options: String = "") throws -> Scratch {
    let name = "log\(Self.databases.wrappingAdd(1, ordering: .relaxed).newValue)"
    try administer("CREATE DATABASE \(name) TEMPLATE template0 \(options)")
    return try Scratch(cluster: self, name: name)
  }

  /// Runs a statement in the first database.
  func administer(_ sql: String) throws {
    try connection(to: "postgres").execute(sql)
  }

  func connection(to database: String) throws -> PostgreSQLConnection {
    try PostgreSQLConnection(try PostgreSQLAddress(address(of: database)), name: "test")
  }

  func address(of database: String, port: Int? = nil) -> String {
    "postgresql://aipm@127.0.0.1:\(port ?? self.port)/\(database)"
  }
}

/// A database, and a data folder beside it.
final class Scratch: Sendable {
  let cluster: Cluster
  let name: String
  let folder: String

  init(cluster: Cluster, name: String) throws {
    self.cluster = cluster
    self.name = name
    folder = NSTemporaryDirectory() + "aipm-beside-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  var address: String { cluster.address(of: name) }

  /// - Parameter port: of a proxy; nil for the server itself.
  func place(port: Int? = nil, isAlone: Bool = false) throws -> PostgreSQLPlace {
    PostgreSQLPlace(
      try PostgreSQLAddress(cluster.address(of: name, port: port)), folder: isAlone ? nil : folder)
  }

  func open(
    _ options: StoreOptions, port: Int? = nil, isAlone: Bool = false,
    patience: Duration = .seconds(30)
  ) throws -> PostgreSQLEventStore {
    try PostgreSQLEventStore.open(
      try place(port: port, isAlone: isAlone), options, patience: patience)
  }

  /// A session with the tables of the log.
  func session() throws -> PostgreSQLConnection {
    let connection = try cluster.connection(to: name)
    try connection.execute("SET search_path = aipm")
    return connection
  }

  var driver: PostgreSQLDriver { PostgreSQLDriver(address: address, folder: folder) }
}

#endif
