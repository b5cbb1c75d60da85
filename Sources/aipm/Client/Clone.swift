import Domain
import EventLog
import FoundationEssentials
import Processes
import Terminal
import Text

/// The repository of the clone in which a subcommand runs, by its remote `origin`. It is only a
/// default, and only if `origin` is on the server's forge.
enum Clone {
  private static let limit = Duration.seconds(5)
  private static let outputMax = 65_536

  /// - Throws: `Failure` that says what to write instead.
  static func repository(_ api: ServerAPI) async throws -> RepositoryName {
    guard let origin = await origin() else {
      throw Failure(
        "--repo is missing: write --repo OWNER/REPO, or run it in a clone that has a remote origin",
        code: .usage)
    }
    let forge = try await api.get("/api/choices")["forge"].stringValue
    guard let place = RemotePlace(origin) else {
      throw Failure(
        "the remote origin of this clone is not an address on a server: write --repo OWNER/REPO",
        code: .usage)
    }
    guard let forge, let repository = place.repository(on: forge) else {
      let known = forge.map { ", and the server's forge is \($0.safe())" } ?? ""
      throw Failure(
        "the remote origin of this clone is on \(place.host.safe())\(known): write --repo "
          + "OWNER/REPO", code: .usage)
    }
    Terminal.complain("aipm: repository \(repository), the origin of this clone")
    return repository
  }

  /// The address of `origin` as git uses it, `url.*.insteadOf` included; nil if it has none. git
  /// reads the user's configuration, but runs nothing that the clone names.
  private static func origin() async -> [UInt8]? {
    var environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("AIPM_") }
    environment["GIT_TERMINAL_PROMPT"] = "0"
    let command = Command(
      "git", ["remote", "get-url", "origin"], environment: environment, timeout: limit,
      outputLimit: outputMax)
    guard let result = try? await command.run(), result.succeeded, !result.truncated else {
      return nil
    }
    let line = result.standardOutput.prefix { $0 != UInt8(ascii: "\n") }
    return line.isEmpty ? nil : Array(line)
  }
}
