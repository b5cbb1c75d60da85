import Domain
import ForgePort
import Projections
import Testing

@testable import Server

/// Which checks a cycle reads, among many pull requests.
@Suite struct CheckScheduleTests {
  private static let commit = ObjectID(String(repeating: "a", count: 40))
  private static let now = Timestamp(milliseconds: 1_900_000_000_000)
  private static let young = CheckSchedule.Commit(sha: commit, pushedAt: now - .seconds(60))
  private static let old = CheckSchedule.Commit(
    sha: commit, pushedAt: now - CheckSchedule.youngFor - .seconds(1))

  private static func row(
    _ number: Int, newest: String = "d", state: DelegationStateName = .pushed
  ) -> PullRequestRow {
    var row = PullRequestRow(id: .init(repository: "acme/tools", number: Int64(number)))
    row.delegation = DelegationID(newest)
    row.delegationState = state
    return row
  }

  private static func check(_ outcome: ForgeCheck.Outcome) -> ForgeCheck {
    ForgeCheck(
      id: FeedbackID(.check, 1), name: "build", commit: commit, outcome: outcome, author: "ci")
  }

  /// In which of the next cycles the pull request is due, if its reads find what it has already.
  private static func due(
    _ schedule: inout CheckSchedule, _ row: PullRequestRow, _ commit: CheckSchedule.Commit,
    cycles: Int = 25
  ) -> [Int] {
    (1...cycles).filter { _ in
      guard !schedule.begin([row]).isEmpty else { return false }
      schedule.note(row, commit, nil, nil, at: now)
      return true
    }
  }

  @Test func aYoungCommitIsReadInEachCycleAndASettledOneSeldom() {
    let row = Self.row(1)
    var schedule = CheckSchedule()
    #expect(Self.due(&schedule, row, Self.young, cycles: 5) == [1, 2, 3, 4, 5])
    #expect(Self.due(&schedule, row, Self.old) == [1, 11, 21])
  }

  @Test func whatIsPendingIsReadInEachCycleForADay() {
    let row = Self.row(1)
    var schedule = CheckSchedule()
    #expect(schedule.begin([row]).count == 1)
    schedule.note(row, Self.old, [Self.check(.pending)], nil, at: Self.now)
    #expect(Self.due(&schedule, row, Self.old, cycles: 3) == [1, 2, 3])
    let ancient = CheckSchedule.Commit(
      sha: Self.commit, pushedAt: Self.now - CheckSchedule.pendingFor - .seconds(1))
    #expect(Self.due(&schedule, row, ancient, cycles: 12) == [1, 11])
    schedule.note(row, Self.old, [Self.check(.succeeded)], nil, at: Self.now)
    #expect(Self.due(&schedule, row, Self.old, cycles: 12) == [10])
  }

  @Test func aNewRoundIsReadAtOnceAndOneAtWorkIsNot() {
    var schedule = CheckSchedule()
    _ = schedule.begin([Self.row(1)])
    schedule.note(Self.row(1), Self.old, [], nil, at: Self.now)
    #expect(schedule.begin([Self.row(1)]).isEmpty)
    #expect(schedule.begin([Self.row(1, newest: "e", state: .generating)]).isEmpty)
    #expect(schedule.begin([Self.row(1, newest: "e")]).count == 1)
  }

  @Test func oneCycleHasALimitAndNobodyWaitsForEver() {
    let rows = (1...1000).map { Self.row($0) }
    var schedule = CheckSchedule()
    var read: [Int64: Int] = [:]
    var most = 0
    for _ in 1...30 {
      let due = schedule.begin(rows)
      most = max(most, due.count)
      for row in due {
        read[row.number, default: 0] += 1
        schedule.note(row, Self.old, nil, nil, at: Self.now)
      }
    }
    #expect(most == CheckSchedule.readMax)
    #expect(read.count == 1000)
    let counts = Set(read.values)
    #expect(counts.isSubset(of: [2, 3]), "\(counts)")
    // Many that change all the time do not keep the settled ones from being read.
    let young = (1001...1400).map { Self.row($0) }
    read = [:]
    for _ in 1...30 {
      for row in schedule.begin(rows + young) {
        read[row.number, default: 0] += 1
        schedule.note(row, row.number > 1000 ? Self.young : Self.old, nil, nil, at: Self.now)
      }
    }
    #expect(read.count == 1400)
  }

  @Test func whatCannotBeReadIsAskedForLessAndLess() {
    let row = Self.row(1)
    var schedule = CheckSchedule()
    var asked: [Int] = []
    for cycle in 1...1000 where !schedule.begin([row]).isEmpty {
      asked.append(cycle)
      schedule.fail(row)
    }
    #expect(asked == [1, 2, 4, 8, 16, 32, 64, 128, 256, 384, 512, 640, 768, 896])
    schedule.note(row, Self.young, [], nil, at: Self.now)
    #expect(Self.due(&schedule, row, Self.young, cycles: 2) == [1, 2])
  }

  @Test func aValidatorIsOfItsCommit() {
    let row = Self.row(1)
    var schedule = CheckSchedule()
    guard let key = FeedbackWatch.PullRequestKey(row) else {
      Issue.record("no key")
      return
    }
    _ = schedule.begin([row])
    schedule.note(row, Self.old, [], ForgeValidator("v"), at: Self.now)
    #expect(schedule.validator(of: key, Self.commit) == ForgeValidator("v"))
    #expect(schedule.validator(of: key, ObjectID("b")) == nil)
    schedule.forget(besides: [])
    #expect(schedule.validator(of: key, Self.commit) == nil)
  }
}
