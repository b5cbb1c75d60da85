// The events of a delegation. The eight transitions come first, in the order of a successful
// delegation; events between them follow.
//
// An event contains facts. Text of users, agents and the forge is optional in each event: the log
// stores it separately, a fold never needs it, and a redaction removes it.

package enum DelegationEvent: Equatable, Sendable {
  // Large payloads are indirect, so that the other events, which are most, stay small.
  indirect case requested(Requested)
  case branchCreated(BranchCreated)
  case taskCommitted(TaskCommitted)
  case pullRequestCreated(PullRequestCreated)
  case dispatched(Dispatched)
  case generating(GenerationStarted)
  case pushed(Pushed)
  case failed(Failed)

  case baseResolved(BaseResolved)
  indirect case generated(Generated)
  case stepFailed(StepFailed)
  case released(Released)
  case cancelRequested
  case retryRequested
  case pullRequestUpdated(PullRequestUpdated)
  case actionDone(ActionDone)
  indirect case networkUsed(NetworkUsed)
  /// Of the conversation on the pull request, if this is its first delegation.
  indirect case conversation(ConversationEvent)
}

extension DelegationEvent {
  /// Whether another worker, or none, may have the delegation after it.
  package var movesLease: Bool {
    switch self {
    case .dispatched, .generated, .released, .failed: true
    case .requested, .branchCreated, .taskCommitted, .pullRequestCreated, .generating, .pushed,
      .baseResolved, .stepFailed, .cancelRequested, .retryRequested, .pullRequestUpdated,
      .actionDone, .networkUsed, .conversation:
      false
    }
  }
}

/// The request. It never changes afterwards.
package struct Requested: Equatable, Sendable {
  /// A new branch and PR, or generation on ones that exist (`POST /generate-code`).
  package enum Kind: Equatable, Sendable {
    case delegate
    case adopt(pullRequest: Int)
    /// Generation on the branch of an earlier delegation, for what people or checks said.
    case followUp(FollowUp)
  }

  /// The workflow definition of this delegation. The log contains it under this digest.
  package struct Workflow: Hashable, Sendable {
    package var name: String
    package var digest: String
    package init(name: String, digest: String) {
      self.name = name
      self.digest = digest
    }
  }

  /// The `Idempotency-Key` of the request (hashed with its requester), and the hash of its body.
  package struct IdempotencyKey: Hashable, Sendable {
    package var key: String
    package var body: String
    package init(key: String, body: String) {
      self.key = key
      self.body = body
    }
  }

  package var kind: Kind
  package var stamp: Stamp
  package var repository: RepositoryName
  /// The full name of the branch, stamp included.
  package var branch: String
  /// nil for the repository's default branch.
  package var baseBranch: String?
  package var requester: String
  /// 0–9, higher first.
  package var priority: Int
  package var agent: String
  package var workflow: Workflow
  package var draft: Bool
  /// The most attempts that an agent may fail.
  package var attemptsMax: Int
  package var idempotencyKey: IdempotencyKey?
  package var text: TaskText?
  /// The moments at which the workflow has a notice for the pull request.
  package var notices: Set<NoticeMoment>
  /// The issue that the pull request is to solve; nil if the request names no issue.
  package var issue: IssueName?

  package init(
    kind: Kind, stamp: Stamp, repository: RepositoryName, branch: String, baseBranch: String?,
    requester: String, priority: Int, agent: String, workflow: Workflow, draft: Bool,
    attemptsMax: Int, idempotencyKey: IdempotencyKey?, text: TaskText?,
    notices: Set<NoticeMoment> = [], issue: IssueName? = nil
  ) {
    self.notices = notices
    self.issue = issue
    self.kind = kind
    self.stamp = stamp
    self.repository = repository
    self.branch = branch
    self.baseBranch = baseBranch
    self.requester = requester
    self.priority = priority
    self.agent = agent
    self.workflow = workflow
    self.draft = draft
    self.attemptsMax = attemptsMax
    self.idempotencyKey = idempotencyKey
    self.text = text
  }
}

extension Requested {
  /// The delegation before a follow-up; nil for others.
  package var follows: DelegationID? {
    if case .followUp(let followUp) = kind { followUp.follows } else { nil }
  }

