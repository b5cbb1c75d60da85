import Domain
import EventLog
import Glibc
import Projections
import Terminal
import Text

/// The progress of one delegation for people, folded by the client from the same events as on the
/// server: the eight states with their times, and the current wait.
struct Timeline {
  private struct Visit {
    var state: DelegationStateName
    var from: Timestamp
  }

  /// One go of an agent.
  private struct Attempt {
    var number: Int
    var worker: String
    var agent: String?
    var from: Timestamp
    var until: Timestamp?
    var hasCommit = false
    /// It was cancelled, or ended without using up an attempt, as by a provider's limit.
    var isNoFailure = false
    /// The outcome, or what happens now.
    var note = ""
  }

  private(set) var state = DelegationState.absent
  private var visits: [Visit] = []
  private var attempts: [Attempt] = []
  private var title = ""
  /// The time of the last event.
  private var lastTime = Timestamp(milliseconds: 0)
  private(set) var failure: Failed?

  /// Folds the next event.
  /// - Returns: its description in one line; nil if it is not relevant for people.
  /// - Throws: `Failure` if the event contradicts the events before it.
  mutating func take(_ recorded: RecordedEvent) throws -> String? {
    guard case .delegation(let event) = recorded.event,
      case .delegation(let id) = recorded.stream
    else { return nil }
    let before = state
    do {
      state = try state.evolve(event, id: id, at: recorded.time)
    } catch {
      throw Failure("the delegation is in quarantine: \(error)")
    }
    lastTime = recorded.time
    if case .requested(let request) = event { title = request.text?.title.safe() ?? "" }
    if case .failed(let failed) = event { failure = failed }
    follow(event, at: recorded.time)
    let news = Self.words(of: event)
    let time = LocalTime.text(recorded.time, withFraction: true)
    guard let name = state.name else { return nil }
    guard name != before.name || Self.begins(event) else {
      return news.map { "\(time)  \($0)" }
    }
    let since = visits.last.map { (recorded.time - $0.from).text }
    visits.append(Visit(state: name, from: recorded.time))
    let took = since.map { "after \($0)" } ?? ""
    return "\(time)  \(name.rawValue)  \(took)  \(news ?? "")".trimmedEnd
  }

  /// Keeps the attempts.
  private mutating func follow(_ event: DelegationEvent, at time: Timestamp) {
    func end(_ note: String, isNoFailure: Bool = false) {
      guard let last = attempts.indices.last, attempts[last].until == nil else { return }
      attempts[last].until = time
      attempts[last].note = note
      attempts[last].isNoFailure = isNoFailure
    }
    switch event {
    case .dispatched(let e):
      // A worker that reconnects goes on with its attempt.
      if let last = attempts.indices.last, attempts[last].number == e.attempt {
        attempts[last].worker = e.worker.rawValue
        attempts[last].until = nil
      } else {
        attempts.append(
          Attempt(number: e.attempt, worker: e.worker.rawValue, agent: nil, from: time))
      }
    case .generating(let e):
      if let last = attempts.indices.last { attempts[last].agent = e.agent.safe() }
    case .generated(let e):
      let size = e.figures.map { "\($0.filesInWords), +\($0.insertions) -\($0.deletions)" }
      end((size ?? "commit \(e.sha.rawValue.prefix(12))") + Self.used(e.usage))
      if let last = attempts.indices.last { attempts[last].hasCommit = true }
    case .released(let e):
      let reason = e.message.map { ": \($0.lastLine.safe())" } ?? ""
      end(e.cause.rawValue + reason + Self.used(e.usage), isNoFailure: !e.cause.usesAttempt)
    case .failed(let e):
      end(e.code.rawValue + Self.used(e.usage), isNoFailure: e.code == .cancelled)
    case .requested, .branchCreated, .taskCommitted, .pullRequestCreated, .pushed, .baseResolved,
      .stepFailed, .cancelRequested, .retryRequested, .pullRequestUpdated, .actionDone,
      .networkUsed, .conversation:
      break
    }
  }

  /// Whether an event begins a new visit of a state, even of the current one.
  private static func begins(_ event: DelegationEvent) -> Bool {
    if case .dispatched = event { true } else { false }
  }

  var isOver: Bool { state.name?.isTerminal ?? false }

