import Domain
import EventLog
import Processes
import TestKit
import Testing
import Text

extension EndToEndTests {
  /// People see the times of their zone, everywhere and as one; programs get UTC.
  @Suite("Times of the command line") struct LocalTimeTests {
    /// A zone with half an hour, without summer time.
    private static let zone = "Asia/Kolkata"
    private static let offset = "+05:30"
  }
}

extension EndToEndTests.LocalTimeTests {
  private func aipm(
    _ server: Installation, _ arguments: [String], onTerminal: Bool = false
  ) async throws -> String {
    let environment = Program.plainEnvironment.merging([
      "AIPM_SERVER": server.url, "AIPM_DATA": server.data, "TZ": Self.zone, "AIPM": Program.aipm,
      "TERM": "dumb", "LINES": arguments.joined(separator: " "),
    ]) { $1 }
    let command =
      onTerminal
      ? Command(
        "script", ["-qec", "stty cols 300; \"$AIPM\" $LINES", "/dev/null"],
        environment: environment, workingDirectory: server.folder, timeout: Installation.patience)
      : Command(
        Program.aipm, arguments, environment: environment, workingDirectory: server.folder,
        timeout: Installation.patience)
    let result = try await command.run()
    #expect(result.succeeded, "\(arguments): \(result.errorText)")
    return result.outputText
  }

  @Test("texts have local times, with their zone beside a terminal; JSON has UTC")
  func local() async throws {
    try await Installation.with { server in
      _ = try await server.createRepository("acme/tools", from: try await server.makeRepository())
      let id = try await server.submit()
      let ended = try await server.end(of: id)
      _ = try await aipm(server, ["token", "create", "t", "--role", "admin", "--expires", "9d"])
      let asked = try #require(
        ISO8601.milliseconds(ended["requestedAt"].stringValue ?? ""))
      // The same moment as a reader in the zone writes it.
      let shifted = ISO8601.text(asked + 19_800_000)
      let local = shifted.prefix(19).replacing("T", with: " ")
      let utc = (ended["requestedAt"].stringValue ?? "").prefix(19)

      for command in [["why", id], ["audit", "id:\(id)"], ["show", id], ["watch", id]] {
        let piped = try await aipm(server, command)
        #expect(piped.contains(local) && piped.contains(Self.offset), "\(command): \(piped)")
        #expect(!piped.contains(/:\d\d(\.\d+)?Z/), "\(command): \(piped)")
        let shown = try await aipm(server, command, onTerminal: true)
        #expect(shown.contains(local.suffix(8)), "\(command): \(shown)")
        #expect(!shown.contains(Self.offset) && !shown.contains(/:\d\dZ/), "\(shown)")
      }
      for arguments in [["logs", id, "-t"], ["logs", id, "-t", "-f"], ["token", "list"]] {
        let lines = try await aipm(server, arguments).split(separator: "\n")
        #expect(lines.count > 1 && !lines.joined().contains(/:\d\d(\.\d+)?Z/), "\(lines)")
        #expect(lines.last?.contains(Self.offset) ?? false, "\(lines)")
      }
      #expect(try await aipm(server, ["doctor"]).contains(#/clock: .*\+05:30, /#))
      for arguments in [
        ["why", id, "--json"], ["audit", "id:\(id)", "--json"], ["show", id, "--json"],
        ["audit", "id:\(id)", "--format", "csv"],
      ] {
        let json = try await aipm(server, arguments)
        #expect(json.contains(utc) && !json.contains(Self.offset), "\(arguments): \(json)")
      }

      // What is printed can be given back.
      for (since, count) in [
        (String(local.prefix(16)), "1"), ("\(local)\(Self.offset)", "1"), ("\(utc)Z", "1"),
        (String(local.prefix(10)), "1"), ("2999-01-01 00:00", "0"),
      ] {
        let found = try await aipm(server, ["list", "--since", since, "--count"])
        #expect(found.trimmed == count, "\(since)")
      }
      // A last day counts whole, as a person counts days.
      let today = String(local.prefix(10))
      let start = try #require(Timestamp(iso8601: today))
      let before = Timestamp(milliseconds: start.milliseconds - 86_400_000).day
      for (until, count) in [
        (today, "1"), (before, "0"), ("\(local)\(Self.offset)", "0"), ("2999-01-01", "1"),
      ] {
        let found = try await aipm(server, ["list", "--until", until, "--count"])
        #expect(found.trimmed == count, "\(until)")
      }
    }
  }
}
