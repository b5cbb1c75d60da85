import Domain
import EventLog
import Projections
import SystemCalls
import Text
import WorkerProtocol

/// Delegations, pull requests and workers in the API's format.
enum Render {
  /// - Parameters:
  /// - underWaySince: when the server began the next intent; nil if it has not.
  /// - endsBy: when the running generation will be ended, in milliseconds since 1970.
  /// - queue: its place among those that wait for a worker; nil if it has none.
  static func delegation(
    _ detail: DelegationDetail, underWaySince: Timestamp?, attempts: JSONValue? = nil,
    endsBy: Int64? = nil, queue: QueuedPlace? = nil, issue: JSONValue? = nil
  ) -> JSONValue {
    let row = detail.row
    let repository = RepositoryName(row.repository)
    var object: [String: JSONValue] = [
      "id": .string(row.id.rawValue),
      "confirmationCode": .string(Stamp(milliseconds: row.stamp).confirmationCode),
      "state": .string(row.state.rawValue), "phase": .string(row.phase.rawValue),
      "status": .string(TaskWords.status(row, queue, now: .now)), "queue": queue?.json ?? .null,
      "repository": .object([
        "owner": .string(repository?.owner ?? ""), "repo": .string(repository?.name ?? ""),
      ]),
      "branchName": .string(row.branch), "baseBranch": text(row.baseBranch),
      "baseSHA": text(row.baseSHA), "requester": .string(row.requester),
      "priority": .integer(row.priority), "agent": .string(row.agent),
      "workflow": .object(["name": .string(row.workflow), "digest": .string(row.digest)]),
      "pullRequest": pullRequest(row), "taskCommitSHA": text(row.taskCommitSHA),
      "commitSHA": text(row.commitSHA), "worker": text(row.worker),
      "attempt": .integer(row.attempt), "failure": failure(detail),
      "requestedAt": time(row.requestedAt), "stateSince": time(row.stateSince),
      "updatedAt": time(row.updatedAt), "nextIntent": text(row.nextIntent),
      "version": .integer(row.version), "cancelRequested": .bool(row.cancelRequested),
      "underWaySince": text(underWaySince?.iso8601), "waiting": waiting(row),
      "quarantine": text(row.quarantine),
      "kind": .string(row.follows == nil ? "delegate" : "follow-up"), "follows": text(row.follows),
    ]
    put(detail.text, into: &object)
    if let attempts { object["attempts"] = attempts }
    if let issue { object["issue"] = issue }
    if let endsBy { object["generationEndsBy"] = time(endsBy) }
    return .object(object)
  }

  private static func put(_ words: TaskText?, into object: inout [String: JSONValue]) {
    object["taskTitle"] = text(words?.title)
    object["objective"] = text(words?.objective)
    object["prTitle"] = text(words?.pullRequestTitle)
    switch words?.constraints {
    case nil: object["constraints"] = .null
    case .text(let text): object["constraints"] = .string(text)
    case .list(let items): object["constraints"] = list(items)
    }
    object["acceptanceCriteria"] = list(words?.acceptanceCriteria ?? [])
  }

  private static func pullRequest(_ row: DelegationRow) -> JSONValue {
    guard let number = row.pr, let url = row.prURL else { return .null }
    return .object([
      "number": .integer(number), "html_url": .string(url), "state": text(row.prState?.rawValue),
    ])
  }

  private static func failure(_ detail: DelegationDetail) -> JSONValue {
    guard let code = detail.row.failureCode else { return .null }
    return .object([
      "step": text(detail.row.failureStep?.rawValue), "code": .string(code.rawValue),
      "message": text(detail.failureMessage), "hint": text(detail.failureHint),
      "summary": .string(TaskWords.summary(code, message: detail.failureMessage)),
      "remedy": .string(TaskWords.remedy(code, hint: detail.failureHint)),
      "retryable": .bool(detail.row.failureRetryable ?? false),
    ])
  }

  /// The cause and the end of a delegation's wait.
  private static func waiting(_ row: DelegationRow) -> JSONValue {
    guard let code = row.troubleCode, let until = row.retryAt else { return .null }
    return .object(["code": .string(code.rawValue), "until": time(until)])
  }

