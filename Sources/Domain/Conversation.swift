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
    /// Whether it brings the branch up to date and does nothing else. Such rounds are not limited
    /// by the workflow's maximum.
    package var updatesAlone: Bool
    /// What one request of a person recorded, to recognize its repetition.
    package var request: Requested.IdempotencyKey?
  }

  private struct Content: Equatable {
    var recorded: Set<FeedbackID> = []
    var waiting: [Waiting] = []
    var rounds: [Round] = []
    var startAt: Timestamp?
    var stop: RoundsStopped.Reason?
    var pushed: ObjectID?
    var ignoredByAuthor: [String: Int] = [:]

    static let empty = Content()
  }

  private final class Storage {
    var content: Content
    init(_ content: Content) { self.content = content }
  }

  // Written only while it is uniquely referenced: see `ownStorage`.
  nonisolated(unsafe) private var storage: Storage?

  /// The storage, copied if another value shares it.
  private mutating func ownStorage() -> Storage {
    if isKnownUniquelyReferenced(&storage), let storage { return storage }
    let own = Storage(content)
    storage = own
    return own
  }

  /// What events change in place.
  private var content: Content {
    get { storage?.content ?? .empty }
    _modify { yield &ownStorage().content }
  }

  package init() {}

  package static func == (a: Self, b: Self) -> Bool {
    a.storage === b.storage || a.content == b.content
  }

  /// Every feedback that was recorded, also what was ignored.
  package var recorded: Set<FeedbackID> { content.recorded }
  /// In the order in which it was recorded.
  package var waiting: [Waiting] { content.waiting }
  /// In the order in which they were started.
  package var rounds: [Round] { content.rounds }
  /// When a round may take what waits, so that several comments of one review are taken together.
  package var startAt: Timestamp? { content.startAt }
  /// The limit that stopped the rounds; nil after a new round.
  package var stop: RoundsStopped.Reason? { content.stop }
  /// The last commit that a round pushed; nil if none has.
  package var pushed: ObjectID? { content.pushed }
  /// How often each author was ignored.
  package var ignoredByAuthor: [String: Int] { content.ignoredByAuthor }

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
  /// The number of rounds at the end that answer checks alone. Updates between them do not count.
  package var checkRoundsInARow: Int {
    rounds.reversed().lazy.filter { !$0.updatesAlone }.prefix(while: \.answersChecksAlone).count
  }
  /// The number of rounds that count for the workflow's maximum.
  package var limitedRounds: Int { rounds.count { !$0.updatesAlone } }

  mutating func record(_ e: FeedbackRecorded) {
    content.recorded.insert(e.feedback.id)
    content.startAt = Self.later(startAt, e.startAt)
    if e.standing.isWaiting {
      content.waiting.append(
        Waiting(
          id: e.feedback.id, author: e.feedback.author, source: e.feedback.source,
          commit: e.feedback.commit, counts: e.standing == .counts))
    } else {
      content.ignoredByAuthor[e.feedback.author, default: 0] += 1
    }
  }

  mutating func judge(_ e: FeedbackJudged) {
    content.startAt = Self.later(startAt, e.startAt)
    guard let index = waiting.firstIndex(where: { $0.id == e.id }) else { return }
    if e.standing == .counts {
      content.waiting[index].counts = true
    } else {
      let ignored = content.waiting.remove(at: index)
      content.ignoredByAuthor[ignored.author, default: 0] += 1
    }
  }

  mutating func start(_ e: RoundStarted) {
    let taken = Set(e.takes)
    let sources = waiting.filter { taken.contains($0.id) }.map(\.source)
    content.waiting.removeAll { taken.contains($0.id) }
    content.rounds.append(
      Round(
        delegation: e.delegation, isOpen: true,
        answersChecksAlone: sources.allSatisfy { $0 == .check },
        updatesAlone: sources.allSatisfy { $0 == .behind }, request: e.request))
    (content.startAt, content.stop) = (nil, nil)
  }

  mutating func end(_ e: RoundEnded) {
    setOpen(false, e.delegation)
    if let commit = e.commit { content.pushed = commit }
  }

  mutating func setOpen(_ isOpen: Bool, _ delegation: DelegationID) {
    for index in rounds.indices where rounds[index].delegation == delegation {
      content.rounds[index].isOpen = isOpen
    }
  }

  mutating func stop(_ e: RoundsStopped) {
    let dropped = Set(e.drops)
    content.waiting.removeAll { dropped.contains($0.id) }
    (content.startAt, content.stop) = (nil, e.reason)
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
  /// Whether its commit merges the base branch; nil if it does not.
  package var merge: Merge?

  /// A merge of the base branch. The raw values are stored in the log, so they never change.
  package enum Merge: String, CaseIterable, Sendable {
    /// Nothing else is asked for. If there is no conflict, no agent is needed.
    case alone
    case withChanges = "with-changes"
  }

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
    taskFile: TaskFile? = nil, merge: Merge? = nil
  ) {
    self.merge = merge
    self.taskFile = taskFile
    self.pullRequest = pullRequest
    self.first = first
    self.follows = follows
    self.threads = threads
  }
}

extension Delegation {
  /// The delegation that has the conversation of its pull request.
  package var firstOfPullRequest: DelegationID {
    if case .followUp(let followUp) = request.kind { followUp.first } else { id }
  }

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
