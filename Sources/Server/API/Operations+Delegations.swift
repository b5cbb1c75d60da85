import Access
import Domain
import Engine
import HTTPTypes
import Projections
import Text

extension APIOperation {
  private static let located = ["Location": "The path of the delegation."]

  private static let pending = APIResponse.json(
    .submitted, "It is durable, and under way. What is not known yet is absent.",
    status: .accepted, headers: located, isDelegation: true)

  static let submit = APIOperation(
    method: .post, path: "api/personal-delegate", id: "submit", tag: .delegations,
    permission: .submit,
    summary:
      "Create a delegation. The answer comes once its pull request exists, after 1.8 seconds "
      + "at most.",
    parameters: [
      .idempotencyKey,
      Parameter(
        name: "Prefer", location: .header, kind: .text(.text()),
        description: "`respond-async`: the answer comes as soon as the request is durable.",
        example: "respond-async"),
    ],
    body: .component(.submission),
    responses: [
      .json(
        .submitted, "The pull request exists.", status: .created, headers: located,
        isDelegation: true), pending,
    ],
    problems: [.conflict, .unprocessableContent, .badGateway])

  static let generateCode = APIOperation(
    method: .post, path: "generate-code", id: "generateCode", tag: .delegations,
    permission: .submit,
    summary: "Generate code on a branch and a pull request that exist.",
    parameters: [.idempotencyKey], body: .component(.codeRequest), responses: [pending],
    problems: [.conflict, .unprocessableContent])

  static let followUp = APIOperation(
    method: .post, path: "api/delegations/{ref}/follow-ups", id: "askForChanges",
    tag: .delegations, permission: .submit,
    summary: "Ask for changes on a delegation's pull request: a follow-up delegation.",
    parameters: [
      .ref, .idempotencyKey,
      Parameter(
        name: "Prefer", location: .header, kind: .text(.text()),
        description: "`respond-async`: the answer comes as soon as the request is durable.",
        example: "respond-async"),
    ],
    body: .component(.changeRequest),
    responses: [
      .json(
        .submitted, "The follow-up has its pull request.", status: .created, headers: located,
        isDelegation: true), pending,
    ],
    problems: [.notFound, .conflict, .unprocessableContent, .badGateway])

  static let getPullRequest = APIOperation(
    path: "api/pull-requests/{ref}", id: "getPullRequest", tag: .delegations, permission: .read,
    summary: "A pull request with its delegations in order, and what became of each feedback.",
    parameters: [.ref], responses: [.json(.pullRequestRounds, "The pull request.")],
    problems: [.notFound])

  static let choices = APIOperation(
    path: "api/choices", id: "listChoices", tag: .delegations, permission: .read,
    summary: "What a form offers: repositories, workflows and agents.",
    responses: [.json(.choices, "The choices.")])

  static let listRepositories = APIOperation(
    path: "api/repositories", id: "listRepositories", tag: .delegations, permission: .submit,
    summary: "The repositories that AIPM's credential may push to, for a form.",
    responses: [.json(.repositoryList, "The last list of the forge; empty if it gives none.")])

  static let issue = APIOperation(
    path: "api/issues", id: "getIssue", tag: .delegations, permission: .submit,
    summary: "An issue of the forge, as the title and the objective of a request.",
    parameters: [
      Parameter(
        name: "address", kind: .text(.text()),
        description: "The address of the issue, or `OWNER/REPO#NUMBER`.", isRequired: true,
        example: "acme/tools#1234")
    ],
    responses: [.json(.issue, "The issue.")],
    problems: [.notFound, .unprocessableContent, .badGateway])

  static let listDelegations = APIOperation(
    path: "api/delegations", id: "listDelegations", tag: .delegations, permission: .read,
    summary: "A page of delegations, newest first.",
    parameters: [
      Parameter(
        name: "state", kind: .words(DelegationStateName.allCases.map(\.rawValue)),
        description: "Only those in one of these states."),
      Parameter(
        name: "repo", kind: .text(.text()), description: "Only those of `OWNER/REPO`."),
      Parameter(
        name: "requester", kind: .text(.text()), description: "Only those of this requester."),
      Parameter(name: "worker", kind: .text(.text()), description: "Only those of this worker."),
      Parameter(
        name: "q", kind: .text(DelegationRoutes.textSchema),
        description: "Only those whose texts contain all of these words."),
      .limit(500, defaultValue: 50), .cursor,
    ],
    responses: [.json(.delegationPage, "The page.")])

