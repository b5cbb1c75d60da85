import Domain
import EventLog
import InstantWorld
import LogStories
import Testing
import Workflows

@testable import Engine

/// Who submitted a delegation and waits is answered by the core.
@Suite struct FollowTests {
  let rig: CoreRig

  init() throws {
    let workflow = try #require(try WorkflowCatalog()["personal-delegate"])
    rig = try CoreRig(workflow: workflow, fleets: [])
  }

  private func follow(_ id: DelegationID, seconds: Int64 = 60, _ reply: Int64) {
    rig.feed(.follow(id, until: rig.now.wall + .seconds(seconds), ReplyID(reply)))
  }

  @Test func itIsAnsweredWhenThePullRequestIsThere() throws {
    let id = rig.submit(1)
    _ = rig.settleOne()
    follow(id, 901)
    follow(id, 902)
    _ = rig.settleOne()
    #expect(rig.progress.isEmpty)
    try rig.settle()
    let progress = try #require(rig.progress[ReplyID(901)] ?? nil)
    #expect(
      progress.state == .pullRequestCreated && progress.pullRequest != nil
        && progress.failure == nil)
    #expect(rig.progress[ReplyID(902)] == progress)
    #expect(rig.core.followers.count == 0)
    // Now there is nothing to wait for.
    follow(id, 903)
    try rig.settle()
    #expect(rig.progress[ReplyID(903)] == progress)
  }

  @Test func aWaitThatEndsEarlyIsAnsweredAndForgotten() throws {
    let id = rig.submit(1)
    _ = rig.settleOne()
    follow(id, 901)
    rig.feed(.unfollow(id, ReplyID(901)))
    // Twice does no harm.
    rig.feed(.unfollow(id, ReplyID(901)))
    while rig.progress.isEmpty, rig.settleOne() {}
    #expect(rig.core.followers.count == 0)
    #expect(rig.progress[ReplyID(901)] != nil)
  }

  @Test func whatIsNotInMemoryIsAnsweredAtOnce() throws {
    follow(DelegationID("unknown"), 901)
    try rig.settle()
    #expect(rig.progress[ReplyID(901)] == .some(nil))
  }

  @Test func onlySoManyWait() {
    var followers = Followers()
    let id = DelegationID("a")
    func insert(_ reply: Int64) -> Bool {
      followers.insert(ReplyID(reply), of: id, until: Timestamp(milliseconds: 1))
    }
    let inserted = (0..<Int64(Followers.countMax)).map(insert)
    #expect(inserted.allSatisfy { $0 })
    let beyond = insert(-1)
    #expect(!beyond)
    let removed = (1...2).map { _ in followers.remove(ReplyID(7), of: id) }
    #expect(removed == [true, false])
    let next = insert(-1)
    #expect(next)
    let taken = followers.take(id) { _ in true }
    #expect(taken.count == Followers.countMax && followers.count == 0)
  }
}
