#if PostgreSQL

import EventLog
import Foundation
import HTTPClient
import PostgreSQL
import Processes
import RawSockets
import Synchronization
import TestKit
import Testing
import Text

extension SeveralServersTests {
  /// A client whose body is still coming when the active server has answered.
  @Test("an answer that comes before the body does")
  func earlyAnswer() async throws {
    try await World.with(serve: ["--access", "token"]) { world in
      let follower = world.members[1].server
      let port = try #require(follower.url.split(separator: ":").last.flatMap { Int($0) })
      for _ in 0..<5 {
        let client = try RawClient(port: port)
        let head = [
          "POST /api/personal-delegate HTTP/1.1", "Host: 127.0.0.1:\(port)",
          "Content-Type: application/json", "Transfer-Encoding: chunked", "", "",
        ]
        #expect(client.send(head.joined(separator: "\r\n") + "3\r\n{  \r\n"))
        // Nobody is known by no token, so the answer needs no body.
        _ = client.hasReceived(within: 1000)
        #expect(client.send("1\r\n}\r\n0\r\n\r\n"))
        #expect(String(decoding: client.receive(), as: UTF8.self).hasPrefix("HTTP/1.1 401"))
      }
      #expect(try await follower.get("/readyz").status == 200)
    }
  }

  /// Asks a follower at each new end of the log, of which it may not have heard yet, whether it is
  /// ready, and for the events from there on.
  /// - Returns: the first lines of the answers.
  private static func answersAtEachEnd(
    of world: World, by follower: Installation, until isOver: () -> Bool
  ) throws -> [String] {
    var answers: [String] = []
    var last: Int64 = 0
    while !isOver(), !Task.isCancelled {
      let end = try world.position
      guard end != last else { continue }
      last = end
      let token = "Authorization: Bearer \(follower.token ?? "")\r\n"
      for (path, field) in [("/readyz", ""), ("/api/events/stream?after=\(end)", token)] {
        let client = try RawClient(port: Int(follower.port) ?? 0)
        client.send(
          "GET \(path) HTTP/1.1\r\nHost: 127.0.0.1:\(follower.port)\r\n\(field)\r\n")
        let head = String(decoding: client.receive(), as: UTF8.self)
        answers.append(String(head.prefix { !$0.isNewline }))
      }
    }
    return answers
  }

  /// People, programs and workers may talk to any server.
  @Test("a follower answers as the active server does")
  func follower() async throws {
    try await World.with(serve: ["--access", "token"]) { world in
      let (active, follower) = (world.members[0].server, world.members[1].server)
      // A token that was just made on the active server's machine is known to the follower, and a
      // revocation too.
      let made = try await active.aipm(["token", "create", "ann", "--role", "admin"])
      let token = made.outputText.filter { !$0.isNewline }
      (active.token, follower.token) = (token, token)
      try await waitUntil("the token") { try await follower.get("/api/delegations").status == 200 }
      try await world.startWorker(through: 1)

      let isOver = Mutex(false)
      async let answers = Self.answersAtEachEnd(of: world, by: follower) {
        isOver.withLock { $0 }
      }
      let id = try await world.submit(0, through: 1)
      _ = try await follower.end(of: id)
      isOver.withLock { $0 = true }
      let said = try await answers
      #expect(said.count >= 10 && said.allSatisfy { $0 == "HTTP/1.1 200 OK" }, "\(said)")
      for path in [
        "/api/delegations/\(id)", "/api/delegations/\(id)/events", "/api/events?after=0",
        "/api/tasks", "/api/delegations/\(id)/output", "/api/delegations/\(id)/diff",
        "/api/workers", "/api/queue", "/api/choices", "/api/pull-requests", "/", "/openapi.json",
        "/api/delegations/none", "/nothing",
      ] {
        let (here, there) = (try await follower.get(path), try await active.get(path))
        #expect(here.status == there.status, "\(path)")
        // Signs of life differ from moment to moment, and a description names its server.
        let isTheirOwn = ["/api/workers", "/openapi.json"].contains(path)
        #expect(isTheirOwn || here.text == there.text, "\(path)")
      }
      #expect(try await follower.get("/readyz").status == 200)

      follower.token = "aipm_nobody"
      #expect(try await follower.get("/api/delegations").status == 401)
      #expect(try await follower.post("/api/delegations/\(id)/retry").status == 401)
      // Only a server of the store may speak for others.
      let forged = try await active.get(
        "/api/delegations", headers: [("Aipm-Passed-On", "guessed 127.0.0.1")])
      #expect(forged.status == 403)
      follower.token = token
      // A session that begins on one server is valid on the other.
      follower.token = nil
      let signedIn = try await follower.post("/api/session", ["token": .string(token)])
      let cookie = signedIn.header("Set-Cookie")?.split(separator: ";").first.map { String($0) }
      #expect(cookie != nil, "\(signedIn.status) \(signedIn.text)")
      let me = try await follower.get("/api/me", headers: [("Cookie", cookie ?? "")])
      #expect(me.text.contains("ann"), "\(me.text)")
      follower.token = token
      let revoked = try await active.aipm(["token", "revoke", "ann"])
      #expect(revoked.succeeded)
      try await waitUntil("the revocation") {
        try await follower.get("/api/delegations").status == 401
      }
    }
  }
}

#endif
