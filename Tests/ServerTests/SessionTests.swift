import Access
import Testing

@testable import Server

struct SessionTests {
  private let ann = Principal(name: "ann", roles: [.submit], token: "t")
  private let now = ContinuousClock.now

  @Test func aSessionHasAnUnguessableName() {
    let sessions = Sessions()
    let names = Set((0..<100).map { _ in sessions.begin(ann) })
    #expect(names.count == 100 && names.allSatisfy { $0.utf8.count == 64 })
    for name in names {
      #expect(sessions.principal(name)?.name == "ann")
      #expect(sessions.principal(name)?.session != name)
    }
    #expect(sessions.principal(String(repeating: "0", count: 64)) == nil)
  }

  @Test func itEndsWithoutRequestsAndWithAge() throws {
    let sessions = Sessions()
    let idle = sessions.begin(ann, at: now)
    #expect(sessions.principal(idle, at: now + Sessions.idleMax) == nil)
    #expect(sessions.principal(idle, at: now) == nil)

    let used = sessions.begin(ann, at: now)
    var time = now
    while time - now < Sessions.ageMax - .seconds(3600) {
      #expect(sessions.principal(used, at: time) != nil)
      time += .seconds(3600 * 6)
    }
    #expect(sessions.principal(used, at: now + Sessions.ageMax) == nil)
  }

  @Test func signingOutEndsOneOrAll() throws {
    let sessions = Sessions()
    let names = (0..<3).map { _ in sessions.begin(ann) }
    let other = sessions.begin(Principal(name: "bob", roles: [.submit]))
    let first = try #require(sessions.principal(names[0]))
    sessions.end(first, everywhere: false)
    #expect(names.map { sessions.principal($0) != nil } == [false, true, true])
    sessions.end(first, everywhere: true)
    #expect(names.allSatisfy { sessions.principal($0) == nil })
    #expect(sessions.principal(other) != nil && sessions.count == 1)
  }

  @Test func theirNumberIsBounded() {
    let sessions = Sessions(max: 3)
    let names = (0..<4).map { n in sessions.begin(ann, at: now + .seconds(n)) }
    #expect(sessions.count == 3)
    #expect(sessions.principal(names[0], at: now) == nil)
    #expect(sessions.principal(names[3], at: now + .seconds(3)) != nil)
  }

  @Test func nobodyEndsTheSessionsOfOthers() {
    let sessions = Sessions(max: 10, perPersonMax: 3)
    let bob = sessions.begin(Principal(name: "bob", roles: [.submit]), at: now)
    let names = (1...20).map { n in sessions.begin(ann, at: now + .seconds(n)) }
    #expect(sessions.count == 4 && sessions.principal(bob, at: now) != nil)
    #expect(
      names.map { sessions.principal($0, at: now) != nil }.suffix(4) == [false, true, true, true])
  }

  @Test func theCookieIsRead() {
    let name = String(repeating: "a", count: 64)
    let plain = cookie("/", isSecure: false)
    #expect(plain.value(in: "x=1; aipm_session=\(name); y=2") == name)
    #expect(plain.value(in: "aipm_session=\(name)") == name)
    for header in [nil, "", "aipm_session", "aipm_session=", "aipm_session=\(name)b", "x\(name)"] {
      #expect(plain.value(in: header) == nil)
    }
    func cookie(_ path: String, isSecure: Bool) -> SecretCookie {
      SecretCookie(
        base: Sessions.cookieName, path: path, sameSite: .strict, isSecure: isSecure, seconds: 60)
    }
    let field = cookie("/prod", isSecure: true).field(name)
    #expect(field.hasPrefix("__Secure-aipm_session=\(name); Path=/prod; Max-Age=60; "))
    // Behind TLS a neighbour's cookie without the prefix does not count.
    let whole = cookie("/", isSecure: true)
    #expect(whole.name == "__Host-aipm_session")
    #expect(whole.value(in: "aipm_session=\(name)") == nil)
    for part in ["HttpOnly", "SameSite=Strict", "Secure"] { #expect(field.contains(part)) }
    #expect(cookie("/", isSecure: false).field(nil).contains("Path=/; Max-Age=0"))
  }
}
