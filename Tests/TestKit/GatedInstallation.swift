import EventLog
import Processes
import Text

/// A server whose forge is a process of its own, with a gate between the two.
package struct GatedInstallation: Sendable {
  package static let token = "t0ken-of-the-gated-forge"

  package let server: Installation
  package let gate: ForgeGate
  package let repository: BareRepository

  package init(server: Installation, gate: ForgeGate, repository: BareRepository) {
    self.server = server
    self.gate = gate
    self.repository = repository
  }

  /// - Parameters:
  ///   - agent: of `aipm serve`: the agent and its options.
  ///   - forge: more options of `aipm forge serve`.
  ///   - more: variables of the server's environment.
  ///   - starts: whether the server is started before `body` runs.
  ///   - name: the repository that is made.
  package static func with(
    agent: @Sendable (Installation) throws -> [String] = { _ in ["--agent", "demo"] },
    forge forgeArguments: [String] = [], serve: [String] = [],
    environment more: [String: String] = [:], starts: Bool = true, name: String = "acme/tools",
    _ body: (GatedInstallation) async throws -> Void
  ) async throws {
    try await Installation.withForge(forgeArguments) { root, url in
      try await ForgeGate.before(url) { gate in
        let environment = [
          "AIPM_GITHUB_API_URL": gate.url, "AIPM_GITHUB_TOKEN": token,
          "AIPM_FORGE": "github",
        ]
        try await Installation.with(
          arguments: serve, environment: environment.merging(more) { $1 }, starts: false
        ) { server in
          let repository = try await server.createRepository(name, root: root)
          if starts { try await server.start(try agent(server)) }
          try await body(
            GatedInstallation(server: server, gate: gate, repository: repository))
        }
      }
    }
  }

  /// What every delegation that ended as `Pushed` must have left behind, whatever happened on the
  /// way: one branch, one task commit, one pull request, one generated commit, and a log that says
  /// so and verifies.
  package func checkPushed(_ id: String) async throws {
    let delegation = try await server.delegation(id)
    let found = delegation["state"].stringValue
    guard found == "Pushed" else {
      throw KitFault("it ended as \(found ?? "-"): \(delegation["failure"].canonicalText)")
    }
    try await Outcome(server: server, repository: repository, delegation: delegation).check()
  }
}

extension Installation {
  /// The embedded forge as a process of its own, for as long as `body` runs.
  package static func withForge(
    _ arguments: [String], _ body: (_ root: String, _ url: String) async throws -> Void
  ) async throws {
    try await Installation.with(starts: false) { home in
      let root = "\(home.folder)/forge"
      var environment = Program.plainEnvironment
      environment["AIPM_FORGE_TOKEN"] = GatedInstallation.token
      let forge = try await Program.start(
        Program.aipm, ["forge", "serve", "--root", root, "--port", "0"] + arguments,
        environment: environment, workingDirectory: home.folder)
      let says = "aipm: embedded forge on "
      do {
        let line = try await forge.line { $0.hasPrefix(says) }
        try await body(root, String(line.dropFirst(says.count)))
      } catch {
        await forge.end(9)
        throw KitFault("\(error)\nThe forge said:\n\(forge.errorText)")
      }
      await forge.end(9)
    }
  }
}
