import Domain
import EventLog

/// The history of one delegation in sentences for people: the requester, each step with its
/// duration, failures, workers, and the next step.
package struct CausalStory: Sendable {
  /// One sentence, and the position of its event; nil for the current state.
  package struct Sentence: Equatable, Sendable {
    package var position: Int64?
    package var time: Timestamp
    package var text: String
  }

  package private(set) var sentences: [Sentence] = []
  private var state = DelegationState.absent
  private var corrupt: CorruptStream?
  private var last: Timestamp?
  /// The feedback that each round took.
  var taken: [DelegationID: [FeedbackID]] = [:]
  /// The network use of the current attempt.
  private var network: NetworkUse?
  private let clock: @Sendable (Timestamp) -> String

  /// - Parameters:
  ///   - events: all events of the delegation's stream, in order.
  ///   - now: the end of current waits.
  ///   - clock: writes a time in a sentence.
  package init(
    of events: [StoredEvent], now: Timestamp,
    clock: @escaping @Sendable (Timestamp) -> String = { $0.iso8601 }
  ) {
    self.clock = clock
    for event in events {
      do throws(CodecFault) {
        take(try event.recorded())
      } catch {
        sentences.append(
          Sentence(
            position: event.position, time: event.time, text: "This event is unreadable: \(error).")
        )
        corrupt = corrupt ?? CorruptStream(error)
      }
    }
    tellPresent(now)
  }

  private mutating func take(_ recorded: RecordedEvent) {
    guard case .delegation(let event) = recorded.event,
      case .delegation(let id) = recorded.stream
    else { return }
    let since = last.map { recorded.time - $0 }
    // It is in the same append as the end of its attempt, whose sentence has the duration.
    if case .networkUsed = event {} else { last = recorded.time }
    let before = state
    if corrupt == nil {
      do throws(CorruptStream) {
        state = try state.evolve(event, id: id, at: recorded.time)
      } catch {
        corrupt = error
      }
    }
    var text = sentence(of: event, by: recorded.actor, since: since, before: before)
    text += suspicion(event)
    if case .conversation(let said) = event { text += answers(said) }
    sentences.append(Sentence(position: recorded.position, time: recorded.time, text: text))
  }

  // MARK: History

  private func sentence(
    of event: DelegationEvent, by actor: Actor, since: Milliseconds?, before: DelegationState
  ) -> String {
    let after = since.map { " after \($0.text)" } ?? ""
    if case .stepFailed(let e) = event { return stepFailed(e, after) }
    return Self.sentence(of: event, by: actor, after: after, before: before)
  }

  private func stepFailed(_ e: StepFailed, _ after: String) -> String {
    if e.code == .agentLimited {
      let sequel =
        e.nextAgent.map { "goes on with the agent \($0)" } ?? "waits until \(clock(e.retryAt))"
      return "It \(sequel)\(after)." + Self.sentence(e.message)
    }
    let doubt = e.ambiguous ? " Whether it happened is not known, so it is looked up first." : ""
    return "Try \(e.attemptedTry) of \(e.step.rawValue) failed\(after): \(e.code.rawValue)."
      + Self.sentence(e.message) + doubt + " The next was due at \(clock(e.retryAt))."
  }

  private static func sentence(
    of event: DelegationEvent, by actor: Actor, after: String, before: DelegationState
  ) -> String {
    switch event {
    case .requested(let e): return asked(e, by: actor)
    case .baseResolved(let e):
      return "The base was found\(after): \(e.branch) at \(short(e.sha))"
        + (e.taskBlob == nil ? "." : ", where a TASK.md stands that will be replaced.")
    case .branchCreated(let e):
      return e.adopted
        ? "The branch was found on the forge\(after), at \(short(e.sha))."
        : "The branch was made\(after), at \(short(e.sha))."
    case .taskCommitted(let e):
      return e.adopted
        ? "The commit with the task was found\(after): \(short(e.sha))."
        : "The task was committed\(after): \(short(e.sha))."
    case .pullRequestCreated(let e):
      return "Pull request #\(e.number) was \(e.adopted ? "found" : "opened")\(after): \(e.url)"
    case .dispatched(let e): return dispatched(e, after, before)
    case .generating(let e):
      let merging = e.merge.map { ", merging \(short($0.base))" } ?? ""
      return "The agent \(e.agent) began\(after), on \(short(e.head))\(merging)"
        + (e.session.map { ", session \($0)." } ?? ".")
        + (e.continues.map { " It continues its conversation of \($0.rawValue)." } ?? "")
    case .generated(let e): return generated(e, after)
    case .pushed(let e):
      return e.adopted
        ? "The commit \(short(e.sha)) was found on the branch\(after): it is pushed."
        : "The commit \(short(e.sha)) was pushed\(after)."
    case .failed(let e):
      return "It failed\(after) at \(e.step.rawValue): \(e.code.rawValue)."
        + sentence(e.message) + sentence(e.hint) + used(e.usage)
    case .stepFailed: return ""
    case .released(let e):
      let counts =
        e.cause.usesAttempt ? "This used up an attempt." : "This used up none of its attempts."
      return "Attempt \(e.attempt) ended without a commit\(after): \(e.cause.rawValue)."
        + sentence(e.message) + used(e.usage) + " \(counts)"
    case .cancelRequested: return "\(name(actor)) asked to cancel it\(after)."
    case .retryRequested: return "\(name(actor)) asked to try it again\(after)."
    case .pullRequestUpdated(let e):
      return "The pull request is \(e.state.rawValue) since then, by \(name(actor))."
    case .actionDone(let e):
      return e.failure == nil
        ? "\(noted(e.marker)) (\(e.marker))\(after)."
        : "It could not be noted on the pull request (\(e.marker))\(after)." + sentence(e.failure)
    case .networkUsed(let e): return network(e)
    case .conversation(let e): return sentence(of: e, after)
    }
  }

  private static func noted(_ marker: String) -> String {
    let prefix = "reply-"
    guard marker.hasPrefix(prefix) else { return "It was noted on the pull request" }
    let first = FeedbackID(.reviewComment, marker.dropFirst(prefix.count))
    return "The thread of \(first) was answered"
  }

  private static func used(_ usage: AgentUsage) -> String {
    usage.summary.map { " The agent reported \($0)." } ?? ""
  }

  private static func network(_ e: NetworkUsed) -> String {
    guard let use = e.use else { return "Attempt \(e.attempt) used the network." }
    let hosts = use.hostsReached == 1 ? "1 host" : "\(use.hostsReached) hosts"
    let reached =
      "Attempt \(e.attempt) reached \(hosts) (\(use.bytesUp) bytes sent, \(use.bytesDown) "
      + "received)"
    guard let refused = use.refusedText else { return "\(reached)." }
    let line = use.lineAllowingRefused.map { " To allow that, write in the workflow: \($0)" }
    return "\(reached) and was refused \(refused)." + (line ?? "")
  }

  /// Refused hosts are repeated if they may be the reason of the attempt's failure.
  private mutating func suspicion(_ event: DelegationEvent) -> String {
    let mayBeWhy: Bool
    switch event {
    case .networkUsed(let e):
      network = e.use
      return ""
    case .released(let e): mayBeWhy = e.cause.usesAttempt
    case .failed(let e): mayBeWhy = e.step == .generate && e.code != .cancelled
    case .dispatched, .generated: mayBeWhy = false
    case .requested, .branchCreated, .taskCommitted, .pullRequestCreated, .generating, .pushed,
      .baseResolved, .stepFailed, .cancelRequested, .retryRequested, .pullRequestUpdated,
      .actionDone, .conversation:
      return ""
    }
    defer { network = nil }
    guard mayBeWhy, let refused = network?.refusedText else { return "" }
    return " It was refused \(refused), which may be why."
  }

  private static func asked(_ e: Requested, by actor: Actor) -> String {
    let title = e.text.map { "\"\($0.title)\"" } ?? "something whose text was redacted"
    let how =
      switch e.kind {
      case .delegate: "on a new branch \(e.branch)"
      case .adopt(let number): "on the branch \(e.branch) of pull request #\(number)"
      case .followUp(let followUp):
        "on the branch \(e.branch) of pull request #\(followUp.pullRequest), as a follow-up of "
          + "\(followUp.follows)"
      }
    // What was said on the forge begins a round in the name of who asked for the task.
    let who =
      actor.kind == .system
      ? "AIPM began \(title) for \(e.requester)" : "\(e.requester) asked for \(title)"
    return "\(who) in \(e.repository), \(how), from agent \(e.agent) "
      + "under workflow \(e.workflow.name) (\(e.stamp.confirmationCode))."
      + answered(e.text?.round)
  }

  private static func dispatched(
    _ e: Dispatched, _ after: String, _ before: DelegationState
  ) -> String {
    if before.lease != nil {
      return "Worker \(e.worker) came back\(after) and goes on with attempt \(e.attempt)."
    }
    return "Attempt \(e.attempt) was given to worker \(e.worker)\(after)."
  }

  private static func generated(_ e: Generated, _ after: String) -> String {
    guard let figures = e.figures else {
      if let merge = e.merge {
        return "The base branch, at \(short(merge.base)), was merged without a conflict\(after): "
          + "\(short(e.sha)). No agent was needed."
      }
      return "A commit of attempt \(e.attempt) was found\(after): \(short(e.sha))."
    }
    return "The agent's work was handed in and accepted\(after): \(short(e.sha)), "
      + "\(figures.filesInWords), +\(figures.insertions) −\(figures.deletions)."
      + sentence(e.usage.summary ?? figures.usageText)
  }

  // MARK: Current state

  private mutating func tellPresent(_ now: Timestamp) {
    func say(_ text: String) {
      sentences.append(Sentence(position: nil, time: now, text: text))
    }
    if let corrupt {
      say(
        "It is in quarantine: \(corrupt). Nothing more will be done; `aipm-replay --verify` says "
          + "whether the log is corrupt.")
      return
    }
    guard let d = state.delegation, let name = state.name else { return }
    switch state {
    case .pushed where state.nextIntent != nil, .failed where state.nextIntent != nil:
      say("It is \(name.rawValue).")
      if let next = state.nextIntent { say(Self.plan(next)) }
      return
    case .pushed:
      say("It is Pushed: nothing more will be done.")
      return
    case .failed(_, let failure):
      say(
        "It is Failed (\(failure.code.rawValue)): nothing more will be done unless somebody asks "
          + "with `aipm retry \(d.request.stamp.confirmationCode)`.")
      return
    case .absent, .requested, .branchCreated, .taskCommitted, .pullRequestCreated, .dispatched,
      .generating:
      break
    }
    say("It has been in \(name.rawValue) for \((now - d.stateSince).text).")
    if let due = state.nextIntentDue, due > now, d.failedTry?.code == .agentLimited {
      say(
        "It waits for the agent \(d.agent), whose provider allows no more until \(clock(due)), "
          + "\((due - now).text) from now.")
    } else {
      if let next = state.nextIntent { say(Self.plan(next)) }
      if let due = state.nextIntentDue, due > now {
        say("It waits until \(clock(due)), \((due - now).text) from now.")
      }
    }
    let policy = StuckPolicy()
    if policy.isStuck(name, since: d.stateSince, due: d.failedTry?.retryAt, at: now) {
      say("That is longer than it should take: somebody should look at it.")
    }
  }

  private static func plan(_ intent: Intent) -> String {
    switch intent {
    case .resolveBase: "Next the head of the base branch is read."
    case .createBranch: "Next the branch is made."
    case .commitTask: "Next TASK.md is committed."
    case .openPullRequest: "Next the pull request is opened."
    case .adopt(let number): "Next pull request #\(number) and its branch are read."
    case .dispatch: "It waits for a worker that is free."
    case .awaitWorker(let lease):
      "Worker \(lease.worker) has it (attempt \(lease.attempt)); its result is the next thing."
    case .act(let notice): "Next it is noted on the pull request (\(notice.marker))."
    case .push(let commit): "Next the commit \(short(commit.sha)) is pushed."
    case .stopAgent(let lease): "Worker \(lease.worker) is asked to stop its agent."
    case .settle(let step): "It is being cancelled: what \(step.rawValue) left is looked up first."
    case .cancel: "It is being cancelled."
    case .examineFeedback(let id, let author):
      "Next the forge is asked whether \(author) may push, because of \(id)."
    case .startRound: "Next a round takes the feedback that waits."
    case .awaitRounds(let rounds):
      "Its pull request has a round at work: \(rounds.map(\.rawValue).joined(separator: ", "))."
    }
  }

  // MARK: Formatting

  static func short(_ sha: ObjectID) -> String { String(sha.rawValue.prefix(12)) }

  private static func name(_ actor: Actor) -> String {
    switch actor.kind {
    case .user: actor.name
    case .worker: "worker \(actor.name)"
    case .system: "AIPM"
    case .forge: "the forge"
    }
  }

  /// A message as a sentence of its own.
  private static func sentence(_ text: String?) -> String {
    guard let text, !text.isEmpty else { return "" }
    return " " + text + (text.last.map { ".!?".contains($0) } ?? true ? "" : ".")
  }
}