  /// The last line, after the end of the delegation.
  var ending: String? {
    switch state {
    case .pushed(let d, let sha):
      "Pushed \(sha.rawValue.prefix(12)) to \(d.pullRequest?.url.safe() ?? d.request.branch)"
    case .failed(_, let known):
      [
        known.code == .cancelled
          ? "Cancelled" : "Failed at \(known.step.rawValue): \(known.code.rawValue)",
        failure?.message.map { "  " + $0.safeLines(indent: 2) },
        failure?.hint.map { "  " + $0.safeLines(indent: 2) },
      ].compactMap { $0 }.joined(separator: "\n")
    case .absent, .requested, .branchCreated, .taskCommitted, .pullRequestCreated, .dispatched,
      .generating:
      nil
    }
  }

  /// What a delegation without a worker waits for.
  private static func wait(_ d: Delegation, _ now: Timestamp) -> String {
    guard let failed = d.failedTry, failed.retryAt > now else { return "waits for a worker" }
    let until = LocalTime.minute(failed.retryAt)
    return failed.code == .agentLimited
      ? "waits for \(d.agent.safe()) until \(until)" : "tries again at \(until)"
  }

  // MARK: Texts

  private static func words(of event: DelegationEvent) -> String? {
    switch event {
    case .requested(let e): "branch \(e.branch)"
    case .branchCreated(let e): e.adopted ? "found" : nil
    case .taskCommitted(let e): String(e.sha.rawValue.prefix(12)) + (e.adopted ? " (found)" : "")
    case .pullRequestCreated(let e): e.url.safe()
    case .dispatched(let e): "\(e.worker), attempt \(e.attempt)"
    case .generating(let e):
      "agent \(e.agent.safe())"
        + (e.continues.map { ", continues the conversation of \($0.rawValue.safe())" } ?? "")
    case .pushed(let e): String(e.sha.rawValue.prefix(12)) + (e.adopted ? " (found)" : "")
    case .failed(let e): "\(e.code.rawValue) at \(e.step.rawValue)" + used(e.usage)
    case .generated(let e):
      "generated \(e.sha.rawValue.prefix(12))"
        + (e.figures.map { ": \($0.filesInWords), +\($0.insertions) -\($0.deletions)" } ?? "")
        + used(e.usage)
    case .stepFailed(let e) where e.code == .agentLimited:
      e.nextAgent.map { "goes on with the agent \($0.safe())" }
        ?? "waits until \(LocalTime.minute(e.retryAt)): the agent's provider allows no more"
    case .stepFailed(let e):
      "\(e.step.rawValue) failed (\(e.code.rawValue)), try \(e.attemptedTry); again at "
        + LocalTime.text(e.retryAt)
    case .released(let e):
      "attempt \(e.attempt) ended: \(e.cause.rawValue)"
        + (e.message.map { ": \($0.lastLine.safe())" } ?? "") + used(e.usage)
    case .cancelRequested: "cancel requested"
    case .retryRequested: "retry requested"
    case .pullRequestUpdated(let e): "pull request \(e.state.rawValue)"
    case .networkUsed(let e):
      e.use?.refusedText.map { words in
        "attempt \(e.attempt) was refused \(words.safe())"
          + (e.use?.lineAllowingRefused.map { "; to allow it: \($0.safe())" } ?? "")
      }
    case .conversation(let e): words(of: e)
    case .baseResolved, .actionDone: nil
    }
  }

  private static func words(of event: ConversationEvent) -> String {
    switch event {
    case .feedbackRecorded(let e):
      let standing: String =
        if case .ignored(let reason) = e.standing { "ignored, \(reason.rawValue)" } else {
          "recorded"
        }
      return "\(e.feedback.id) by \(e.feedback.author.safe()): \(standing)"
    case .feedbackJudged(let e):
      guard case .ignored(let reason) = e.standing else { return "\(e.id) counts" }
      return "\(e.id) ignored, \(reason.rawValue)"
    case .roundStarted(let e): return "round \(e.delegation) takes \(e.takes.count) of feedback"
    case .roundEnded(let e):
      let end = e.commit.map { "commit \($0.rawValue.prefix(12))" } ?? e.failure?.rawValue ?? "-"
      return "round \(e.delegation) ended: \(end)"
    case .roundResumed(let id): return "round \(id) is retried"
    case .roundsStopped(let e): return "no more rounds: limit \(e.reason.rawValue)"
    }
  }

  private static func used(_ usage: AgentUsage) -> String {
    usage.summary.map { " (\($0))" } ?? ""
  }
}

// MARK: The picture

extension Timeline {
  private enum Mark: String {
    case done = "✓"
    case now = "●"
    case failed = "✗"
    case ended = "○"

    var style: Style? {
      switch self {
      case .done: nil
      case .now: .blue
      case .failed: .red
      case .ended: .dim
      }
    }
  }

