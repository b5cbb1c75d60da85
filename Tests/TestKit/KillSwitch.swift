import FoundationEssentials
import Processes

/// Kills a process at its n-th step, from outside; see KillSwitch/killswitch.c.
package struct KillSwitch: Sendable {
  /// Whose steps count.
  package enum Role: String, CaseIterable, Sendable { case serve, worker }

  private let library: String
  private let counter: String
  private let role: Role
  private let number: Int

  /// A switch for as long as `body` runs.
  /// - Parameter number: of the step that is the last of its process.
  package static func with(
    _ role: Role, at number: Int, _ body: (KillSwitch) async throws -> Void
  ) async throws {
    let folder = try Installation.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let library = "\(folder)/killswitch.so"
    let source = #filePath.dropLast(".swift".count) + "/killswitch.c"
    let built = try await Command(
      "clang", ["-shared", "-fPIC", "-O1", String(source), "-o", library, "-ldl"],
      timeout: .seconds(60)
    ).run()
    guard built.succeeded else { throw KitFault("the kill switch: \(built.errorText)") }
    try await body(
      KillSwitch(library: library, counter: "\(folder)/steps", role: role, number: number))
  }

  /// To be added to the environment of the server.
  package var environment: [String: String] {
    [
      "LD_PRELOAD": library, "AIPM_KILL_ROLE": role.rawValue, "AIPM_KILL_COUNT": counter,
      "AIPM_KILL_AT": "\(number)",
    ]
  }

  /// How many steps were made so far.
  private var steps: Int {
    let attributes = try? FileManager.default.attributesOfItem(atPath: counter)
    return (attributes?[.size] as? Int) ?? 0
  }

  /// Whether the step has come at which the process was killed.
  package var hasStruck: Bool { steps >= number }
}
