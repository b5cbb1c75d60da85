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
    var note: String
  }

  private(set) var state = DelegationState.absent
  private var visits: [Visit] = []
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
    let news = Self.words(of: event)
    guard let name = state.name else { return nil }
    guard name != before.name || Self.begins(event) else {
      return news.map { "\(Self.clock(recorded.time))  \($0)" }
    }
    let since = visits.last.map { (recorded.time - $0.from).text }
    visits.append(Visit(state: name, from: recorded.time, note: news ?? ""))
    let took = since.map { "after \($0)" } ?? ""
    return "\(Self.clock(recorded.time))  \(name.rawValue)  \(took)  \(news ?? "")"
      .trimmedEnd
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
        "Failed at \(known.step.rawValue): \(known.code.rawValue)",
        failure?.message.map { "  " + $0.safeLines(indent: 2) },
        failure?.hint.map { "  " + $0.safeLines(indent: 2) },
      ].compactMap { $0 }.joined(separator: "\n")
    case .absent, .requested, .branchCreated, .taskCommitted, .pullRequestCreated, .dispatched,
      .generating:
      nil
    }
  }

  // MARK: The picture

  /// The picture as lines.
  /// - Parameters:
  /// - now: for the duration of the current state.
  /// - width: in columns; longer lines are cut off.
  func lines(now: Timestamp, width: Int, hasColour: Bool) -> [String] {
    guard let d = state.delegation else { return [] }
    func cut(_ text: String) -> String {
      text.count < width ? text : String(text.prefix(max(width - 2, 1))) + "…"
    }
    var lines = [
      Style.bold.on(
        cut("\(d.request.stamp.confirmationCode)  \(d.request.repository)  \(title)"), if: hasColour
      )
    ]
    // `Failed` is shown only if the delegation failed.
    let hasFailed = visits.contains { $0.state == .failed }
    for name in DelegationStateName.allCases where name != .failed || hasFailed {
      let (text, style) = row(name, now)
      lines.append(style.map { $0.on(cut(text), if: hasColour) } ?? cut(text))
    }
    if let waits = waits(now) { lines.append(Style.yellow.on(cut("  \(waits)"), if: hasColour)) }
    return lines
  }

  private func row(_ name: DelegationStateName, _ now: Timestamp) -> (String, Style?) {
    let mine = visits.indices.filter { visits[$0].state == name }
    let title = name.rawValue + String(repeating: " ", count: 14 - name.rawValue.count)
    guard let last = mine.last else { return ("  ○ \(title)", .dim) }
    let isPresent = last == visits.count - 1
    let spent = mine.reduce(Milliseconds(0)) { sum, index in
      let end = index + 1 < visits.count ? visits[index + 1].from : max(now, visits[index].from)
      return Milliseconds(sum.count + (end - visits[index].from).count)
    }
    let time = name.isTerminal ? "" : spent.text
    let padded = String(repeating: " ", count: max(0, 9 - time.count)) + time
    let again = mine.count > 1 ? "  ×\(mine.count)" : ""
    let text = "\(title) \(Self.clock(visits[last].from)) \(padded)\(again)  \(visits[last].note)"
    if name == .failed, isPresent { return ("  ✗ \(text)", .red) }
    if name == .pushed, isPresent { return ("  ✓ \(text)", .green) }
    if isPresent { return ("  ● \(text)", .blue) }
    // A later state that was left for an earlier one will be visited again.
    let isBehind = name == .failed || Self.order(name) > Self.order(state.name ?? .requested)
    return isBehind ? ("  ○ \(text)", .dim) : ("  ✓ \(text)", nil)
  }

  private static func order(_ name: DelegationStateName) -> Int {
    DelegationStateName.allCases.firstIndex(of: name) ?? 0
  }

  private func waits(_ now: Timestamp) -> String? {
    guard !isOver, let d = state.delegation else { return nil }
    if d.cancelRequested { return "cancelling" }
    guard let failed = d.failedTry, failed.retryAt > now else { return nil }
    return
      "\(failed.step.rawValue) failed (\(failed.code.rawValue), try \(failed.tries)); again "
      + "in \((failed.retryAt - now).text)"
  }

  // MARK: Texts

  private static func words(of event: DelegationEvent) -> String? {
    switch event {
    case .requested(let e): "branch \(e.branch)"
    case .branchCreated(let e): e.adopted ? "found" : nil
    case .taskCommitted(let e): String(e.sha.rawValue.prefix(12)) + (e.adopted ? " (found)" : "")
    case .pullRequestCreated(let e): e.url.safe()
    case .dispatched(let e): "\(e.worker), attempt \(e.attempt)"
    case .generating(let e): "agent \(e.agent.safe())"
    case .pushed(let e): String(e.sha.rawValue.prefix(12)) + (e.adopted ? " (found)" : "")
    case .failed(let e): "\(e.code.rawValue) at \(e.step.rawValue)" + used(e.usage)
    case .generated(let e):
      "generated \(e.sha.rawValue.prefix(12))"
        + (e.figures.map { ": \($0.filesChanged) files, +\($0.insertions) -\($0.deletions)" } ?? "")
        + used(e.usage)
    case .stepFailed(let e):
      "\(e.step.rawValue) failed (\(e.code.rawValue)), try \(e.attemptedTry); again at "
        + clock(e.retryAt)
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

  /// The local time of day, `12:00:00.123`.
  static func clock(_ time: Timestamp) -> String {
    var seconds = time_t(time.milliseconds / 1000)
    var parts = tm()
    localtime_r(&seconds, &parts)
    func two(_ n: Int32) -> String { n < 10 ? "0\(n)" : "\(n)" }
    let fraction = String(1000 + time.milliseconds % 1000).dropFirst()
    return "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)).\(fraction)"
  }
}
