import EventLog
import FoundationEssentials
import Glibc
import Processes
import TestKit
import Testing
import Text

extension EndToEndTests {
  @Suite("Kept apart") struct KeptApartTests {}
}

extension EndToEndTests.KeptApartTests {
  /// A PATH with everything of this machine's but bubblewrap.
  private func pathWithout(_ server: Installation) throws -> String {
    let folder = "\(server.folder)/bin"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    for name in try FileManager.default.contentsOfDirectory(atPath: "/usr/bin")
    where name != "bwrap" {
      try FileManager.default.createSymbolicLink(
        atPath: "\(folder)/\(name)", withDestinationPath: "/usr/bin/\(name)")
    }
    return folder
  }

  private func aipm(
    _ server: Installation, _ arguments: [String], path: String
  ) async throws -> ProcessResult {
    var environment = Program.plainEnvironment
    environment["PATH"] = path
    return try await Command(
      Program.aipm, arguments, environment: environment, workingDirectory: server.folder,
      timeout: .seconds(60)
    ).run()
  }

  @Test("without bubblewrap the doctor says so, and a server that wants it does not start")
  func missing() async throws {
    try await Installation.with(starts: false) { server in
      let path = try pathWithout(server)
      func sandbox(_ more: [String]) async throws -> JSONValue {
        let said = try await aipm(server, ["doctor", "--json"] + more, path: path)
        let checks = try JSONValue(json: said.standardOutput)["checks"].arrayValue ?? []
        return checks.first { $0["check"].stringValue == "sandbox" } ?? .null
      }
      let auto = try await sandbox(["--sandbox", "auto"])
      #expect(auto["state"].stringValue == "warning", "\(auto)")
      #expect(auto["detail"].stringValue?.contains("bwrap is not installed") ?? false, "\(auto)")
      #expect(auto["hint"].stringValue?.contains("apt-get install bubblewrap") ?? false)
      #expect(try await sandbox([])["state"].stringValue == "fault")
      #expect(try await sandbox(["--sandbox", "off"])["state"].stringValue == "warning")
      let refused = try await aipm(server, ["serve"], path: path)
      #expect(refused.exit == .exited(1))
      #expect(refused.errorText.contains("the sandbox does not work here"), "\(refused.errorText)")
    }
  }

  @Test("what a server was given by its environment is not to be read off it")
  func environment() async throws {
    let secret = "planted-\(UInt64.random(in: 0...(.max)))"
    let environment = ["AIPM_WEBHOOK_SECRET": secret, "AIPM_SANDBOX": "off"]
    try await Installation.with(environment: environment) { server in
      let token = try String(contentsOfFile: "\(server.data)/secrets/worker-token", encoding: .utf8)
        .filter { !$0.isNewline }
      try await server.workersAreThere()
      let processes = [server.processID].compactMap { $0 } + server.workerProcesses.values
      #expect(processes.count == 3)
      for process in processes {
        for file in ["environ", "cmdline"] {
          let bytes = FileManager.default.contents(atPath: "/proc/\(process)/\(file)") ?? Data()
          let text = String(decoding: bytes, as: UTF8.self)
          #expect(!text.contains(secret) && !text.contains(token), "\(file) of \(process)")
        }
      }
    }
  }

  /// Nobody in particular: root may look at everything, so it takes another user to see this.
  private static let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups", "--"]

  private static func asNobody(_ words: [String]) async throws -> ProcessResult {
    try await Command("setpriv", nobody + words, timeout: .seconds(20)).run()
  }

  @Test(
    "a worker is closed to others of its user",
    .enabled("root, and a build that others may run") {
      guard geteuid() == 0 else { return false }
      return (try? await asNobody([Program.aipm, "--version"]).succeeded) ?? false
    })
  func closed() async throws {
    try await Installation.with(starts: false) { server in
      guard chmod(server.folder, 0o777) == 0 else { throw KitFault("chmod") }
      var environment = Program.plainEnvironment
      environment["AIPM_TOKEN"] = "planted-token"
      let words = [
        Program.aipm, "worker", "--server", "http://127.0.0.1:9", "--data",
        "\(server.folder)/worker",
      ]
      let worker = try await Program.start(
        "setpriv", Self.nobody + words, environment: environment, workingDirectory: server.folder)
      let process = try #require(worker.processID)
      // Once it holds its folder it is far enough.
      try await within(Installation.patience, "the worker's lock") {
        while access("\(server.folder)/worker/journal.json", F_OK) != 0,
          access("\(server.folder)/worker/lock", F_OK) != 0
        {
          try await Task.sleep(for: .milliseconds(20))
        }
      }
      let mine = try await Self.asNobody(["cat", "/proc/self/environ"])
      let other = try await Self.asNobody(["cat", "/proc/\(process)/environ"])
      await worker.end(SIGKILL)
      #expect(mine.succeeded && !other.succeeded, "\(other.outputText)")
    }
  }
}

extension Installation {
  /// Returns once both local workers have registered.
  fileprivate func workersAreThere() async throws {
    try await within(Self.patience, "two workers") {
      while try await self.get("/api/workers").json["items"].arrayValue?.count(where: {
        $0["state"].stringValue == "idle"
      }) != 2 {
        try await Task.sleep(for: .milliseconds(50))
      }
    }
  }
}
