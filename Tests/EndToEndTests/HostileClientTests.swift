import EventLog
import FoundationEssentials
import Glibc
import HTTPClient
import Processes
import RawSockets
import TestKit
import Testing
import Text

extension EndToEndTests {
  /// Clients that take what they can get, and what the others notice of it: nothing.
  @Suite("Hostile clients") struct HostileClientTests {}
}

extension EndToEndTests.HostileClientTests {
  /// The limit of descriptors that Debian gives.
  private static let descriptors = 1024

  /// How long another client waits for an answer, at the worst of a hundred. Each comes by a
  /// connection of its own, so it has to get in as well.
  private static func worst(_ port: Int) throws -> Duration {
    var worst = Duration.zero
    for _ in 0..<100 {
      let begun = ContinuousClock.now
      let client = try RawClient(port: port)
      client.send("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
      let answer = client.receiveAll()
      #expect(answer.hasPrefix("HTTP/1.1 200"), "\(answer)")
      worst = max(worst, ContinuousClock.now - begun)
    }
    return worst
  }

  /// The most memory that the process ever had, in MiB (proc(5)).
  private static func peak(_ process: Int32?) throws -> Int {
    let status = try String(
      contentsOfFile: "/proc/\(process ?? 0)/status", encoding: .utf8)
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    return (line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) / 1024
  }

  /// A log that fills the buffers of whoever does not read it.
  private static func fillLog(of server: Installation) async throws {
    let criterion = JSONValue.string(String(repeating: "word ", count: 390))
    for number in 0..<12 {
      _ = try await server.submit(
        Installation.request(
          branch: "long-\(number)",
          ["acceptanceCriteria": .array(Array(repeating: criterion, count: 100))]))
    }
  }

  private static func post(_ length: Int) -> String {
    "POST /webhooks/github HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Hub-Signature-256: sha256=00\r\n"
      + "Content-Length: \(length)\r\n\r\n"
  }

  @Test("1,500 idle, slow heads, slow bodies, 40 large webhooks, 300 unread streams")
  func theWholeSet() async throws {
    Descriptors.raise()
    try await Installation.with(
      environment: ["AIPM_WEBHOOK_SECRET": "s"], descriptors: "\(Self.descriptors):"
    ) { server in
      let port = try #require(Int(server.port))
      let process = server.processID
      try await server.createRepository()
      try await Self.fillLog(of: server)
      let calm = try Self.worst(port)
      let rest = try Self.peak(process)
      // What counts is that nobody waits for a time-out, of which the shortest is ten seconds. The
      // first of a hundred comes behind 1,500 others, which a debug build lets in within a second
      // or two, as the machine is.
      let limit = max(Duration.seconds(5), calm * 20)
      func check(_ what: Comment) throws {
        let (worst, peak) = (try Self.worst(port), try Self.peak(process))
        #expect(worst < limit, what)
        // What they cost, whatever the program takes by itself.
        #expect(peak < rest + 70, what)
        print("hostile: \(what): worst \(worst), peak \(peak) MiB, \(rest) before")
      }
      var clients: [RawClient] = []
      for _ in 0..<1500 { clients.append(try RawClient(port: port)) }
      try check("idle")
      let filling = "X: " + String(repeating: "a", count: 15_000)
      for _ in 0..<1500 {
        let client = try RawClient(port: port)
        client.send("GET /healthz HTTP/1.1\r\n" + filling)
        clients.append(client)
      }
      try check("slow heads")
      for _ in 0..<1500 {
        let client = try RawClient(port: port)
        client.send(Self.post(25 << 20) + filling)
        clients.append(client)
      }
      try check("slow bodies")
      let megabyte = [UInt8](repeating: 97, count: 1 << 20)
      await withTaskGroup(of: Void.self) { group in
        for _ in 0..<40 {
          group.addTask {
            guard let client = try? RawClient(port: port) else { return }
            client.send(Self.post(25 << 20))
            for _ in 0..<25 where client.send(bytes: megabyte) {}
            _ = client.receive()
          }
        }
      }
      try check("webhooks without a signature")
      for _ in 0..<300 {
        let client = try RawClient(port: port, receiveBytes: 4096)
        client.send("GET /api/events/stream?after=0 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        clients.append(client)
      }
      try check("unread streams")
      // And it does what it is for.
      let id = try await server.submit(Installation.request(branch: "after"))
      #expect(try await server.end(of: id)["state"].stringValue == "Pushed")
      withExtendedLifetime(clients) {}
    }
  }

  @Test("a stream that fell behind is cut off, and goes on where it was")
  func resumes() async throws {
    try await Installation.with { server in
      let port = try #require(Int(server.port))
      try await server.createRepository()
      try await Self.fillLog(of: server)
      let client = try RawClient(port: port, receiveBytes: 4096)
      client.send("GET /api/events/stream?after=0 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
      // The limit of the connection is half a minute; what was sent before it is there to be read.
      try await Task.sleep(for: .seconds(32))
      let first = client.receiveAll()
      let seen = try #require(
        first.split(whereSeparator: \.isNewline).last { $0.hasPrefix("id: ") }?.dropFirst(4))
      let head = try #require(Int64(seen.filter(\.isNumber)))
      let total = try await server.get("/api/events?limit=1000").json["items"].arrayValue ?? []
      #expect(head < Int64(total.count))
      let rest = try await server.http.stream(
        HTTPRequest(
          url: "\(server.url)/api/events/stream", headers: [("Last-Event-ID", "\(head)")],
          timeout: nil))
      var text = ""
      for try await chunk in rest {
        text += String(decoding: chunk, as: UTF8.self)
        if text.contains("id: \(head + 1)\n") { break }
      }
      #expect(text.contains("id: \(head + 1)\n"))
    }
  }

  @Test("with no descriptor to spare, the server is there all the same")
  func fewDescriptors() async throws {
    Descriptors.raise()
    try await Installation.with(descriptors: "300:300") { server in
      let port = try #require(Int(server.port))
      var clients: [RawClient] = []
      for _ in 0..<600 { clients.append(try RawClient(port: port)) }
      #expect(try Self.worst(port) < .seconds(10))
      try await server.createRepository()
      let id = try await server.submit()
      #expect(try await server.end(of: id)["state"].stringValue == "Pushed")
      withExtendedLifetime(clients) {}
    }
  }

  @Test("a stream whose reader is gone ends at once")
  func streamsEnd() async throws {
    try await Installation.with { server in
      let port = try #require(Int(server.port))
      func open() async throws -> Int {
        let metrics = try await server.get("/metrics").text.split(separator: "\n")
        let line = metrics.first { $0.hasPrefix("aipm_event_streams ") }
        return Int(line?.split(separator: " ").last ?? "") ?? -1
      }
      var clients: [RawClient] = []
      for _ in 0..<50 {
        let client = try RawClient(port: port)
        client.send("GET /api/events/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        _ = client.receive()
        clients.append(client)
      }
      #expect(try await open() == 50)
      clients = []
      let begun = ContinuousClock.now
      while try await open() > 0, ContinuousClock.now - begun < .seconds(10) { await Task.yield() }
      #expect(try await open() == 0)
    }
  }

  @Test("agents get the limit of descriptors that the server had been given")
  func descriptorsOfAgents() async throws {
    try await Installation.with(descriptors: "\(Self.descriptors):", starts: false) { server in
      let agent = try server.script("agent", "#!/bin/sh\nulimit -Sn > made.txt\n")
      try await server.start(["--agent", "command", "--agent-command", agent])
      let limits = try String(
        contentsOfFile: "/proc/\(server.processID ?? 0)/limits", encoding: .utf8)
      let files = limits.split(separator: "\n").first { $0.hasPrefix("Max open files") }
      let figures = try #require(files).split(separator: " ").compactMap { Int($0) }
      #expect(figures.count == 2 && figures[0] == figures[1], "\(figures)")
      let repository = try await server.createRepository()
      let id = try await server.submit()
      let delegation = try await server.end(of: id)
      let branch = try #require(delegation["branchName"].stringValue)
      #expect(try await repository.file("made.txt", at: branch) == "\(Self.descriptors)\n")
    }
  }
}
