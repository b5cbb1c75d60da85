import Testing

@testable import HTTPServing

struct RateLimitTests {
  private static let start = ContinuousClock.now

  @Test func tenSecondsOfTheRateAtOnceAndThenTheRate() {
    let limit = AddressRateLimit(perSecond: 5)
    let client = Client.other([10, 0, 0, 1])
    for _ in 0..<50 { #expect(limit.take(client, at: Self.start) == nil) }
    #expect(limit.take(client, at: Self.start) == 1)
    // Another client has its own.
    #expect(limit.take(.other([10, 0, 0, 2]), at: Self.start) == nil)
    let later = Self.start + .seconds(1)
    for _ in 0..<5 { #expect(limit.take(client, at: later) == nil) }
    #expect(limit.take(client, at: later) != nil)
    // It never holds more than that.
    let muchLater = Self.start + .seconds(1000)
    for _ in 0..<50 { #expect(limit.take(client, at: muchLater) == nil) }
    #expect(limit.take(client, at: muchLater) != nil)
  }

  @Test func anyNumberOfClientsTakesBoundedMemory() {
    let limit = AddressRateLimit(perSecond: 1)
    func address(_ n: Int) -> Client {
      .other([10, UInt8(n >> 16 & 255), UInt8(n >> 8 & 255), UInt8(n & 255)])
    }
    var refused = 0
    for n in 0..<100_000 where limit.take(address(n), at: Self.start) != nil { refused += 1 }
    #expect(limit.count == AddressRateLimit.clientsMax + 1)
    // The others share one bucket.
    #expect(refused == 100_000 - AddressRateLimit.clientsMax - AddressRateLimit.burstSeconds)
    // Full buckets are forgotten, and there is room again.
    #expect(limit.take(address(200_000), at: Self.start + .seconds(11)) == nil)
    #expect(limit.count == 1)
  }
}