  /// How a follow-up merges the base branch; nil if it does not, or for others.
  package var merge: FollowUp.Merge? {
    if case .followUp(let followUp) = kind { followUp.merge } else { nil }
  }

  /// The request as it is recorded. The name of a new branch ends in the stamp.
  package func stamped(_ stamp: Stamp) -> Requested {
    var stamped = self
    stamped.stamp = stamp
    if case .delegate = kind { stamped.branch = "\(branch)-\(stamp.milliseconds)" }
    return stamped
  }
}

/// The base commit, recorded before the first write.
package struct BaseResolved: Equatable, Sendable {
  package var branch: String
  package var sha: ObjectID
  /// The blob of an existing TASK.md, which the task commit replaces.
  package var taskBlob: ObjectID?
  package init(branch: String, sha: ObjectID, taskBlob: ObjectID?) {
    self.branch = branch
    self.sha = sha
    self.taskBlob = taskBlob
  }
}

/// The branch exists on the forge, at this commit.
package struct BranchCreated: Equatable, Sendable {
  package var sha: ObjectID
  /// True if the branch was found, not created.
  package var adopted: Bool
  package init(sha: ObjectID, adopted: Bool) {
    self.sha = sha
    self.adopted = adopted
  }
}

/// TASK.md is on the branch, in this commit.
package struct TaskCommitted: Equatable, Sendable {
  package var sha: ObjectID
  package var adopted: Bool
  package init(sha: ObjectID, adopted: Bool) {
    self.sha = sha
    self.adopted = adopted
  }
}

/// The pull request is open.
package struct PullRequestCreated: Equatable, Sendable {
  package var number: Int
  package var url: String
  package var adopted: Bool
  package init(number: Int, url: String, adopted: Bool) {
    self.number = number
    self.url = url
    self.adopted = adopted
  }
}

/// A worker got the delegation. Its hand-in must carry this token.
package struct Dispatched: Equatable, Sendable {
  package var worker: WorkerID
  /// The life of that worker: increases with each registration.
  package var incarnation: Int
  package var attempt: Int
  package var token: FencingToken
  package init(worker: WorkerID, incarnation: Int, attempt: Int, token: FencingToken) {
    self.worker = worker
    self.incarnation = incarnation
    self.attempt = attempt
    self.token = token
  }
}

/// A merge of the base branch that a commit completes.
package struct BaseMerge: Equatable, Sendable {
  /// The head of the base branch: the second parent.
  package var base: ObjectID
  /// A commit that the server made of both: git's merge, with conflicts marked in its files. The
  /// agent starts from it. It is on no branch.
  package var start: ObjectID
  package init(base: ObjectID, start: ObjectID) {
    self.base = base
    self.start = start
  }
}

/// The cost and the size of a generation.
package struct GenerationFigures: Equatable, Sendable {
  package var filesChanged: Int
  package var insertions: Int
  package var deletions: Int
  package var duration: Milliseconds
  /// The agent's output: bytes kept, and their SHA-256 in hex.
  package var outputSize: Int
  package var outputDigest: String
  /// Usage as a sentence, as workers of an earlier version report it; nil if `Generated.usage` has
  /// the numbers, or if nothing is known.
  package var usageText: String?
  /// Paths that are allowed but that people should look at, because files there run code or
  /// configure programs. They are text, because the agent chose the names.
  package var flagged: [String]

  package init(
    filesChanged: Int, insertions: Int, deletions: Int, duration: Milliseconds, outputSize: Int,
    outputDigest: String, usageText: String? = nil, flagged: [String] = []
  ) {
    self.flagged = flagged
    self.filesChanged = filesChanged
    self.insertions = insertions
    self.deletions = deletions
    self.duration = duration
    self.outputSize = outputSize
    self.outputDigest = outputDigest
    self.usageText = usageText
  }

  /// `1 file` or `3 files`.
  package var filesInWords: String { filesChanged == 1 ? "1 file" : "\(filesChanged) files" }
}

