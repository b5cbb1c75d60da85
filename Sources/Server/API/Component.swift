import Access
import Domain
import EventLog
import Projections
import WorkerProtocol

/// The named schemas of the API's description. `Render` and the routes write the values, so their
/// members must match.
enum Component: String, CaseIterable {
  case submission = "Submission"
  case codeRequest = "CodeRequest"
  case redaction = "Redaction"
  case submitted = "Submitted"
  case delegation = "Delegation"
  case delegationPage = "DelegationPage"
  case queue = "Queue"
  case task = "Task"
  case taskPage = "TaskPage"
  case tasksByNeed = "TasksByNeed"
  case attempt = "Attempt"
  case event = "Event"
  case eventList = "EventList"
  case eventPage = "EventPage"
  case auditPage = "AuditPage"
  case recordList = "RecordList"
  case outputMatches = "OutputMatches"
  case trace = "Trace"
  case pullRequestList = "PullRequestList"
  case pullRequestRounds = "PullRequestRounds"
  case changeRequest = "ChangeRequest"
  case workerList = "WorkerList"
  case choices = "Choices"
  case repositoryList = "RepositoryList"
  case issue = "Issue"
  case health = "Health"
  case usage = "Usage"
  case me = "Me"
  case credential = "Credential"
  case signInWays = "SignInWays"
  case verification = "Verification"
  case rebuild = "Rebuild"
  case redacted = "Redacted"
  case webhookEvent = "WebhookEvent"
  case webhookOutcome = "WebhookOutcome"
  case document = "Description"
  case problem = "Problem"

  /// - Parameter offer: the values that requests may name.
  func schema(_ offer: RequestOffer) -> JSONSchema {
    switch self {
    case .submission: offer.submission
    case .codeRequest: offer.codeRequest
    case .redaction: .object(["reason": RequestOffer.reason], isOpen: true)
    case .submitted: Self.submittedSchema
    case .delegation: Self.delegationSchema
    case .delegationPage:
      .object(
        [
          "items": .list(.component(.delegation)), "next": JSONSchema.text().orNull,
          "position": .position,
        ], optional: Self.warnings)
    case .queue: Self.queueSchema
    case .task: Self.taskSchema
    case .taskPage:
      .object(
        [
          "items": .list(.component(.task)), "next": JSONSchema.text().orNull,
          "position": .position,
        ], optional: Self.warnings)
    case .tasksByNeed: Self.tasksByNeedSchema
    case .attempt: Self.attemptSchema
    case .event: Self.eventSchema
    case .eventList:
      .object(
        ["items": .list(.component(.event)), "position": .position], optional: Self.warnings)
    case .eventPage:
      .object(
        ["items": .list(.component(.event)), "next": JSONSchema.position.orNull],
        optional: Self.warnings)
    case .auditPage:
      .object(
        [
          "items": .list(.component(.event)), "next": JSONSchema.text().orNull,
          "delegations": .list(
            .object([
              "id": .id, "confirmationCode": .text(), "taskTitle": JSONSchema.text().orNull,
            ])
          ).described("Those that the events are about."),
        ], optional: Self.warnings)
    case .recordList:
      .object(
        ["items": .list(.object(["at": .count, "offset": .count], isOpen: true))],
        optional: Self.warnings)
    case .outputMatches:
      .object(
        [
          "items": .list(.object(["line": .count, "text": .text()])), "complete": .flag,
        ], optional: Self.warnings)
    case .trace: .object(["resourceSpans": .list(.any)], optional: Self.warnings)
    case .pullRequestList: Self.items(Self.pullRequestSchema)
    case .pullRequestRounds: Self.pullRequestRoundsSchema
    case .changeRequest: offer.changeRequest
    case .workerList: Self.items(Self.workerSchema)
    case .choices: Self.choicesSchema
    case .repositoryList:
      .object(["items": .list(.text()), "complete": .flag], optional: Self.warnings)
    case .issue:
      .object(
        [
          "repository": .text(), "number": .integer(1...Int64.max),
          "html_url": .text(format: "uri"), "title": .text(), "objective": .text(),
          "open": .flag,
        ], optional: Self.warnings)
    case .health: Self.healthSchema
    case .usage: UsageRoutes.schema
    case .signInWays: .object(["openid": .flag], optional: Self.warnings)
    case .credential: .object(["token": .text()], isOpen: true)
    case .me:
      .object(
        [
          "name": .text(), "roles": .list(.word(Role.self)),
          "permissions": .list(.word(Permission.self)),
          "repositories": .list(.text()), "requiresToken": .flag, "hasSession": .flag,
          "environment": .text(),
        ], optional: Self.warnings)
    case .verification: Self.verificationSchema
    case .rebuild: Self.rebuildSchema
    case .redacted:
      .object(
        [
          "event": JSONSchema.component(.event).orNull, "outputsRemoved": .count,
          "outOfReach": .list(.text()),
        ], optional: Self.warnings)
    case .webhookEvent: .object([:], isOpen: true)
    case .webhookOutcome: .object(["outcome": .text()], optional: Self.warnings)
    case .document: .object(["openapi": .text(), "info": .any, "paths": .any], isOpen: true)
    case .problem: Self.problemSchema
    }
  }

