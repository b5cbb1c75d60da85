// The provider's documents and callbacks, also damaged ones.

import Access
import Randomness
import SigningKeys
import Testing
import Text

@testable import OpenID

@Suite struct DocumentTests {
  static func settings(
    _ issuer: String = "https://login.example", secret: String? = "s3cret"
  ) throws -> OpenIDSettings {
    try OpenIDSettings(
      issuer: issuer, clientID: "aipm", clientSecret: secret,
      redirectURI: "https://aipm.example/sign-in/openid/callback",
      grants: OpenIDGrants([OpenIDGrant(group: nil, roles: [.support])]))
  }

  static let document: JSONValue = [
    "issuer": "https://login.example", "authorization_endpoint": "https://login.example/authorize",
    "token_endpoint": "https://login.example/token", "jwks_uri": "https://keys.example/jwks",
    "id_token_signing_alg_values_supported": ["RS256"],
  ]

  private static func metadata(
    _ change: JSONValue = [:], secret: String? = "s3cret"
  ) throws -> ProviderMetadata {
    try ProviderMetadata(document.with(change), for: settings(secret: secret))
  }

  @Test func metadata() throws {
    let plain = try Self.metadata()
    #expect("\(plain.keysURL)" == "https://keys.example/jwks")
    #expect(plain.clientProof == .basic && !plain.namesIssuer)
    #expect(try Self.metadata(secret: nil).clientProof == .none)
    let methods = "token_endpoint_auth_methods_supported"
    #expect(try Self.metadata([methods: ["client_secret_post"]]).clientProof == .form)
    #expect(
      ProviderMetadata.location(of: "https://a.example/realm/")
        == "https://a.example/realm/.well-known/openid-configuration")
    for change: JSONValue in [
      ["issuer": "https://login.example/"], ["issuer": nil],
      ["authorization_endpoint": "http://login.example/authorize"],
      ["token_endpoint": "http://127.0.0.1/token"], ["token_endpoint": nil],
      ["jwks_uri": "file:///etc/passwd"], ["jwks_uri": "https://a@keys.example"],
      ["id_token_signing_alg_values_supported": ["HS256", "none"]],
      ["code_challenge_methods_supported": ["plain"]], [methods: ["private_key_jwt"]],
    ] {
      #expect(throws: OpenIDFault.self, "\(change)") { try Self.metadata(change) }
    }
  }

  @Test func issuers() {
    for issuer in ["https://a.example", "http://localhost:1", "http://127.0.0.1:1/realm"] {
      #expect(throws: Never.self) { try Self.settings(issuer) }
    }
    for issuer in [
      "http://a.example", "a.example", "https://a.example?b", "https://a.example#b", "",
    ] {
      #expect(throws: OpenIDSettings.Fault.self) { try Self.settings(issuer) }
    }
  }

  @Test func keySets() throws {
    let (rsa, ec) = (try SigningKey.rsa(bits: 2048), try SigningKey.p256())
    let unusable: [JSONValue] = [
      rsa.jwk("a").with(["use": "enc"]), rsa.jwk("a").with(["alg": "RS512"]),
      rsa.jwk("a").with(["n": "AQAB"]), rsa.jwk("a").with(["n": "%%"]),
      rsa.jwk("a").with(["key_ops": ["encrypt"]]), ec.jwk("a").with(["crv": "P-384"]),
      ec.jwk("a").with(["x": "AQAB"]), ec.jwk("a").with(["alg": "RS256"]),
      ["kty": "oct", "k": "c2VjcmV0", "kid": "a"], ["kty": "new"], 1, "key",
    ]
    for key in unusable {
      #expect(try KeySet(["keys": [key, ec.jwk("b")]]).count == 1, "\(key)")
      #expect(throws: OpenIDFault.self) { try KeySet(["keys": [key]]) }
    }
    for set: JSONValue in [
      [:], ["keys": [:]], ["keys": []], [],
      ["keys": .array(Array(repeating: ec.jwk("a"), count: 101))],
    ] {
      #expect(throws: OpenIDFault.self) { try KeySet(set) }
    }
  }

  @Test func damagedMetadata() throws {
    let bytes = Self.document.canonical
    let settings = try Self.settings()
    var random = Seeded(3)
    var accepted = 0
    for _ in 0..<10_000 {
      let mutated = Mutation.mutate(bytes, &random)
      guard let value = try? JSONValue(parsing: mutated),
        let metadata = try? ProviderMetadata(value, for: settings)
      else { continue }
      accepted += 1
      #expect(value["issuer"].stringValue == settings.issuer)
      for url in [metadata.authorizationEndpoint, metadata.tokenEndpoint, metadata.keysURL] {
        #expect(url.isSecure)
      }
    }
    #expect(accepted < 9_000)
  }

  @Test func damagedKeySets() throws {
    let key = try SigningKey.p256()
    let token = try key.token(TokenTests.claims, id: "a")
    let bytes = (["keys": [key.jwk("a")]] as JSONValue).canonical
    var random = Seeded(4)
    var accepted = 0
    for _ in 0..<10_000 {
      let mutated = Mutation.mutate(bytes, &random)
      guard let value = try? JSONValue(parsing: mutated), let set = try? KeySet(value),
        TokenTests.fault(token, set) == nil
      else { continue }
      accepted += 1
      // Only with the key as it was.
      let own = value["keys"].arrayValue?.filter {
        $0["x"] == key.jwk("a")["x"] && $0["y"] == key.jwk("a")["y"] && $0["kid"] == "a"
      }
      #expect(own?.count == 1, "\(String(decoding: mutated, as: UTF8.self))")
    }
    #expect(accepted < 9_000)
  }

  @Test func damagedCallbacks() throws {
    let pending = PendingSignIn(at: TokenTests.now)
    let query = "state=\(pending.state)&code=abc%2Fdef&iss=https%3A%2F%2Flogin.example"
    let bytes = Array(query.utf8)
    #expect(CallbackQuery(query)?["code"] == "abc/def")
    var random = Seeded(5)
    for _ in 0..<10_000 {
      let mutated = Mutation.mutate(bytes, &random)
      guard let callback = CallbackQuery(String(decoding: mutated, as: UTF8.self)),
        let state = callback["state"], pending.isNamed(by: state)
      else { continue }
      #expect(state == pending.state)
    }
    for bad in [
      "state=a&state=a", "code=a&state=b&code=c", "code=%", "code=%zz", "code=%ff",
      "error=a&error=b", String(repeating: "a", count: CallbackQuery.bytesMax + 1),
    ] {
      #expect(CallbackQuery(bad) == nil, "\(bad.prefix(100))")
    }
  }

  @Test func challengesAreThoseOfTheStandard() {
    let pending = PendingSignIn(at: TokenTests.now)
    #expect(pending.verifier.utf8.count == 43 && pending.challenge.utf8.count == 43)
    #expect(Set([pending.state, pending.nonce, pending.verifier]).count == 3)
    #expect(pending.challenge != PendingSignIn(at: TokenTests.now).challenge)
  }
}
