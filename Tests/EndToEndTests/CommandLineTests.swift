import EventLog
import FoundationEssentials
import Processes
import TestKit
import Testing
import Text

extension EndToEndTests {
  @Suite("The command line") struct CommandLineTests {}
}

extension EndToEndTests.CommandLineTests {
  private func aipm(
    _ arguments: [String], in folder: String, _ more: [String: String] = [:]
  ) async throws -> ProcessResult {
    try await Command(
      Program.aipm, arguments, environment: Program.plainEnvironment.merging(more) { $1 },
      workingDirectory: folder, timeout: Installation.patience
    ).run()
  }

  /// The checks of `aipm doctor` by name.
  private func examine(
    _ arguments: [String], in folder: String, _ environment: [String: String]
  ) async throws -> (exit: ProcessResult.Exit, checks: [String: JSONValue]) {
    let result = try await aipm(["doctor", "--json"] + arguments, in: folder, environment)
    let json = try JSONValue(json: result.standardOutput)
    #expect((json["ok"].boolValue == true) == (result.exit == .exited(0)))
    var checks: [String: JSONValue] = [:]
    for check in json["checks"].arrayValue ?? [] {
      checks[check["check"].stringValue ?? ""] = check
    }
    return (result.exit, checks)
  }

  @Test("doctor says of the forge, the credential and a repository what is wrong, and what to do")
  func doctorOfTheForge() async throws {
    try await GatedInstallation.with { installation in
      let folder = installation.server.folder
      let environment = [
        "AIPM_GITHUB_API_URL": installation.gate.url, "AIPM_GITHUB_TOKEN": GatedInstallation.token,
      ]
      let well = try await examine(["--repo", "acme/tools"], in: folder, environment)
      #expect(well.exit == .exited(0), "\(well.checks)")
      for name in ["git", "configuration", "disk", "clock", "credential", "limit", "acme/tools"] {
        #expect(well.checks[name]?["state"].stringValue == "ok", "\(name): \(well.checks)")
      }
      let missing = try await examine(["--repo", "acme/missing"], in: folder, environment)
      #expect(missing.exit == .exited(1))
      #expect(missing.checks["acme/missing"]?["state"].stringValue == "fault")
      #expect(missing.checks["acme/missing"]?["hint"].stringValue?.contains("access") == true)

      let wrong = environment.merging(["AIPM_GITHUB_TOKEN": "wrong"]) { $1 }
      let refused = try await examine([], in: folder, wrong)
      #expect(refused.exit == .exited(1))
      #expect(refused.checks["credential"]?["hint"].stringValue?.contains("TOKEN") == true)

      installation.gate.set { _ in
        .answer(
          status: 200, body: "{}",
          headers: [
            ("Date", "Sun, 06 Nov 1994 08:49:37 GMT"), ("X-OAuth-Scopes", "gist, read:org"),
          ])
      }
      let poor = try await examine([], in: folder, environment)
      #expect(poor.checks["credential"]?["hint"].stringValue?.contains("scope repo") == true)
      installation.gate.set { _ in .drop }
      let down = try await examine([], in: folder, environment)
      #expect(down.exit == .exited(1))
      #expect(down.checks["forge"]?["hint"].stringValue?.contains("HTTPS_PROXY") == true)
    }
  }

  @Test("settings that cannot be used are told with what to write instead")
  func settings() async throws {
    try await Installation.with(starts: false) { server in
      let folder = server.folder
      let local = try await examine([], in: folder, [:])
      #expect(local.exit == .exited(0), "\(local.checks)")
      #expect(local.checks["forge"]?["detail"].stringValue?.contains("embedded") == true)
      _ = try server.script("not-a-key.pem", "nothing")
      let app = [
        "AIPM_GITHUB_APP_ID": "1", "AIPM_GITHUB_APP_INSTALLATION_ID": "2",
        "AIPM_GITHUB_APP_KEY_FILE": "\(folder)/not-a-key.pem",
      ]
      let cases: [([String: String], String)] = [
        (["AIPM_FORGE": "github"], "AIPM_GITHUB_TOKEN"),
        (["AIPM_GITHUB_APP_ID": "1"], "AIPM_GITHUB_APP_INSTALLATION_ID, AIPM_GITHUB_APP_KEY_FILE"),
        (app, "RSA private key"),
        (app.merging(["AIPM_GITHUB_APP_KEY_FILE": "/nonexistent"]) { $1 }, "cannot be read"),
        (app.merging(["AIPM_GITHUB_APP_INSTALLATION_ID": "x"]) { $1 }, "whole number"),
        (app.merging(["AIPM_GITHUB_TOKEN": "t"]) { $1 }, "take one of the two away"),
        (["AIPM_GITHUB_TOKEN": "t", "AIPM_GITHUB_API_URL": "ftp://x"], "https://HOST/api/v3"),
        (["AIPM_GITHUB_TOKEN": "t", "AIPM_CA_FILE": "/nonexistent"], "AIPM_CA_FILE"),
        (["AIPM_FORGE_PACE": "fast"], "github or none"),
      ]
      for (environment, words) in cases {
        let found = try await examine([], in: folder, environment)
        #expect(found.exit == .exited(1))
        let told = found.checks["configuration"]?["detail"].stringValue ?? ""
        #expect(told.contains(words), "\(environment): \(told)")
        let served = try await aipm(
          ["serve", "--data", server.data, "--port", "0"], in: folder, environment)
        #expect(served.exit == .exited(2), "\(environment)")
        #expect(served.errorText.contains(words), "\(served.errorText)")
      }
    }
  }

