import FoundationEssentials
import Glibc
import Processes
import TestKit
import Testing

extension EndToEndTests {
  /// What a service manager such as systemd sees of AIPM.
  @Suite("Service") struct ServiceTests {}
}

/// The socket on which a service manager waits for messages (sd_notify(3)).
private final class ManagerSocket: Sendable {
  let path: String
  private let descriptor: Int32

  init(_ path: String) throws {
    self.path = path
    descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let bound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    var limit = timeval(tv_sec: Int(Installation.patience.components.seconds), tv_usec: 0)
    setsockopt(
      descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    guard bound == 0 else { throw KitFault("bind \(path): \(String(cString: strerror(errno)))") }
  }

  deinit { close(descriptor) }

  /// The next message, line by line; empty if none came in time.
  func message(waits: Bool = true) -> [String] {
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = recv(descriptor, &bytes, bytes.count, waits ? 0 : Int32(MSG_DONTWAIT))
    return String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
      .split(separator: "\n").map { String($0) }
  }
}

extension EndToEndTests.ServiceTests {
  @Test("the service manager learns when the server is ready, and when it stops")
  func notifications() async throws {
    let folder = try Installation.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let manager = try ManagerSocket("\(folder)/notify")
    try await Installation.with(
      environment: ["NOTIFY_SOCKET": manager.path, "CREDENTIALS_DIRECTORY": folder]
    ) { server in
      #expect(manager.message() == ["READY=1", "STATUS=Listening on \(server.url)"])
      // Workers and agents do not get the variables. Only root may see those of a worker.
      try await server.event("worker.registered", of: nil)
      #expect(!server.workerProcesses.isEmpty)
      for process in server.workerProcesses.values where geteuid() == 0 {
        let names = try variables(of: process)
        #expect(names.contains("PATH"))
        #expect(names.isDisjoint(with: ["NOTIFY_SOCKET", "CREDENTIALS_DIRECTORY"]))
      }
      #expect(manager.message(waits: false) == [])
      #expect(try await server.stop() == .exited(0))
      #expect(manager.message(waits: false) == ["STOPPING=1", "STATUS=Stopping"])
    }
  }

  @Test("a service manager that is not there is reported, and the server runs")
  func absentManager() async throws {
    try await Installation.with(starts: false) { server in
      let environment = ["NOTIFY_SOCKET": "@aipm-test-absent", "AIPM_SANDBOX": "off"]
      let program = try await Program.start(
        Program.aipm, ["serve", "--data", server.data, "--port", "0", "--forge", "local"],
        environment: Program.plainEnvironment.merging(environment) { $1 },
        workingDirectory: server.folder)
      _ = try await program.line { $0.hasPrefix("aipm: listening on ") }
      #expect(try await program.terminate() == .exited(0))
      #expect(program.errorText.contains("the service manager at @aipm-test-absent"))
    }
  }

  @Test("a local worker is started after the program's file was replaced, as by an upgrade")
  func replacedProgram() async throws {
    let folder = try Installation.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let program = "\(folder)/aipm"
    try FileManager.default.copyItem(atPath: Program.aipm, toPath: program)
    try await Installation.with(program: program) { server in
      let repository = try await server.createRepository()
      try FileManager.default.copyItem(atPath: Program.aipm, toPath: program + ".new")
      #expect(rename(program + ".new", program) == 0)
      for process in server.workerProcesses.values { kill(process, SIGKILL) }
      let id = try await server.submit()
      let pushed = try await server.end(of: id)
      try await Outcome(server: server, repository: repository, delegation: pushed).check()
    }
  }

  /// The names of a process's environment variables.
  private func variables(of process: Int32) throws -> Set<String> {
    guard let data = FileManager.default.contents(atPath: "/proc/\(process)/environ") else {
      throw KitFault("/proc/\(process)/environ cannot be read")
    }
    let entries = data.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    return Set(entries.compactMap { $0.split(separator: "=").first.map { String($0) } })
  }
}
