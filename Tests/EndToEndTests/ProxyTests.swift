import EventLog
import FoundationEssentials
import HTTPClient
import Processes
import RawSockets
import TestKit
import Testing
import Text

extension EndToEndTests {
  /// A server behind Debian's nginx, with TLS and under a base path.
  @Suite("Behind a proxy") struct ProxyTests {}
}

extension EndToEndTests.ProxyTests {
  /// nginx in front of a server.
  private struct Proxy {
    let program: Program
    /// With TLS, as people reach it.
    let secure: String
    /// Without, for a worker that has no other way to know the certificate.
    let plain: String
    /// Trusts its certificate.
    let http: HTTPClient
  }

  /// As in the guide, with ports and files of the test.
  private static func configuration(folder: String, tls: Int, plain: Int, upstream: String)
    -> String
  {
    """
    daemon off; pid \(folder)/nginx.pid; error_log stderr;
    events {}
    http {
      access_log off; client_body_temp_path \(folder)/body; proxy_temp_path \(folder)/proxy;
      fastcgi_temp_path \(folder)/f; uwsgi_temp_path \(folder)/u; scgi_temp_path \(folder)/s;
      server {
        listen 127.0.0.1:\(tls) ssl; listen 127.0.0.1:\(plain);
        ssl_certificate \(folder)/cert.pem; ssl_certificate_key \(folder)/key.pem;
        client_max_body_size 300m;
        location / {
          proxy_pass \(upstream);
          proxy_http_version 1.1;
          proxy_set_header Host $http_host;
          proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
          proxy_request_buffering off;
          proxy_read_timeout 1h;
        }
      }
    }
    """
  }

