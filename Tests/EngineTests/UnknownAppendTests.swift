import Domain
import EventLog
import InstantWorld
import LogStories
import Testing
import Workflows

@testable import Engine

/// A log that takes no events for a while refuses a caller, and may have its events nevertheless.
@Suite struct UnknownAppendTests {
  let rig: CoreRig

  init() throws {
    let workflow = try #require(try WorkflowCatalog()["personal-delegate"])
    rig = try CoreRig(workflow: workflow, fleets: [])
  }

  @Test func aSubmissionThatIsInTheLogGoesOn() throws {
    rig.beginLogWait()
    let id = rig.submit(1)
    try rig.settle()
    #expect(rig.replies.values.map(isRefused) == [true])
    try rig.wait(seconds: 5)
    try rig.endLogWait(isWritten: true)
    try rig.wait(seconds: 5)
    #expect(
      rig.events(of: id).contains { if case .pullRequestCreated = $0 { true } else { false } })
  }

  @Test func aSubmissionThatIsNotInTheLogIsForgotten() throws {
    rig.beginLogWait()
    let id = rig.submit(1)
    try rig.wait(seconds: 5)
    #expect(rig.core.isTracked(id))
    try rig.endLogWait(isWritten: false)
    try rig.wait(seconds: 5)
    #expect(rig.events(of: id) == [])
    #expect(!rig.core.isTracked(id))
  }

  @Test func aCommandOfADelegationThatHasEnded() throws {
    let id = rig.submit(1)
    try rig.wait(seconds: 2)
    _ = rig.command(.cancel, id)
    try rig.wait(seconds: 2)
    rig.beginLogWait()
    let reply = rig.command(.retry, id)
    try rig.settle()
    #expect(rig.replies[reply].map(isRefused) == true)
    try rig.endLogWait(isWritten: true)
    try rig.wait(seconds: 5)
    #expect(rig.core.executors[id]?.state.name == .pullRequestCreated)
  }

  private func isRefused(_ reply: CommandReply) -> Bool {
    reply == .failed(.unavailable("it waits"))
  }
}
