import EmbeddedForge
import HTTPServing
import Logging

/// The embedded forge inside `aipm serve`.
enum LocalForge {
  /// Starts it on its previous port, so that the addresses of pull requests stay valid.
  static func start(
    _ folder: DataFolder, token: String, logger: Logger
  ) async throws -> (url: String, serving: Task<Void, any Error>) {
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
  ) async throws -> (url: String, serving: Task<Void, any Error>) {
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
      return ("http://127.0.0.1:\(bound)", serving)
    }
    _ = try await serving.value
    throw Failure("the embedded forge stopped before it listened")
  }
}
