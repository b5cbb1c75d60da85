import EventLog
import FoundationEssentials
import HTTPClient
import Processes
import TestKit
import Testing
import Text

extension EndToEndTests {
  /// What monitors, scripts and people with odd repositories ask of a server.
  @Suite("Methods and names") struct MethodAndNameTests {}
}

extension EndToEndTests.MethodAndNameTests {
  @Test("HEAD is answered as GET; a wrong method is told which is right")
  func methods() async throws {
    try await Installation.with { server in
      try await server.createRepository()
      let id = try await server.submit()
      _ = try await server.end(of: id)
      let paths = [
        "/", "/healthz", "/readyz", "/metrics", "/openapi.json", "/api/delegations",
        "/api/delegations/\(id)", "/api/delegations/\(id)/output", "/api/workers", "/api/nothing",
        "/api/delegations/none",
      ]
      for path in paths {
        let get = try await server.get(path)
        let head = try await server.http.send(HTTPRequest(method: "HEAD", url: server.url + path))
        #expect(head.status == get.status, "\(path)")
        #expect(head.body.isEmpty)
        #expect(head.headers["content-type"] == get.header("content-type"), "\(path)")
      }
      // A stream has no end to wait for.
      for path in ["/api/events/stream?after=0", "/api/delegations/\(id)/output?follow=1"] {
        let head = try await server.http.send(HTTPRequest(method: "HEAD", url: server.url + path))
        #expect(head.status == 200)
      }
      let wrong = [
        ("DELETE", "/api/delegations/\(id)", "GET, HEAD"),
        ("PUT", "/api/delegations/\(id)/cancel", "POST"), ("PUT", "/healthz", "GET, HEAD"),
        ("PATCH", "/api/personal-delegate", "POST"), ("GET", "/webhooks/github", "POST"),
        ("GET", "/worker/v1/pack", "PUT"), ("DELETE", "/", "GET, HEAD"),
      ]
      for (method, path, allowed) in wrong {
        let answer = try await server.send(method, path, [], headers: [])
        #expect(answer.status == 405, "\(method) \(path)")
        #expect(answer.header("allow") == allowed, "\(method) \(path)")
        #expect(answer.header("content-type") == "application/problem+json")
        #expect(answer.json["hint"].stringValue?.contains(allowed) == true)
      }
      #expect(try await server.send("PUT", "/api/nothing", [], headers: []).status == 404)
    }
  }

  @Test("repositories and owners of every name that GitHub has")
  func names() async throws {
    try await Installation.with { server in
      for name in ["acme/.github", "acme/-dash", "acme/.dotfiles", "old-/r", "a--b/r", "-x/--"] {
        try await server.createRepository(name)
        let id = try await server.submit(Installation.request(name))
        let delegation = try await server.end(of: id)
        #expect(delegation["state"].stringValue == "Pushed", "\(name): \(delegation.canonicalText)")
        let number = delegation["pullRequest"]["number"].integerValue ?? 0
        let shown = try await server.aipm(["show", "--", "\(name)#\(number)"])
        #expect(shown.succeeded, "\(shown.errorText)")
      }
    }
  }

  @Test("a name that no repository has is refused before anything is made")
  func badNames() async throws {
    try await Installation.with { server in
      for name in ["acme/..", "../r", "acme/r.git", "acme/r.wiki", "acme/a b", "-/r"] {
        let answer = try await server.post(
          "/api/personal-delegate", Installation.request(name))
        #expect(answer.status == 422, "\(name)")
        #expect(answer.json["errors"].arrayValue?.isEmpty == false)
        let generated = try await server.post(
          "/generate-code",
          .object([
            "owner": .string(name.split(separator: "/").first.map { String($0) } ?? ""),
            "repo": .string(name.split(separator: "/").last.map { String($0) } ?? ""),
            "branch": .string("b"), "taskDescription": .string("t"), "prNumber": .integer(1),
          ]))
        #expect(generated.status == 422, "\(name)")
      }
      #expect(try await server.delegationCount() == 0)
    }
  }

  @Test("words that begin with a dash are words, not options")
  func dashes() async throws {
    try await Installation.with { server in
      try await server.createRepository()
      let submitted = try await server.aipm([
        "submit", "--repo", "acme/tools", "--branch", "b", "--title", "-t", "--objective",
        "- one\n- two", "--pr-title", "--fix", "--accept", "- it works", "--constraints", "-c",
        "--json",
      ])
      #expect(submitted.succeeded, "\(submitted.errorText)")
      let items = try await server.get("/api/delegations").json["items"].arrayValue ?? []
      #expect(items.count == 1)
    }
  }
}