/// A commit was handed in and accepted. From now on the server pushes it.
package struct Generated: Equatable, Sendable {
  package var attempt: Int
  /// nil if the commit was found on the branch (adopted).
  package var token: FencingToken?
  package var sha: ObjectID
  /// The head that the commit is based on.
  package var parent: ObjectID
  /// The merge that it is; nil if it has one parent.
  package var merge: BaseMerge?
  package var figures: GenerationFigures?
  /// The usage that the agent reported.
  package var usage: AgentUsage
  /// The agent's last words; nil if it gave none.
  package var words: String?
  package init(
    attempt: Int, token: FencingToken?, sha: ObjectID, parent: ObjectID,
    merge: BaseMerge? = nil, figures: GenerationFigures?, usage: AgentUsage = AgentUsage(),
    words: String? = nil
  ) {
    self.merge = merge
    self.words = words
    self.usage = usage
    self.attempt = attempt
    self.token = token
    self.sha = sha
    self.parent = parent
    self.figures = figures
  }
}

/// The generated commit is on the branch: the delegation has succeeded.
package struct Pushed: Equatable, Sendable {
  package var sha: ObjectID
  package var adopted: Bool
  package init(sha: ObjectID, adopted: Bool) {
    self.sha = sha
    self.adopted = adopted
  }
}

/// The delegation has ended without its commit.
package struct Failed: Equatable, Sendable {
  package var step: Step
  package var code: FailureCode
  /// Whether a retry may succeed without another change.
  package var retryable: Bool
  package var message: String?
  package var hint: String?
  /// The usage that the agent of the last attempt reported; empty if an earlier event has it.
  package var usage: AgentUsage
  /// The last words of the agent of the last attempt; nil if it gave none.
  package var words: String?
  package init(
    step: Step, code: FailureCode, retryable: Bool, message: String?, hint: String?,
    usage: AgentUsage = AgentUsage(), words: String? = nil
  ) {
    self.words = words
    self.usage = usage
    self.step = step
    self.code = code
    self.retryable = retryable
    self.message = message
    self.hint = hint
  }
}

/// A try of a step failed, and another will follow.
package struct StepFailed: Equatable, Sendable {
  package var step: Step
  package var attemptedTry: Int
  package var code: FaultCode
  package var retryAt: Timestamp
  /// True if the effect may have happened although its answer was lost.
  package var ambiguous: Bool
  package var message: String?
  /// The agent of the next attempts; nil if it stays.
  package var nextAgent: String?
  package init(
    step: Step, attemptedTry: Int, code: FaultCode, retryAt: Timestamp, ambiguous: Bool,
    message: String?, nextAgent: String? = nil
  ) {
    self.nextAgent = nextAgent
    self.step = step
    self.attemptedTry = attemptedTry
    self.code = code
    self.retryAt = retryAt
    self.ambiguous = ambiguous
    self.message = message
  }
}

/// A lease ended without a commit: back to `PRCreated`.
package struct Released: Equatable, Sendable {
  package var attempt: Int
  /// nil if a commit was given up that no lease has any more.
  package var token: FencingToken?
  package var cause: ReleaseCause
  package var message: String?
  /// The usage that the agent reported until then.
  package var usage: AgentUsage
  /// The agent of the next attempts; nil if it stays.
  package var nextAgent: String?
  /// For `agentLimited`: when the provider's limit ends, or is taken to end.
  package var limitEnds: Timestamp?
  package init(
    attempt: Int, token: FencingToken?, cause: ReleaseCause, message: String?,
    usage: AgentUsage = AgentUsage(), nextAgent: String? = nil, limitEnds: Timestamp? = nil
  ) {
    self.limitEnds = limitEnds
    self.nextAgent = nextAgent
    self.usage = usage
    self.attempt = attempt
    self.token = token
    self.cause = cause
    self.message = message
  }
}

/// The forge reported that the pull request was merged, closed or reopened.
package struct PullRequestUpdated: Equatable, Sendable {
  package var state: PullRequestState
  /// The time of that state by the forge's clock: a late report does not replace a newer state.
  package var asOf: Timestamp?
  package init(state: PullRequestState, asOf: Timestamp? = nil) {
    self.state = state
    self.asOf = asOf
  }
}

/// A notice of the workflow on the pull request is done, or was given up. Its marker identifies it.
package struct ActionDone: Equatable, Sendable {
  package var marker: String
  /// Why it was given up; nil if it was done.
  package var failure: String?
  package init(marker: String, failure: String? = nil) {
    self.marker = marker
    self.failure = failure
  }
}
