import Domain
import ForgePort
import Text

// What is said on a pull request, in answers and in webhooks alike. Field names are those of
// GitHub's OpenAPI description, version 2026-03-10, in camel case.

/// An account; null if it was deleted. GitHub then shows it as `ghost`.
struct AccountBody: Decodable {
  let login: String
  let type: String?

  var isBot: Bool { type == "Bot" }
}

extension AccountBody? {
  var login: String { self?.login ?? "ghost" }
  var isBot: Bool { self?.isBot ?? false }
}

/// A review. Its state is in capitals in answers, and in small letters in webhooks.
struct ReviewBody: Decodable {
  let id: Int64
  let user: AccountBody?
  let body: String?
  let state: String
  let submittedAt: String?
  let commitId: String?

  /// GitHub shows a pending review to its author, who may be AIPM's own account.
  var isPending: Bool { state.lowercased() == "pending" }

  /// nil if it has no words, was not submitted, or was dismissed or approves: then it asks for
  /// nothing.
  var feedback: Feedback? {
    let asksForNothing = ["dismissed", "approved"].contains(state.lowercased())
    guard !isPending, !asksForNothing, let body, body.hasWords else { return nil }
    return Feedback(
      id: FeedbackID(.review, id), source: .review, author: user.login, isByBot: user.isBot,
      commit: commitId.map { ObjectID($0) },
      saidAt: submittedAt.flatMap { Timestamp(github: $0) }, text: FeedbackText(cutting: body))
  }
}

/// A comment on a line or a file of the change.
struct ReviewCommentBody: Decodable {
  let id: Int64
  let user: AccountBody?
  let body: String?
  let pullRequestReviewId: Int64?
  let inReplyToId: Int64?
  let commitId: String?
  let originalCommitId: String?
  let path: String?
  let diffHunk: String?
  let line: Int?
  let originalLine: Int?
  /// `LEFT` is the old file.
  let side: String?
  /// `line` or `file`.
  let subjectType: String?
  let createdAt: String?

  /// nil if it has no words. Commit and line are the original ones: the others change with each
  /// push, and feedback is what was said at that time.
  var feedback: Feedback? {
    guard let body, body.hasWords else { return nil }
    // A line of the old file is not one of the new file's. The hunk shows it.
    let speaksOfLine = subjectType != "file" && side != "LEFT"
    let number = originalLine ?? line
    return Feedback(
      id: FeedbackID(.reviewComment, id), source: .reviewComment, author: user.login,
      isByBot: user.isBot, thread: inReplyToId ?? id,
      commit: (originalCommitId ?? commitId).map { ObjectID($0) },
      line: speaksOfLine ? number.flatMap { $0 > 0 ? $0 : nil } : nil,
      saidAt: createdAt.flatMap { Timestamp(github: $0) },
      text: FeedbackText(cutting: body, path: path, hunk: diffHunk))
  }
}

/// A comment on the pull request itself.
struct IssueCommentBody: Decodable {
  let id: Int64
  let user: AccountBody?
  let body: String?
  let createdAt: String?

  var comment: ForgeComment {
    ForgeComment(id: FeedbackID(.comment, id), author: user.login, body: body ?? "")
  }

  /// nil if it has no words.
  var feedback: Feedback? {
    guard let body, body.hasWords else { return nil }
    return Feedback(
      id: FeedbackID(.comment, id), source: .comment, author: user.login, isByBot: user.isBot,
      saidAt: createdAt.flatMap { Timestamp(github: $0) }, text: FeedbackText(cutting: body))
  }
}

struct CheckRunBody: Decodable {
  struct Output: Decodable {
    let title: String?
    let summary: String?
    let annotationsCount: Int?
  }
  struct App: Decodable { let slug: String? }

  let id: Int64
  let name: String
  let headSha: String
  let status: String
  let conclusion: String?
  let completedAt: String?
  let output: Output?
  let app: App?

  private var outcome: ForgeCheck.Outcome {
    guard status == "completed" else { return .pending }
    return switch conclusion {
    case "failure", "timed_out", "startup_failure": .failed
    // It waits for a person.
    case "action_required", nil: .pending
    case _: .succeeded
    }
  }

  var value: ForgeCheck {
    let words = [output?.title, output?.summary].compactMap(\.self).filter(\.hasWords)
    return ForgeCheck(
      id: FeedbackID(.check, id), name: ForgeText.beginning(of: name, limit: ForgeCheck.nameMax),
      commit: ObjectID(headSha), outcome: outcome, summary: .summary(words),
      author: app?.slug ?? "ghost",
      // The check runs of GitHub Actions are its jobs, with the same numbers.
      job: app?.slug == "github-actions" ? id : nil, annotations: output?.annotationsCount ?? 0,
      endedAt: completedAt.flatMap { Timestamp(github: $0) })
  }
}

struct CheckRunsBody: Decodable { let checkRuns: [CheckRunBody] }

/// A commit status. It never changes: another report of its context is another status.
struct StatusBody: Decodable {
  let id: Int64
  let state: String
  let context: String
  let description: String?
  let createdAt: String?
  let creator: AccountBody?

  /// - Parameters:
  ///   - commit: the commit of the request, which the answer does not name.
  func value(on commit: ObjectID) -> ForgeCheck {
    .status(
      id, context: context, state: state, description: description, on: commit, by: creator,
      at: createdAt)
  }
}

struct AnnotationBody: Decodable {
  let path: String
  let startLine: Int?
  let annotationLevel: String?
  let title: String?
  let message: String?

  /// `Sources/x.swift:12: failure: a title: the message`.
  var line: String {
    let place = startLine.map { "\(path):\($0)" } ?? path
    return ([place] + [annotationLevel, title, message].compactMap(\.self).filter(\.hasWords))
      .joined(separator: ": ")
  }
}

extension ForgeCheck {
  /// A commit status as a check.
  static func status(
    _ id: Int64, context: String, state: String, description: String?, on commit: ObjectID,
    by creator: AccountBody?, at createdAt: String?
  ) -> ForgeCheck {
    let outcome: Outcome =
      switch state {
      case "failure", "error": .failed
      case "success": .succeeded
      case _: .pending
      }
    return ForgeCheck(
      id: FeedbackID(.check, "status-\(id)"),
      name: ForgeText.beginning(of: context, limit: nameMax), commit: commit, outcome: outcome,
      summary: .summary([description].compactMap(\.self).filter(\.hasWords)),
      author: creator.login, isByBot: creator.isBot,
      endedAt: outcome == .pending ? nil : createdAt.flatMap { Timestamp(github: $0) })
  }
}

extension Timestamp {
  /// A time as GitHub writes it: `2026-11-23T12:00:00Z`, or with another offset in some webhooks.
  init?(github text: String) {
    guard let time = ISO8601.seconds(text) else { return nil }
    self.init(milliseconds: time.seconds * 1000)
  }
}

extension String {
  /// Whether there is anything to read in it.
  var hasWords: Bool { contains { !$0.isWhitespace } }

  fileprivate static func summary(_ words: [String]) -> String {
    ForgeText.beginning(of: words.joined(separator: "\n"), limit: ForgeCheck.summaryMax)
  }
}