  /// The attempts of a delegation, from its events.
  /// - Parameter patches: the attempts of which a patch is kept; nil: it is left out.
  static func attempts(
    _ events: [RecordedEvent], withPatch patches: Set<Int>? = nil
  ) -> JSONValue {
    var attempts: [Int: [String: JSONValue]] = [:]
    func close(_ number: Int?, _ outcome: String, _ at: Timestamp, _ message: String?) {
      guard let number, attempts[number] != nil else { return }
      attempts[number]?["endedAt"] = .string(at.iso8601)
      attempts[number]?["outcome"] = .string(outcome)
      attempts[number]?["message"] = text(message)
    }
    var last: Int?
    for event in events {
      guard case .delegation(let known) = event.event else { continue }
      switch known {
      case .dispatched(let e):
        last = e.attempt
        attempts[e.attempt] = [
          "number": .integer(Int64(e.attempt)), "worker": .string(e.worker.rawValue),
          "dispatchedAt": .string(event.time.iso8601), "startedAt": .null, "endedAt": .null,
          "agent": .null, "outcome": .null, "message": .null, "commitSHA": .null,
          "network": .null, "usage": .null, "continues": .null,
        ]
      case .generating(let e):
        attempts[e.attempt]?["startedAt"] = .string(event.time.iso8601)
        attempts[e.attempt]?["agent"] = .string(e.agent)
        attempts[e.attempt]?["head"] = .string(e.head.rawValue)
        if let merge = e.merge { attempts[e.attempt]?["merges"] = .string(merge.base.rawValue) }
        attempts[e.attempt]?["continues"] = text(e.continues?.rawValue)
      case .generated(let e):
        close(e.attempt, "generated", event.time, nil)
        attempts[e.attempt]?["commitSHA"] = .string(e.sha.rawValue)
        attempts[e.attempt]?["usage"] = usage(e.usage)
        if let figures = e.figures {
          attempts[e.attempt]?["figures"] = Self.figures(figures, e.usage)
        }
      case .networkUsed(let e): attempts[e.attempt]?["network"] = network(e.use)
      case .released(let e):
        close(e.attempt, e.cause.rawValue, event.time, e.message)
        if !e.usage.isEmpty { attempts[e.attempt]?["usage"] = usage(e.usage) }
      case .failed(let e):
        if let last, attempts[last]?["endedAt"] == .null {
          close(last, e.code.rawValue, event.time, e.message)
          attempts[last]?["usage"] = usage(e.usage)
        }
      case .requested, .branchCreated, .taskCommitted, .pullRequestCreated, .pushed,
        .baseResolved, .stepFailed, .cancelRequested, .retryRequested, .pullRequestUpdated,
        .actionDone, .conversation:
        break
      }
    }
    if let patches {
      for number in attempts.keys {
        attempts[number]?["patch"] = .bool(patches.contains(number))
      }
    }
    return .array(attempts.sorted { $0.key < $1.key }.map { .object($0.value) })
  }

  /// The network use of an attempt, with the workflow's line that would allow the refused hosts.
  private static func network(_ use: NetworkUse?) -> JSONValue {
    guard let use else { return .null }
    return .object([
      "reached": .integer(Int64(use.hostsReached)), "refused": .integer(Int64(use.hostsRefused)),
      "connections": .integer(Int64(use.connections)), "bytesUp": .integer(Int64(use.bytesUp)),
      "bytesDown": .integer(Int64(use.bytesDown)),
      "refusedHosts": .array(
        use.refusedHosts.map {
          .object([
            "host": .string($0.host), "port": .integer(Int64($0.port)), "code": .string($0.code),
          ])
        }),
      "line": text(use.lineAllowingRefused),
    ])
  }

  /// The usage that an agent reported: the known numbers; null if all are unknown.
  private static func usage(_ usage: AgentUsage) -> JSONValue {
    let known = UsageFigure.allCases.compactMap { figure in
      usage[figure].map { (figure.field, JSONValue.integer($0)) }
    }
    return known.isEmpty ? .null : .object(Dictionary(uniqueKeysWithValues: known))
  }

  private static func figures(_ figures: GenerationFigures, _ usage: AgentUsage) -> JSONValue {
    .object([
      "filesChanged": .integer(Int64(figures.filesChanged)),
      "insertions": .integer(Int64(figures.insertions)),
      "deletions": .integer(Int64(figures.deletions)),
      "durationMs": .integer(figures.duration.count),
      "outputSize": .integer(Int64(figures.outputSize)),
      "outputDigest": .string(figures.outputDigest),
      "usage": text(usage.summary ?? figures.usageText),
      "flagged": list(figures.flagged),
    ])
  }

  static func pullRequest(_ row: PullRequestRow, title: String?) -> JSONValue {
    .object([
      "repository": .string(row.repository), "number": .integer(row.number),
      "html_url": .string(row.url), "title": text(title), "branchName": .string(row.branch),
      "state": .string(row.state.rawValue), "delegation": .string(row.delegation.rawValue),
      "delegationState": .string(row.delegationState.rawValue),
    ])
  }

  static func worker(
    _ row: WorkerRow, heardAt: Timestamp?, agentSilence: Milliseconds?, stalled: Bool,
    findings: [AgentFinding], code: String?
  ) -> JSONValue {
    .object([
      "id": .string(row.id.rawValue), "state": .string(row.state.rawValue),
      "host": .string(row.host), "agents": list(row.agents),
      "agent": text(row.agents.first), "version": .string(row.version),
      "incarnation": .integer(row.incarnation), "local": .bool(row.local),
      "delegation": text(row.delegation?.rawValue), "confirmationCode": text(code),
      "since": time(row.since),
      "lastHeartbeatAt": text(heardAt?.iso8601), "restarts": .integer(row.restarts),
      "agentSilentMs": agentSilence.map { .integer($0.count) } ?? .null,
      "stalled": .bool(stalled),
      "agentFindings": .array(
        findings.map {
          .object([
            "name": .string($0.name), "state": .string($0.state.rawValue),
            "detail": .string($0.detail), "keys": text($0.keys?.text),
          ])
        }),
    ])
  }

  static func text(_ text: String?) -> JSONValue { text.map { .string($0) } ?? .null }
  static func list(_ items: [String]) -> JSONValue { .array(items.map { .string($0) }) }
  static func time(_ milliseconds: Int64) -> JSONValue {
    .string(Timestamp(milliseconds: milliseconds).iso8601)
  }
}
