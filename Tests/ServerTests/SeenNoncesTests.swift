import Domain
import Testing

@testable import Server

/// A request that was recorded is not taken again while it could be taken for a new one.
@Suite("Nonces of workers' requests") struct SeenNoncesTests {
  private let span = Milliseconds(130_000)
  private let began = Timestamp(milliseconds: 1_700_000_000_000)

  private func take(_ nonce: String, _ seen: SeenNonces, after milliseconds: Int64)
    -> SeenNonces.Verdict
  {
    seen.take(
      nonce, now: Timestamp(milliseconds: began.milliseconds + milliseconds), keptFor: span)
  }

  @Test("a nonce is known for as long as its request could be taken")
  func known() {
    let seen = SeenNonces()
    #expect(take("first", seen, after: 0) == .new)
    #expect(take("late", seen, after: 129_999) == .new)
    #expect(take("first", seen, after: 129_999) == .known)
    // The sets have taken turns.
    #expect(take("next", seen, after: 130_001) == .new)
    #expect(take("late", seen, after: 130_001) == .known)
    #expect(take("late", seen, after: 129_999 + 130_000) == .known)
    // By then its time is too far back.
    #expect(take("late", seen, after: 130_001 + 130_001) == .new)
  }

  @Test("a clock that is set back forgets none")
  func setBack() {
    let seen = SeenNonces()
    #expect(take("first", seen, after: 10_000) == .new)
    #expect(take("second", seen, after: 0) == .new)
    #expect(take("first", seen, after: 0) == .known)
  }

  @Test("there is room for a number of them, and then for none until they are old")
  func full() {
    let seen = SeenNonces(countMax: 2)
    #expect(take("a", seen, after: 0) == .new && take("b", seen, after: 0) == .new)
    #expect(take("c", seen, after: 1) == .full)
    #expect(take("c", seen, after: 130_001) == .new)
  }
}
