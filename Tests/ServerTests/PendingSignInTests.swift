import Domain
import Testing

@testable import OpenID
@testable import Server

@Suite struct PendingSignInTests {
  private static func pending(_ milliseconds: Int64) -> PendingSignIn {
    PendingSignIn(at: Timestamp(milliseconds: milliseconds))
  }

  @Test func eachIsTakenOnce() {
    let all = PendingSignIns()
    let one = Self.pending(0)
    let name = all.add(one, at: Timestamp(milliseconds: 0))
    #expect(name.utf8.count == 64 && name != all.add(one))
    #expect(all.take(one.state) == nil)
    #expect(all.take(name)?.state == one.state)
    #expect(all.take(name) == nil)
  }

  @Test func theFirstOfTooManyEnds() {
    let all = PendingSignIns(max: 3)
    let names = (0..<4).map { n in
      all.add(Self.pending(Int64(n)), at: Timestamp(milliseconds: Int64(n)))
    }
    #expect(all.count == 3)
    #expect(names.map { all.take($0) != nil } == [false, true, true, true])
  }

  @Test func expiredOnesMakeRoomTogether() {
    let all = PendingSignIns(max: 3)
    for _ in 0..<3 { _ = all.add(Self.pending(0), at: Timestamp(milliseconds: 0)) }
    let later = Timestamp(milliseconds: 0) + PendingSignIn.lifetime
    _ = all.add(Self.pending(later.milliseconds), at: later)
    #expect(all.count == 1)
  }

  @Test(arguments: [
    (nil, false), ("", false), ("aipm_sign_in=", false), ("aipm_sign_in=ab", false),
    ("a=b; aipm_sign_in=\(String(repeating: "a", count: 64))", true),
    ("xaipm_sign_in=\(String(repeating: "a", count: 64))", false),
    ("aipm_sign_in=\(String(repeating: "a", count: 65))", false),
    ("aipm_sign_in=\(String(repeating: "a", count: 64)); aipm_sign_in=b", false),
  ])
  func cookies(field: String?, isKnown: Bool) {
    let cookie = SecretCookie(
      base: PendingSignIns.cookieName, path: "/", sameSite: .lax, isSecure: false, seconds: 60)
    #expect((PendingSignIns.browser(in: field, cookie) != nil) == isKnown)
  }
}
