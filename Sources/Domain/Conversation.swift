// The conversation on a pull request: the feedback that was recorded, and the rounds that answered
// it. It belongs to the pull request's first delegation.
//
// Guarantees: each feedback is recorded once, and taken by at most one round. A round is started
// only while the pull request is open. At most one round is started by the engine at a time; a
// person may queue more.

/// The conversation on the pull request of a delegation. Copies share their storage until one of
/// them changes: most delegations have none.
package struct Conversation: Equatable, Sendable {
  /// Recorded feedback that no round has taken yet.
  package struct Waiting: Equatable, Sendable {
    package var id: FeedbackID
    package var author: String
    package var source: FeedbackSource
    /// The commit that it speaks of; nil if it speaks of none.
    package var commit: ObjectID?
    /// Whether it leads to a round; otherwise its author's permission is asked first.
    package var counts: Bool
  }

  /// A follow-up delegation.
  package struct Round: Equatable, Sendable {
    package var delegation: DelegationID
    /// Whether it has not ended.
    package var isOpen: Bool
    /// Whether it answers checks alone. Such rounds in a row are limited.
    package var answersChecksAlone: Bool
    /// What one request of a person recorded, to recognize its repetition.
    package var request: Requested.IdempotencyKey?
  }

  private final class Storage: Sendable {
    let recorded: Set<FeedbackID>
    let waiting: [Waiting]
    let rounds: [Round]
    let startAt: Timestamp?
    let stop: RoundsStopped.Reason?
    let pushed: ObjectID?
    let ignoredByAuthor: [String: Int]

    init(
      recorded: Set<FeedbackID>, waiting: [Waiting], rounds: [Round], startAt: Timestamp?,
      stop: RoundsStopped.Reason?, pushed: ObjectID?, ignoredByAuthor: [String: Int]
    ) {
      self.ignoredByAuthor = ignoredByAuthor
      (self.recorded, self.waiting, self.rounds) = (recorded, waiting, rounds)
      (self.startAt, self.stop, self.pushed) = (startAt, stop, pushed)
    }
  }

  private var storage: Storage?

  package init() {}

  package static func == (a: Self, b: Self) -> Bool {
    a.storage === b.storage
      || (a.recorded == b.recorded && a.waiting == b.waiting && a.rounds == b.rounds
        && a.startAt == b.startAt && a.stop == b.stop && a.pushed == b.pushed
        && a.ignoredByAuthor == b.ignoredByAuthor)
  }

  /// Every feedback that was recorded, also what was ignored.
  package var recorded: Set<FeedbackID> { storage?.recorded ?? [] }
  /// In the order in which it was recorded.
  package var waiting: [Waiting] { storage?.waiting ?? [] }
  /// In the order in which they were started.
  package var rounds: [Round] { storage?.rounds ?? [] }
  /// When a round may take what waits, so that several comments of one review are taken together.
  package var startAt: Timestamp? { storage?.startAt }
  /// The limit that stopped the rounds; nil after a person's feedback or a new round.
  package var stop: RoundsStopped.Reason? { storage?.stop }
  /// The last commit that a round pushed; nil if none has.
  package var pushed: ObjectID? { storage?.pushed }

  /// How often each author was ignored.
  package var ignoredByAuthor: [String: Int] { storage?.ignoredByAuthor ?? [:] }

  /// The most feedback that is recorded for one pull request beside what is ignored, and the most
  /// of one author that is recorded as ignored: more is not recorded.
  package static let recordedMax = 2_000
  package static let ignoredMax = 10
  /// The most rounds of one pull request, also those that people ask for.
  package static let roundsMax = 150

  /// Feedback whose author's permission is not known yet.
  package var toExamine: Waiting? { waiting.first { !$0.counts } }
  /// Feedback that the next round takes.
  package var counted: [Waiting] { waiting.filter(\.counts) }
  package var openRounds: [DelegationID] { rounds.filter(\.isOpen).map(\.delegation) }
  /// The number of rounds at the end that answer checks alone.
  package var checkRoundsInARow: Int {
    rounds.reversed().prefix(while: \.answersChecksAlone).count
  }

  private mutating func put(
    recorded: Set<FeedbackID>? = nil, waiting: [Waiting]? = nil, rounds: [Round]? = nil,
    startAt: Timestamp?, stop: RoundsStopped.Reason?, pushed: ObjectID? = nil,
    ignored author: String? = nil
  ) {
    var counts = ignoredByAuthor
    if let author { counts[author, default: 0] += 1 }
    storage = Storage(
      recorded: recorded ?? self.recorded, waiting: waiting ?? self.waiting,
      rounds: rounds ?? self.rounds, startAt: startAt, stop: stop,
      pushed: pushed ?? self.pushed, ignoredByAuthor: counts)
  }

  mutating func record(_ e: FeedbackRecorded) {
    var waiting = waiting
    if e.standing.isWaiting {
      waiting.append(
        Waiting(
          id: e.feedback.id, author: e.feedback.author, source: e.feedback.source,
          commit: e.feedback.commit, counts: e.standing == .counts))
    }
    put(
      recorded: recorded.union([e.feedback.id]), waiting: waiting,
      startAt: Self.later(startAt, e.startAt), stop: stop,
      ignored: e.standing.isWaiting ? nil : e.feedback.author)
  }

  mutating func judge(_ e: FeedbackJudged) {
    var waiting = waiting
    let author = waiting.first { $0.id == e.id }?.author
    if e.standing == .counts {
      for index in waiting.indices where waiting[index].id == e.id { waiting[index].counts = true }
    } else {
      waiting.removeAll { $0.id == e.id }
    }
    put(
      waiting: waiting, startAt: Self.later(startAt, e.startAt), stop: stop,
      ignored: e.standing == .counts ? nil : author)
  }

  mutating func start(_ e: RoundStarted) {
    let taken = Set(e.takes)
    let sources = waiting.filter { taken.contains($0.id) }.map(\.source)
    let rest = waiting.filter { !taken.contains($0.id) }
    let round = Round(
      delegation: e.delegation, isOpen: true,
      answersChecksAlone: sources.allSatisfy { $0 == .check }, request: e.request)
    put(waiting: rest, rounds: rounds + [round], startAt: nil, stop: nil)
  }

  mutating func end(_ e: RoundEnded) {
    setOpen(false, e.delegation)
    put(startAt: startAt, stop: stop, pushed: e.commit)
  }

  mutating func setOpen(_ isOpen: Bool, _ delegation: DelegationID) {
    let changed = rounds.map { round in
      var round = round
      if round.delegation == delegation { round.isOpen = isOpen }
      return round
    }
    put(rounds: changed, startAt: startAt, stop: stop)
  }

  mutating func stop(_ e: RoundsStopped) {
    let dropped = Set(e.drops)
    put(waiting: waiting.filter { !dropped.contains($0.id) }, startAt: nil, stop: e.reason)
  }

  private static func later(_ a: Timestamp?, _ b: Timestamp?) -> Timestamp? {
    guard let a, let b else { return a ?? b }
    return max(a, b)
  }
}

