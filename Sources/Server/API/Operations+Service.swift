import Access
import EventLog
import HTTPTypes
import Text

extension APIOperation {
  // MARK: Workers and pull requests

  private static let worker = Parameter(
    name: "id", location: .path, kind: .text(.text(length: 1...128)),
    description: "The name of a worker.", isRequired: true)

  static let listWorkers = APIOperation(
    path: "api/workers", id: "listWorkers", tag: .workers, permission: .readLog,
    summary: "The workers, and the agents that they have.",
    responses: [.json(.workerList, "The workers.")])

  static let drainWorker = APIOperation(
    method: .post, path: "api/workers/{id}/drain", id: "drainWorker", tag: .workers,
    permission: .manageWorkers,
    summary: "Have a worker finish its work and end.", parameters: [worker],
    responses: [APIResponse(status: .accepted, description: "The request is durable.")],
    problems: [.notFound, .conflict])

  static let restartWorker = APIOperation(
    method: .post, path: "api/workers/{id}/restart", id: "restartWorker", tag: .workers,
    permission: .manageWorkers,
    summary: "Have a worker finish its work and start again.", parameters: [worker],
    responses: [APIResponse(status: .accepted, description: "The worker restarts.")],
    problems: [.notFound])

  static let listPullRequests = APIOperation(
    path: "api/pull-requests", id: "listPullRequests", tag: .delegations, permission: .read,
    summary: "The pull requests, newest first.", parameters: [.limit(500, defaultValue: 100)],
    responses: [.json(.pullRequestList, "The pull requests.")])

  // MARK: The log

  private static let after = Parameter(
    name: "after", kind: .integer(0...Int64.max),
    description: "Only events after this position; 0: from the first one.")

  static let listEvents = APIOperation(
    path: "api/events", id: "listEvents", tag: .log, permission: .read,
    summary: "A page of the log, in order.",
    parameters: [after, .limit(1000, defaultValue: 100)],
    responses: [.json(.eventPage, "The page.")])

  static let streamEvents = APIOperation(
    path: "api/events/stream", id: "streamEvents", tag: .log, permission: .read,
    summary: "The log as server-sent events: `id` is the position, `event` the type, `data` the "
      + "event. Without a position it begins with the next event.",
    parameters: [
      after,
      Parameter(
        name: "Last-Event-ID", location: .header, kind: .digits(groups: 1),
        description: "The position of the last event that was received. It goes before `after`."),
    ],
    responses: [
      APIResponse(
        description: "The stream.",
        content: ["text/event-stream": .events(EventType.allCases.map(\.name))])
    ], problems: [.conflict])

  static let redactEvent = APIOperation(
    method: .post, path: "api/events/{position}/redact", id: "redactEvent", tag: .log,
    permission: .administer,
    summary: "Remove the text of an event of a delegation that has ended. Its hashes stay.",
    parameters: [
      Parameter(
        name: "position", location: .path, kind: .integer(1...Int64.max),
        description: "The position of the event.", isRequired: true)
    ],
    body: .component(.redaction), responses: [.json(.redacted, "The event as it is now.")],
    problems: [.notFound, .conflict, .unprocessableContent])

  static let searchEvents = APIOperation(
    path: "api/audit", id: "searchEvents", tag: .log, permission: .readLog,
    summary: "Events that match all terms of a query, newest first.",
    parameters: [
      Parameter(
        name: "q", kind: .text(AuditRoutes.querySchema),
        description: "`key:value` terms and text. `-` negates a term, quotes keep words together.",
        example: "state:Pushed since:24h"),
      .limit(1000, defaultValue: 100), .cursor,
      Parameter(
        name: "format", kind: .word(AuditRoutes.Format.allCases.map(\.rawValue)),
        description: "The form of the answer.", defaultValue: "json"),
    ],
    responses: [
      APIResponse(
        description:
          "The page. If the body has no member for it, `Next-Cursor` has the cursor of "
          + "the next page.",
        content: [
          "application/json": .component(.auditPage), "application/jsonl": .text(),
          "text/csv": .text(),
        ])
    ])

  static let verifyLog = APIOperation(
    path: "api/verification", id: "verifyLog", tag: .log, permission: .readLog,
    summary: "Whether the hashes of the log are right, as far as they have been checked.",
    responses: [.json(.verification, "The result so far.")])

  static let rebuildViews = APIOperation(
    method: .post, path: "api/views/rebuild", id: "rebuildViews", tag: .log,
    permission: .administer,
    summary: "Fold the views again from the log, compare them, and replace them.",
    responses: [.json(.rebuild, "What was compared.")])

