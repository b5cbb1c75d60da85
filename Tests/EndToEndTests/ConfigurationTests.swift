import EventLog
import FoundationEssentials
import Processes
import TestKit
import Testing
import Text

extension EndToEndTests {
  /// Where settings come from, and what is said of those that cannot be used.
  @Suite("Configuration") struct ConfigurationTests {}
}

extension EndToEndTests.ConfigurationTests {
  private func aipm(
    _ arguments: [String], in folder: String, _ more: [String: String] = [:]
  ) async throws -> ProcessResult {
    try await Command(
      Program.aipm, arguments, environment: Program.plainEnvironment.merging(more) { $1 },
      workingDirectory: folder, timeout: Installation.patience
    ).run()
  }

  private func write(_ text: String, _ server: Installation, _ name: String = "aipm.yaml") throws {
    try text.write(toFile: "\(server.folder)/\(name)", atomically: true, encoding: .utf8)
  }

  /// The settings of `aipm config show` by name.
  private func shown(
    _ arguments: [String], in folder: String, _ more: [String: String] = [:]
  ) async throws -> [String: JSONValue] {
    let result = try await aipm(["config", "show", "--json"] + arguments, in: folder, more)
    #expect(result.exit == .exited(0), "\(result.errorText)")
    var settings: [String: JSONValue] = [:]
    for row in try JSONValue(json: result.standardOutput)["settings"].arrayValue ?? [] {
      settings[row["name"].stringValue ?? ""] = row
    }
    return settings
  }

  @Test("each value is shown with where it comes from: flag, variable, file, default")
  func sources() async throws {
    try await Installation.with(starts: false) { server in
      try write(
        """
        development:
          workers: 3
          port: 1111
          keep-output: 90d
          allow-origin: [https://a.example, https://b.example]
          mask-patterns: ["x{2,3}"]
        """, server)
      let settings = try await shown(
        ["--port", "2222"], in: server.folder,
        [
          "AIPM_PORT": "3333", "AIPM_AGENT": "demo", "AIPM_GITHUB_TOKEN": "a-secret-token",
          "AIPM_AGENT_COMMAND": "run --key a-secret-token",
        ])
      func expect(_ name: String, _ value: String, _ source: String, _ from: String?) {
        let row = settings[name] ?? .null
        #expect(row["value"].stringValue == value, "\(name): \(row)")
        #expect(row["source"].stringValue == source, "\(name): \(row)")
        #expect(row["from"].stringValue == from, "\(name): \(row)")
      }
      expect("port", "2222", "flag", "--port")
      expect("agent", "demo", "variable", "AIPM_AGENT")
      expect("workers", "3", "file", "aipm.yaml:2:3")
      expect("keep-output", "90d", "file", "aipm.yaml:4:3")
      expect("allow-origin", "https://a.example,https://b.example", "file", "aipm.yaml:5:3")
      expect("mask-patterns", "x{2,3}", "file", "aipm.yaml:6:3")
      expect("data", "./.aipm", "default", nil)
      expect("forge", "github", "default", nil)
      expect("github-token", "***", "variable", "AIPM_GITHUB_TOKEN")
      expect("webhook-secret", "none", "default", nil)
      expect("agent-command", "run --key ***", "variable", "AIPM_AGENT_COMMAND")
      expect("openid-name-claim", "email", "default", nil)
      expect("openid-client-secret", "none", "default", nil)
      // For people the section is named too.
      let table = try await aipm(["config", "show"], in: server.folder)
      #expect(table.outputText.contains("aipm.yaml:2:3, section development"))
    }
  }