  @Test("exit codes: usage, not found, not reached, refused by the server")
  func exitCodes() async throws {
    try await Installation.with { server in
      let there = ["AIPM_SERVER": server.url]
      // A server answers to its own name alone.
      let elsewhere = ["AIPM_SERVER": "http://127.0.0.2:\(server.port)"]
      let nowhere = ["AIPM_SERVER": "http://127.0.0.1:1"]
      let cases: [(arguments: [String], environment: [String: String], code: Int32)] = [
        (["list"], there, 0), (["list", "--nonsense"], there, 2),
        (["submit", "--repo", "x"], there, 2), (["show", "PR1"], there, 3),
        (["workers", "drain", "nobody"], there, 3), (["list"], elsewhere, 4),
        (["list"], nowhere, 4),
      ]
      for one in cases {
        let result = try await aipm(one.arguments, in: server.folder, one.environment)
        #expect(result.exit == .exited(one.code), "\(one.arguments): \(result.errorText)")
        #expect(result.errorText.isEmpty == (one.code == 0) || one.arguments == ["list"])
      }
    }
  }

  @Test("a mistyped subcommand, or one of other programs, is answered with the right one")
  func suggestions() async throws {
    try await Installation.with(starts: false) { server in
      for (words, answer) in [
        (["lsit"], "did you mean 'aipm list'?"), (["shwo", "x"], "did you mean 'aipm show'?"),
        (["status"], "did you mean 'aipm list --needs-you'?"),
        (["pr", "list"], "did you mean 'aipm pull-requests'?"),
        (["rerun"], "did you mean 'aipm retry'?"), (["xyzzy"], "`aipm --help` lists them"),
        (["workers", "lst"], "did you mean 'aipm workers list'?"),
        (["list", "--stat", "x"], "Did you mean '--state'?"),
      ] {
        let said = try await aipm(words, in: server.folder)
        #expect(said.exit == .exited(2) && said.errorText.contains(answer), "\(said.errorText)")
      }
    }
  }