  /// The ignored parts of a request.
  private static let warnings: [String: JSONSchema] = ["warnings": .list(.text())]

  private static func items(_ item: JSONSchema) -> JSONSchema {
    .object(["items": .list(item)], optional: warnings)
  }

  private static let head = JSONSchema.object(["position": .position, "hash": .digest])

  // MARK: Delegations

  private static let submittedSchema = JSONSchema.object(
    [
      "type": .word(["pull_request"]), "branchName": .text(), "confirmationCode": .text(),
      "id": .id, "state": .word(DelegationStateName.self),
    ],
    optional: warnings.merging([
      "html_url": .text(format: "uri"), "number": .integer(1...Int64.max),
    ]) { $1 })

  private static let delegationSchema = JSONSchema.object(
    [
      "id": .id, "confirmationCode": .text("^PR[0-9]+$"),
      "state": .word(DelegationStateName.self), "phase": .word(TaskPhase.self),
      "status": JSONSchema.text().described("The phase in words, such as Queued (third)."),
      "queue": JSONSchema.object([
        "place": .integer(1...Int64.max), "startsAt": JSONSchema.time.orNull,
      ])
      .described("Its place among those that wait for a worker.").orNull,
      "repository": .object(["owner": .text(), "repo": .text()]), "branchName": .text(),
      "baseBranch": JSONSchema.text().orNull, "baseSHA": JSONSchema.commit.orNull,
      "requester": .text(),
      "priority": .integer(0...9), "agent": .text(),
      "workflow": .object(["name": .text(), "digest": .digest]),
      "pullRequest": JSONSchema.object([
        "number": .integer(1...Int64.max), "html_url": .text(format: "uri"),
        "state": JSONSchema.word(PullRequestState.self).orNull,
      ]).orNull,
      "taskCommitSHA": JSONSchema.commit.orNull, "commitSHA": JSONSchema.commit.orNull,
      "worker": JSONSchema.text().orNull, "attempt": .count,
      "failure": JSONSchema.object([
        "step": JSONSchema.word(Step.self).orNull, "code": .word(FailureCode.self),
        "message": JSONSchema.text().orNull, "hint": JSONSchema.text().orNull, "retryable": .flag,
        "summary": JSONSchema.text().described("What happened, in one sentence."),
        "remedy": JSONSchema.text().described("What to do, in one sentence."),
      ]).orNull,
      "requestedAt": .time, "stateSince": .time, "updatedAt": .time,
      "nextIntent": JSONSchema.text().described("What the server does next; null after the end.")
        .orNull,
      "version": .count, "cancelRequested": .flag, "underWaySince": JSONSchema.time.orNull,
      "waiting": JSONSchema.object(["code": .word(FaultCode.self), "until": .time]).orNull,
      "quarantine": JSONSchema.text().orNull, "kind": .word(["delegate", "follow-up"]),
      "follows": JSONSchema.id.orNull, "taskTitle": JSONSchema.text().orNull,
      "objective": JSONSchema.text().orNull, "prTitle": JSONSchema.text().orNull,
      "constraints": JSONSchema.either([.text(), .list(.text())]).orNull,
      "acceptanceCriteria": .list(.text()),
    ],
    optional: warnings.merging([
      "attempts": .list(.component(.attempt)), "generationEndsBy": .time,
      "issue": .object(["name": .text(), "html_url": .text()]),
    ]) { $1 })

