import Domain
import EventLog
import Logging
import Projections
import Synchronization
import Terminal
import Text

/// A log line for each event that an operator would ask for: a submission, each state and failure,
/// what workers do, and changes of tokens. The event log and the page have everything.
///
/// The log never delays the engine. If it is written more slowly than events come, lines are left
/// out, and the log says how many.
final class EventLines: Sendable {
  /// Events that wait to be written.
  private static let waitingMax = 4096
  /// Delegations whose names are kept.
  private static let namesMax = 4096

  private let lines: LogLines
  private let level: Logger.Level
  private let events: AsyncStream<RecordedEvent>
  private let input: AsyncStream<RecordedEvent>.Continuation
  private let leftOut = Mutex(0)

  init(_ lines: LogLines, level: Logger.Level) {
    self.lines = lines
    self.level = level
    (events, input) = AsyncStream.makeStream(
      of: RecordedEvent.self, bufferingPolicy: .bufferingOldest(Self.waitingMax))
  }

  /// For the store, as its observer; it does not block.
  func observe(_ events: [RecordedEvent]) {
    for event in events where event.event.logLevel >= level {
      if case .dropped = input.yield(event) { leftOut.withLock { $0 += 1 } }
    }
  }

  /// After the last event.
  func finish() { input.finish() }

  /// Writes lines until `finish`.
  func run(_ store: any ReadModels) async {
    var names: [DelegationID: (code: String, repository: String)] = [:]
    for await event in events {
      var fields: [(String, JSONValue)] = []
      if case .delegation(let id) = event.stream {
        if names.count > Self.namesMax { names = [:] }
        if case .delegation(.requested(let request)) = event.event {
          names[id] = (request.stamp.confirmationCode, request.repository.description)
        }
        if names[id] == nil, let row = (try? await store.delegation(.id(id)))??.row {
          names[id] = (
            Stamp(milliseconds: row.stamp).confirmationCode, row.repository
          )
        }
        fields.append(("delegation", .string(id.rawValue)))
        if let name = names[id] {
          fields += [("code", .string(name.code)), ("repository", .string(name.repository))]
        }
      }
      if case .worker(let id) = event.stream { fields.append(("worker", .string(id.rawValue))) }
      let line = event.event.logLine
      fields += line.fields.compactMap { name, value in value.map { (name, $0) } }
      if event.actor.kind == .user { fields.append(("by", .string(event.actor.name))) }
      fields.append(("position", .integer(event.position)))
      lines.write("aipm", event.event.logLevel, line.message, fields)
      let missing = leftOut.withLock { count in
        defer { count = 0 }
        return count
      }
      if missing > 0 {
        lines.write(
          "aipm", .warning,
          "\(missing) lines are missing here, because they came faster than they were written; "
            + "`aipm audit` has every event", [])
      }
    }
  }
}

extension Event {
  /// How important the event is to an operator.
  fileprivate var logLevel: Logger.Level {
    switch self {
    case .delegation(let event):
      switch event {
      case .requested, .branchCreated, .taskCommitted, .pullRequestCreated, .dispatched,
        .generating,
        .generated, .pushed, .cancelRequested, .retryRequested, .pullRequestUpdated, .conversation:
        .info
      case .baseResolved, .networkUsed: .debug
      case .actionDone(let done): done.failure == nil ? .debug : .warning
      case .released: .notice
      case .stepFailed: .warning
      case .failed(let failed): failed.code == .cancelled ? .info : .error
      }
    case .worker(let event):
      switch event {
      case .registered, .recovered, .draining, .stopped: .info
      case .unhealthy, .restarted, .lost: .warning
      case .parked: .error
      }
    case .system(let event):
      switch event {
      case .started, .recovered, .workflowDefined: .debug
      case .redacted, .tokenCreated, .tokenRevoked: .notice
      case .restored: .warning
      }
    }
  }

  /// Its message, and its facts in the order of a text line; nil: absent.
  fileprivate var logLine: (message: String, fields: [(String, JSONValue?)]) {
    switch self {
    case .delegation(let event): event.logLine
    case .worker(let event): event.logLine
    case .system(let event): event.logLine
    }
  }
}

