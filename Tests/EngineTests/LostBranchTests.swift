import Domain
import ForgePort
import InstantWorld
import LogStories
import Testing
import Workflows

@testable import Engine

/// Whether a branch that a forge does not show is gone, or is not visible yet.
@Suite struct LostBranchTests {
  let rig: CoreRig

  init() throws {
    let workflow = try #require(try WorkflowCatalog()["personal-delegate"])
    rig = try CoreRig(workflow: workflow, fleets: [])
  }

  /// The tries to commit the task fail for these reasons, one after the other; later ones succeed.
  private func submit(_ faults: [ForgeFault.Kind]) throws -> [DelegationEvent] {
    var left = faults[...]
    rig.answer = { call in
      switch call {
      case .forge(.putFile), .forge(.compare):
        guard let kind = left.popFirst() else { return Instant.answer(call) }
        return .forge(.failure(ForgeFault(kind: kind, message: "made up")))
      case .forge, .git, .round, .monthCost: return Instant.answer(call)
      }
    }
    let id = rig.submit(1)
    try rig.settle()
    try rig.wait(seconds: 600)
    return rig.events(of: id)
  }

  private func failure(_ events: [DelegationEvent]) -> FailureCode? {
    for case .failed(let failed) in events { return failed.code }
    return nil
  }

  @Test("one look that misses the branch proves nothing, whatever failed before it")
  func onceAfterOtherFailures() throws {
    let events = try submit(Array(repeating: .unreachable, count: 8) + [.notFound])
    #expect(failure(events) == nil)
    #expect(events.contains { if case .taskCommitted = $0 { true } else { false } })
  }

  @Test func aBranchThatAppearsLate() throws {
    let events = try submit(Array(repeating: .notFound, count: 4))
    #expect(failure(events) == nil)
  }

  @Test func aBranchThatStaysAway() throws {
    let events = try submit(Array(repeating: .notFound, count: 1000))
    #expect(failure(events) == .branchDiverged)
    let tries = events.filter { if case .stepFailed = $0 { true } else { false } }
    #expect(tries.count == 4)
  }
}