  private static let outcomes =
    ["generated"]
    + Set(ReleaseCause.allCases.map(\.rawValue) + FailureCode.allCases.map(\.rawValue)).sorted()

  private static let attemptSchema = JSONSchema.object(
    [
      "number": .integer(1...Int64.max), "worker": .text(), "dispatchedAt": .time,
      "startedAt": JSONSchema.time.orNull, "endedAt": JSONSchema.time.orNull,
      "agent": JSONSchema.text().orNull, "outcome": JSONSchema.word(outcomes).orNull,
      "message": JSONSchema.text().orNull, "commitSHA": JSONSchema.commit.orNull,
      "network": JSONSchema.object([
        "reached": .count, "refused": .count, "connections": .count, "bytesUp": .count,
        "bytesDown": .count,
        "refusedHosts": .list(.object(["host": .text(), "port": .count, "code": .text()])),
        "line": JSONSchema.text().orNull,
      ]).orNull,
      "usage": JSONSchema.object(
        [:],
        optional: Dictionary(
          uniqueKeysWithValues: UsageFigure.allCases.map { ($0.field, JSONSchema.count) })
      ).orNull,
      "continues": JSONSchema.id.described(
        "The delegation whose conversation the agent continues."
      ).orNull,
    ],
    optional: [
      "head": .commit, "merges": .commit, "patch": .flag,
      "figures": .object([
        "filesChanged": .count, "insertions": .count, "deletions": .count, "durationMs": .count,
        "outputSize": .count, "outputDigest": .digest, "usage": JSONSchema.text().orNull,
        "flagged": .list(.text()),
      ]),
    ])

  // MARK: The log

  private static let eventSchema = JSONSchema.object([
    "position": .integer(1...Int64.max), "id": .id, "stream": .text(),
    "version": .integer(1...Int64.max), "type": .word(EventType.allCases.map(\.name)),
    "schema": .integer(1...Int64.max), "time": .time,
    "actor": .object(["kind": .word(Actor.Kind.self), "name": .text()]),
    "correlation": JSONSchema.text().orNull, "causation": JSONSchema.text().orNull,
    "data": JSONSchema.object([:], isOpen: true).described(
      "The facts; its members depend on the type."),
    "salt": .text("^([0-9a-f]{32})?$"), "payloadHash": .digest, "hash": .digest,
  ])

  private static let verificationSchema = JSONSchema.object(
    [
      "state": .word(VerificationState.self), "checkedTo": .position, "at": JSONSchema.time.orNull,
      "faults": .list(.text()), "head": head,
    ], optional: warnings)

  private static let rebuildSchema = JSONSchema.object(
    [
      "events": .count, "head": head, "views": .map(.text()), "replaced": .map(.text()),
      "identical": .flag, "differing": .count,
      "differences": .list(
        .object([
          "view": .word(ViewName.self), "row": .text(), "folded": .any, "live": .any,
          "lastEvent": JSONSchema.position.orNull,
        ])), "faults": .list(.text()),
    ], optional: warnings)

  // MARK: Views

  private static let pullRequestSchema = JSONSchema.object([
    "repository": .text(), "number": .integer(1...Int64.max), "html_url": .text(format: "uri"),
    "title": JSONSchema.text().orNull, "branchName": .text(), "state": .word(PullRequestState.self),
    "delegation": .id, "delegationState": .word(DelegationStateName.self),
  ])

  private static let pullRequestRoundsSchema = JSONSchema.object(
    [
      "repository": .text(), "number": .integer(1...Int64.max), "html_url": .text(format: "uri"),
      "title": JSONSchema.text().orNull, "branchName": .text(),
      "state": .word(PullRequestState.self), "delegation": .id,
      "delegationState": .word(DelegationStateName.self), "position": .position,
      "rounds": .list(.component(.delegation)),
      "feedback": .list(
        .object([
          "id": .text(), "source": .word(FeedbackSource.self), "author": .text(), "bot": .flag,
          "path": JSONSchema.text().orNull, "line": JSONSchema.integer(1...Int64.max).orNull,
          "commit": JSONSchema.commit.orNull, "body": JSONSchema.text().orNull,
          "saidAt": JSONSchema.time.orNull, "recordedAt": .time,
          "standing": .word(["counts", "examined", "ignored"]),
          "reason": JSONSchema.text().orNull, "round": JSONSchema.id.orNull,
          "commitSHA": JSONSchema.commit.orNull,
        ])),
    ], optional: warnings)

