import Testing

@testable import Mirrors

/// What cannot be explained is tried again, and not for ever.
@Suite struct FailureCountTests {
  @Test func theThirdFailureIsTheLast() {
    let counts = FailureCounts()
    #expect(counts.mayTryAgain("a") && counts.mayTryAgain("a") && counts.mayTryAgain("b"))
    #expect(!counts.mayTryAgain("a") && counts.mayTryAgain("b"))
    counts.forget("a")
    #expect(counts.mayTryAgain("a"))
  }
}
