#if PostgreSQL

import EventLog
import Foundation
import Glibc
import HTTPClient
import PostgreSQL
import PostgreSQLCluster
import Processes
import Synchronization
import TestKit
import Text

/// One server of the log, and the gate between it and the forge.
struct Member: Sendable {
  let server: Installation
  let gate: ForgeGate

  /// What the database calls it: the part of `head.claimed_by` that is the process.
  var processName: String { "process \(server.processID ?? 0) " }
}

/// Two servers of one log, one forge, and a worker.
final class World: Sendable {
  private let host: Mutex<Cluster>
  let database: String
  let members: [Member]
  let repository: BareRepository
  private let worker = Mutex<Program?>(nil)

  /// Runs `body` with two servers, of which the first reaches the database through a proxy.
  static func behindProxy(_ body: (World, Proxy) async throws -> Void) async throws {
    let cluster = try Cluster.shared
    let proxy = try Proxy(to: cluster.port)
    try await with(addresses: {
      [cluster.address(of: $0, port: proxy.port), cluster.address(of: $0)]
    }) { try await body($0, proxy) }
  }

  /// - Parameters:
  ///   - cluster: where the log is; nil for the one that tests share.
  ///   - serve: more options of `aipm serve`.
  ///   - addresses: of the database with this name, for each member; nil for the cluster's own.
  ///   - cell: the network of the first member; nil for this machine's.
  static func with(
    _ cluster: Cluster? = nil, serve: [String] = [],
    addresses: ((String) -> [String])? = nil, in cell: NetworkCell? = nil,
    _ body: (World) async throws -> Void
  ) async throws {
    let cluster = try cluster ?? Cluster.shared
    let database = try cluster.newDatabase()
    let own = cluster.address(of: database)
    let stores = addresses?(database) ?? [own, own]
    try await Installation.withForge([]) { root, url in
      try await ForgeGate.before(url, host: cell?.outside ?? "127.0.0.1") { firstGate in
        try await ForgeGate.before(url) { secondGate in
          try await member(stores[0], firstGate, serve, in: cell) { first in
            let repository = try await first.createRepository("acme/tools", root: root)
            try await first.start()
            try await member(stores[1], secondGate, serve) { second in
              try await second.start()
              let world = World(
                cluster: cluster, database: database,
                members: [
                  Member(server: first, gate: firstGate),
                  Member(server: second, gate: secondGate),
                ], repository: repository)
              do {
                try await body(world)
              } catch {
                let said = await world.endWorker()
                throw KitFault("\(error)\nThe worker said:\n\(said)")
              }
              await world.endWorker()
            }
          }
        }
      }
    }
  }

  private init(
    cluster: Cluster, database: String, members: [Member], repository: BareRepository
  ) {
    host = Mutex(cluster)
    self.database = database
    self.members = members
    self.repository = repository
  }

  private static func member(
    _ store: String, _ gate: ForgeGate, _ serve: [String], in cell: NetworkCell? = nil,
    _ body: (Installation) async throws -> Void
  ) async throws {
    try await Installation.with(
      arguments: ["--store", store, "--workers", "0", "--agent", "demo"] + serve
        + (cell?.listening ?? []),
      environment: [
        "AIPM_GITHUB_API_URL": gate.url, "AIPM_GITHUB_TOKEN": GatedInstallation.token,
        "AIPM_FORGE": "github",
      ], program: cell?.program ?? Program.aipm, starts: false, body)
  }

  /// Makes a token on the machine of the active member, for all calls of the test.
  func useToken() async throws {
    let made = try await members[0].server.aipm(["token", "create", "ann", "--role", "admin"])
    for member in members { member.server.token = made.outputText.filter { !$0.isNewline } }
    try await waitUntil("the token") {
      try await members[1].server.get("/api/delegations").status == 200
    }
  }

  /// Ends the worker if there is one, and starts it with another server. It keeps its name.
  /// - Parameter member: the server that it asks.
  func startWorker(through member: Int) async throws {
    await endWorker()
    let server = members[member].server
    var environment = Program.plainEnvironment
    environment["AIPM_TOKEN"] = try String(
      contentsOfFile: "\(server.data)/secrets/worker-token", encoding: .utf8
    ).filter { !$0.isNewline }
    environment["AIPM_SANDBOX"] = "off"
    let known = try registrations()
    let program = try await Program.start(
      Program.aipm,
      ["worker", "--server", server.url, "--id", "far", "--data", "\(server.folder)/far"],
      environment: environment, workingDirectory: server.folder)
    worker.withLock { $0 = program }
    try await waitUntil("the worker") { try self.registrations() > known }
  }

