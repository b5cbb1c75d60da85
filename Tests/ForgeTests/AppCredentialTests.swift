import COpenSSL
import Domain
import Engine
import ForgePort
import Foundation
import HTTPClient
import RawSockets
import Synchronization
import Testing

@testable import ForgeGitHub

/// A forge that knows one app by its key, and gives out tokens that it counts.
private final class AppForge: Sendable {
  struct Seen: Sendable {
    var jwts: [String] = []
    var tokens: [String] = []
    /// What the next requests for a token are answered; nil: a token.
    var refusal: (status: String, body: String)?
    var permissions = #"{"contents":"write","metadata":"read"}"#
  }

  let key: GeneratedKey
  let seen = Mutex(Seen())
  let exchanges = Mutex<[ForgeExchange]>([])
  let clock = Mutex(Timestamp(milliseconds: 1_800_000_000_000))
  /// How long a token lives, in seconds.
  let life: Int64
  let pem: String

  init(life: Int64 = 3600) throws {
    self.life = life
    key = try #require(GeneratedKey(bits: 2048))
    pem = key.pem
  }

  var now: Timestamp { clock.withLock { $0 } }

  func serve(_ connection: RawConnection) {
    while let request = connection.readRequest() {
      let bearer = request.header("authorization")?.dropFirst("Bearer ".count) ?? ""
      if request.line.hasPrefix("POST /app/installations/77/access_tokens ") {
        giveToken(connection, String(bearer))
      } else if request.line.hasPrefix("GET /app ") {
        // Only the app itself may ask, by its key.
        let isToken = bearer.hasPrefix("ghs_")
        connection.answer(
          isToken ? #"{"message":"Bad credentials"}"# : #"{"id":4242,"slug":"our-aipm"}"#,
          status: isToken ? "401 Unauthorized" : "200 OK")
      } else {
        let isKnown = seen.withLock { $0.tokens.last == String(bearer) }
        let body = #"{"default_branch":"main","clone_url":"http://x/o/r.git"}"#
        connection.answer(
          isKnown ? body : #"{"message":"Bad credentials"}"#,
          status: isKnown ? "200 OK" : "401 Unauthorized")
      }
    }
  }

  private func giveToken(_ connection: RawConnection, _ jwt: String) {
    let (token, refusal, permissions) = seen.withLock { seen in
      seen.jwts.append(jwt)
      if seen.refusal == nil { seen.tokens.append("ghs_token\(seen.tokens.count + 1)") }
      return (seen.tokens.last ?? "", seen.refusal, seen.permissions)
    }
    if let refusal { return connection.answer(refusal.body, status: refusal.status) }
    let end = Date(timeIntervalSince1970: Double(now.milliseconds / 1000 + life))
    connection.answer(
      #"{"token":"\#(token)","expires_at":"\#(end.ISO8601Format())","#
        + #""permissions":\#(permissions)}"#, status: "201 Created")
  }

  func credential(_ server: RawServer) throws -> AppCredential {
    var configuration = AppCredential.Configuration(
      appID: "4242", installationID: "77", key: try AppKey(pem: pem), apiURL: server.url)
    configuration.now = { self.now }
    configuration.onExchange = { exchange in self.exchanges.withLock { $0.append(exchange) } }
    return AppCredential(
      http: HTTPClient(configuration: .init(userAgent: "aipm/test", proxy: .none)),
      configuration: configuration)
  }

  func client(_ server: RawServer) throws -> GitHubClient {
    var configuration = GitHubClient.Configuration(
      apiURL: server.url, credential: .app(try credential(server)))
    configuration.now = { self.now }
    return GitHubClient(
      http: HTTPClient(configuration: .init(userAgent: "aipm/test", proxy: .none)),
      configuration: configuration)
  }

  func advance(_ seconds: Int64) { clock.withLock { $0 = $0 + .seconds(seconds) } }
}

@Suite struct AppCredentialTests {
  private func run(
    life: Int64 = 3600, _ body: (AppForge, RawServer) async throws -> Void
  ) async throws {
    let forge = try AppForge(life: life)
    let server = try RawServer { forge.serve($0) }
    defer { server.stop() }
    try await body(forge, server)
  }

