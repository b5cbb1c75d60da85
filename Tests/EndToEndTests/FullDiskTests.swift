import EventLog
import FoundationEssentials
import Glibc
import Processes
import TestKit
import Testing
import Text

extension EndToEndTests {
  /// A disk of its own takes the right to mount one.
  @Suite("A full disk", .enabled(if: getuid() == 0)) struct FullDiskTests {}
}

extension EndToEndTests.FullDiskTests {
  @Test("submissions answer 503, nothing is half written, and it goes on when there is room")
  func fullDisk() async throws {
    try await Installation.with(starts: false) { server in
      try await withSmallDisk(at: server.data, in: server) {
        _ = try await server.createRepository("acme/tools", from: try await server.makeRepository())
        try await server.start(["--agent", "demo"])
        let first = try await server.submit()
        #expect(try await server.end(of: first)["state"] == .string("Pushed"))

        let ballast = "\(server.data)/ballast"
        try fill(ballast)
        var accepted = [first]
        let refusal = try await untilRefused(server, &accepted)
        #expect(refusal.json["detail"].stringValue?.contains("disk is full") == true)
        #expect(refusal.header("Retry-After") != nil)
        // What only reads goes on.
        #expect(try await server.get("/api/delegations").status == 200)
        #expect(try await server.get("/healthz").status == 200)
        let before = try await requests(server)
        #expect(before == accepted.count)

        unlink(ballast)
        // The very request that was refused is taken now, once.
        let key = [("Idempotency-Key", "again"), ("Prefer", "respond-async")]
        let body = Installation.request(branch: "feature/again")
        let answer = try await server.post("/api/personal-delegate", body, headers: key)
        #expect(answer.status == 202, "\(answer.text)")
        accepted.append(answer.json["id"].stringValue ?? "")
        for id in accepted {
          #expect(try await server.end(of: id)["state"] == .string("Pushed"))
        }
        #expect(try await requests(server) == before + 1)
        #expect(try await server.aipm(["verify"]).succeeded)
        #expect(try await server.stop() == .exited(0))
        #expect(try await server.aipm(["verify"]).succeeded)
      }
    }
  }

  /// Submits until one is refused; those before it are accepted in full.
  private func untilRefused(
    _ server: Installation, _ accepted: inout [String]
  ) async throws -> APIAnswer {
    for n in 0..<200 {
      let headers = [("Idempotency-Key", "n\(n)"), ("Prefer", "respond-async")]
      let body = Installation.request(branch: "feature/full-\(n)")
      let answer = try await server.post("/api/personal-delegate", body, headers: headers)
      if answer.status == 503 { return answer }
      #expect(answer.status == 202, "\(answer.text)")
      accepted.append(answer.json["id"].stringValue ?? "")
    }
    throw KitFault("the disk is full, and nothing is refused")
  }

  private func requests(_ server: Installation) async throws -> Int {
    let page = try await server.get("/api/audit?q=type%3Arequested&limit=1000").json
    return page["items"].arrayValue?.count ?? 0
  }

  /// Fills the disk to its last byte.
  private func fill(_ path: String) throws {
    let file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw KitFault("open \(path)") }
    defer { close(file) }
    for size in [1 << 20, 4096, 1] {
      let block = [UInt8](repeating: 1, count: size)
      while write(file, block, size) == size {}
    }
    guard errno == ENOSPC else { throw KitFault("fill: \(String(cString: strerror(errno)))") }
  }

  private func withSmallDisk(
    at path: String, in server: Installation, _ body: () async throws -> Void
  ) async throws {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    func run(_ words: String...) async throws -> Bool {
      try await Command(
        "/usr/bin/env", words, environment: Program.plainEnvironment,
        workingDirectory: server.folder, timeout: Installation.patience
      ).run().succeeded
    }
    guard try await run("mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", path) else {
      throw KitFault("no disk could be mounted at \(path)")
    }
    do {
      try await body()
    } catch {
      _ = try await run("umount", "--lazy", path)
      throw error
    }
    _ = try await run("umount", "--lazy", path)
  }
}