  private static func with(
    _ more: [String] = [], _ body: (Installation, Proxy) async throws -> Void
  ) async throws {
    let (tls, plain) = (try RawClient.freePort(), try RawClient.freePort())
    let address = "https://localhost:\(tls)/prod"
    try await Installation.with(
      arguments: [
        "--forge", "local", "--agent", "demo", "--workers", "0", "--access", "token",
        "--base-path", "/prod", "--public-url", address,
      ] + more
    ) { server in
      let folder = "\(server.folder)/nginx"
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true)
      let made = try await Command(
        "openssl",
        [
          "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
          "-addext", "subjectAltName=DNS:localhost", "-keyout", "\(folder)/key.pem", "-out",
          "\(folder)/cert.pem",
        ], timeout: .seconds(60)
      ).run()
      try #require(made.succeeded, "\(made.errorText)")
      let upstream = server.url.replacing("/prod", with: "")
      try configuration(folder: folder, tls: tls, plain: plain, upstream: upstream)
        .write(toFile: "\(folder)/nginx.conf", atomically: true, encoding: .utf8)
      let program = try await Program.start(
        "/usr/sbin/nginx", ["-p", folder, "-c", "\(folder)/nginx.conf"], workingDirectory: folder)
      defer { Task { await program.end(9) } }
      let proxy = Proxy(
        program: program, secure: address, plain: "http://127.0.0.1:\(plain)/prod",
        http: HTTPClient(
          configuration: .init(
            userAgent: "aipm-tests", authoritiesFile: "\(folder)/cert.pem", proxy: .none)))
      while !RawClient.accepts(port: tls) {
        guard await !program.ends(within: .milliseconds(20)) else {
          throw KitFault("nginx ended: \(program.errorText)")
        }
      }
      try await body(server, proxy)
      _ = try await program.terminate()
    }
  }

  @Test("the page, a session, the event stream, and a worker that joins through it")
  func everything() async throws {
    try await Self.with { server, proxy in
      try await server.createRepository()
      let made = try await server.aipm(["token", "create", "ann", "--role", "admin"])
      let token = made.outputText.filter { !$0.isNewline }
      func send(
        _ method: String, _ path: String, _ headers: [(String, String)], _ body: JSONValue? = nil
      ) async throws -> HTTPResponse {
        var request = HTTPRequest(method: method, url: proxy.secure + path, headers: headers)
        if let body {
          request.headers.append(("Content-Type", "application/json"))
          request.body = .bytes(body.canonical)
        }
        return try await proxy.http.send(request)
      }
      let page = try await send("GET", "/", [])
      #expect(page.status == 200 && String(decoding: page.body, as: UTF8.self).contains("AIPM"))
      // Nobody is a process of this machine here.
      #expect(try await send("GET", "/api/delegations", []).status == 401)
      let begun = try await send("POST", "/api/session", [], ["token": .string(token)])
      let set = try #require(begun.headers["set-cookie"])
      #expect(set.contains("; Path=/prod;") && set.hasSuffix("; Secure"))
      let cookie = ("Cookie", String(set.prefix { $0 != ";" }))
      let origin = proxy.secure.replacing("/prod", with: "")
      let submission = Installation.request()
      let foreign = [cookie, ("Origin", "https://localhost"), ("Prefer", "respond-async")]
      #expect(try await send("POST", "/api/personal-delegate", foreign, submission).status == 403)

      // Events come at once, not when a buffer of the proxy is full.
      let stream = try await proxy.http.stream(
        HTTPRequest(
          url: "\(proxy.secure)/api/events/stream", headers: [cookie], timeout: nil))
      let own = [cookie, ("Origin", origin), ("Prefer", "respond-async")]
      let accepted = try await send("POST", "/api/personal-delegate", own, submission)
      #expect(accepted.status == 202)
      let object = try JSONValue(json: accepted.body)
      let id = try #require(object["id"].stringValue)
      #expect(accepted.headers["location"] == "/prod/api/delegations/\(id)")
      for try await chunk in stream
      where String(decoding: chunk, as: UTF8.self).contains("delegation.requested") { break }

      let key = try await server.createToken("far")
      var environment = Program.plainEnvironment
      environment["AIPM_TOKEN"] = key
      environment["AIPM_SANDBOX"] = "off"
      let worker = try await Program.start(
        Program.aipm,
        ["worker", "--server", proxy.plain, "--id", "far", "--data", "\(server.folder)/far"],
        environment: environment, workingDirectory: server.folder)
      server.token = token
      let delegation = try await server.end(of: id)
      #expect(delegation["state"].stringValue == "Pushed", "\(worker.errorText)")
      #expect(delegation["requester"].stringValue == "ann")
      await worker.end(9)
    }
  }

  @Test("the guide's configuration of nginx is the one that is tested")
  func guide() throws {
    let page = try String(
      contentsOfFile: #filePath.replacing(
        "Tests/EndToEndTests/ProxyTests.swift", with: "Sources/AIPM.docc/Access.md"),
      encoding: .utf8)
    let tested = Self.configuration(folder: "", tls: 0, plain: 0, upstream: "")
    let lines = page.split(separator: "\n").map { $0.prefix { $0 != ";" }.drop { $0 == " " } }
    let settings = lines.filter { $0.hasPrefix("proxy_") || $0.hasPrefix("client_max_") }
    #expect(settings.count == 7)
    for setting in settings where !setting.hasPrefix("proxy_pass") {
      #expect(tested.contains("\(setting);"), "\(setting)")
    }
  }

  @Test("names that are not the server's, and addresses that a client makes up")
  func names() async throws {
    try await Self.with(["--request-rate", "1"]) { _, proxy in
      let other = try await proxy.http.send(
        HTTPRequest(url: "\(proxy.secure)/healthz", headers: [("Host", "evil.example")]))
      #expect(other.status == 403)
      // The bucket of an address is the one that the proxy saw, whatever the client claims.
      var statuses: Set<Int> = []
      for n in 0..<40 {
        let answer = try await proxy.http.send(
          HTTPRequest(
            url: "\(proxy.secure)/healthz", headers: [("X-Forwarded-For", "10.0.0.\(n)")]))
        statuses.insert(answer.status)
      }
      #expect(statuses == [200, 429])
    }
  }

  @Test("a server that requires no token refuses what a proxy forwards")
  func open() async throws {
    try await Installation.with { server in
      #expect(try await server.get("/api/delegations").status == 200)
      for header in [("X-Forwarded-For", "10.0.0.1"), ("Forwarded", "for=10.0.0.1")] {
        let answer = try await server.get("/api/delegations", headers: [header])
        #expect(answer.status == 403 && answer.text.contains("--access token"))
        // The forge and workers may come through a proxy: they sign or prove what they send.
        for path in ["/webhooks/github", "/worker/v1/agents"] {
          let proven = try await server.post(path, [:], headers: [header])
          #expect(proven.status != 403 || !proven.text.contains("Behind a proxy"), "\(path)")
        }
      }
      let serve = try await server.aipm(["serve", "--public-url", "https://aipm.example"])
      #expect(serve.exit == .exited(2) && serve.errorText.contains("--access token"))
    }
  }
}