  @Test("a secret comes from the service manager if no variable has it; an empty one is absent")
  func credentials() async throws {
    try await Installation.with(starts: false) { server in
      let folder = "\(server.folder)/credentials"
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: false)
      for (name, text) in [
        ("github-token", "a-passed-token\n"), ("webhook-secret", "a-passed-secret\n"),
        ("openid-client-secret", ""), ("github-app-key", "\n"),
      ] {
        try write(text, server, "credentials/\(name)")
      }
      let passed = ["CREDENTIALS_DIRECTORY": folder, "AIPM_WEBHOOK_SECRET": "of-the-variable"]
      let arguments = ["--agent-command", "run a-passed-token of-the-variable"]
      var settings = try await shown(arguments, in: server.folder, passed)
      func expect(_ name: String, _ value: String, _ source: String, _ from: String?) {
        let row = settings[name] ?? .null
        #expect(row["value"].stringValue == value, "\(name): \(row)")
        #expect(row["source"].stringValue == source, "\(name): \(row)")
        #expect(row["from"].stringValue == from, "\(name): \(row)")
      }
      expect("github-token", "***", "credential", "github-token")
      expect("webhook-secret", "***", "variable", "AIPM_WEBHOOK_SECRET")
      expect("openid-client-secret", "none", "default", nil)
      expect("github-app-key-file", "none", "default", nil)
      expect("forge", "github", "default", nil)
      expect("agent-command", "run *** ***", "flag", "--agent-command")

      try write("", server, "credentials/github-token")
      try write("not a key", server, "credentials/github-app-key")
      let half = try await aipm(["config", "show", "--json"], in: server.folder, passed)
      #expect(half.exit == .exited(2))
      #expect(half.errorText.contains("AIPM_GITHUB_APP_ID"), "\(half.errorText)")
      try FileManager.default.removeItem(atPath: "\(folder)/github-app-key")
      settings = try await shown([], in: server.folder, passed)
      expect("github-token", "none", "default", nil)

      // A secret that cannot be read must not become a server without one.
      try FileManager.default.createDirectory(
        atPath: "\(folder)/openid-client-secret.d", withIntermediateDirectories: false)
      try FileManager.default.removeItem(atPath: "\(folder)/openid-client-secret")
      try FileManager.default.moveItem(
        atPath: "\(folder)/openid-client-secret.d", toPath: "\(folder)/openid-client-secret")
      let unreadable = try await aipm(["serve"], in: server.folder, passed)
      #expect(unreadable.exit == .exited(2))
      #expect(unreadable.errorText.contains("the credential openid-client-secret"))
    }
  }

  @Test("keys are the names of the flags, and the former ones go on working")
  func keys() async throws {
    try await Installation.with(starts: false) { server in
      let help = try await aipm(["serve", "--help"], in: server.folder).outputText
      let names = try await shown([], in: server.folder).keys
      for name in names where !name.hasPrefix("github-") && !name.hasPrefix("webhook-") {
        let withoutFlag = [
          "ca-file", "default-repo", "openid-client-secret", "notify-secret", "notify-slack-url",
          "smtp-user", "smtp-password",
        ]
        guard !withoutFlag.contains(name) else { continue }
        #expect(help.contains("--\(name)"), "\(name) is a setting but no flag")
      }
      let former = [
        "keepOutput: 1d", "allowOrigins: [https://a.example]", "agentCommand: x", "agentEnv: [A]",
        "agentTimeout: 1m", "basePath: /x", "keepWords: 2d", "maskPatterns: [abc]",
        "forgePace: none", "githubApiURL: https://x.example", "defaultRepo: a/b",
        "sandboxReadable: [/x]", "cacheAge: 1d", "cacheSize: 1GiB",
      ]
      try write("development:\n" + former.map { "  \($0)\n" }.joined(), server)
      let settings = try await shown([], in: server.folder)
      let found = settings.values.count { $0["source"].stringValue == "file" }
      #expect(found == former.count)
      #expect(settings["github-api-url"]?["value"].stringValue == "https://x.example")
    }
  }

  private static let signInFlags = [
    "--access", "token", "--openid-client-id", "aipm", "--public-url", "https://aipm.example",
    "--openid-group",
    "web=submit:acme/*",
  ]

  static let refused: [(file: String, arguments: [String], words: [String])] = [
    ("development:\n  kepe-output: 1d\n", [], ["aipm.yaml:2:3", "\"keep-output\"?"]),
    ("development:\n  colour: red\n", [], ["colour is not a setting", "known are"]),
    ("production:\n  port: 1\n", ["--env", "prod"], ["no section prod", "production"]),
    ("production:\n  port: 1\n", [], ["no section development", "production", "--env"]),
    ("production:\n  port: 1\n", ["--env", "production"], ["no forge", "AIPM_GITHUB_TOKEN"]),
    (
      "development:\n  require: [AIPM_WEBHOOK_SECRET, OTHER]\n", [],
      ["aipm.yaml:2:3", "AIPM_WEBHOOK_SECRET, OTHER are required"]
    ),
    ("producton:\n  port: 1\n", ["--env", "production"], ["Did you mean producton?"]),
    ("workers: 3\n", [], ["aipm.yaml:1:1", "workers is outside of a section", "development:"]),
    ("development: {}\nport: 1\n", [], ["aipm.yaml:2:1", "port is outside of a section"]),
    ("- a\n", [], ["section for each environment"]),
    ("", [], ["aipm.yaml is empty"]),
    ("development: [", [], ["not YAML"]),
    ("development:\n  port: 1\n  port: 2\n", [], ["port", "write it once"]),
    ("development:\n  keep-output: 1d\n  keepOutput: 2d\n", [], ["keep-output is set twice"]),
    ("development:\n  port: [1, 2]\n", [], ["port has no value that can be used", "one value"]),
    ("development:\n  port:\n", [], ["port has no value"]),
    ("development:\n  data: {a: b}\n", [], ["data has no value"]),
    ("development:\n  port: many\n", [], ["aipm.yaml:2:3: port is many", "whole number"]),
    ("development:\n  public-url: aipm.example\n", [], ["public-url is aipm.example: write"]),
    ("development:\n  public-url: https://a@b\n", [], ["public-url is https://a@b: write"]),
    ("development:\n  openid-issuer: http://login.example\n", signInFlags, ["cannot be an issuer"]),
    ("development:\n  openid-issuer: https://login.example\n", [], ["needs openid-client-id"]),
    (
      "development:\n  openid-issuer: https://login.example\n  openid-client-id: aipm\n", [],
      ["needs public-url"]
    ),
    (
      "development:\n  openid-issuer: https://login.example\n",
      signInFlags + ["--openid-group", "a=root"],
      ["openid-group contains a=root: write GROUP=ROLE"]
    ),
    (
      "development:\n  openid-issuer: https://login.example\n", Array(signInFlags.prefix(6)),
      ["nobody could do anything"]
    ),
    ("development:\n  openid-group: a=admin\n", [], ["openid-issuer is not"]),
    // A mistake in another section is one all the same.
    ("development: {}\nproduction:\n  prot: 1\n", [], ["aipm.yaml:3:3", "\"port\"?"]),
  ]

  @Test(
    "a file that cannot be used is an error with place and correction", arguments: refused.indices)
  func refusals(index: Int) async throws {
    let example = Self.refused[index]
    try await Installation.with(starts: false) { server in
      try write(example.file, server)
      for command in [["serve", "--data", server.data, "--port", "0"], ["config", "show"]] {
        // A port in the file is looked at where no flag takes its place.
        let command = example.file.contains("many") ? Array(command.prefix(3)) : command
        let result = try await aipm(command + example.arguments, in: server.folder)
        #expect(result.exit == .exited(2), "\(example.file): \(result.errorText)")
        for words in example.words {
          #expect(result.errorText.contains(words), "\(words): \(result.errorText)")
        }
        #expect(result.errorText.contains("Usage: aipm \(command[0])"), "\(result.errorText)")
      }
      #expect(!FileManager.default.fileExists(atPath: server.data))
    }
  }

  @Test("an environment without a file, and a file that is not there, are errors")
  func absent() async throws {
    try await Installation.with(starts: false) { server in
      let serve = ["serve", "--data", server.data, "--port", "0"]
      let cases: [([String], [String: String], String)] = [
        (["--env", "production"], [:], "the environment production does not exist"),
        ([], ["AIPM_ENV": "production"], "the environment production does not exist"),
        (["--config", "none.yaml"], [:], "none.yaml does not exist"),
        ([], ["AIPM_CONFIG": "/none.yaml"], "/none.yaml does not exist"),
        (["--config", "."], [:], "is a folder"),
      ]
      for (arguments, environment, words) in cases {
        let result = try await aipm(serve + arguments, in: server.folder, environment)
        #expect(result.exit == .exited(2), "\(result.errorText)")
        #expect(result.errorText.contains(words), "\(result.errorText)")
      }
      #expect(!FileManager.default.fileExists(atPath: server.data))
      // The standard environment needs no file.
      #expect(try await !shown(["--env", "development"], in: server.folder).isEmpty)
    }
  }

  @Test("subcommands on the data folder find it in the configuration file too")
  func dataFolder() async throws {
    try await Installation.with(starts: false) { server in
      try write("development:\n  data: \(server.data)\n", server)
      let made = try await aipm(["forge", "create", "acme/tools"], in: server.folder)
      #expect(made.succeeded, "\(made.errorText)")
      #expect(FileManager.default.fileExists(atPath: "\(server.data)/forge/acme/tools.git"))
      let none = try await aipm(["backup", "x.db"], in: server.folder)
      #expect(none.exit == .exited(3) && none.errorText.contains(server.data))
    }
  }

  @Test("the address of a store is shown without its password, and refused where others see it")
  func storeAddress() async throws {
    try await Installation.with(starts: false) { server in
      let address = "postgresql://aipm:secret@127.0.0.1:1/log"
      let settings = try await shown([], in: server.folder, ["AIPM_STORE": address])
      #expect(settings["store"]?["value"].stringValue == "postgresql://aipm:***@127.0.0.1:1/log")
      try write("development:\n  store: \(address)\n", server, "other.yaml")
      for (arguments, words) in [
        (["serve", "--store", address], "--store contains a password"),
        (["serve", "--config", "other.yaml"], "store contains a password"),
        (["serve", "--store", "mysql://db/log"], "--store is not an address of a database"),
        (["backup", "x.db", "--store", address], "--store contains a password"),
        (["copy", "--from", address, "--to", "x"], "--from contains a password"),
      ] {
        let run = try await aipm(arguments, in: server.folder)
        #expect(run.exit == .exited(2) && run.errorText.contains(words), "\(run.errorText)")
        #expect(!run.errorText.contains("secret"))
      }
      let absent = try await aipm(["verify"], in: server.folder, ["AIPM_STORE": address])
      #expect(absent.exit == .exited(1))
      #expect(!absent.errorText.contains("secret"))
      #if PostgreSQL
      #expect(absent.errorText.contains("127.0.0.1"))
      #else
      #expect(absent.errorText.contains("this program was built without PostgreSQL"))
      #endif
    }
  }

  @Test("a workflow that extends another runs, and a log of it replays without the file")
  func extending() async throws {
    let name = "team"
    try await Installation.with(
      arguments: ["--forge", "local", "--agent", "demo", "--workflows", "flows"],
      prepare: { server in
        try FileManager.default.createDirectory(
          atPath: "\(server.folder)/flows", withIntermediateDirectories: true)
        try write(
          """
          name: \(name)
          extends: personal-delegate
          templates: {commit-message: "team: {{prTitle}}"}
          """, server, "flows/team.yaml")
      }
    ) { server in
      try await server.createRepository()
      let id = try await server.submit(
        Installation.request("acme/tools", ["workflow": .string(name)]))
      #expect(try await server.end(of: id)["state"].stringValue == "Pushed")
      let log = try await server.get("/api/audit?q=type:system.workflow-defined%20team").text
      #expect(!log.contains("extends"))
      let shown = try await aipm(
        ["workflows", "show", name, "--workflows", "flows", "--json"], in: server.folder)
      let digest = try JSONValue(json: shown.standardOutput)["digest"].stringValue
      let delegation = try await server.delegation(id)
      #expect(delegation["workflow"]["digest"].stringValue == digest)
      // A delegation stays with its definition, though the file is gone.
      _ = try await server.stop()
      try FileManager.default.removeItem(atPath: "\(server.folder)/flows/team.yaml")
      try await server.start()
      #expect(try await server.replay(["--verify"]).succeeded)
      let unknown = try await aipm(["workflows", "show", "personal-delegat"], in: server.folder)
      #expect(unknown.exit == .exited(3))
      #expect(unknown.errorText.contains("\"personal-delegate\"?"), "\(unknown.errorText)")
    }
  }
}