  // MARK: The service

  static let health = APIOperation(
    path: "api/health", id: "getHealth", tag: .service, permission: .readLog,
    summary: "The queue, the last day, the workers and the forge at a glance.",
    responses: [.json(.health, "The figures, at most a second old.")])

  private static func day(_ name: String, _ which: String) -> Parameter {
    Parameter(
      name: name, kind: .text(UsageRoutes.daySchema),
      description: "The \(which) day in UTC.", example: "2026-11-23")
  }

  static let usage = APIOperation(
    path: "api/usage", id: "getUsage", tag: .service, permission: .read,
    summary: "What attempts used, also those that failed. A number that no agent reported is null.",
    parameters: [
      Parameter(
        name: "by", kind: .word(UsageRoutes.Grouping.allCases.map(\.rawValue)),
        description: "What the sums are of.", defaultValue: "repository"),
      day("since", "first"), day("until", "last"),
    ],
    responses: [.json(.usage, "The sums.")])

  static let me = APIOperation(
    path: "api/me", id: "getMe", tag: .service, permission: nil,
    summary: "The sender of the request, and what it may do.",
    responses: [.json(.me, "The sender.")])

  static let signIn = APIOperation(
    method: .post, path: "api/session", id: "signIn", tag: .service, permission: nil,
    summary: "Begin a session of the page by a token. Programs send the token with each request.",
    body: .component(.credential),
    responses: [
      APIResponse(
        status: .noContent, description: "The session has begun.",
        headers: ["Set-Cookie": "The cookie of the session."])
    ])

  static let signInWays = APIOperation(
    path: "api/sign-in", id: "getSignInWays", tag: .service, permission: nil,
    summary: "Whether people can sign in with a provider of OpenID Connect, too.",
    responses: [.json(.signInWays, "The ways.")])

  static let signOut = APIOperation(
    method: .delete, path: "api/session", id: "signOut", tag: .service, permission: nil,
    summary: "End the session of the page.",
    parameters: [
      Parameter(
        name: "everywhere", kind: .flag, description: "End all sessions of the same name.")
    ],
    responses: [
      APIResponse(
        status: .noContent, description: "The session has ended.",
        headers: ["Set-Cookie": "The end of the cookie."])
    ])

  static let healthz = APIOperation(
    path: "healthz", id: "getLiveness", tag: .service, permission: nil,
    summary: "Whether the process is alive.",
    responses: [.text("text/plain", "It is.")])

  static let readyz = APIOperation(
    path: "readyz", id: "getReadiness", tag: .service, permission: nil,
    summary: "Whether the log is open and the views are up to date.",
    responses: [
      .text("text/plain", "They are. Streams in quarantine are named, one on each line.")
    ])

  static let metrics = APIOperation(
    path: "metrics", id: "getMetrics", tag: .service, permission: .readLog,
    summary: "Measurements in the text format of Prometheus, or in that of OpenMetrics.",
    parameters: [
      Parameter(
        name: "Accept", location: .header, kind: .text(.text()),
        description: "`application/openmetrics-text` selects that format.")
    ],
    responses: [
      APIResponse(
        description: "The measurements.",
        content: ["text/plain": .text(), "application/openmetrics-text": .text()])
    ])

  static let document = APIOperation(
    path: "openapi.json", id: "getDescription", tag: .service, permission: nil,
    summary: "This description.",
    parameters: [
      Parameter(
        name: "If-None-Match", location: .header, kind: .text(.text()),
        description: "The `ETag` of a description that was received before.")
    ],
    responses: [
      .json(.document, "The description.", headers: ["ETag": "Changes with the description."]),
      APIResponse(status: .notModified, description: "It has not changed."),
    ])

  static let webhook = APIOperation(
    method: .post, path: "webhooks/github", id: "receiveWebhook", tag: .service, permission: nil,
    summary: "What the forge reports: `pull_request` and `push`, signed.",
    parameters: [
      Parameter(
        name: "X-Hub-Signature-256", location: .header, kind: .text(.text()),
        description: "HMAC-SHA256 of the body with the secret of the webhook.", isRequired: true),
      Parameter(
        name: "X-GitHub-Event", location: .header, kind: .text(.text()),
        description: "What happened."),
      Parameter(
        name: "X-GitHub-Delivery", location: .header, kind: .text(.text()),
        description: "The id of the message. A message that comes again changes nothing."),
    ],
    body: .component(.webhookEvent),
    responses: [.json(.webhookOutcome, "What became of it.")],
    problems: [.unauthorized])
}