/// A delegation that answers feedback on the pull request of an earlier one.
package struct FollowUp: Equatable, Sendable {
  package var pullRequest: Int
  /// The pull request's first delegation, which has the feedback on its stream.
  package var first: DelegationID
  /// The delegation before this one.
  package var follows: DelegationID
  /// The threads that get a reply: the forge's numbers of their first comments.
  package var threads: [Int64]
  /// The task's file of the first delegation, if no commit has restored it yet.
  package var taskFile: TaskFile?

  /// The task's file that stands on the branch.
  package struct TaskFile: Equatable, Sendable {
    /// The first delegation's stamp, which its path may contain.
    package var stamp: Stamp
    /// The commit with the file as it was before.
    package var base: ObjectID
    package init(stamp: Stamp, base: ObjectID) {
      self.stamp = stamp
      self.base = base
    }
  }

  package init(
    pullRequest: Int, first: DelegationID, follows: DelegationID, threads: [Int64] = [],
    taskFile: TaskFile? = nil
  ) {
    self.taskFile = taskFile
    self.pullRequest = pullRequest
    self.first = first
    self.follows = follows
    self.threads = threads
  }
}

extension Delegation {
  /// The commit that has the task's file as the generated commit restores it.
  package var taskFileBase: ObjectID? {
    if case .followUp(let followUp) = request.kind { return followUp.taskFile?.base }
    return base?.sha
  }

  /// The number of the pull request that it made, or that it was requested for.
  package var pullRequestNumber: Int? {
    if let pullRequest { return pullRequest.number }
    switch request.kind {
    case .delegate: return nil
    case .adopt(let number): return number
    case .followUp(let followUp): return followUp.pullRequest
    }
  }
}

/// What a follow-up answers, for its prompt and its replies.
package struct RoundText: Equatable, Sendable {
  /// What an earlier delegation of the pull request did.
  package struct Earlier: Equatable, Sendable {
    /// The subject of its commit, or how it ended.
    package var subject: String
    /// The last words of its agent; nil if it gave none.
    package var words: String?
    package init(subject: String, words: String?) {
      self.subject = subject
      self.words = words
    }
  }

  /// In the order in which it was recorded. The prompt counts it from 1.
  package var feedback: [Feedback]
  /// Oldest first.
  package var earlier: [Earlier]

  package init(feedback: [Feedback], earlier: [Earlier] = []) {
    self.feedback = feedback
    self.earlier = earlier
  }
}
