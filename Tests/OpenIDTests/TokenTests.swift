// ID tokens: what is accepted, and each thing that must not be.

import Cryptography
import Domain
import Randomness
import SigningKeys
import Testing
import Text

@testable import OpenID

@Suite struct TokenTests {
  static let issuer = "https://login.example"
  static let now = Timestamp(milliseconds: 1_800_000_000_000)
  static let claims: JSONValue = [
    "iss": .string(issuer), "aud": "aipm", "sub": "4711", "nonce": "n-0S6_WzA2Mj",
    "exp": 1_800_000_300, "iat": 1_799_999_999, "email": "jane@acme.example",
    "email_verified": true, "groups": ["platform"],
  ]

  /// Checks a token as a sign-in does.
  /// - Returns: why it is refused; nil if it is accepted.
  static func fault(_ text: String, _ keys: KeySet) -> TokenFault? {
    do throws(TokenFault) {
      let token = try IDToken(text)
      let claims = try token.claims(signedBy: keys)
      let rules = ClaimRules(issuer: issuer, clientID: "aipm", nonce: "n-0S6_WzA2Mj", now: now)
      _ = try rules.check(claims)
      return nil
    } catch { return error }
  }

  private static func set(_ keys: JSONValue...) throws -> KeySet {
    try KeySet(["keys": .array(keys)])
  }

