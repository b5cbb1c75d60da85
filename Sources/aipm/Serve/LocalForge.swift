import EmbeddedForge
import ForgePort
import HTTPServing
import Logging

/// The embedded forge inside `aipm serve`.
struct LocalForge: Sendable {
  /// The events that the server's webhook takes.
  private static let events: Set = [
    "pull_request", "pull_request_review", "pull_request_review_comment", "issue_comment",
    "check_run", "status",
  ]

  let url: String
  let serving: Task<Void, any Error>
  private let forge: EmbeddedForge

  /// Sends what people say and what checks report to the server.
  /// - Parameters:
  ///   - url: the server's route for webhooks.
  ///   - secret: what it verifies them with.
  func connect(to url: String, secret: String) throws {
    try forge.connect(ForgeHook(url: url, secret: secret, events: Self.events))
  }

  /// Starts it on its previous port, so that the addresses of pull requests stay valid.
  static func start(
    _ folder: DataFolder, token: String, logger: Logger
  ) async throws -> LocalForge {
    let known = try folder.read("forge/port").flatMap { Int($0) } ?? 0
    do {
      return try await listen(folder, port: known, token: token, logger: logger)
    } catch let fault as ListenFault where known != 0 {
      let reason = fault.isInUse ? "another program listens there" : "\(fault)"
      throw Failure(
        "the embedded forge cannot listen on its port \(known): \(reason). Stop that program, or "
          + "remove \(folder.path)/forge/port to take another port (the addresses of pull requests "
          + "change with it)")
    }
  }

  private static func listen(
    _ folder: DataFolder, port: Int, token: String, logger: Logger
  ) async throws -> LocalForge {
    var configuration = EmbeddedForgeConfiguration(root: folder.path + "/forge", token: token)
    configuration.port = port
    let forge = try EmbeddedForge(configuration: configuration, logger: logger)
    let (listening, heard) = AsyncStream.makeStream(of: Int.self)
    let serving = Task {
      defer { heard.finish() }
      try await forge.run { heard.yield($0) }
    }
    for await bound in listening {
      try folder.write("\(bound)\n", to: "forge/port")
      return LocalForge(
        url: "http://127.0.0.1:\(bound)", serving: serving, forge: forge)
    }
    _ = try await serving.value
    throw Failure("the embedded forge stopped before it listened")
  }
}

/// The forge of a server; the embedded one runs in its process.
struct ForgeAccess {
  var forge: any ForgeAdapter
  var local: LocalForge?
  var localURL: String? { local?.url }
  var server: Task<Void, any Error>? { local?.serving }
}
