import Domain
import ForgePort

// The webhooks of a pull request's conversation
// (https://docs.github.com/webhooks/webhook-events-and-payloads). Only what is new counts: an edit,
// a deletion and a dismissal change nothing of what was said. Checks count only if they failed.

/// The number of the pull request that a message speaks of.
private struct NumberPart: Decodable { let number: Int64 }

extension AccountBody? {
  /// The account that caused a webhook.
  fileprivate var sender: String { self?.login ?? "github" }
}

struct ReviewMessage: Decodable {
  let action: String
  let review: ReviewBody
  private let pullRequest: NumberPart
  let repository: RepositoryPart
  let sender: AccountBody?

  var event: WebhookEvent {
    guard action == "submitted" else { return .ignored("a review was \(action)") }
    guard let feedback = review.feedback else { return .ignored("a review without words") }
    return .feedback(
      FeedbackReport(
        repository: repository.name, pullRequests: [pullRequest.number], feedback: [feedback],
        sender: sender.sender))
  }
}

/// GitHub sends the comments of a review when the review is submitted.
struct ReviewCommentMessage: Decodable {
  let action: String
  let comment: ReviewCommentBody
  private let pullRequest: NumberPart
  let repository: RepositoryPart
  let sender: AccountBody?

  var event: WebhookEvent {
    guard action == "created" else { return .ignored("a comment was \(action)") }
    guard let feedback = comment.feedback else { return .ignored("a comment without words") }
    return .feedback(
      FeedbackReport(
        repository: repository.name, pullRequests: [pullRequest.number], feedback: [feedback],
        sender: sender.sender))
  }
}

/// Pull requests are issues, and issues have comments too.
struct IssueCommentMessage: Decodable {
  struct Issue: Decodable {
    struct PullRequest: Decodable {}
    let number: Int64
    let pullRequest: PullRequest?
  }

  let action: String
  let comment: IssueCommentBody
  let issue: Issue
  let repository: RepositoryPart
  let sender: AccountBody?

  var event: WebhookEvent {
    guard issue.pullRequest != nil else { return .ignored("a comment on an issue") }
    guard action == "created" else { return .ignored("a comment was \(action)") }
    guard let feedback = comment.feedback else { return .ignored("a comment without words") }
    return .feedback(
      FeedbackReport(
        repository: repository.name, pullRequests: [issue.number], feedback: [feedback],
        sender: sender.sender))
  }
}

struct CheckRunMessage: Decodable {
  private struct PullRequests: Decodable { let pullRequests: [NumberPart]? }

  let action: String
  let checkRun: CheckRunBody
  let numbers: [Int64]
  let repository: RepositoryPart
  let sender: AccountBody?

  private enum Key: CodingKey { case action, checkRun, repository, sender }

  init(from decoder: any Decoder) throws {
    let members = try decoder.container(keyedBy: Key.self)
    action = try members.decode(String.self, forKey: .action)
    checkRun = try members.decode(CheckRunBody.self, forKey: .checkRun)
    let pulls = try members.decode(PullRequests.self, forKey: .checkRun).pullRequests ?? []
    numbers = pulls.map(\.number)
    repository = try members.decode(RepositoryPart.self, forKey: .repository)
    sender = try members.decodeIfPresent(AccountBody.self, forKey: .sender)
  }

  /// GitHub names no pull requests of forks, so the commit is reported too.
  var event: WebhookEvent {
    guard action == "completed" else { return .ignored("a check run was \(action)") }
    let check = checkRun.value
    guard check.outcome == .failed else { return .ignored("a check run did not fail") }
    return .feedback(
      FeedbackReport(
        repository: repository.name, pullRequests: numbers, head: check.commit,
        feedback: [check.feedback()], sender: sender.sender))
  }
}

/// A status names no pull request.
struct StatusMessage: Decodable {
  let id: Int64
  let sha: String
  let context: String
  let description: String?
  let state: String
  let createdAt: String?
  let repository: RepositoryPart
  /// The status' creator.
  let sender: AccountBody?

  var event: WebhookEvent {
    let check = ForgeCheck.status(
      id, context: context, state: state, description: description, on: ObjectID(sha), by: sender,
      at: createdAt)
    guard check.outcome == .failed else { return .ignored("a status did not fail") }
    return .feedback(
      FeedbackReport(
        repository: repository.name, pullRequests: [], head: check.commit,
        feedback: [check.feedback()], sender: sender.sender))
  }
}

/// A run of a workflow. Each of its jobs is a check run, which has its own webhook, so a run that
/// failed because of its jobs would count twice. A run that could not start, because its file is
/// invalid for example, has no jobs: it counts itself.
struct WorkflowRunMessage: Decodable {
  private struct Run: Decodable {
    let id: Int64
    let name: String?
    let path: String?
    let headSha: String
    let conclusion: String?
    let updatedAt: String?
    let pullRequests: [NumberPart]?
  }

  let action: String
  private let workflowRun: Run
  let repository: RepositoryPart
  let sender: AccountBody?

  var event: WebhookEvent {
    guard action == "completed" else { return .ignored("a workflow run was \(action)") }
    guard workflowRun.conclusion == "startup_failure" else {
      return .ignored("the jobs of a workflow run are check runs")
    }
    let name = workflowRun.name ?? workflowRun.path ?? "workflow"
    let path = workflowRun.path.map { ": \($0)" } ?? ""
    let check = ForgeCheck(
      id: FeedbackID(.check, "run-\(workflowRun.id)"),
      name: ForgeText.beginning(of: name, limit: ForgeCheck.nameMax),
      commit: ObjectID(workflowRun.headSha), outcome: .failed,
      summary: ForgeText.beginning(
        of: "The workflow could not start\(path)", limit: ForgeCheck.summaryMax),
      author: "github-actions",
      endedAt: workflowRun.updatedAt.flatMap { Timestamp(github: $0) })
    return .feedback(
      FeedbackReport(
        repository: repository.name, pullRequests: (workflowRun.pullRequests ?? []).map(\.number),
        head: check.commit, feedback: [check.feedback()], sender: sender.sender))
  }
}
