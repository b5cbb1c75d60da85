import Domain
import EventLog

/// Events of each type, in each form that the log keeps differently.
package enum EveryEvent {
  package static let all: [Event] =
    delegation.map { .delegation($0) } + worker.map { .worker($0) } + system.map { .system($0) }
    + rounds.map { .delegation($0) } + merges.map { .delegation($0) }
    + additions.map { .delegation($0) }

  package static let delegation: [DelegationEvent] = [
    .requested(Story.request(1)),
    .requested(
      Requested(
        kind: .adopt(pullRequest: 123), stamp: Story.stamp(2), repository: Story.repository,
        branch: "übung/α", baseBranch: "main", requester: "token:ci", priority: 9,
        agent: "kiro-acp", workflow: .init(name: "w", digest: "d"), draft: true, attemptsMax: 3,
        idempotencyKey: .init(key: "k", body: "b"),
        text: TaskText(
          title: "", objective: "\u{0}\u{7f}\u{2028}\"\\\n\t\u{1F600}e\u{301}",
          pullRequestTitle: "p", constraints: .list(["a", ""]), acceptanceCriteria: []))),
    .requested(Story.request(3, text: nil)),
    .baseResolved(BaseResolved(branch: "main", sha: Story.sha(1), taskBlob: Story.sha(2))),
    .baseResolved(BaseResolved(branch: "main", sha: Story.sha(1), taskBlob: nil)),
    .branchCreated(BranchCreated(sha: Story.sha(1), adopted: true)),
    .taskCommitted(TaskCommitted(sha: Story.sha(1), adopted: false)),
    .pullRequestCreated(
      PullRequestCreated(number: 123, url: Story.pullRequestURL(123), adopted: true)),
    .dispatched(
      Dispatched(
        worker: Story.worker, incarnation: 7, attempt: 2,
        token: FencingToken(epoch: 3, counter: 0xffff_ffff))),
    .generating(
      GenerationStarted(
        attempt: 1, token: Story.token(1), agent: "demo", session: "s-1", head: Story.sha(1))),
    .generating(
      GenerationStarted(
        attempt: 1, token: Story.token(1), agent: "demo", session: nil, head: Story.sha(1))),
    .generated(
      Generated(
        attempt: 1, token: Story.token(1), sha: Story.sha(3), parent: Story.sha(1),
        figures: Story.figures)),
    .generated(
      Generated(
        attempt: 1, token: nil, sha: Story.sha(3), parent: Story.sha(1), figures: nil)),
    .pushed(Pushed(sha: Story.sha(3), adopted: true)),
    .failed(
      Failed(
        step: .push, code: .pushRejected, retryable: false, message: "no right", hint: "grant it")),
    .failed(Failed(step: .generate, code: .noChanges, retryable: true, message: nil, hint: nil)),
    .stepFailed(
      StepFailed(
        step: .openPullRequest, attemptedTry: 2, code: .noAnswer,
        retryAt: Story.start + .seconds(5), ambiguous: true, message: "timed out")),
    .released(
      Released(attempt: 1, token: Story.token(1), cause: .agentFailed, message: "exit 1")),
    .released(Released(attempt: 1, token: nil, cause: .commitStale, message: nil)),
    .cancelRequested, .retryRequested,
    .pullRequestUpdated(PullRequestUpdated(state: .merged)),
    .actionDone(ActionDone(marker: "comment-1")),
    .networkUsed(NetworkUsed(attempt: 1, token: Story.token(1), use: Story.network)),
    .networkUsed(
      NetworkUsed(
        attempt: 2, token: Story.token(2),
        use: NetworkUse(
          hostsReached: 0, hostsRefused: 0, connections: 0, bytesUp: 0, bytesDown: 0,
          refusedHosts: []))),
  ]

  /// Of follow-ups and conversations, which came later.
  package static let rounds: [DelegationEvent] =
    [
      .requested(
        Story.request(
          4,
          kind: .followUp(
            FollowUp(
              pullRequest: 123, first: Story.id(1), follows: Story.id(2), threads: [7, 9])),
          text: TaskText(
            title: "Rename it", objective: "o", pullRequestTitle: "p", constraints: .text(""),
            acceptanceCriteria: [],
            round: RoundText(
              feedback: [Story.feedback(7, .reviewComment), said],
              earlier: [
                .init(subject: "feat: x", words: "Done."), .init(subject: "y", words: nil),
              ])))),
      .generated(
        Generated(
          attempt: 1, token: Story.token(1), sha: Story.sha(3), parent: Story.sha(1),
          figures: Story.figures, words: "[1] Renamed.")),
      .failed(
        Failed(
          step: .generate, code: .noChanges, retryable: true, message: "m", hint: nil,
          words: "It is right.")),
    ] + conversation.map { .conversation($0) }

  /// Of merges of a base branch, which came after these.
  package static let merges: [DelegationEvent] = [
    .requested(
      Story.request(
        5,
        kind: .followUp(
          FollowUp(
            pullRequest: 123, first: Story.id(1), follows: Story.id(2), threads: [7],
            merge: .withChanges)),
        text: nil)),
    .generating(
      GenerationStarted(
        attempt: 1, token: Story.token(1), agent: "demo", session: nil, head: Story.sha(1),
        merge: merge)),
    .generated(
      Generated(
        attempt: 1, token: nil, sha: Story.sha(3), parent: Story.sha(1), merge: merge,
        figures: nil)),
  ]

  /// Of optional fields that came after these: an issue, the end of a provider's limit.
  package static let additions: [DelegationEvent] = [
    .requested(
      Requested(
        kind: .delegate, stamp: Story.stamp(6), repository: Story.repository, branch: "fix/12",
        baseBranch: nil, requester: "ann", priority: 5, agent: "demo",
        workflow: .init(name: "w", digest: "d"), draft: false, attemptsMax: 2,
        idempotencyKey: nil,
        text: TaskText(
          title: "t", objective: "o", pullRequestTitle: "p", constraints: .text(""),
          acceptanceCriteria: []),
        issue: IssueName(repository: Story.repository, number: 12))),
    .released(
      Released(
        attempt: 1, token: Story.token(1), cause: .agentLimited, message: "at its limit",
        nextAgent: "codex", limitEnds: Story.start + .seconds(60))),
  ]

  private static let merge = BaseMerge(base: Story.sha(4), start: Story.sha(5))

  private static let said = Feedback(
    id: FeedbackID(.comment, 9), source: .comment, author: "review[bot]", isByBot: true,
    text: FeedbackText(body: "@aipm look"))

  package static let conversation: [ConversationEvent] = [
    .feedbackRecorded(
      FeedbackRecorded(
        feedback: Story.feedback(7, .reviewComment), standing: .counts, startAt: Story.start)),
    .feedbackRecorded(FeedbackRecorded(feedback: said, standing: .examined)),
    .feedbackRecorded(
      FeedbackRecorded(
        feedback: Feedback(id: FeedbackID(.check, 1), source: .check, author: "ci", text: nil),
        standing: .ignored(.commitOutdated))),
    .feedbackJudged(
      FeedbackJudged(
        id: FeedbackID(.comment, 9), standing: .counts, startAt: Story.start + .seconds(1))),
    .feedbackJudged(
      FeedbackJudged(id: FeedbackID(.comment, 9), standing: .ignored(.noPermission))),
    .roundStarted(
      RoundStarted(
        delegation: Story.id(3), follows: Story.id(1), takes: [FeedbackID(.comment, 9)])),
    .roundStarted(
      RoundStarted(
        delegation: Story.id(3), follows: Story.id(1),
        takes: [FeedbackID(.ask, "x/1"), FeedbackID(.ask, "x/2")], requester: "bob",
        agent: "kiro", request: .init(key: "k", body: "b"))),
    .roundEnded(RoundEnded(delegation: Story.id(3), commit: Story.sha(4), failure: nil)),
    .roundEnded(RoundEnded(delegation: Story.id(3), commit: nil, failure: .noChanges)),
    .roundResumed(Story.id(3)),
    .roundsStopped(RoundsStopped(reason: .checks, drops: [FeedbackID(.check, 1)])),
  ]

  package static let worker: [WorkerEvent] = [
    Story.registered, .unhealthy(reason: "silent for 10 s"), .unhealthy(reason: nil), .recovered,
    .restarted(delay: .seconds(1), reason: "exit 1"), .restarted(delay: .seconds(0), reason: nil),
    .parked(reason: "keeps ending"), .draining, .stopped, .lost(reason: nil),
  ]

  package static let system: [SystemEvent] = [
    .started(epoch: 4, version: "0.1.0"), .recovered(inFlight: 3, duration: .seconds(1)),
    .restored(lostAfter: 41), .redacted(position: 7, reason: "a password"),
    .redacted(position: 7, reason: nil),
    .workflowDefined(name: "personal-delegate", digest: "77", source: "name: x\n"),
    .workflowDefined(name: "personal-delegate", digest: "77", source: nil),
    .tokenCreated(
      TokenCreated(
        name: "ci", id: "0f", role: "submit", repositories: ["acme/*"], created: Story.start,
        expires: Story.start + .seconds(86_400))),
    .tokenCreated(
      TokenCreated(
        name: "ops", id: "1f", role: "operator", repositories: [], created: Story.start,
        expires: nil)),
    .tokenRevoked(TokenRevoked(name: "ci", id: "0f", revoked: Story.start)),
  ]
}
