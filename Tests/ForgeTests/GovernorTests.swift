import Domain
import Testing

@testable import ForgeGitHub

@Suite struct PaceTests {
  static let start = Timestamp(milliseconds: 1_000_000)

  /// Asks `count` times at once and comes again when told to.
  /// - Returns: when each call went out.
  private func send(_ count: Int, _ cost: CallCost, pace: ForgePace) -> [Timestamp] {
    var keeper = PaceKeeper(pace)
    var due = Array(repeating: Self.start, count: count)
    var sent: [Timestamp] = []
    while let index = due.indices.min(by: { due[$0] < due[$1] }) {
      let now = due[index]
      if let later = keeper.take(cost, at: now) {
        #expect(later > now)
        due[index] = later
      } else {
        sent.append(now)
        due.remove(at: index)
      }
    }
    return sent
  }

  /// The most calls within any such span.
  private func most(_ sent: [Timestamp], in span: Milliseconds) -> Int {
    sent.map { first in sent.count { $0 >= first && $0 - first < span } }.max() ?? 0
  }

  @Test func creationsKeepToTheMinuteAndTheHour() {
    let sent = send(700, .write, pace: .github)
    #expect(sent.count == 700)
    #expect(most(sent, in: .seconds(60)) == 80)
    #expect(most(sent, in: .seconds(3600)) == 500)
    // The first ones need not wait, and nobody waits for longer than it takes.
    #expect(sent.prefix(80).allSatisfy { $0 == Self.start })
    #expect(sent.last.map { $0 - Self.start < .seconds(3600 + 240) } ?? false)
  }

  @Test func pointsCountReadsToo() {
    let sent = send(2000, .read, pace: .github)
    #expect(most(sent, in: .seconds(60)) == 900)
  }

  @Test func whoWasPromisedATurnFindsItFreeThoughOthersCame() {
    var keeper = PaceKeeper(ForgePace(callsAtOnce: 9, creations: [.init(1, in: .seconds(10))]))
    #expect(keeper.take(.write, at: Self.start) == nil)
    let first = keeper.take(.write, at: Self.start)
    #expect(first == Self.start + .seconds(10))
    #expect(keeper.take(.write, at: Self.start + .seconds(5)) == Self.start + .seconds(20))
    #expect(keeper.take(.write, at: Self.start + .seconds(10)) == nil)
    #expect(keeper.take(.write, at: Self.start + .seconds(11)) == Self.start + .seconds(30))
  }

  @Test func aTurnThatNobodyComesForIsGivenBack() {
    var keeper = PaceKeeper(ForgePace(callsAtOnce: 9, creations: [.init(1, in: .seconds(600))]))
    #expect(keeper.take(.write, at: Self.start) == nil)
    #expect(keeper.take(.write, at: Self.start) == Self.start + .seconds(600))
    let late = Self.start + .seconds(600 + 121)
    #expect(keeper.take(.write, at: late) == nil)
  }

  @Test func withoutAPaceNobodyWaits() {
    #expect(send(1000, .write, pace: .unpaced).allSatisfy { $0 == Self.start })
  }
}

@Suite struct GovernorTests {
  static let start = Timestamp(milliseconds: 1_000_000)
  private var governor = Governor(pace: ForgePace(callsAtOnce: 2))

  private mutating func admit(_ offset: Int64 = 0) -> Governor.Verdict {
    governor.admit(.read, hasTurn: false, at: Self.start + Milliseconds(offset))
  }

  private mutating func end(_ outcome: Governor.Outcome, _ offset: Int64 = 0) {
    governor.ended(outcome, at: Self.start + Milliseconds(offset))
  }

  @Test mutating func noMoreAtOnceThanThePaceSays() {
    #expect(admit() == .go)
    #expect(admit() == .go)
    #expect(admit() == .queue)
    end(.answered)
    #expect(governor.places(at: Self.start) == 1)
    #expect(admit() == .go)
  }

  @Test mutating func aLimitHoldsBackEverythingAndThenLetsGoOneAfterTheOther() {
    #expect(admit() == .go)
    let until = Self.start + .seconds(30)
    end(.limited(until: until, isOpenEnded: false))
    #expect(admit(1) == .limited(until: until))
    #expect(admit(2) == .limited(until: until + Milliseconds(25)))
    #expect(admit(27_999) == .limited(until: until + Milliseconds(50)))
    #expect(admit(30_000) == .go)
  }

