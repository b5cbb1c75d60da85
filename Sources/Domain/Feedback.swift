// Feedback: what people or checks say about a pull request, and what becomes of it. It is recorded
// on the stream of the pull request's first delegation, because that stream exists as long as the
// pull request does, has one writer, and is read alone to prove which comment led to which commit.

/// Identifies feedback: the source, and the forge's own number of the comment, review or check. The
/// same comment has the same id, however often and in whatever order the forge reports it.
package struct FeedbackID: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// For example `review-comment/4711`.
  package let rawValue: String
  package init(_ rawValue: String) { self.rawValue = rawValue }

  /// - Parameters:
  ///   - source: where it was said.
  ///   - key: the forge's number of it.
  package init(_ source: FeedbackSource, _ key: some CustomStringConvertible) {
    rawValue = "\(source.rawValue)/\(key)"
  }

  package var description: String { rawValue }
  package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

/// Where feedback was said. The raw values are stored in the log, so they never change.
package enum FeedbackSource: String, CaseIterable, Sendable {
  /// Somebody asked in AIPM.
  case ask
  /// The body of a submitted review.
  case review
  /// A comment on a line or a file of the change.
  case reviewComment = "review-comment"
  /// A comment on the pull request itself.
  case comment
  /// A check run, a commit status or a workflow run that failed.
  case check
  /// The pull request conflicts with its base branch.
  case conflict
  /// The pull request may not be merged before it has the newest commits of its base branch.
  case behind

  /// Whether it asks for a merge of the base branch, and for nothing else.
  package var asksForBase: Bool {
    switch self {
    case .conflict, .behind: true
    case .ask, .review, .reviewComment, .comment, .check: false
    }
  }
}

/// One piece of feedback, as it was when it was first reported. A later edit changes nothing.
package struct Feedback: Equatable, Sendable {
  package var id: FeedbackID
  package var source: FeedbackSource
  /// The account that said it: the forge's name of it, or a principal of AIPM for `ask`.
  package var author: String
  /// Whether the forge says that the account is a program.
  package var isByBot: Bool
  /// The forge's number of the first comment of its thread; nil outside of threads.
  package var thread: Int64?
  /// The commit that it speaks of; nil if it speaks of the pull request.
  package var commit: ObjectID?
  /// The line of the file, from 1; nil for the whole file, or if it speaks of no file.
  package var line: Int?
  /// When it was said, by the forge's clock; nil if the forge does not say.
  package var saidAt: Timestamp?
  /// nil if it was redacted.
  package var text: FeedbackText?

  package init(
    id: FeedbackID, source: FeedbackSource, author: String, isByBot: Bool = false,
    thread: Int64? = nil, commit: ObjectID? = nil, line: Int? = nil, saidAt: Timestamp? = nil,
    text: FeedbackText?
  ) {
    self.id = id
    self.source = source
    self.author = author
    self.isByBot = isByBot
    self.thread = thread
    self.commit = commit
    self.line = line
    self.saidAt = saidAt
    self.text = text
  }
}

/// The words of feedback. People write them, so they are stored as text that can be redacted.
package struct FeedbackText: Equatable, Sendable {
  /// What was said. For a check: its name, its outcome, and what it reported.
  package var body: String
  /// The file that it speaks of, from the repository's root.
  package var path: String?
  /// The code around the line, as a hunk of a unified diff.
  package var hunk: String?

  package init(body: String, path: String? = nil, hunk: String? = nil) {
    self.body = body
    self.path = path
    self.hunk = hunk
  }

  /// The most characters of each part that are recorded, in Unicode scalars.
  package static let bodyMax = 20_000
  package static let hunkMax = 8_000
  package static let pathMax = 4_096
}
