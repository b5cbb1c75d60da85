import Domain

/// What a forge gave with a list, to ask later whether the list has changed. Only the adapter knows
/// its form. It may be stored, and is worth nothing to another adapter.
package struct ForgeValidator: Hashable, Sendable {
  package let rawValue: String
  package init(_ rawValue: String) { self.rawValue = rawValue }
}

/// The verdict of a program on a commit: a check run or a commit status.
package struct ForgeCheck: Equatable, Sendable {
  /// The raw values are stored in the log, so they never change.
  package enum Outcome: String, Sendable {
    /// It has not ended, or waits for a person.
    case pending
    /// It ended and did not fail. It may have been skipped or cancelled.
    case succeeded
    case failed
  }

  /// The most characters of `name` and `summary`, and of a report, in Unicode scalars.
  package static let nameMax = 500
  package static let summaryMax = 4_000
  package static let reportMax = 20_000

  /// `check/` and the number of the check run, or `check/status-` and the number of the status.
  package var id: FeedbackID
  package var name: String
  package var commit: ObjectID
  package var outcome: Outcome
  /// What it says about itself, cut to `summaryMax`; empty if it says nothing.
  package var summary: String
  /// The app or the account that reported it.
  package var author: String
  /// Whether the forge says that `author` is a program.
  package var isByBot: Bool
  /// The number of the job whose log can be read; nil if it is no job of the forge.
  package var job: Int64?
  /// How many annotations it has.
  package var annotations: Int
  /// When it ended, by the forge's clock; nil if it has not, or the forge does not say.
  package var endedAt: Timestamp?

  package init(
    id: FeedbackID, name: String, commit: ObjectID, outcome: Outcome, summary: String = "",
    author: String, isByBot: Bool = true, job: Int64? = nil, annotations: Int = 0,
    endedAt: Timestamp? = nil
  ) {
    self.id = id
    self.name = name
    self.commit = commit
    self.outcome = outcome
    self.summary = summary
    self.author = author
    self.isByBot = isByBot
    self.job = job
    self.annotations = annotations
    self.endedAt = endedAt
  }

  /// The check as feedback. It is the same, whether a webhook or a poll has reported the check.
  /// - Parameter report: why it failed, as `ForgeCall.checkReport` replies it; empty if unknown.
  package func feedback(report: String = "") -> Feedback {
    let parts = ["\(name): \(outcome.rawValue)", summary, report].filter { !$0.isEmpty }
    return Feedback(
      id: id, source: .check, author: author, isByBot: isByBot, commit: commit, saidAt: endedAt,
      text: FeedbackText(cutting: parts.joined(separator: "\n\n")))
  }
}

/// What a webhook reports of a pull request's conversation.
package struct FeedbackReport: Equatable, Sendable {
  /// nil if its name cannot be read.
  package var repository: RepositoryName?
  /// The numbers of the pull requests, if the forge names them.
  package var pullRequests: [Int64]
  /// The commit that a check ran on; nil if this is no check.
  package var head: ObjectID?
  package var feedback: [Feedback]
  /// The account that caused the webhook.
  package var sender: String

  package init(
    repository: RepositoryName?, pullRequests: [Int64], head: ObjectID? = nil,
    feedback: [Feedback], sender: String
  ) {
    self.repository = repository
    self.pullRequests = pullRequests
    self.head = head
    self.feedback = feedback
    self.sender = sender
  }
}

extension FeedbackText {
  /// Cuts each part to its limit. Of a body the beginning stays. Of a hunk the end stays, because
  /// the commented line is its last. A path that is too long names no file, so it is left out.
  package init(cutting body: String, path: String? = nil, hunk: String? = nil) {
    self.init(
      body: ForgeText.beginning(of: body, limit: Self.bodyMax),
      path: path.flatMap { $0.unicodeScalars.count > Self.pathMax ? nil : $0 },
      hunk: hunk.map { ForgeText.end(of: $0, limit: Self.hunkMax) })
  }
}

/// Cuts what outsiders wrote to a limit.
package enum ForgeText {
  /// The beginning, with a note if something is missing.
  /// - Parameter limit: the most Unicode scalars of the result, the note included.
  package static func beginning(of text: String, limit: Int) -> String {
    let count = text.unicodeScalars.count
    guard count > limit else { return text }
    let note = "\n[cut: it has \(count) characters]"
    let rest = text.unicodeScalars.prefix(max(0, limit - note.unicodeScalars.count))
    return String(String.UnicodeScalarView(rest)) + note
  }

  /// The end, from the beginning of a line if possible, with a note if something is missing.
  /// - Parameter limit: the most Unicode scalars of the result, the note included.
  package static func end(of text: String, limit: Int) -> String {
    guard text.unicodeScalars.count > limit else { return text }
    let note = "[cut: this is the end]\n"
    var rest = text.unicodeScalars.suffix(max(0, limit - note.unicodeScalars.count))
    if let newline = rest.firstIndex(of: "\n"), rest.index(after: newline) < rest.endIndex {
      rest = rest[rest.index(after: newline)...]
    }
    return note + String(String.UnicodeScalarView(rest))
  }
}
