// Who a person is, and what the groups permit.

import Access
import Domain
import Testing
import Text

@testable import OpenID

@Suite struct PersonTests {
  private static func person(
    _ claims: JSONValue, name: String = "email", grants: [String] = ["*=support"]
  ) throws -> SignedInPerson {
    let settings = try OpenIDSettings(
      issuer: "https://login.example", clientID: "aipm", clientSecret: nil,
      redirectURI: "https://aipm.example/callback", nameClaim: name,
      grants: OpenIDGrants(grants.compactMap { OpenIDGrant($0) }))
    return try SignedInPerson(claims.objectValue ?? [:], subject: "1", settings)
  }

  @Test func names() throws {
    let verified: JSONValue = ["email": "jane@acme.example", "email_verified": true]
    #expect(try Self.person(verified).name == "jane@acme.example")
    // No claim takes the place of another one.
    for change: JSONValue in [
      ["email_verified": false], ["email_verified": nil], ["email_verified": "true"],
      ["email": nil, "preferred_username": "jane"], ["email": 1],
    ] {
      #expect(throws: OpenIDFault.self, "\(change)") { try Self.person(verified.with(change)) }
    }
    func named(_ text: String) throws -> String {
      try Self.person(["preferred_username": .string(text)], name: "preferred_username").name
    }
    // No token has such a name, and `local` neither.
    #expect(try named("local") == "@local")
    #expect(try named("Jane Doe") == "@Jane Doe")
    #expect(try named("jane@acme.example") == "jane@acme.example")
    for bad in [
      "", " ", "@local", " jane", "jane ", "a\nb", "a\u{202e}b", "a\u{0}", "a\u{200b}b",
      String(repeating: "a", count: 200),
    ] {
      #expect(throws: OpenIDFault.self, "\(bad.debugDescription)") { try named(bad) }
    }
  }

  private static func principal(_ groups: JSONValue, _ grants: String...) throws -> Principal {
    let claims: JSONValue = ["email": "j@a.example", "email_verified": true, "groups": groups]
    return try person(claims, grants: grants).principal
  }

  @Test func grants() throws {
    let one = try Self.principal(["web"], "platform=operator", "web=submit:acme/*,acme2/*")
    #expect(one.roles == [.submit] && one.token == nil)
    #expect(one.repositories.map(\.description) == ["acme/*", "acme2/*"])
    // The first one counts. The roles of one never hold for the repositories of another.
    let first = try Self.principal(
      ["web", "platform"], "platform=operator:ops/*", "web=submit:acme/*", "*=support")
    #expect(first.roles == [.operator] && first.repositories.map(\.description) == ["ops/*"])
    // Equal roles add their repositories.
    let both = try Self.principal(
      ["web", "docs"], "web=submit:acme/*", "docs=submit:docs/*,acme/*", "ops=submit:ops/*")
    #expect(both.repositories.map(\.description) == ["acme/*", "docs/*"])
    #expect(
      try Self.principal(["web", "docs"], "web=submit:acme/*", "docs=submit").repositories == [])
    // Everybody comes last, also if it is written first.
    #expect(try Self.principal(["web"], "*=support", "web=admin").roles == [.admin])
    #expect(try Self.principal([], "*=support+submit", "web=admin").roles == [.support, .submit])
    #expect(try Self.principal("web", "web=admin").roles == [.admin])
    #expect(throws: OpenIDFault.notPermitted(name: "j@a.example")) {
      try Self.principal(["Web", "web "], "web=admin")
    }
    for groups: JSONValue in [1, [1], [["web"]], ["a": "web"]] {
      #expect(throws: OpenIDFault.self) { try Self.principal(groups, "*=support") }
    }
  }

  @Test func texts() {
    let name = OpenIDGrant("cn=web,ou=groups=submit+support:acme/tools")
    #expect(name?.group == "cn=web,ou=groups" && name?.roles == [.submit, .support])
    #expect(OpenIDGrant("*=admin")?.group == .some(nil))
    for bad in [
      "", "web", "=admin", "web=", "web=root", "web=worker", "web=admin:", "web=admin:acme",
      "web=admin:acme/*,", "web=admin+", "web=admin acme/*",
    ] {
      #expect(OpenIDGrant(bad) == nil, "\(bad)")
    }
  }

  @Test func faultsContainNoSecrets() {
    let ended = OpenIDFault.ended(code: "access_denied", description: nil)
    #expect(ended.origin == .person && ended.description.contains("cancelled"))
    #expect(ErrorText.code("<script>") == "an unknown error")
    #expect(ErrorText.plain("a\u{1b}[2J\u{202e}é") == "a?[2J??")
  }
}