  @Test mutating func theEndOfALimitThatIsNearIsWaitedFor() {
    #expect(admit() == .go)
    let until = Self.start + .seconds(5)
    end(.limited(until: until, isOpenEnded: false))
    #expect(admit(2999) == .limited(until: until))
    #expect(governor.places(at: Self.start + Milliseconds(2999)) == .max)
    #expect(admit(3000) == .hold(until: until))
    #expect(governor.refusal(at: Self.start + Milliseconds(4999)) == .hold(until: until))
    // Those that wait in line stay there until then.
    #expect(governor.places(at: Self.start + Milliseconds(4999)) == 0)
    #expect(governor.places(at: until) > 0)
    #expect(admit(5000) == .go)
  }

  @Test mutating func afterALimitFewGoAtOnceAndOneMoreWithEachAnswer() {
    governor = Governor(pace: ForgePace(callsAtOnce: 8))
    #expect(governor.places(at: Self.start) == 8)
    #expect(admit() == .go)
    end(.limited(until: Self.start + .seconds(1), isOpenEnded: false))
    var offset: Int64 = 1000
    for expected in [4, 5, 6, 7, 8, 8] {
      #expect(governor.places(at: Self.start + Milliseconds(offset)) == expected)
      for _ in 0..<expected { #expect(admit(offset) == .go) }
      #expect(admit(offset) == .queue)
      end(.answered, offset)
      for _ in 1..<expected { end(.unsent, offset) }
      offset += 1
    }
    // A failure says nothing of how much the forge takes.
    #expect(admit(offset) == .go)
    end(.failed, offset)
    #expect(governor.places(at: Self.start + Milliseconds(offset)) == 8)
  }

  @Test mutating func limitsWithoutAnEndGrowUntilOneIsAnswered() {
    var offset: Int64 = 0
    for seconds: Int64 in [60, 120, 240, 480] {
      #expect(admit(offset) == .go)
      end(.limited(until: Self.start, isOpenEnded: true), offset)
      #expect(governor.limitedUntil == Self.start + Milliseconds(offset + seconds * 1000))
      offset += seconds * 1000
    }
    #expect(admit(offset) == .go)
    end(.answered, offset)
    #expect(admit(offset) == .go)
    end(.limited(until: Self.start, isOpenEnded: true), offset)
    #expect(governor.limitedUntil == Self.start + Milliseconds(offset + 60_000))
  }

  @Test mutating func thoseUnderWayWhenALimitBeganCountOnce() {
    #expect(admit() == .go)
    #expect(admit() == .go)
    end(.limited(until: Self.start, isOpenEnded: true))
    end(.limited(until: Self.start, isOpenEnded: true), 500)
    #expect(governor.limitedUntil == Self.start + .seconds(60))
  }

  @Test mutating func aForgeThatFailsIsLeftAloneAndThenAskedByOne() {
    for _ in 0..<8 {
      #expect(admit() == .go)
      end(.failed)
    }
    #expect(admit(999) == .down(until: Self.start + .seconds(1)))
    // One goes to see; the others wait for what it finds.
    #expect(admit(1000) == .go)
    #expect(admit(1000) == .queue)
    end(.failed, 1500)
    #expect(admit(1500) == .down(until: Self.start + Milliseconds(3500)))
    #expect(admit(3500) == .go)
    end(.answered, 3600)
    #expect(admit(3600) == .go)
    #expect(admit(3600) == .go)
  }

  @Test mutating func oneAnswerBetweenFailuresKeepsItOpen() {
    for number in 0..<70 {
      #expect(admit() == .go)
      end(number % 8 == 7 ? .answered : .failed)
    }
    #expect(governor.downUntil(at: Self.start) == nil)
  }

  @Test mutating func aPauseNeverGrowsPastItsMost() {
    var offset: Int64 = 0
    for _ in 0..<8 {
      #expect(admit(offset) == .go)
      end(.failed, offset)
    }
    for _ in 0..<12 {
      let until = governor.downUntil(at: Self.start + Milliseconds(offset))
      let pause = until.map { ($0 - Self.start).count - offset } ?? 0
      #expect(pause >= 1000 && pause <= 30_000)
      offset += pause
      #expect(admit(offset) == .go)
      end(.failed, offset)
    }
  }
}
