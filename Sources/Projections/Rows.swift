import Domain
import EventLog
import Text

/// One delegation as lists and queries see it. It holds facts alone: the words that users gave are
/// read from the event that holds them, so that a redaction needs no second place.
package struct DelegationRow: Equatable, Sendable {
  package var id: DelegationID
  package var stamp: Int64
  package var state: DelegationStateName
  package var repository: String
  package var branch: String
  package var baseBranch: String?
  package var baseSHA: String?
  package var requester: String
  package var priority: Int64
  package var agent: String
  package var workflow: String
  package var digest: String
  package var pr: Int64?
  package var prURL: String?
  package var prState: PullRequestState?
  package var taskCommitSHA: String?
  package var commitSHA: String?
  package var worker: String?
  package var attempt: Int64
  package var failureStep: Step?
  package var failureCode: FailureCode?
  package var failureRetryable: Bool?
  package var nextIntent: String?
  package var cancelRequested: Bool
  /// When the next try of a step is due, in milliseconds since 1970.
  package var retryAt: Int64?
  package var troubleCode: FaultCode?
  package var requestedAt: Int64
  package var stateSince: Int64
  package var updatedAt: Int64
  /// The version of the stream, and the position of its last event.
  package var version: Int64
  package var position: Int64
  /// Why the stream is in quarantine; nil where all is well.
  package var quarantine: String?

  package init(
    id: DelegationID, stamp: Int64, state: DelegationStateName, repository: String, branch: String,
    baseBranch: String?, baseSHA: String?, requester: String, priority: Int64, agent: String,
    workflow: String, digest: String, pr: Int64?, prURL: String?, prState: PullRequestState?,
    taskCommitSHA: String?, commitSHA: String?, worker: String?, attempt: Int64, failureStep: Step?,
    failureCode: FailureCode?, failureRetryable: Bool?, nextIntent: String?, cancelRequested: Bool,
    retryAt: Int64?, troubleCode: FaultCode?, requestedAt: Int64, stateSince: Int64,
    updatedAt: Int64, version: Int64, position: Int64, quarantine: String?
  ) {
    self.id = id
    self.stamp = stamp
    self.state = state
    self.repository = repository
    self.branch = branch
    self.baseBranch = baseBranch
    self.baseSHA = baseSHA
    self.requester = requester
    self.priority = priority
    self.agent = agent
    self.workflow = workflow
    self.digest = digest
    self.pr = pr
    self.prURL = prURL
    self.prState = prState
    self.taskCommitSHA = taskCommitSHA
    self.commitSHA = commitSHA
    self.worker = worker
    self.attempt = attempt
    self.failureStep = failureStep
    self.failureCode = failureCode
    self.failureRetryable = failureRetryable
    self.nextIntent = nextIntent
    self.cancelRequested = cancelRequested
    self.retryAt = retryAt
    self.troubleCode = troubleCode
    self.requestedAt = requestedAt
    self.stateSince = stateSince
    self.updatedAt = updatedAt
    self.version = version
    self.position = position
    self.quarantine = quarantine
  }

  /// The row as one object: what digests are made of, and what a difference prints.
  package var json: JSONValue {
    var object: [String: JSONValue] = [
      "id": .string(id.rawValue), "stamp": .integer(stamp), "state": .string(state.rawValue),
      "repository": .string(repository), "branch": .string(branch),
      "requester": .string(requester), "priority": .integer(priority), "agent": .string(agent),
      "workflow": .string(workflow), "digest": .string(digest), "attempt": .integer(attempt),
      "cancelRequested": .bool(cancelRequested), "requestedAt": .integer(requestedAt),
      "stateSince": .integer(stateSince), "updatedAt": .integer(updatedAt),
      "version": .integer(version), "position": .integer(position),
    ]
    object.put("baseBranch", baseBranch)
    object.put("baseSHA", baseSHA)
    object.put("pr", pr)
    object.put("prURL", prURL)
    object.put("prState", prState?.rawValue)
    object.put("taskCommitSHA", taskCommitSHA)
    object.put("commitSHA", commitSHA)
    object.put("worker", worker)
    object.put("failureStep", failureStep?.rawValue)
    object.put("failureCode", failureCode?.rawValue)
    if let failureRetryable { object["failureRetryable"] = .bool(failureRetryable) }
    object.put("nextIntent", nextIntent)
    object.put("retryAt", retryAt)
    object.put("troubleCode", troubleCode?.rawValue)
    object.put("quarantine", quarantine)
    return .object(object)
  }
}

