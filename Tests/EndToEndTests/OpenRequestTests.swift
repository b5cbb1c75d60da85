import EventLog
import Processes
import RawSockets
import TestKit
import Testing
import Text

/// Requests that come in pieces, and what follows them on the same connection.
extension EndToEndTests.TokenTests {
  /// A client can keep the body of its request back for a while. What counts is who it is when the
  /// body has come.
  @Test("a token that is revoked while a body is open writes nothing")
  func openBodies() async throws {
    try await Installation.with(arguments: Self.arguments) { server in
      try await server.createRepository("acme/tools")
      let port = try #require(Int(server.port))
      server.token = try await Self.create(server, "root", "--role", "admin")
      let operations = try await Self.operations(server, ref: "none").filter {
        $0.takesBody && !["signIn", "receiveWebhook"].contains($0.id)
      }
      #expect(
        Set(operations.map(\.id)) == ["submit", "generateCode", "redactEvent", "askForChanges"])
      let body = Installation.request("acme/tools").canonicalText
      for operation in operations {
        let token = try await Self.create(server, operation.id, "--role", "admin")
        let client = try RawClient(port: port)
        client.send(
          "\(operation.method.uppercased()) \(operation.path) HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            + "Authorization: Bearer \(token)\r\nContent-Type: application/json\r\n"
            + "Connection: close\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
            + body.dropLast(1))
        #expect(try await server.aipm(["token", "revoke", operation.id]).succeeded)
        // The head was accepted: a refusal would have come by now.
        #expect(!client.hasReceived(within: 100), "\(operation.id)")
        client.send(String(body.suffix(1)))
        let answer = client.receiveAll()
        #expect(answer.hasPrefix("HTTP/1.1 401 "), "\(operation.id): \(answer)")
      }
      #expect(try await server.get("/api/delegations").json["items"].arrayValue?.isEmpty == true)
    }
  }

  @Test("an error after a HEAD has no body, and a key comes once")
  func errorsOnTheConnection() async throws {
    try await Installation.with(arguments: Self.arguments) { server in
      let port = try #require(Int(server.port))
      let head = try RawClient(port: port)
      head.send(
        "HEAD /api/me HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
          + "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
      let answers = head.receiveAll()
      #expect(answers.hasPrefix("HTTP/1.1 401 ") && !answers.contains("No token"))
      #expect(answers.contains("\r\n\r\nHTTP/1.1 200 "))

      server.token = try await Self.create(server, "root", "--role", "admin")
      let twice = try await server.post(
        "/api/personal-delegate", Installation.request("acme/tools"),
        headers: Installation.authorization(server.token)
          + [("Idempotency-Key", "a"), ("Idempotency-Key", "b")])
      #expect(twice.status == 422 && twice.text.contains("send it once"))
    }
  }
}
