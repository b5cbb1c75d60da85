#if PostgreSQL

import ArgumentParser
import CPostgreSQLReference
import Domain
import EventLog
import PostgreSQLCluster
import Projections
import Stores
import Workflows

/// A PostgreSQL server for one measurement, alone or with a synchronous standby.
private struct MeasuredServer {
  let primary: Cluster
  /// nil for none.
  let standby: Cluster?
  /// What is added to the names of figures.
  var suffix: String { standby == nil ? "" : "-standby" }

  static func alone() throws -> MeasuredServer {
    MeasuredServer(primary: try Cluster(), standby: nil)
  }

  static func pair() throws -> MeasuredServer {
    let (primary, standby) = try Cluster.pair()
    return MeasuredServer(primary: primary, standby: standby)
  }

  /// The address of a new, empty database.
  func newAddress() throws -> String { primary.address(of: try primary.newDatabase()) }
}

/// Appends to the store on PostgreSQL, beside the same statements and hashes in C.
struct PostgreSQLStoreCosts: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "store-postgresql",
    abstract: "Appends a second on PostgreSQL, beside the same statements and hashes in C.")

  @Flag(help: "Small numbers, to see that it runs; what it measures says nothing.")
  var quick = false

  private static let writers = 64
  private static let least = 0.7

  func run() async throws {
    try await measure(try .alone())
    try await measure(try .pair())
  }

  private func measure(_ server: MeasuredServer) async throws {
    let writers = Self.writers
    let (source, target) = (try server.newAddress(), try server.newAddress())
    let appends = try await StoreLoad(writers: writers, quick: quick).run(on: try open(source))
    try await open(target).close()
    var result = postgresql_reference_result()
    let code = postgresql_reference_run(source, target, Int32(writers), 3, &result)
    guard code == 0, result.seconds > 0 else {
      throw BenchFault(description: "the reference in C failed: \(result.reason)")
    }
    let name = "store-postgresql-\(writers)\(server.suffix)"
    let limit = Double(result.appends) / result.seconds
    Figure(
      name: name, value: appends.rate, unit: "/s", limit: limit,
      target: ">= \(Self.least) of the same in C", met: appends.rate >= limit * Self.least
    ).tell()
    Figure(
      name: "\(name)-p99", value: appends.p99Ms, unit: "ms", limit: nil, target: "reported",
      met: true
    ).tell()
  }

  private func open(_ address: String) throws -> any RunningStore {
    let clock = TaleClock()
    return try StoreAccess.driver(.postgreSQL(address: address, folder: nil))
      .open(StoreOptions { clock.now() })
  }
}

/// Whole delegations on PostgreSQL.
struct PostgreSQLDelegations: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "delegations-postgresql",
    abstract: "Whole delegations a second of the real engine on PostgreSQL.")

  @Flag(help: "Small numbers, to see that it runs; what it measures says nothing.")
  var quick = false

  private static let least = 1500.0

  func run() async throws {
    guard let workflow = try WorkflowCatalog()["personal-delegate"] else {
      throw BenchFault(description: "the built-in workflow is missing")
    }
    try await measure(try .alone(), workflow)
    try await measure(try .pair(), workflow)
  }

  private func measure(_ server: MeasuredServer, _ workflow: Workflow) async throws {
    for inFlight in quick ? [8] : [64, 256] {
      let one = EngineCase(inFlight: inFlight, workers: quick ? 2 : 64)
      let rate = try await one.measure(
        .postgreSQL(address: try server.newAddress(), folder: nil), workflow, quick: quick
      ).rate
      Figure(
        name: "delegations-postgresql-\(one.name)\(server.suffix)", value: rate, unit: "/s",
        limit: nil, target: ">= \(Int(Self.least))/s", met: rate >= Self.least
      ).tell()
    }
  }
}

extension postgresql_reference_result {
  /// Why it failed.
  fileprivate var reason: String {
    withUnsafeBytes(of: error) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }
}

#endif