  private static let workerSchema = JSONSchema.object([
    "id": .text(), "state": .word(WorkerStateName.self), "host": .text(),
    "agents": .list(.text()), "agent": JSONSchema.text().orNull, "version": .text(),
    "incarnation": .count, "local": .flag, "delegation": JSONSchema.id.orNull,
    "confirmationCode": JSONSchema.text().orNull, "since": .time,
    "lastHeartbeatAt": JSONSchema.time.orNull, "restarts": .count,
    "agentSilentMs": JSONSchema.count.orNull, "stalled": .flag,
    "agentFindings": .list(
      .object([
        "name": .text(), "state": .word(AgentFinding.State.self), "detail": .text(),
        "keys": JSONSchema.text().orNull,
      ])),
  ])

  private static let choicesSchema = JSONSchema.object(
    [
      "repositories": .list(.text()),
      "agents": .list(
        .object([
          "name": .text(), "description": .text(), "found": .flag,
          "reason": JSONSchema.text().described("Why no worker has it.").orNull,
        ])),
      "agent": JSONSchema.text().orNull,
      "forge": JSONSchema.text()
        .described("The address under which people and git find `OWNER/REPO`.").orNull,
      "workflows": .list(
        .object([
          "name": .text(), "description": .text(), "agents": .list(.text()), "agent": .text(),
        ])),
      "workflow": .text(),
    ], optional: warnings)

  private static let span: [String: JSONSchema] = [
    "pushed": .count, "failed": .count, "cancelled": .count, "p50Ms": JSONSchema.count.orNull,
    "p95Ms": JSONSchema.count.orNull,
  ]

  private static let cost: [String: JSONSchema] = [
    "attempts": .count.described("Attempts that ended after their agent had been started."),
    "attemptsWithCost": .count.described("What the other attempts cost is unknown."),
    "costMicrodollars": JSONSchema.count.orNull,
  ]

  private static let healthSchema = JSONSchema.object(
    [
      "at": .time,
      "queue": .object([
        "depth": .count,
        "oldest": JSONSchema.object(["id": .id, "requestedAt": .time]).orNull,
        "trouble": .count, "quarantined": .count, "states": .map(.count),
      ]),
      "day": .object(
        span.merging([
          "repositories": .list(.object(span.merging(["name": .text()]) { $1 })),
          "agents": .list(.object(span.merging(["name": .text()]) { $1 })),
          "since": .time, "hours": .list(.object(span.merging(["from": .time]) { $1 })),
          "failures": .list(.object(["code": .word(FailureCode.self), "count": .count])),
        ]) { $1 }),
      "cost": .object(
        cost.merging([
          "since": .text().described("The first day in UTC."), "today": .object(cost),
          "repositories": .list(.object(cost.merging(["name": .text()]) { $1 })),
          "agents": .list(.object(cost.merging(["name": .text()]) { $1 })),
        ]) { $1 }),
      "waits": .object([
        "count": JSONSchema.count.described(
          "Delegations that got a worker since the server's start, the last thousand at most."),
        "p50Ms": JSONSchema.count.orNull, "p95Ms": JSONSchema.count.orNull,
        "lastStartsAt": JSONSchema.time.described(
          "When the last of the queue is expected to get a worker."
        ).orNull,
      ]),
      "workers": .map(.count),
      "forge": JSONSchema.object(["limit": .count, "remaining": .count, "resetAt": .time]).orNull,
      "forgeCalls": .object([
        "calls": .count, "connections": .count, "limitedUntil": JSONSchema.time.orNull,
        "downUntil": JSONSchema.time.orNull,
      ]),
      "position": .position,
    ], optional: warnings)

  // MARK: Problems

  /// RFC 9457.
  private static let problemSchema = JSONSchema.object(
    ["title": .text(), "status": .integer(400...599), "detail": .text()],
    optional: warnings.merging([
      "code": JSONSchema.text().described("One word for programs."),
      "hint": JSONSchema.text().described("What to do."),
      "errors": .list(.object(["field": .text(), "message": .text()])),
      "id": JSONSchema.id.described("The delegation that the problem is about."),
      "confirmationCode": .text(), "state": .word(DelegationStateName.self),
      "term": JSONSchema.text().described("The wrong term of a query."), "column": .count,
    ]) { $1 })
}