  /// `aipm doctor` says what an app may not do, and how much that matters.
  @Test func missingRightsAreFound() async throws {
    let all: [(String, String)] = [
      ("contents", "write"), ("pull_requests", "write"), ("checks", "read"),
      ("statuses", "write"), ("actions", "read"),
    ]
    for missing in [nil, "contents", "checks", "statuses", "actions"] {
      try await run { forge, server in
        let granted = all.filter { $0.0 != missing }.map { #""\#($0.0)":"\#($0.1)""# }
        let permissions = "{\(granted.joined(separator: ","))}"
        forge.seen.withLock { $0.permissions = permissions }
        let found = try await forge.client(server).examine(nil)
        let words = found.filter { $0.verdict != .good && $0.subject != "clock" }
        #expect(words.count == (missing == nil ? 0 : 1), "\(found)")
        guard let missing, let word = words.first else { return }
        #expect(word.verdict == (missing == "contents" ? .bad : .poor))
        #expect(word.detail.contains("the app lacks \(missing): "))
        #expect(word.hint?.contains("Grant the app \(missing): ") == true)
      }
    }
  }

  @Test func theAppSpeaksByAJWTThatItsKeySigned() async throws {
    try await run { forge, server in
      #expect(fault(try await forge.client(server).perform(.repository(repository))) == nil)
      let jwt = try #require(forge.seen.withLock { $0.jwts.first })
      let parts = jwt.split(separator: ".").map(String.init)
      try #require(parts.count == 3)
      let header = try JSONDecoder().decode(
        [String: String].self, from: try #require(Data(base64URL: parts[0])))
      #expect(header == ["alg": "RS256", "typ": "JWT"])
      struct Claims: Decodable {
        let iat: Int64
        let exp: Int64
        let iss: String
      }
      let claims = try JSONDecoder().decode(
        Claims.self, from: try #require(Data(base64URL: parts[1])))
      let now = forge.now.milliseconds / 1000
      #expect(claims.iat == now - 60)
      #expect(claims.exp > now && claims.exp <= now + 600)
      #expect(claims.iss == "4242")
      let signature = try #require(Data(base64URL: parts[2]))
      #expect(forge.key.verifies(Array(signature), of: Array("\(parts[0]).\(parts[1])".utf8)))
    }
  }

  /// Also a renewal that failed; the template has no number of the installation.
  @Test func renewalsAreReported() async throws {
    try await run { forge, server in
      let app = try forge.credential(server)
      forge.seen.withLock { $0.refusal = ("502 Bad Gateway", "<html>") }
      await #expect(throws: ForgeFault.self) { try await app.token() }
      forge.seen.withLock { $0.refusal = nil }
      _ = try await app.token()
      let exchanges = forge.exchanges.withLock { $0 }
      #expect(exchanges.map(\.status) == [502, 201])
      let route = "POST /app/installations/{installation_id}/access_tokens"
      #expect(exchanges.allSatisfy { $0.route == route && $0.time > .zero })
    }
  }

  @Test func theAccountOfAnAppIsNamedAfterIt() async throws {
    try await run { forge, server in
      let answer = try await forge.client(server).perform(.account)
      #expect(answer == .success(.account("our-aipm[bot]")))
      #expect(forge.exchanges.withLock { $0 }.map(\.route) == ["GET /app"])
    }
  }

  @Test func manyCallsAtOnceMakeOneRenewal() async throws {
    try await run { forge, server in
      let client = try forge.client(server)
      await withTaskGroup(of: Void.self) { group in
        for number in 0..<40 {
          group.addTask {
            let name = RepositoryName(owner: "o", name: "r\(number)")
            #expect(fault(await client.perform(.repository(name))) == nil)
          }
        }
      }
      #expect(forge.seen.withLock { $0.tokens.count } == 1)
    }
  }

  @Test func aTokenIsRenewedBeforeItsEnd() async throws {
    try await run { forge, server in
      let app = try forge.credential(server)
      #expect(try await app.token() == "ghs_token1")
      forge.advance(2900)
      #expect(try await app.token() == "ghs_token1")
      forge.advance(200)
      #expect(try await app.token() == "ghs_token2")
    }
  }

  @Test func whereTheRenewalFailsTheOldTokenServesToItsEnd() async throws {
    try await run { forge, server in
      let app = try forge.credential(server)
      _ = try await app.token()
      forge.advance(3300)
      forge.seen.withLock { $0.refusal = ("502 Bad Gateway", "<html>") }
      #expect(try await app.token() == "ghs_token1")
      forge.advance(250)
      await #expect(throws: ForgeFault.self) { try await app.token() }
      forge.seen.withLock { $0.refusal = nil }
      #expect(try await app.token() == "ghs_token2")
    }
  }

  @Test func aTokenThatIsRefusedIsReplacedWithinTheCall() async throws {
    try await run { forge, server in
      let client = try forge.client(server)
      #expect(fault(await client.perform(.repository(repository))) == nil)
      // Another server has taken a token: the forge of this test knows the last one alone.
      forge.seen.withLock { $0.tokens.append("ghs_other") }
      #expect(fault(await client.perform(.repository(repository))) == nil)
      #expect(forge.seen.withLock { $0.jwts.count } == 2)
    }
  }

  @Test func aRefusalSaysWhatToDo() async throws {
    let cases: [(status: String, message: String, hint: String)] = [
      ("401 Unauthorized", "A JSON web token could not be decoded", "AIPM_GITHUB_APP_KEY_FILE"),
      ("404 Not Found", "Not Found", "AIPM_GITHUB_APP_INSTALLATION_ID"),
      ("403 Forbidden", "This installation has been suspended", "suspended"),
    ]
    for (status, message, hint) in cases {
      try await run { forge, server in
        forge.seen.withLock { $0.refusal = (status, #"{"message":"\#(message)"}"#) }
        let found = try #require(
          fault(try await forge.client(server).perform(.repository(repository))))
        #expect(found.kind == .unauthorized)
        #expect(found.hint?.contains(hint) == true, "\(found)")
        #expect(found.message.contains(message))
      }
    }
  }

  @Test func aForgeThatCannotBeAskedForATokenIsUnreachable() async throws {
    try await run { forge, server in
      forge.seen.withLock { $0.refusal = ("503 Unavailable", #"{"message":"later"}"#) }
      let new = NewPullRequest(title: "t", head: "b", base: "main", body: "", draft: false)
      let call = ForgeCall.openPullRequest(repository, new)
      // Nothing of the call itself was sent, so nothing is to be looked for.
      #expect(fault(try await forge.client(server).perform(call))?.kind == .unreachable)
      forge.seen.withLock { $0.refusal = ("429 Slow", "{}") }
      let found = try #require(fault(try await forge.client(server).perform(call)))
      #expect(found.kind == .limited(until: forge.now + .seconds(60)))
    }
  }

  @Test func aFileThatIsNoKeyIsToldAsSuch() throws {
    for text in ["", "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n"] {
      #expect(throws: AppKey.Fault.self) { try AppKey(pem: text) }
    }
  }
}

extension Data {
  /// RFC 4648, section 5, without padding.
  fileprivate init?(base64URL text: String) {
    let plain = text.replacingOccurrences(of: "-", with: "+")
      .replacingOccurrences(of: "_", with: "/")
    self.init(base64Encoded: plain + String(repeating: "=", count: (4 - plain.count % 4) % 4))
  }
}