  @Test("output that cannot be written is a failure, and what is no file is not replaced by one")
  func outputs() async throws {
    try await Installation.with { server in
      _ = try await server.createRepository()
      let environment = ["AIPM_SERVER": server.url]
      func shell(_ script: String) async throws -> ProcessResult {
        try await Command(
          "sh", ["-c", script, Program.aipm],
          environment: Program.plainEnvironment.merging(
            environment
          ) { $1 }, workingDirectory: server.folder, timeout: Installation.patience
        ).run()
      }
      for command in ["export", "list --json", "audit type:system.started", "workflows schema"] {
        let full = try await shell("\"$0\" \(command) > /dev/full")
        #expect(full.exit == .exited(1), "\(command): \(full.exit)")
        #expect(full.errorText.contains("the disk is full"), "\(command): \(full.errorText)")
        // Who stops reading wants no more.
        let closed = try await shell("\"$0\" \(command) | true; echo done")
        #expect(closed.outputText == "done\n" && closed.errorText.isEmpty, "\(closed.errorText)")
      }
      let whole = try await server.aipm(["export"]).standardOutput
      let dash = try await server.aipm(["export", "--output", "-"])
      #expect(dash.standardOutput.starts(with: whole))
      let links = try await shell(
        """
        ln -s target link; ln -s nowhere/x dangling; mkfifo pipe; mkdir folder
        "$0" export -o link && test -L link && test -s target || echo link
        "$0" export -o link < /dev/null 2> asked && echo overwritten; grep -q -- --force asked
        "$0" export -o link --force && test -L link || echo forced
        cat pipe > read & "$0" export -o pipe; wait; test -p pipe && cmp read target || echo pipe
        "$0" export -o dangling 2>&1; "$0" export -o folder 2>&1; test ! -e folder.part
        """)
      #expect(
        links.outputText == """
          aipm: dangling cannot be written: there is no such file or folder
          aipm: folder cannot be written: it is a folder

          """, "\(links.outputText) \(links.errorText)")
      let nobody = try await server.aipm(["show", ""])
      #expect(nobody.exit == .exited(2) && nobody.errorText.contains("the name is empty"))
    }
  }

  @Test("completion scripts for three shells, and colours that can be switched off")
  func terminal() async throws {
    try await Installation.with(starts: false) { server in
      for shell in ["bash", "zsh", "fish"] {
        let made = try await aipm(["--generate-completion-script", shell], in: server.folder)
        #expect(made.succeeded)
        #expect(made.outputText.contains("doctor") && made.outputText.contains("forge-pace"))
      }
      let bash = try await aipm(["--generate-completion-script", "bash"], in: server.folder)
      let checked = try await Command(
        "bash", ["-n"], input: .bytes(bash.standardOutput), timeout: .seconds(30)
      ).run()
      #expect(checked.succeeded, "\(checked.errorText)")
      // `script` gives it a terminal to write to.
      func onTerminal(_ environment: [String: String]) async throws -> String {
        try await Command(
          "script", ["-qec", "'\(Program.aipm)' doctor", "/dev/null"],
          environment: Program.plainEnvironment.merging(environment) { $1 },
          workingDirectory: server.folder, timeout: Installation.patience
        ).run().outputText
      }
      #expect(try await onTerminal(["TERM": "xterm"]).contains("\u{1b}[32m"))
      #expect(try await !onTerminal(["TERM": "xterm", "NO_COLOR": "1"]).contains("\u{1b}["))
      #expect(try await !onTerminal(["TERM": "dumb"]).contains("\u{1b}["))
    }
  }

  @Test("the help of every subcommand breaks at words, fits on a line and says nothing twice")
  func help() async throws {
    try await Installation.with(starts: false) { server in
      let dump = try await aipm(["--experimental-dump-help"], in: server.folder)
      let root = try JSONValue(json: dump.standardOutput)["command"]
      func examine(_ command: JSONValue, _ path: [String]) async throws {
        let name = "aipm \(path.joined(separator: " "))"
        let discussion = command["discussion"].stringValue ?? ""
        let lines = discussion.split(separator: "\n", omittingEmptySubsequences: false)
        // Two columns are the margin of a terminal.
        for line in lines where line.hasPrefix(" ") {
          #expect(line.count <= 78, "\(name): \(line)")
        }
        // The parser breaks the lines of a paragraph; one that is broken already is ragged.
        for (line, next) in zip(lines, lines.dropFirst()) where !next.isEmpty {
          #expect(line.isEmpty || line.hasPrefix(" ") || next.hasPrefix(" "), "\(name): \(next)")
        }
        for argument in command["arguments"].arrayValue ?? [] {
          let words = argument["abstract"].stringValue ?? ""
          let values = (argument["allValues"].arrayValue ?? []).compactMap(\.stringValue)
          let isTwice = values.count > 1 && values.allSatisfy { words.contains($0) }
          #expect(!isTwice, "\(name): \(words)")
          let value = argument["valueName"].stringValue ?? ""
          let isSame = value.contains("-") && value == argument["preferredName"]["name"].stringValue
          let isShown = argument["shouldDisplay"].boolValue != false
          #expect(
            !isSame || !isShown || argument["kind"].stringValue != "option", "\(name): \(value)")
          let standard = argument["defaultValue"].stringValue ?? "-"
          #expect(!words.contains("(\(standard))"), "\(name): \(words)")
        }
        let help = try await aipm(path + ["--help"], in: server.folder, ["COLUMNS": "80"])
          .outputText
        for line in help.split(separator: "\n") { #expect(line.count <= 80, "\(name): \(line)") }
        #expect(!help.contains(/\b(\w+) \1\b/), "\(name) has a word twice")
        #expect(
          help.contains("USAGE: \(name.trimmed) ") || help.contains("USAGE: \(name)\n"), "\(help)")
        for sub in command["subcommands"].arrayValue ?? [] {
          guard let word = sub["commandName"].stringValue, word != "help",
            sub["shouldDisplay"].boolValue != false
          else { continue }
          try await examine(sub, path + [word])
        }
      }
      try await examine(root, [])
      let misused = try await aipm(["config", "show", "--foo"], in: server.folder)
      #expect(misused.errorText.contains("Usage: aipm config show "), "\(misused.errorText)")
      for wrong in [["ask", "--nothing"], ["usage", "--csv", "--json"]] {
        let said = try await aipm(wrong, in: server.folder, ["COLUMNS": "80"]).errorText
        let usage = said.split(separator: "\n").drop { !$0.hasPrefix("Usage: ") }
        #expect(usage.count > 2 && usage.allSatisfy { $0.count <= 80 }, "\(said)")
      }
    }
  }
}
