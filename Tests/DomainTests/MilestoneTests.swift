import Domain
import Testing

/// From the request to the pull request: what the executor records of the forge.
struct MilestoneTests {
  @Test func aRequestIsTheFirstEventAndComesOnce() throws {
    #expect(
      try given().when(.request(Sample.request)) == .events([.requested(Sample.request)]))
    #expect(
      try given(Sample.requested).when(.request(Sample.request))
        == .rejected(.notAllowed(command: "request", state: .requested)))
  }

  @Test func theStateDoesNotKeepTheUsersWords() throws {
    #expect(try given(Sample.requested).state.delegation?.request.text == nil)
  }

  @Test func eachMilestoneFollowsTheOneBefore() throws {
    let branch = BranchCreated(sha: Sample.base, adopted: true)
    let commit = TaskCommitted(sha: Sample.task, adopted: false)
    let steps: [(DelegationCommand, [DelegationEvent], DelegationEvent)] = [
      (.recordBase(Sample.baseFact), Sample.requested, .baseResolved(Sample.baseFact)),
      (.recordBranch(branch), Sample.based, .branchCreated(branch)),
      (.recordTaskCommit(commit), Sample.branched, .taskCommitted(commit)),
      (
        .recordPullRequest(Sample.pullRequest), Sample.committed,
        .pullRequestCreated(Sample.pullRequest)
      ),
    ]
    for (command, before, event) in steps {
      #expect(try given(before).when(command) == .events([event]))
      for (_, other, _) in steps where other != before {
        #expect(try given(other).when(command).isRejected, "\(command) after \(other.count)")
      }
      #expect(try given(before + [event]).when(command).isRejected, "twice: \(command)")
    }
  }

  @Test func theNextIntentFollowsTheMilestones() throws {
    #expect(try given().state.nextIntent == nil)
    #expect(try given(Sample.requested).state.nextIntent == .resolveBase)
    #expect(try given(Sample.based).state.nextIntent == .createBranch)
    #expect(try given(Sample.branched).state.nextIntent == .commitTask)
    #expect(try given(Sample.committed).state.nextIntent == .openPullRequest)
    #expect(try given(Sample.prepared).state.nextIntent == .dispatch)
    let lease = try #require(try given(Sample.dispatched).state.lease)
    #expect(try given(Sample.dispatched).state.nextIntent == .awaitWorker(lease))
    #expect(try given(Sample.generating).state.nextIntent == .awaitWorker(lease))
    #expect(try given(Sample.generated).state.nextIntent == .push(Sample.handIn(1)))
    #expect(try given(Sample.pushed).state.nextIntent == nil)
    #expect(try given(Sample.failed).state.nextIntent == nil)
    #expect(try given(Sample.unpushed).state.nextIntent == .push(Sample.handIn(1)))
  }

  @Test func adoptionRecordsAllMilestonesAtOnceAndMakesNothing() throws {
    let request = Sample.request(.adopt(pullRequest: 123))
    let adoption = Adoption(
      base: Sample.baseFact, head: Sample.head, pullRequest: Sample.pullRequest)
    let asked = try given(.requested(request))
    #expect(asked.state.nextIntent == .adopt(pullRequest: 123))
    #expect(asked.state.step == .adopt)
    let then = asked.when(.recordAdoption(adoption))
    #expect(
      then
        == .events([
          .baseResolved(Sample.baseFact),
          .branchCreated(BranchCreated(sha: Sample.head, adopted: true)),
          .taskCommitted(TaskCommitted(sha: Sample.head, adopted: true)),
          .pullRequestCreated(Sample.pullRequest),
        ]))
    let state = try given([.requested(request)] + then.made).state
    #expect(state.name == .pullRequestCreated)
    #expect(state.delegation?.taskCommit == Sample.head)
    #expect(state.nextIntent == .dispatch)
    #expect(try given(Sample.based).when(.recordAdoption(adoption)).isRejected)
  }

  @Test func aCommitFoundOnTheBranchIsGeneratedAndPushed() throws {
    let found = DelegationCommand.recordFound(
      commit: Sample.commit, parent: Sample.head, attempt: 1)
    let then = try given(Sample.prepared).when(found)
    #expect(
      then
        == .events([
          .generated(
            Generated(
              attempt: 1, token: nil, sha: Sample.commit, parent: Sample.head, figures: nil)),
          .pushed(Pushed(sha: Sample.commit, adopted: true)),
        ]))
    #expect(try given(Sample.prepared + then.made).state.name == .pushed)
    for other in [Sample.committed, Sample.dispatched, Sample.unpushed, Sample.pushed] {
      #expect(try given(other).when(found).isRejected)
    }
  }

  @Test func newsOfThePullRequestMayComeTwiceAndInAnyOrder() throws {
    let (early, late) = (Sample.now, Sample.now + .seconds(9))
    let closed = DelegationCommand.updatePullRequest(.closed, asOf: early)
    let reopened = DelegationCommand.updatePullRequest(.open, asOf: late)
    let first = try given(Sample.pushed).when(closed)
    #expect(first == .events([.pullRequestUpdated(.init(state: .closed, asOf: early))]))
    #expect(try given(Sample.pushed + first.made).when(closed) == .nothing)
    let then = try given(Sample.pushed + first.made).when(reopened)
    #expect(then == .events([.pullRequestUpdated(.init(state: .open, asOf: late))]))
    #expect(try given(Sample.pushed + first.made + then.made).when(closed) == .nothing)
    // The later one comes first: it is kept, or the earlier one would win.
    let ahead = try given(Sample.pushed).when(reopened)
    #expect(ahead.made.count == 1)
    #expect(try given(Sample.pushed + ahead.made).when(closed) == .nothing)
    let merged = try given(Sample.pushed).when(.updatePullRequest(.merged, asOf: early))
    #expect(try given(Sample.pushed + merged.made).when(reopened) == .nothing)
  }

  @Test func pullRequestNewsAndActionsAreRecordedOnce() throws {
    #expect(
      try given(Sample.pushed).when(.updatePullRequest(.merged))
        == .events([.pullRequestUpdated(PullRequestUpdated(state: .merged))]))
    #expect(try given(Sample.prepared).when(.updatePullRequest(.open)) == .nothing)
    #expect(try given(Sample.committed).when(.updatePullRequest(.open)).isRejected)
    let action = DelegationCommand.recordAction(marker: "cancelled")
    let then = try given(Sample.failed).when(action)
    #expect(then == .events([.actionDone(ActionDone(marker: "cancelled"))]))
    #expect(try given(Sample.failed + then.made).when(action) == .nothing)
    #expect(try given().when(action).isRejected)
  }

  @Test func whenTheStateBeganIsTheTimeOfItsEvent() throws {
    let state = try given(Sample.branched + [Sample.stepFailed(.commitTask)]).state
    #expect(state.delegation?.stateSince == Sample.start + .seconds(2))
  }
}

extension Then {
  var isRejected: Bool {
    if case .rejected = self { return true }
    return false
  }

  /// The decided events; empty if the command was refused.
  var made: [DelegationEvent] {
    if case .events(let events) = self { return events }
    return []
  }
}
