// What a round asks for, from the streams of its pull request's delegations. It is pure: the engine
// and the simulation read the streams.

import Domain
import EventLog

/// The request of the follow-up delegation of one round.
package struct RoundPlan: Sendable {
  private let first: DelegationID
  private let story: RoundStory
  private let started: RoundStarted
  private let task: Requested

  /// - Parameters:
  ///   - first: the pull request's first delegation.
  ///   - events: of its stream.
  /// - Returns: nil if the conversation does not have the round.
  package init?(_ round: DelegationID, of first: DelegationID, _ events: [RecordedEvent]) {
    var story = RoundStory(round)
    for recorded in events { story.take(recorded.event) }
    guard let started = story.started, let task = story.request else { return nil }
    self.first = first
    self.story = story
    self.started = started
    self.task = task
  }

  /// The person that asked for it in AIPM; nil if the engine started it.
  package var requester: String? { started.requester }

  /// The most earlier rounds that a prompt describes.
  private static let earlierMax = 9

  /// The rounds before it that its prompt describes, oldest first.
  package var earlier: [DelegationID] { story.rounds.suffix(Self.earlierMax) }

  /// The request.
  /// - Parameter streams: the events of each of `earlier`.
  package func request(_ streams: [[RecordedEvent]]) -> Requested {
    var done = [story.done]
    var isRestored = story.hasPushed
    for events in streams {
      var own = RoundStory(started.delegation)
      for recorded in events { own.take(recorded.event) }
      done.append(own.done)
      isRestored = isRestored || own.hasPushed
    }
    return started.request(
      task, first: first, pullRequest: story.pullRequest, feedback: story.taken,
      earlier: done.compactMap(\.self), taskFile: isRestored ? nil : story.taskFile)
  }
}

extension RoundAnswer {
  /// - Parameter state: of the round's delegation.
  init(_ state: DelegationState) {
    self = RoundEnded(state).map { .ended($0) } ?? .underWay
  }

  /// - Parameter events: of the round's delegation, whose stream exists.
  package init(_ events: [RecordedEvent], of id: DelegationID) {
    var state = DelegationState.absent
    for recorded in events {
      guard case .delegation(let event) = recorded.event else { continue }
      do throws(CorruptStream) {
        try state.take(event, id: id, at: recorded.time)
      } catch {
        // Its own executor is in quarantine, which is shown.
        self = .underWay
        return
      }
    }
    self.init(state)
  }
}

/// What the stream of a delegation says for a round.
private struct RoundStory {
  let round: DelegationID
  private(set) var request: Requested?
  private(set) var started: RoundStarted?
  private(set) var pullRequest = 0
  /// The rounds before this one.
  private(set) var rounds: [DelegationID] = []
  private var feedback: [FeedbackID: Feedback] = [:]
  private var generated: Generated?
  private var base: ObjectID?
  /// Whether a commit of it is on the branch.
  private(set) var hasPushed = false
  private var end: FailureCode?

  init(_ round: DelegationID) { self.round = round }

  mutating func take(_ event: Event) {
    guard case .delegation(let event) = event else { return }
    switch event {
    case .requested(let e): request = e
    case .pullRequestCreated(let e): pullRequest = e.number
    case .generated(let e): generated = e
    case .pushed:
      end = nil
      hasPushed = true
    case .baseResolved(let e): base = e.sha
    case .failed(let e): end = e.code
    case .conversation(.feedbackRecorded(let e)): feedback[e.feedback.id] = e.feedback
    case .conversation(.roundStarted(let e)):
      if e.delegation == round {
        started = e
      } else if started == nil {
        rounds.append(e.delegation)
      }
    case .branchCreated, .taskCommitted, .dispatched, .generating, .stepFailed,
      .released, .cancelRequested, .retryRequested, .pullRequestUpdated, .actionDone, .networkUsed,
      .conversation:
      break
    }
  }

  /// The feedback that the round takes.
  var taken: [Feedback] { (started?.takes ?? []).compactMap { feedback[$0] } }

  /// The task's file that the delegation committed; nil if it committed none.
  var taskFile: FollowUp.TaskFile? {
    guard let request, request.kind == .delegate, let base else { return nil }
    return FollowUp.TaskFile(stamp: request.stamp, base: base)
  }

  /// What the delegation did; nil if it was never requested.
  var done: RoundText.Earlier? {
    guard let text = request?.text else { return nil }
    let subject = text.round == nil ? text.pullRequestTitle : text.title
    if let end { return RoundText.Earlier(subject: "\(subject) (\(end.rawValue))", words: nil) }
    return RoundText.Earlier(subject: subject, words: generated?.words)
  }
}

extension FollowUp.Merge {
  /// nil if nothing of it asks for the base branch.
  fileprivate init?(answering feedback: [Feedback]) {
    let asking = feedback.count { $0.source.asksForBase }
    if asking == 0 { return nil }
    self = asking == feedback.count ? .alone : .withChanges
  }
}

extension RoundStarted {
  /// The request of the follow-up delegation.
  /// - Parameter task: the request of the pull request's first delegation.
  fileprivate func request(
    _ task: Requested, first: DelegationID, pullRequest: Int, feedback: [Feedback],
    earlier: [RoundText.Earlier], taskFile: FollowUp.TaskFile?
  ) -> Requested {
    var request = task
    var threads: [Int64] = []
    for said in feedback {
      guard let thread = said.thread, !threads.contains(thread) else { continue }
      threads.append(thread)
    }
    request.kind = .followUp(
      FollowUp(
        pullRequest: pullRequest, first: first, follows: follows, threads: threads,
        taskFile: taskFile, merge: FollowUp.Merge(answering: feedback)))
    request.stamp = .unassigned
    request.requester = requester ?? task.requester
    request.agent = agent ?? task.agent
    request.idempotencyKey = nil
    request.draft = false
    // The pull request has its labels and reviewers.
    request.notices.remove(.opened)
    let words = task.text
    request.text = TaskText(
      title: Self.title(of: feedback), objective: words?.objective ?? Self.redacted,
      pullRequestTitle: words?.pullRequestTitle ?? Self.title(of: feedback),
      constraints: words?.constraints ?? .text(""),
      acceptanceCriteria: words?.acceptanceCriteria ?? [],
      round: RoundText(feedback: feedback, earlier: earlier))
    return request
  }

  private static let redacted = "(The text of the task was redacted.)"

  /// One line for lists and the commit's subject.
  private static func title(of feedback: [Feedback]) -> String {
    if feedback.allSatisfy({ $0.source == .check }) {
      return feedback.count == 1 ? "Repair a failed check" : "Repair failed checks"
    }
    if feedback.contains(where: { $0.source.asksForBase }) { return "Merge the base branch" }
    let lines = feedback.first?.text?.body.split(whereSeparator: \.isNewline) ?? []
    let first = lines.first { !$0.allSatisfy(\.isWhitespace) }
    guard feedback.count == 1, let first else {
      return "Answer \(feedback.count) comments"
    }
    return first.count > 72 ? String(first.prefix(71)) + "…" : String(first)
  }
}
