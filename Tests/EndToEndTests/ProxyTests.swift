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
    /// Without.
    let plain: String
    /// The file of its certificate.
    let certificate: String
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
          proxy_set_header X-Forwarded-Proto $scheme;
          proxy_request_buffering off;
          proxy_read_timeout 1h;
        }
      }
    }
    """
  }

  private static func with(
    _ more: [String] = [], agent: [String] = ["--agent", "demo"],
    prepare: (Installation) throws -> Void = { _ in },
    _ body: (Installation, Proxy) async throws -> Void
  ) async throws {
    let (tls, plain) = (try RawClient.freePort(), try RawClient.freePort())
    let address = "https://localhost:\(tls)/prod"
    try await Installation.with(
      arguments: [
        "--forge", "local", "--workers", "0", "--access", "token", "--base-path", "/prod",
        "--public-url", address,
      ] + agent + more, prepare: { try prepare($0) }
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
        certificate: "\(folder)/cert.pem",
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

      let (worker, environment) = try await Self.join(server, proxy)
      server.token = token
      let delegation = try await server.end(of: id)
      #expect(delegation["state"].stringValue == "Pushed", "\(worker.errorText)")
      #expect(delegation["requester"].stringValue == "ann")
      await worker.end(9)
      // The command line comes the same way.
      let listed = try await Command(
        Program.aipm, ["list", "--server", proxy.secure], environment: environment,
        timeout: .seconds(60)
      ).run()
      #expect(listed.exit == .exited(5), "a worker's token lists nothing: \(listed.errorText)")
      // What came to the proxy without TLS is refused, whatever it asks for.
      for path in ["/", "/api/me", "/worker/v1/register", "/webhooks/github"] {
        let answer = try await proxy.http.send(HTTPRequest(url: proxy.plain + path))
        #expect(answer.status == 403, "\(path)")
        #expect(String(decoding: answer.body, as: UTF8.self).contains("Use \(proxy.secure)"))
      }
    }
  }

  /// A worker that joins through the proxy, and its environment.
  private static func join(
    _ server: Installation, _ proxy: Proxy
  ) async throws -> (Program, [String: String]) {
    var environment = Program.plainEnvironment
    environment["AIPM_TOKEN"] = try await server.createToken("far")
    environment["AIPM_SANDBOX"] = "off"
    environment["AIPM_CA_FILE"] = proxy.certificate
    let worker = try await Program.start(
      Program.aipm,
      ["worker", "--server", proxy.secure, "--id", "far", "--data", "\(server.folder)/far"],
      environment: environment, workingDirectory: server.folder)
    return (worker, environment)
  }

  @Test("a hand-in of 200 MB", .timeLimit(.minutes(5)))
  func largePack() async throws {
    let command = "sh -c 'for n in 1 2 3 4; do dd if=/dev/urandom of=$n.bin bs=1M count=50; done'"
    try await Self.with(
      agent: ["--agent", "command", "--agent-command", command, "--workflows", "flows"],
      prepare: { server in
        try FileManager.default.createDirectory(
          atPath: "\(server.folder)/flows", withIntermediateDirectories: true)
        try "extends: personal-delegate\nlimits: {change: 250MiB}\n".write(
          toFile: "\(server.folder)/flows/large.yaml", atomically: true, encoding: .utf8)
      }
    ) { server, proxy in
      try await server.createRepository()
      let made = try await server.aipm(["token", "create", "ann", "--role", "admin"])
      server.token = made.outputText.filter { !$0.isNewline }
      let (worker, _) = try await Self.join(server, proxy)
      let id = try await server.submit()
      let delegation = try await server.ended(id)
      #expect(delegation["state"].stringValue == "Pushed", "\(delegation.canonicalText)")
      await worker.end(9)
    }
  }

  /// Requests from another address of this machine, as those of another machine.
  @Test(
    "other machines get in through the proxy alone, unless the operator lets everybody in",
    .enabled(if: RawClient.otherAddress != nil))
  func otherMachines() async throws {
    let far = try #require(RawClient.otherAddress)
    func ask(_ server: Installation, _ path: String, _ fields: String = "", from: String?) throws
      -> String
    {
      let client = try RawClient(port: try #require(Int(server.port)), from: from)
      client.send(
        "GET \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\(fields)\r\n")
      return client.receiveAll()
    }
    let token = ["--forge", "local", "--workers", "0", "--access", "token", "--host", "0.0.0.0"]
    let paths = ["/", "/healthz", "/api/me", "/webhooks/github", "/worker/v1/register"]
    let behind = token + ["--public-url", "https://aipm.example", "--trusted-proxy"]
    try await Installation.with(arguments: behind + ["10.99.0.0/16"]) { server in
      for path in paths {
        let answer = try ask(server, path, from: far)
        #expect(answer.hasPrefix("HTTP/1.1 403 ") && answer.contains("Not through"), "\(path)")
        let near = try ask(server, path, from: nil)
        #expect(!near.contains("Not through"), "\(path)")
      }
    }
    try await Installation.with(arguments: behind + [far, "--request-rate", "1"]) { server in
      let secure = try ask(server, "/healthz", from: far)
      #expect(secure.hasPrefix("HTTP/1.1 200 "))
      let plain = try ask(server, "/healthz", "X-Forwarded-Proto: http\r\n", from: far)
      #expect(plain.hasPrefix("HTTP/1.1 403 ") && plain.contains("Use https://aipm.example"))
      // A client is what the proxy names last, and only a trusted proxy names one.
      var seen: [Bool] = []
      for (count, from) in [(40, far), (40, nil)] as [(Int, String?)] {
        var statuses: Set<Bool> = []
        for n in 0..<count {
          let field = "X-Forwarded-For: 10.1.\(n).1, 10.2.0.1\r\n"
          let own = "X-Forwarded-For: 10.1.\(n).1\r\n"
          let answer = try ask(server, "/healthz", from == nil ? own : field, from: from)
          statuses.insert(answer.hasPrefix("HTTP/1.1 429 "))
        }
        seen.append(statuses.contains(true))
      }
      #expect(seen == [true, true])
    }
    try await Installation.with(arguments: token + ["--insecure-http"]) { server in
      for (path, status) in [("/healthz", 200), ("/api/me", 401)] {
        let answer = try ask(server, path, from: far)
        #expect(answer.hasPrefix("HTTP/1.1 \(status) "))
      }
      #expect(server.errorText.contains("can read tokens, sessions and code"))
    }
  }

  @Test("what would let other machines in by accident is refused at the start")
  func refusedSettings() async throws {
    try await Installation.with(starts: false) { server in
      let url = ["--public-url", "https://aipm.example"]
      for (arguments, hint) in [
        (["--host", "0.0.0.0"], "--access token"),
        (["--host", "0.0.0.0", "--access", "token"], "--insecure-http"),
        (["--host", "0.0.0.0", "--access", "token"] + url, "--trusted-proxy"),
        (
          [
            "--host", "0.0.0.0", "--access", "token", "--public-url", "http://aipm.example",
            "--trusted-proxy", "10.0.0.1",
          ], "--insecure-http"
        ),
        (["--host", "0.0.0.0", "--insecure-http"], "--access token"),
        (["--host", "aipm.example", "--access", "token"], "write an address"),
        (["--access", "token", "--trusted-proxy", "10.0.0.1"], "--public-url"),
        (["--access", "token", "--trusted-proxy", "10.0.0.300"] + url, "10.0.0.300"),
      ] {
        let said = try await server.aipm(["serve"] + arguments)
        #expect(said.exit == .exited(2) && said.errorText.contains(hint), "\(arguments)")
      }
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
    #expect(settings.count == 8)
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