extension DelegationEvent {
  fileprivate var logLine: (message: String, fields: [(String, JSONValue?)]) {
    switch self {
    case .requested(let e):
      (
        "submitted",
        [
          ("branch", .string(e.branch)), ("requester", .string(e.requester)),
          ("agent", .string(e.agent)), ("workflow", .string(e.workflow.name)),
          ("priority", .integer(Int64(e.priority))),
        ]
      )
    case .baseResolved(let e): ("base resolved", [("sha", .string(e.sha.rawValue))])
    case .branchCreated(let e): ("branch created", [("sha", .string(e.sha.rawValue))])
    case .taskCommitted(let e): ("task committed", [("sha", .string(e.sha.rawValue))])
    case .pullRequestCreated(let e):
      ("pull request created", [("number", .integer(Int64(e.number))), ("url", .string(e.url))])
    case .dispatched(let e):
      (
        "dispatched",
        [("worker", .string(e.worker.rawValue)), ("attempt", .integer(Int64(e.attempt)))]
      )
    case .generating(let e):
      ("generating", [("agent", .string(e.agent)), ("attempt", .integer(Int64(e.attempt)))])
    case .generated(let e):
      (
        "generated",
        [
          ("sha", .string(e.sha.rawValue)), ("attempt", .integer(Int64(e.attempt))),
          ("files", e.figures.map { .integer(Int64($0.filesChanged)) }),
          ("durationMs", e.figures.map { .integer($0.duration.count) }),
        ]
      )
    case .pushed(let e): ("pushed", [("sha", .string(e.sha.rawValue))])
    case .failed(let e):
      (
        "failed at \(e.step.rawValue) (\(e.code.rawValue))" + Self.detail(e.message),
        [
          ("failure", .string(e.code.rawValue)), ("retryable", .bool(e.retryable)),
          ("hint", e.hint.map { .string($0) }),
        ]
      )
    case .stepFailed(let e):
      (
        "\(e.step.rawValue) failed (\(e.code.rawValue))" + Self.detail(e.message),
        [
          ("failure", .string(e.code.rawValue)), ("try", .integer(Int64(e.attemptedTry))),
          ("retryAt", .string(e.retryAt.iso8601)),
        ]
      )
    case .released(let e):
      (
        "attempt ended without a commit (\(e.cause.rawValue))" + Self.detail(e.message),
        [("attempt", .integer(Int64(e.attempt)))]
      )
    case .cancelRequested: ("cancel requested", [])
    case .retryRequested: ("retry requested", [])
    case .pullRequestUpdated(let e):
      ("pull request changed", [("state", .string(e.state.rawValue))])
    case .actionDone(let e):
      (
        e.failure.map { "\(e.marker) failed: \($0)" } ?? "\(e.marker) done",
        [("marker", .string(e.marker))]
      )
    case .networkUsed: ("network used", [])
    case .conversation(let e): e.logLine
    }
  }
}

extension DelegationEvent {
  /// The last line of a message, after a colon.
  private static func detail(_ message: String?) -> String {
    message.map { ": \($0.lastLine)" } ?? ""
  }
}

extension ConversationEvent {
  fileprivate var logLine: (message: String, fields: [(String, JSONValue?)]) {
    switch self {
    case .feedbackRecorded(let e):
      (
        "feedback recorded",
        [
          ("feedback", .string(e.feedback.id.rawValue)), ("author", .string(e.feedback.author)),
        ]
      )
    case .feedbackJudged(let e):
      ("feedback judged", [("feedback", .string(e.id.rawValue))])
    case .roundStarted(let e):
      ("round started", [("round", .string(e.delegation.rawValue))])
    case .roundEnded(let e): ("round ended", [("round", .string(e.delegation.rawValue))])
    case .roundResumed(let id): ("round retried", [("round", .string(id.rawValue))])
    case .roundsStopped(let e): ("rounds stopped", [("limit", .string(e.reason.rawValue))])
    }
  }
}

extension WorkerEvent {
  fileprivate var logLine: (message: String, fields: [(String, JSONValue?)]) {
    func reason(_ text: String?) -> String { text.map { ": \($0.lastLine)" } ?? "" }
    return switch self {
    case .registered(let e):
      (
        "worker registered",
        [
          ("host", .string(e.host)), ("agents", .string(e.agents.joined(separator: ","))),
          ("version", .string(e.version)),
        ]
      )
    case .unhealthy(let text): ("worker unhealthy\(reason(text))", [])
    case .recovered: ("worker recovered", [])
    case .restarted(let delay, let text):
      ("worker restarted\(reason(text))", [("delayMs", .integer(delay.count))])
    case .parked(let text): ("worker keeps ending, and is not started again\(reason(text))", [])
    case .draining: ("worker finishes its work and ends", [])
    case .stopped: ("worker stopped", [])
    case .lost(let text): ("worker lost\(reason(text))", [])
    }
  }
}

extension SystemEvent {
  fileprivate var logLine: (message: String, fields: [(String, JSONValue?)]) {
    switch self {
    case .started(let epoch, _): ("start recorded", [("epoch", .integer(epoch))])
    case .recovered(let inFlight, let duration):
      (
        "work resumed",
        [("inFlight", .integer(Int64(inFlight))), ("durationMs", .integer(duration.count))]
      )
    case .restored(let position):
      ("continues a restored log", [("lostAfter", .integer(position))])
    case .redacted(let position, _): ("text redacted", [("of", .integer(position))])
    case .workflowDefined(let name, let digest, _):
      ("workflow defined", [("workflow", .string(name)), ("digest", .string(digest))])
    case .tokenCreated(let e):
      ("token created", [("token", .string(e.name)), ("role", .string(e.role))])
    case .tokenRevoked(let e): ("token revoked", [("token", .string(e.name))])
    }
  }
}