  @Test func signedByTheProvider() throws {
    let (rsa, ec) = (try SigningKey.rsa(bits: 2048), try SigningKey.p256())
    let set = try Self.set(rsa.jwk("a"), ec.jwk("b"))
    #expect(set.count == 2)
    for (key, id) in [(rsa, "a"), (ec, "b")] {
      #expect(Self.fault(try key.token(Self.claims, id: id), set) == nil)
      // Without an id it is the only key of the algorithm.
      #expect(Self.fault(try key.token(Self.claims), set) == nil)
    }
    // The other's id is of a key with another algorithm.
    #expect(Self.fault(try rsa.token(Self.claims, id: "b"), set) == .key)
    #expect(Self.fault(try rsa.token(Self.claims, id: "c"), set) == .key)
    // Another key with the same id.
    #expect(
      Self.fault(try SigningKey.p256().token(Self.claims, id: "b"), set) == .signature)
    let two = try Self.set(ec.jwk(nil), SigningKey.p256().jwk(nil))
    #expect(Self.fault(try ec.token(Self.claims), two) == .key)
  }

  @Test func algorithms() throws {
    let rsa = try SigningKey.rsa(bits: 2048)
    let set = try Self.set(rsa.jwk("a"))
    let payload = Base64URL.encode(Self.claims.canonical)
    func token(_ header: JSONValue, _ signature: ([UInt8]) throws -> [UInt8]) rethrows -> String {
      let signed = Base64URL.encode(header.canonical) + "." + payload
      return signed + "." + Base64URL.encode(try signature(Array(signed.utf8)))
    }
    for name in ["none", "None", "", "RS512", "PS256", "EdDSA", "rs256"] {
      #expect(
        Self.fault(
          try token(["alg": .string(name)]) { try rsa.signature(of: $0) }, set) == .algorithm)
    }
    #expect(Self.fault(token(["alg": "none"]) { _ in [] }, set) == .algorithm)
    // The public key as the secret of an HMAC.
    #expect(
      Self.fault(
        token(["alg": "HS256", "kid": "a"]) {
          HMACSHA256.code(for: $0, key: rsa.number("n"))
        }, set) == .algorithm)
    // An algorithm that does not fit the key.
    #expect(
      Self.fault(
        try token(["alg": "ES256", "kid": "a"]) { try rsa.signature(of: $0) }, set) == .key)
    // A key that the token brings along.
    let own = try SigningKey.rsa(bits: 2048)
    #expect(
      Self.fault(
        try token(["alg": "RS256", "jwk": own.jwk("a")]) { try own.signature(of: $0) }, set)
        == .signature)
    let ec = try SigningKey.p256()
    #expect(
      Self.fault(
        try token(["alg": "ES256"]) { try ec.signature(of: $0, isDER: true) },
        try Self.set(ec.jwk(nil))) == .signature)
  }

  @Test func forms() throws {
    let key = try SigningKey.p256()
    let set = try Self.set(key.jwk("a"))
    let token = try key.token(Self.claims, id: "a")
    let parts = token.split(separator: ".")
    for wrong in [
      "", "..", token + ".", "." + token, token + "=", token + "\n", " " + token,
      String(token.dropFirst()), "\(parts[0]).\(parts[1])", "\(parts[0]).\(parts[1]).",
      "\(parts[0])..\(parts[2])", token.replacing(".", with: ".."),
      String(repeating: "a", count: IDToken.bytesMax + 1),
    ] {
      #expect(Self.fault(wrong, set) != nil, "\(wrong.prefix(200))")
    }
    #expect(
      Self.fault(try key.token(Self.claims, header: ["crit": ["exp"], "exp": 1]), set) == .form)
    #expect(Self.fault(try key.token(Self.claims, header: ["kid": 1]), set) == .form)
    #expect(Self.fault(try key.token([1, 2]), set) == .form)
  }

  static let changes: [(JSONValue, TokenFault?)] = [
    (["iss": "https://login.example/"], .claim("iss")), (["iss": nil], .claim("iss")),
    (["aud": "other"], .claim("aud")), (["aud": []], .claim("aud")), (["aud": 1], .claim("aud")),
    (["aud": ["aipm"]], nil), (["aud": ["aipm", "other"]], .claim("azp")),
    (["aud": ["aipm", "other"], "azp": "other"], .claim("azp")),
    (["aud": ["other", "aipm"], "azp": "aipm"], nil), (["azp": "other"], .claim("azp")),
    (["azp": "aipm"], nil),
    (["exp": 1_799_999_941], nil), (["exp": 1_799_999_940], .expired), (["exp": 0], .expired),
    (["exp": nil], .claim("exp")), (["exp": "1800000300"], .claim("exp")),
    (["iat": 1_800_000_060], nil), (["iat": 1_800_000_061], .early), (["iat": nil], .claim("iat")),
    (["nbf": 1_800_000_060], nil), (["nbf": 1_800_000_061], .early), (["nbf": "1"], .claim("nbf")),
    (["nonce": "n-0S6_WzA2MJ"], .claim("nonce")), (["nonce": nil], .claim("nonce")),
    (["nonce": ""], .claim("nonce")), (["sub": ""], .claim("sub")), (["sub": 1], .claim("sub")),
    (["sub": .string(String(repeating: "a", count: 256))], .claim("sub")),
  ]

  @Test(arguments: changes.indices) func claimRules(index: Int) throws {
    let (change, fault) = Self.changes[index]
    let key = try SigningKey.p256()
    #expect(
      Self.fault(try key.token(Self.claims.with(change)), try Self.set(key.jwk(nil))) == fault,
      "\(change)")
  }

  /// Each mutation of a valid token is refused.
  @Test func mutations() throws {
    let key = try SigningKey.p256()
    let set = try Self.set(key.jwk("a"))
    let token = Array(try key.token(Self.claims, id: "a").utf8)
    var random = Seeded(2)
    var faults: Set<String> = []
    for _ in 0..<10_000 {
      let mutated = Mutation.mutate(token, &random)
      guard mutated != token, let text = String(validating: mutated, as: UTF8.self) else {
        continue
      }
      let fault = Self.fault(text, set)
      #expect(fault != nil, "\(text)")
      faults.insert("\(fault.map { "\($0)" } ?? "")")
    }
    // They go wrong at different places.
    #expect(faults.count >= 3, "\(faults)")
  }
}