  /// How often the worker has registered.
  private func registrations() throws -> Int64 {
    try session().query("SELECT coalesce(max(incarnation), 0) FROM workers").first?.integer(0) ?? 0
  }

  /// - Returns: what it said.
  @discardableResult
  private func endWorker() async -> String {
    let program = worker.withLock { worker in
      defer { worker = nil }
      return worker
    }
    await program?.end(SIGKILL)
    return program?.errorText ?? ""
  }

  // MARK: The database

  /// Where the database is.
  var cluster: Cluster { host.withLock { $0 } }

  /// The database is on another server from now on.
  func move(to cluster: Cluster) { host.withLock { $0 = cluster } }

  func session() throws -> PostgreSQLConnection {
    let connection = try cluster.connection(to: database)
    try connection.execute("SET search_path = aipm")
    return connection
  }

  /// The number of the member that writes.
  func active() throws -> Int? {
    let name = try session().query("SELECT claimed_by FROM head").first?.text(0) ?? ""
    return members.firstIndex { name.hasPrefix($0.processName) }
  }

  var epoch: Int64 {
    get throws { try session().query("SELECT epoch FROM head").first?.integer(0) ?? 0 }
  }

  var position: Int64 {
    get throws { try session().query("SELECT position FROM head").first?.integer(0) ?? 0 }
  }

  // MARK: What must hold

  /// The end of a delegation, as this member's forge and log show it.
  func checkPushed(_ id: String, by member: Int) async throws -> Footprint {
    let world = GatedInstallation(
      server: members[member].server, gate: members[member].gate, repository: repository)
    let delegation = try await world.server.delegation(id)
    guard delegation["state"].stringValue == "Pushed" else {
      throw KitFault("it ended as \(delegation.canonicalText)")
    }
    // The work of the agent is not lost with the server.
    let attempts = delegation["attempt"].integerValue ?? 0
    guard attempts == 1 else { throw KitFault("the agent made \(attempts) attempts") }
    try await Outcome(server: world.server, repository: repository, delegation: delegation)
      .check(verifies: false)
    return try await world.footprint(of: id)
  }

  /// `aipm-replay --verify` on the store.
  func verify() async throws {
    for member in members {
      let result = try await Command(
        Program.aipmReplay,
        ["--data", member.server.data, "--store", cluster.address(of: database), "--verify"],
        environment: Program.plainEnvironment, timeout: Installation.patience
      ).run()
      guard result.succeeded else {
        throw KitFault("verify: \(result.outputText)\(result.errorText)")
      }
    }
  }
}

/// Stops the active server right before it commits: when its transaction has begun, and the row of
/// the head is not changed yet.
final class CommitStop {
  private static let lock: Int64 = 77
  private let session: PostgreSQLConnection

  /// - Parameter position: the commit that reaches it is stopped, if it is of this epoch.
  init(_ world: World, at position: Int64, of epoch: Int64) throws {
    session = try world.session()
    try session.execute(
      """
      SELECT pg_advisory_lock(\(Self.lock));
      CREATE OR REPLACE FUNCTION stop_here() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN PERFORM pg_advisory_xact_lock_shared(\(Self.lock)); RETURN NEW; END $$;
      CREATE TRIGGER stop_here BEFORE UPDATE ON head FOR EACH ROW
      WHEN (NEW.epoch = \(epoch) AND OLD.position < \(position) AND NEW.position >= \(position))
      EXECUTE FUNCTION stop_here()
      """)
  }

  /// Whether the server stands there.
  func hasStopped() throws -> Bool {
    try session.query(
      """
      SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND wait_event_type = 'Lock' AND wait_event = 'advisory'
        AND application_name LIKE 'aipm % writer'
      """
    ).first?.integer(0) ?? 0 > 0
  }

  /// Lets its transaction go on, and stops no other.
  func release() throws {
    try session.execute("SELECT pg_advisory_unlock(\(Self.lock)); DROP TRIGGER stop_here ON head")
  }
}

/// The wait for something that another program does, which nothing signals.
func waitUntil(_ what: String, _ isMet: () async throws -> Bool) async throws {
  let deadline = ContinuousClock.now + Installation.patience
  while try await !isMet() {
    guard ContinuousClock.now < deadline else { throw KitFault("\(what) did not come") }
    try await Task.sleep(for: .milliseconds(5))
  }
}

#endif
