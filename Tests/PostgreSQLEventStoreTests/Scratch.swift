#if PostgreSQL

import EventLog
import Foundation
import PostgreSQL
import PostgreSQLCluster
import PostgreSQLEventStore
import Projections

extension Cluster {
  /// A new database.
  /// - Parameters:
  ///   - options: more of `CREATE DATABASE`.
  ///   - standby: the second host in its address.
  func database(_ options: String = "", standby: Cluster? = nil) throws -> Scratch {
    try Scratch(cluster: self, standby: standby, name: try newDatabase(options))
  }
}

/// A database, and a data folder beside it.
final class Scratch: Sendable {
  let cluster: Cluster
  private let standby: Cluster?
  let name: String
  let folder: String

  init(cluster: Cluster, standby: Cluster?, name: String) throws {
    self.cluster = cluster
    self.standby = standby
    self.name = name
    folder = NSTemporaryDirectory() + "aipm-beside-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  var address: String {
    guard let standby else { return cluster.address(of: name) }
    return "postgresql://aipm@127.0.0.1:\(cluster.port),127.0.0.1:\(standby.port)/\(name)"
  }

  /// - Parameter port: of a proxy; nil for the server itself.
  func place(port: Int? = nil, isAlone: Bool = false) throws -> PostgreSQLPlace {
    PostgreSQLPlace(
      try PostgreSQLAddress(port.map { cluster.address(of: name, port: $0) } ?? address),
      folder: isAlone ? nil : folder)
  }

  func open(
    _ options: StoreOptions, port: Int? = nil, isAlone: Bool = false,
    patience: Duration = .seconds(30), replicaPatience: Duration = .seconds(10)
  ) throws -> PostgreSQLEventStore {
    try PostgreSQLEventStore.open(
      try place(port: port, isAlone: isAlone), options, patience: patience,
      replicaPatience: replicaPatience)
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