extension DelegationRow {
  /// The row of a delegation that stands in `state`; nil for one that was never requested.
  /// - Parameters:
  ///   - worker: who has it or had it last.
  ///   - version: with position and time that of the last event that its state allowed.
  package init?(
    state: DelegationState, worker: WorkerID?, version: Int64, position: Int64, time: Timestamp,
    quarantine: String?
  ) {
    guard let d = state.delegation, let name = state.name else { return nil }
    self.init(
      id: d.id, stamp: d.request.stamp.milliseconds, state: name,
      repository: d.request.repository.description, branch: d.request.branch,
      baseBranch: d.base?.branch ?? d.request.baseBranch, baseSHA: d.base?.sha.rawValue,
      requester: d.request.requester, priority: Int64(d.request.priority), agent: d.request.agent,
      workflow: d.request.workflow.name, digest: d.request.workflow.digest,
      pr: d.pullRequest.map { Int64($0.number) }, prURL: d.pullRequest?.url,
      prState: d.pullRequest?.state, taskCommitSHA: d.taskCommit?.rawValue, commitSHA: nil,
      worker: worker?.rawValue, attempt: Int64(d.attempt),
      failureStep: nil, failureCode: nil, failureRetryable: nil,
      nextIntent: state.nextIntent?.name, cancelRequested: d.cancelRequested,
      retryAt: d.trouble?.retryAt.milliseconds, troubleCode: d.trouble?.code,
      requestedAt: d.requestedAt.milliseconds, stateSince: d.stateSince.milliseconds,
      updatedAt: time.milliseconds, version: version, position: position, quarantine: quarantine)
    switch state {
    case .pushed(_, let sha): commitSHA = sha.rawValue
    case .failed(_, let failure):
      failureStep = failure.step
      failureCode = failure.code
      failureRetryable = failure.retryable
      commitSHA = d.unpushed?.sha.rawValue
    case .absent, .requested, .branchCreated, .taskCommitted, .pullRequestCreated, .dispatched,
      .generating:
      commitSHA = state.commitToPush?.sha.rawValue
    }
  }
}

/// One pull request, with the newest delegation that made or took it.
package struct PullRequestRow: Equatable, Sendable {
  package var repository: String
  package var number: Int64
  package var url: String
  package var branch: String
  package var state: PullRequestState
  package var delegation: DelegationID
  package var delegationStamp: Int64
  package var delegationState: DelegationStateName

  package init(
    repository: String, number: Int64, url: String, branch: String, state: PullRequestState,
    delegation: DelegationID, delegationStamp: Int64, delegationState: DelegationStateName
  ) {
    self.repository = repository
    self.number = number
    self.url = url
    self.branch = branch
    self.state = state
    self.delegation = delegation
    self.delegationStamp = delegationStamp
    self.delegationState = delegationState
  }

  /// The row of the pull request that a delegation has; nil where it has none.
  package init?(of row: DelegationRow) {
    guard let number = row.pr, let url = row.prURL, let state = row.prState else { return nil }
    self.init(
      repository: row.repository, number: number, url: url, branch: row.branch, state: state,
      delegation: row.id, delegationStamp: row.stamp, delegationState: row.state)
  }

  package var json: JSONValue {
    .object([
      "repository": .string(repository), "number": .integer(number), "url": .string(url),
      "branch": .string(branch), "state": .string(state.rawValue),
      "delegation": .string(delegation.rawValue), "delegationStamp": .integer(delegationStamp),
      "delegationState": .string(delegationState.rawValue),
    ])
  }
}

/// One worker, alive or not.
package struct WorkerRow: Equatable, Sendable {
  package var id: WorkerID
  package var state: WorkerStateName
  package var host: String
  /// The agents that it can run, sorted.
  package var agents: [String]
  package var version: String
  package var incarnation: Int64
  package var local: Bool
  package var delegation: DelegationID?
  /// Since when it stands in this state, in milliseconds since 1970.
  package var since: Int64
  package var restarts: Int64

  package init(
    id: WorkerID, state: WorkerStateName, host: String, agents: [String], version: String,
    incarnation: Int64, local: Bool, delegation: DelegationID?, since: Int64, restarts: Int64
  ) {
    self.id = id
    self.state = state
    self.host = host
    self.agents = agents
    self.version = version
    self.incarnation = incarnation
    self.local = local
    self.delegation = delegation
    self.since = since
    self.restarts = restarts
  }

  package var json: JSONValue {
    var object: [String: JSONValue] = [
      "id": .string(id.rawValue), "state": .string(state.rawValue), "host": .string(host),
      "agents": .array(agents.map { .string($0) }), "version": .string(version),
      "incarnation": .integer(incarnation), "local": .bool(local), "since": .integer(since),
      "restarts": .integer(restarts),
    ]
    object.put("delegation", delegation?.rawValue)
    return .object(object)
  }
}

extension [String: JSONValue] {
  fileprivate mutating func put(_ key: String, _ text: String?) {
    if let text { self[key] = .string(text) }
  }
  fileprivate mutating func put(_ key: String, _ n: Int64?) {
    if let n { self[key] = .integer(n) }
  }
}