  /// The picture as lines: set-up, the wait in the queue, each attempt, and the end.
  /// - Parameters:
  /// - now: for the duration of the current state.
  /// - width: in columns; longer lines are cut off.
  func lines(now: Timestamp, width: Int, hasColour: Bool) -> [String] {
    guard let d = state.delegation, let name = state.name else { return [] }
    // Its rows have times alone.
    let begun = visits.first.map { LocalTime.day($0.from) } ?? ""
    let day = begun == LocalTime.day(now) ? "" : "\(begun)  "
    let headline = "\(d.request.stamp.confirmationCode)  \(d.request.repository)  \(day)\(title)"
    var lines = [Style.bold.on(Terminal.cut(headline, to: width - 1), if: hasColour)]
    func row(
      _ mark: Mark, _ title: String, _ from: Timestamp, _ spent: Milliseconds?, _ note: String
    ) {
      let time = spent?.text ?? ""
      let padding = String(repeating: " ", count: max(0, 11 - title.count))
      let space = String(repeating: " ", count: max(0, 9 - time.count))
      let text =
        "  \(mark.rawValue) \(title)\(padding) \(LocalTime.clock(from)) \(space)\(time)  \(note)"
      let cut = Terminal.cut(text.trimmedEnd, to: width - 1)
      lines.append(mark.style.map { $0.on(cut, if: hasColour) } ?? cut)
    }
    let setUp: Set<DelegationStateName> = [.requested, .branchCreated, .taskCommitted]
    if let spent = spent(in: setUp, now) {
      let isNow = setUp.contains(name)
      let place = d.pullRequest?.url.safe() ?? "branch \(d.request.branch.safe())"
      row(isNow ? .now : .done, "Set-up", spent.from, spent.time, isNow ? name.rawValue : place)
    }
    if let spent = spent(in: [.pullRequestCreated], now) {
      let isNow = name == .pullRequestCreated
      row(isNow ? .now : .done, "Queued", spent.from, spent.time, isNow ? Self.wait(d, now) : "")
    }
    for attempt in attempts {
      let mark: Mark =
        attempt.until == nil
        ? .now : attempt.hasCommit ? .done : attempt.isNoFailure ? .ended : .failed
      let who = [attempt.worker, attempt.agent].compactMap { $0 }.joined(separator: ", ")
      row(
        mark, "Attempt \(attempt.number)", attempt.from, (attempt.until ?? now) - attempt.from,
        attempt.note.isEmpty ? who : "\(who): \(attempt.note)")
    }
    if case .generating(_, let generation) = state, generation.accepted != nil {
      row(.now, "Push", lastTime, now - lastTime, "")
    }
    if case .pushed(_, let sha) = state {
      row(.done, "Pushed", lastTime, nil, String(sha.rawValue.prefix(12)))
    }
    if case .failed(_, let known) = state {
      let isCancelled = known.code == .cancelled
      row(
        isCancelled ? .ended : .failed, isCancelled ? "Cancelled" : "Failed", d.stateSince, nil,
        isCancelled ? "" : known.code.rawValue)
    }
    if let waits = waits(now) {
      lines.append(Style.yellow.on(Terminal.cut("  \(waits)", to: width - 1), if: hasColour))
    }
    return lines
  }

  /// When the delegation first entered one of these states, and how long it was in them.
  private func spent(
    in states: Set<DelegationStateName>, _ now: Timestamp
  ) -> (from: Timestamp, time: Milliseconds)? {
    guard let first = visits.first(where: { states.contains($0.state) }) else { return nil }
    var sum = Milliseconds(0)
    for (index, visit) in visits.enumerated() where states.contains(visit.state) {
      let end = index + 1 < visits.count ? visits[index + 1].from : max(now, visit.from)
      sum = Milliseconds(sum.count + (end - visit.from).count)
    }
    return (first.from, sum)
  }

  private func waits(_ now: Timestamp) -> String? {
    guard !isOver, let d = state.delegation else { return nil }
    if d.cancelRequested { return "cancelling" }
    guard let failed = d.failedTry, failed.retryAt > now else { return nil }
    let left = (failed.retryAt - now).text
    // A provider's limit is a wait, no failure.
    if failed.code == .agentLimited {
      return "the provider of \(d.agent.safe()) allows no more; it goes on in \(left)"
    }
    return
      "\(failed.step.rawValue) failed (\(failed.code.rawValue), try \(failed.tries)); again "
      + "in \(left)"
  }
}
