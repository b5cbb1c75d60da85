import Domain
import Testing

/// Decisions about time, as functions of (state, now).
struct PolicyTests {
  private static let policy = RetryPolicy(
    firstDelay: .seconds(1), maximumDelay: .seconds(60), triesMax: 10)

  private func delays(_ policy: RetryPolicy = policy, id: String = "d", step: Step = .push)
    -> [Int64]
  {
    (1...40).map { policy.delay(after: $0, of: DelegationID(id), step: step).count }
  }

  @Test func waitsAreDoubledAndBounded() {
    for id in 0..<200 {
      for (index, delay) in delays(id: "delegation-\(id)").enumerated() {
        let full = index < 6 ? Int64(1000) << Int64(index) : 60_000
        #expect(delay >= full / 2 && delay <= full, "\(delay) after try \(index + 1)")
      }
    }
  }

  @Test func aWaitIsTheSameInAReplay() {
    #expect(delays() == delays())
  }

  @Test func waitsAreSpread() {
    let draws = (0..<1000).map {
      Self.policy.delay(after: 4, of: DelegationID("delegation-\($0)"), step: .createBranch).count
    }
    let tenths = Dictionary(grouping: draws) { ($0 - 4000) * 10 / 4001 }.mapValues(\.count)
    for tenth in Int64(0)..<10 { #expect((60...140).contains(tenths[tenth] ?? 0), "\(tenths)") }
    #expect(delays(step: .push) != delays(step: .commitTask))
  }

  @Test func noSetOfFiguresBreaksIt() {
    let extremes: [Int64] = [0, 1, 2, 1000, Int64.max / 2, Int64.max]
    for first in extremes {
      for most in extremes {
        let policy = RetryPolicy(
          firstDelay: Milliseconds(first), maximumDelay: Milliseconds(most), triesMax: 1)
        for tried in [-1, 0, 1, 2, 50, Int.max] {
          let delay = policy.delay(after: tried, of: DelegationID("d"), step: .push).count
          #expect(delay >= 0 && delay <= most, "\(first) \(most) \(tried)")
        }
      }
    }
  }

  @Test func silenceIsJudged() {
    let leases = LeasePolicy(
      heartbeatInterval: .seconds(2), unhealthyAfter: .seconds(10), lostAfter: .seconds(30))
    #expect(leases.verdict(silence: .seconds(0)) == .alive)
    #expect(leases.verdict(silence: .seconds(10)) == .alive)
    #expect(leases.verdict(silence: Milliseconds(10_001)) == .unhealthy)
    #expect(leases.verdict(silence: .seconds(30)) == .unhealthy)
    #expect(leases.verdict(silence: Milliseconds(30_001)) == .lost)
    #expect(leases.verdict(silence: .seconds(-5)) == .alive)
    #expect(ProgressPolicy(stalledAfter: .seconds(5)).isStalled(silence: .seconds(6)))
    #expect(!ProgressPolicy(stalledAfter: .seconds(5)).isStalled(silence: .seconds(5)))
  }

  @Test func theFirstRestartIsAtOnceAndThenTheyWait() {
    let restarts = RestartPolicy()
    let now = Timestamp(milliseconds: 1_000_000)
    var ends: [Timestamp] = []
    var verdicts: [RestartPolicy.Verdict] = []
    for second in Int64(0)..<6 {
      ends.append(now + .seconds(second))
      verdicts.append(restarts.verdict(ends: ends))
    }
    #expect(
      verdicts == [
        .restart(after: .seconds(0)), .restart(after: .seconds(1)), .restart(after: .seconds(2)),
        .restart(after: .seconds(5)), .restart(after: .seconds(10)), .park,
      ])
  }

  @Test func endsOfLongAgoAreForgotten() {
    let now = Timestamp(milliseconds: 1_000_000)
    let old = (0..<20).map { now + .seconds(Int64($0)) }
    #expect(
      RestartPolicy().verdict(ends: old + [now + .seconds(600)]) == .restart(after: .seconds(0)))
  }

  @Test func aPolicyWithoutDelaysRestartsAtOnce() {
    let restarts = RestartPolicy(delays: [], endsMax: 3, window: .seconds(60))
    let now = Timestamp(milliseconds: 0)
    #expect(restarts.verdict(ends: []) == .restart(after: .seconds(0)))
    #expect(restarts.verdict(ends: [now]) == .restart(after: .seconds(0)))
    #expect(restarts.verdict(ends: [now, now, now]) == .park)
    let one = RestartPolicy(delays: [.seconds(3)], endsMax: 9, window: .seconds(60))
    #expect(one.verdict(ends: [now, now, now]) == .restart(after: .seconds(3)))
  }

  @Test func tokensAreOrderedByEpochThenCounter() {
    let token = FencingToken(epoch: 3, counter: 7)
    #expect(FencingToken(packed: token.packed) == token)
    #expect(FencingToken(epoch: 2, counter: 0xffff_ffff) < FencingToken(epoch: 3, counter: 0))
    #expect(FencingToken(epoch: 3, counter: 6) < token)
  }

  @Test func confirmationCodesAreReadBack() {
    let stamp = Stamp(milliseconds: 1_733_356_800_123)
    #expect(Stamp(confirmationCode: stamp.confirmationCode) == stamp)
    for text in ["", "PR", "PR0", "PR-1", "pr1", "PR1x", "1733356800123"] {
      #expect(Stamp(confirmationCode: text) == nil, "\(text)")
    }
  }
}