  /// The filters of tasks.
  private static let taskFilters = [
    Parameter(
      name: "repo", kind: .text(.text()),
      description: "Only those of `OWNER/REPO`, or of repositories with this in their name."),
    Parameter(
      name: "requester", kind: .text(.text()), description: "Only those of this requester."),
    Parameter(
      name: "agent", kind: .text(.text()), description: "Only those whose last agent is this."),
    Parameter(
      name: "since", kind: .text(TaskRoutes.timeSchema),
      description: "Only those that were requested then or later: a time, or a day in UTC. Of a "
        + "task, the newest delegation counts.",
      example: "2026-11-23T12:00:00Z"),
    Parameter(
      name: "until", kind: .text(TaskRoutes.timeSchema),
      description: "Only those that were requested before then.", example: "2026-11-30"),
    Parameter(
      name: "q", kind: .text(DelegationRoutes.textSchema),
      description: "Only those whose texts contain all of these words, and `\"phrases\"`."),
  ]

  static let listTasks = APIOperation(
    path: "api/tasks", id: "listTasks", tag: .delegations, permission: .read,
    summary: "A page of tasks, newest first. A task is a delegation with its follow-ups.",
    parameters: [
      Parameter(
        name: "need", kind: .words(TaskNeed.allCases.map(\.rawValue)),
        description: "Only those that wait for this."),
      Parameter(
        name: "phase", kind: .words(TaskPhase.allCases.map(\.rawValue)),
        description: "Only those in one of these phases."),
    ] + taskFilters + [.limit(500, defaultValue: 50), .cursor],
    responses: [.json(.taskPage, "The page.")])

  static let listTasksByNeed = APIOperation(
    path: "api/tasks/by-need", id: "listTasksByNeed", tag: .delegations, permission: .read,
    summary: "The first tasks of each need, and how many there are.",
    parameters: taskFilters + [.limit(100, defaultValue: 20)],
    responses: [.json(.tasksByNeed, "The tasks.")])

  static let getTask = APIOperation(
    path: "api/delegations/{ref}/task", id: "getTask", tag: .delegations, permission: .read,
    summary: "The task of a delegation.", parameters: [.ref],
    responses: [.json(.task, "The task.")], problems: [.notFound])

  static let listQueue = APIOperation(
    path: "api/queue", id: "listQueue", tag: .delegations, permission: .read,
    summary: "The delegations that wait for a worker, in their order.",
    responses: [.json(.queue, "The places, and when workers are expected to be free.")])

  static let getDelegation = APIOperation(
    path: "api/delegations/{ref}", id: "getDelegation", tag: .delegations, permission: .read,
    summary: "One delegation.", parameters: [.ref],
    responses: [.json(.delegation, "The delegation.")], problems: [.notFound])

  static let listDelegationEvents = APIOperation(
    path: "api/delegations/{ref}/events", id: "listDelegationEvents", tag: .delegations,
    permission: .read,
    summary: "The events of a delegation, in order.", parameters: [.ref],
    responses: [.json(.eventList, "The events.")], problems: [.notFound])

  static let getOutput = APIOperation(
    path: "api/delegations/{ref}/output", id: "getOutput", tag: .delegations, permission: .read,
    summary: "The agent's output.",
    parameters: [
      .ref, .attempt,
      Parameter(
        name: "follow", kind: .flag,
        description: "Send it as server-sent events, until the attempt has ended: `output`, "
          + "`record` and one `end`."),
      Parameter(
        name: "timestamps", kind: .flag,
        description: "Begin each line with its time, or with dashes if it is not known."),
      Parameter(
        name: "line", kind: .integer(1...1_000_000_000),
        description: "Only lines from this one on; not with `follow`."),
      Parameter(
        name: "lines", kind: .integer(1...Int64(OutputRoutes.Form.countMax)),
        description: "How many lines, if `line` is given.",
        defaultValue: .integer(Int64(OutputRoutes.Form.countMax))),
      Parameter(
        name: "raw", kind: .flag, description: "Leave in what a terminal would act on."),
      Parameter(
        name: "Last-Event-ID", location: .header, kind: .digits(groups: 2),
        description: "The id of the last event that was received. The stream resumes after it."),
    ],
    responses: [
      APIResponse(
        description: "The output so far; with `follow`, a stream.",
        content: [
          "text/plain": .text(), "text/event-stream": .events(["output", "record", "end"]),
        ])
    ], problems: [.notFound])

