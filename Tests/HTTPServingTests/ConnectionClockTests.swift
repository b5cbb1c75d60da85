import NIOCore
import Testing

@testable import HTTPServing

/// What a connection may take its time for, by a clock that is made up.
struct ConnectionClockTests {
  private static let limits: ServingLimits = {
    var limits = ServingLimits()
    limits.headTimeout = .seconds(10)
    limits.idleTimeout = .seconds(60)
    limits.bodyStallTimeout = .seconds(20)
    limits.bodyBytesPerSecondMin = 1000
    limits.lingerTimeout = .seconds(5)
    limits.writeStallTimeout = .seconds(30)
    return limits
  }()

  private func at(_ second: Int64) -> NIODeadline { .uptimeNanoseconds(0) + .seconds(second) }
  private func clock() -> ConnectionClock { ConnectionClock(Self.limits, at: at(0)) }

  @Test func aSilentConnectionHasTenSeconds() {
    let clock = clock()
    #expect(clock.deadline == at(10))
    #expect(clock.verdict(at: at(9)) == .goOn)
    #expect(clock.verdict(at: at(10)) == .close)
  }

  @Test func aResponseHasNoTimeLimit() {
    var clock = clock()
    clock.head(at: at(1))
    clock.end(at: at(1))
    clock.wants(at: at(1))
    #expect(clock.deadline == nil)
    clock.answerBegins()
    #expect(clock.deadline == nil)
    clock.answerEnds(at: at(100))
    #expect(clock.deadline == at(160))
    #expect(clock.verdict(at: at(160)) == .close)
  }

  @Test func aStalledBodyTimesOut() {
    var clock = clock()
    clock.head(at: at(1))
    clock.wants(at: at(1))
    #expect(clock.deadline == at(21))
    clock.body(1 << 20, at: at(15))
    #expect(clock.deadline == nil, "as long as the server does not read, nothing is late")
    clock.wants(at: at(500))
    #expect(clock.deadline == at(520))
    #expect(clock.verdict(at: at(520)) == .answerTimeout)
  }

  /// A few bytes from time to time are not enough.
  @Test func aSlowBodyTimesOut() {
    var clock = clock()
    clock.head(at: at(0))
    for second in 0..<20 {
      clock.wants(at: at(Int64(second)))
      #expect(clock.verdict(at: at(Int64(second))) == .goOn)
      clock.body(10, at: at(Int64(second) + 1))
    }
    clock.wants(at: at(20))
    #expect(clock.verdict(at: at(21)) == .answerTimeout)
  }

  @Test func aBodyAtTheLeastPaceMayTakeAnHour() {
    var clock = clock()
    clock.head(at: at(0))
    for second in 0..<3600 {
      clock.wants(at: at(Int64(second)))
      clock.body(1000, at: at(Int64(second) + 1))
      #expect(clock.verdict(at: at(Int64(second) + 1)) == .goOn)
    }
  }

  @Test func sendingAfterTheResponseIsCutOff() {
    var clock = clock()
    clock.head(at: at(0))
    clock.answerBegins()
    clock.answerEnds(at: at(1))
    clock.wants(at: at(1))
    clock.body(100_000, at: at(2))
    #expect(clock.deadline == at(6))
    #expect(clock.standing.phase == .spent)
    #expect(clock.verdict(at: at(6)) == .close)
  }

  @Test func aClientThatDoesNotReadIsCutOff() {
    var clock = clock()
    clock.head(at: at(0))
    clock.end(at: at(0))
    clock.answerBegins()
    clock.blocked(true, at: at(10))
    #expect(clock.deadline == at(40))
    clock.blocked(true, at: at(20))
    #expect(clock.deadline == at(40))
    clock.blocked(false, at: at(30))
    #expect(clock.deadline == nil)
    clock.blocked(true, at: at(50))
    #expect(clock.verdict(at: at(80)) == .close)
  }

  @Test func anInvalidRequestIsCutOff() {
    var clock = clock()
    clock.failed(at: at(3))
    clock.failed(at: at(4))
    #expect(clock.deadline == at(8))
    #expect(clock.verdict(at: at(8)) == .close)
  }

  @Test func requestsInARowAreCounted() {
    var clock = clock()
    for second in 0..<3 {
      clock.head(at: at(Int64(second)))
      clock.end(at: at(Int64(second)))
    }
    for _ in 0..<2 {
      clock.answerBegins()
      clock.answerEnds(at: at(3))
      #expect(clock.deadline == nil)
    }
    clock.answerEnds(at: at(4))
    #expect(clock.deadline == at(64))
  }

  // MARK: Who gives way

  private func rank(_ phase: Standing.Phase, _ since: Int64, _ bytes: Int = 0) -> Int? {
    Standing(phase, since: at(since), bodyBytes: bytes).rank(at: at(100))?.group
  }

  @Test func theLeastGivesWay() throws {
    #expect(rank(.answering, 0) == nil)
    #expect(rank(.spent, 100) == rank(.fresh, 90))
    #expect(rank(.receiving, 90, 10 << 20) == nil, "a body that comes fast")
    let silent = try #require(rank(.fresh, 90))
    let slow = try #require(rank(.receiving, 90, 100))
    let kept = try #require(rank(.kept, 99))
    let new = try #require(rank(.fresh, 100))
    #expect(rank(.receiving, 100, 10) == new)
    #expect([silent, slow, kept, new] == [silent, slow, kept, new].sorted())
    #expect(Set([silent, slow, kept, new]).count == 4)
    let (old, young) = (
      Standing(.kept, since: at(1), bodyBytes: 0), Standing(.kept, since: at(2), bodyBytes: 0)
    )
    #expect(try #require(old.rank(at: at(100))) < #require(young.rank(at: at(100))))
  }

  @Test func clientsAreDistinguishedByNetwork() throws {
    func client(_ text: String) throws -> Client {
      Client(try SocketAddress(ipAddress: text, port: 1))
    }
    for text in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
      #expect(try client(text) == .thisMachine, "\(text)")
    }
    #expect(Client(nil) == .thisMachine)
    #expect(try client("10.0.0.1") == client("::ffff:10.0.0.1"))
    #expect(try client("10.0.0.1") != client("10.0.0.2"))
    #expect(try client("2001:db8::1") == client("2001:db8::ffff:1"))
    #expect(try client("2001:db8::1") != client("2001:db8:0:1::1"))
  }
}
