import EventLog
import FoundationEssentials
import Glibc
import Processes
import TestKit
import Testing
import Text

extension EndToEndTests {
  /// What holds where AIPM is started as root.
  @Suite("Started as root", .enabled(if: geteuid() == 0)) struct NeverRootTests {}
}

extension EndToEndTests.NeverRootTests {
  /// Says who it is, and what it can read and write of root's.
  private static let agent = """
    #!/bin/sh
    id -u > who
    { cat "$1/canary"; ls "$1/closed" "$1/closed/private" "$1/data" "$1/data/secrets"; } > seen 2>&1
    echo x > "$1/planted" || true
    """

  /// Who a process is by one line of proc(5): real, effective, saved and of the file system.
  private static func ids(_ name: String, of process: Int32) throws -> [Substring] {
    let status = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
    let line = status.split(separator: "\n").first { $0.hasPrefix("\(name):") } ?? ""
    return line.split(whereSeparator: \.isWhitespace).dropFirst().map { $0 }
  }

  /// That a process is the user, and has no group of root's left.
  private static func expect(_ process: Int32, is user: UnprivilegedUser) throws {
    #expect(try ids("Uid", of: process).map { UInt32($0) } == Array(repeating: user.id, count: 4))
    #expect(
      try ids("Gid", of: process).map { UInt32($0) } == Array(repeating: user.group, count: 4))
    #expect(try ids("Groups", of: process).isEmpty)
  }

  /// As `uv tool install` lays a program out below a home: a link on the PATH, to a script in an
  /// environment of its own, whose interpreter is a link to another place again.
  @Test("a program on the PATH works though it is spread over a home that only root may enter")
  func linkedProgram() async throws {
    var template = Array("/tmp/aipm-home.XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw KitFault("mkdtemp") }
    let home = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    defer { try? FileManager.default.removeItem(atPath: home) }
    let made = try await Command(
      "sh",
      [
        "-ec",
        """
        cd "$0"; mkdir -p local/bin tools/tiny/bin own/bin own/lib
        cp "$(readlink -f /bin/sh)" own/bin/own-sh; echo "beside it" > own/lib/words
        echo "home = $0/own/bin" > tools/tiny/pyvenv.cfg
        ln -s "$0/own/bin/own-sh" tools/tiny/bin/run
        printf '#!%s\ncat > /dev/null; cat %s > made\n' "$0/tools/tiny/bin/run" "$0/own/lib/words" \
          > tools/tiny/bin/tiny
        chmod 755 tools/tiny/bin/tiny; ln -s "$0/tools/tiny/bin/tiny" local/bin/tiny
        """, home,
      ], environment: Program.plainEnvironment, timeout: .seconds(60)
    ).run()
    try #require(made.succeeded, "\(made.errorText)")
    let path = "\(home)/local/bin:\(Program.plainEnvironment["PATH"] ?? "/usr/bin:/bin")"
    let environment = ["AIPM_SANDBOX": "on", "PATH": path]
    try await Installation.with(environment: environment, starts: false) { server in
      let repository = try await server.createRepository()
      try await server.start(["--agent", "command", "--agent-command", "tiny", "--attempts", "1"])
      let ended = try await server.end(of: try await server.submit())
      #expect(ended["state"].stringValue == "Pushed", "\(ended["failure"].canonicalText)")
      let branch = ended["branchName"].stringValue ?? ""
      #expect(try await repository.file("made", at: branch) == "beside it\n")
    }
  }

  @Test(
    "worker and agent are another user, who reaches what is granted below folders that are closed",
    arguments: ["on", "off"])
  func anotherUser(sandbox: String) async throws {
    try await Installation.with(environment: ["AIPM_SANDBOX": sandbox], starts: false) { server in
      let repository = try await server.createRepository()
      let canary = "canary-\(UInt64.random(in: 0...(.max)))"
      let closed = "\(server.folder)/closed"
      for folder in [closed, "\(closed)/deep", "\(closed)/private"] {
        guard mkdir(folder, 0o700) == 0 else { throw KitFault("mkdir \(folder)") }
      }
      let canaries = ["canary", "closed/\(canary)", "closed/private/\(canary)"]
      for path in canaries.map({ "\(server.folder)/\($0)" }) {
        try canary.write(toFile: path, atomically: true, encoding: .utf8)
        guard chmod(path, 0o600) == 0 else { throw KitFault("chmod \(path)") }
      }
      guard chmod(server.folder, 0o755) == 0 else { throw KitFault("chmod") }
      let agent = try server.script("closed/deep/agent", Self.agent)
      try await server.start([
        "--agent", "command", "--agent-command", "\(agent) \(server.folder)",
      ])
      let id = try await server.submit()
      let pushed = try await server.end(of: id)
      #expect(pushed["state"].stringValue == "Pushed", "\(pushed["failure"])")
      let branch = pushed["branchName"].stringValue ?? ""
      let who = try await repository.file("who", at: branch)
      let user = try UnprivilegedUser.find(nil)
      #expect(who == "\(user.id)\n")
      let seen = try await repository.file("seen", at: branch)
      #expect(!seen.contains(canary), "\(seen)")
      #expect(!seen.contains("aipm.db"), "\(seen)")
      #expect(access("\(server.folder)/planted", F_OK) != 0)
      let workers = server.workerProcesses
      #expect(workers.count == 2)
      for process in workers.values { try Self.expect(process, is: user) }
      // And of the data folder the user has the worker's own folder alone.
      var facts = stat()
      for (path, owner) in [
        ("", 0), ("/workers", 0), ("/secrets", 0), ("/mirrors", 0), ("/workers/worker-1", user.id),
      ] {
        #expect(stat(server.data + path, &facts) == 0 && facts.st_uid == owner, "\(path)")
      }
    }
  }

  @Test("a user who is named is whom workers are, those of other machines too")
  func namedUser() async throws {
    try await Installation.with(starts: false) { server in
      let user = try UnprivilegedUser.find("daemon")
      guard chmod(server.folder, 0o755) == 0 else { throw KitFault("chmod") }
      try await server.start(["--workers", "1", "--worker-user", "daemon"])
      var environment = Program.plainEnvironment
      environment["AIPM_TOKEN"] = try await server.createToken("remote")
      // Root's own groups are no worker's.
      let remote = try await Program.start(
        "setpriv",
        [
          "--groups=0,4", "--", Program.aipm, "worker", "--server", server.url, "--id", "remote",
          "--data", "\(server.folder)/remote",
          "--worker-user", "daemon",
        ], environment: environment, workingDirectory: server.folder)
      for name in ["worker-1", "remote"] {
        _ = try await server.event(of: nil) {
          $0["stream"].stringValue == "worker-\(name)"
            && $0["type"].stringValue == "worker.registered"
        }
      }
      for process in server.workerProcesses.values { try Self.expect(process, is: user) }
      try Self.expect(try #require(remote.processID), is: user)
      _ = try await remote.terminate()
    }
  }

  @Test("the doctor says who agents are, and a user that cannot be is refused")
  func doctor() async throws {
    try await Installation.with(starts: false) { server in
      func user(_ more: [String]) async throws -> JSONValue {
        let said = try await server.aipm(["doctor", "--json"] + more)
        let checks = try JSONValue(json: said.standardOutput)["checks"].arrayValue ?? []
        return checks.first { $0["check"].stringValue == "user" } ?? .null
      }
      let name = try UnprivilegedUser.find(nil).name
      #expect(try await user([])["detail"].stringValue?.contains(name) ?? false)
      #expect(
        try await user(["--worker-user", "daemon"])["detail"].stringValue?.contains("daemon")
          ?? false)
      for wrong in ["root", "nobody-of-that-name"] {
        let refused = try await server.aipm(["serve", "--port", "0", "--worker-user", wrong])
        #expect(refused.exit == .exited(2), "\(refused.errorText)")
        #expect(refused.errorText.contains(wrong))
      }
    }
  }

  @Test("a folder of something else is given to nobody")
  func foreignFolder() async throws {
    try await Installation.with(starts: false) { server in
      let folder = "\(server.folder)/precious"
      guard mkdir(folder, 0o755) == 0 else { throw KitFault("mkdir") }
      try "x".write(toFile: "\(folder)/file", atomically: true, encoding: .utf8)
      var environment = Program.plainEnvironment
      environment["AIPM_TOKEN"] = "a token"
      let refused = try await Command(
        Program.aipm, ["worker", "--server", "http://127.0.0.1:9", "--data", folder],
        environment: environment, timeout: .seconds(20)
      ).run()
      #expect(refused.exit == .exited(1) && refused.errorText.contains("--data"))
      var facts = stat()
      #expect(stat("\(folder)/file", &facts) == 0 && facts.st_uid == 0)
    }
  }
}