  static let searchOutput = APIOperation(
    path: "api/delegations/{ref}/output/matches", id: "searchOutput", tag: .delegations,
    permission: .read,
    summary: "The lines of the agent's output that contain a text or look like errors: the first "
      + "1,000 in the first 64 MiB.",
    parameters: [
      .ref, .attempt,
      Parameter(
        name: "q", kind: .text(.text(length: 1...200)),
        description: "The text. The letters of ASCII match in both cases."),
      Parameter(
        name: "errors", kind: .flag,
        description: "The lines that speak of an error, which are also those without a `q`."),
      Parameter.limit(
        Int64(OutputSearchRoute.matchesMax), defaultValue: Int64(OutputSearchRoute.matchesMax)),
    ],
    responses: [.json(.outputMatches, "The lines, in order.")], problems: [.notFound])

  static let listRecords = APIOperation(
    path: "api/delegations/{ref}/records", id: "listRecords", tag: .delegations, permission: .read,
    summary: "The agent's plan, tool calls and usage, in order.", parameters: [.ref, .attempt],
    responses: [.json(.recordList, "The records.")], problems: [.notFound])

  static let getDiff = APIOperation(
    path: "api/delegations/{ref}/diff", id: "getDiff", tag: .delegations, permission: .read,
    summary: "The generated change; without a commit, the last patch that is kept.",
    parameters: [
      .ref,
      Parameter(
        name: "ignore-whitespace", kind: .flag,
        description: "Leave out lines whose only difference is in spaces."),
    ],
    responses: [.text("text/x-diff", "The first 8 MiB of the patch.")], problems: [.notFound])

  static let getFile = APIOperation(
    path: "api/delegations/{ref}/file", id: "getFile", tag: .delegations, permission: .read,
    summary: "A file that the generated change touches, of at most 4 MiB.",
    parameters: [
      .ref,
      Parameter(
        name: "path", kind: .text(.text(length: 1...4096)),
        description: "From the repository's root.", isRequired: true),
      Parameter(
        name: "side", kind: .word(ChangeSide.allCases.map(\.rawValue)),
        description: "The version before or after the change.",
        defaultValue: .string(ChangeSide.after.rawValue)),
    ],
    responses: [.text("application/octet-stream", "The file's bytes.")], problems: [.notFound])

  static let getPatch = APIOperation(
    path: "api/delegations/{ref}/patch", id: "getPatch", tag: .delegations, permission: .read,
    summary: "The work of an attempt that ended without a commit.", parameters: [.ref, .attempt],
    responses: [.text("text/x-diff", "The patch.")], problems: [.notFound])

  static let getBundle = APIOperation(
    path: "api/delegations/{ref}/bundle", id: "getBundle", tag: .delegations, permission: .readLog,
    summary: "The evidence of a delegation, which can be checked without the server.",
    parameters: [.ref],
    responses: [.text("application/jsonl", "One JSON value on each line.")],
    problems: [.notFound])

  static let getTrace = APIOperation(
    path: "api/delegations/{ref}/trace", id: "getTrace", tag: .delegations, permission: .read,
    summary: "A delegation as a trace of OpenTelemetry, in OTLP's JSON.",
    parameters: [.ref], responses: [.json(.trace, "The trace, up to the last event.")],
    problems: [.notFound])

  static let cancel = APIOperation(
    method: .post, path: "api/delegations/{ref}/cancel", id: "cancelDelegation",
    tag: .delegations, permission: .changeOwn, summary: "Cancel a delegation.", parameters: [.ref],
    responses: [
      .json(
        .delegation, "The request is durable.", status: .accepted, headers: located,
        isDelegation: true)
    ],
    problems: [.notFound, .conflict])

  static let retry = APIOperation(
    method: .post, path: "api/delegations/{ref}/retry", id: "retryDelegation", tag: .delegations,
    permission: .changeOwn,
    summary: "Retry a delegation that is `Failed`.", parameters: [.ref],
    responses: [
      .json(
        .delegation, "The request is durable.", status: .accepted, headers: located,
        isDelegation: true)
    ],
    problems: [.notFound, .conflict])
}
