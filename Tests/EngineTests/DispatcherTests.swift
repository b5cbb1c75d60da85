import Domain
import Simulation
import Testing

@testable import Engine

/// The dispatcher's rules are its model's: `tools/simulate --choices` compares a million of them.
@Suite struct DispatcherTests {
  @Test func itChoosesWhatASearchThroughAllWouldChoose() {
    let result = DispatcherCases.compare(choices: 60_000)
    #expect(result.difference == nil)
    // Teams in which nobody gets anything would prove nothing.
    #expect(result.pairings > 20_000)
    #expect(result.formers > 100)
  }

  @Test func formerWorkersAreBounded() {
    var former = FormerWorkers()
    let count = FormerWorkers.countMax + 10
    for n in 0..<count {
      former.note(WorkerID("w\(n % 2)"), DelegationID("d\(n)"))
      former.note(WorkerID("w9"), DelegationID("d0"))
    }
    #expect(former[DelegationID("d0")] == WorkerID("w9"))
    #expect(former[DelegationID("d1")] == nil)
    #expect(former[DelegationID("d\(count - 1)")] != nil)
    let known = (0..<count).count { former[DelegationID("d\($0)")] != nil }
    #expect(known == FormerWorkers.countMax)
  }
}
