import Access
import Domain
import HTTPTypes
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
        name: "timestamps", kind: .flag, description: "Begin each line with its time."),
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

  static let listRecords = APIOperation(
    path: "api/delegations/{ref}/records", id: "listRecords", tag: .delegations, permission: .read,
    summary: "The agent's plan, tool calls and usage, in order.", parameters: [.ref, .attempt],
    responses: [.json(.recordList, "The records.")], problems: [.notFound])

  static let getDiff = APIOperation(
    path: "api/delegations/{ref}/diff", id: "getDiff", tag: .delegations, permission: .read,
    summary: "The generated change.", parameters: [.ref],
    responses: [.text("text/x-diff", "The patch.")], problems: [.notFound])

  static let getPatch = APIOperation(
    path: "api/delegations/{ref}/patch", id: "getPatch", tag: .delegations, permission: .read,
    summary: "The work of an agent that ran out of time.", parameters: [.ref, .attempt],
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
