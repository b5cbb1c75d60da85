// Pull requests, comments and labels as JSON.

import Text

struct PullRequestObjects: Sendable {
  let urls: ForgeURLs
  let repository: RepositoryRecord
  let facts: RepositoryObjects.Facts
  /// The mentioned users, by login in lower case.
  let users: [String: UserRecord]
  let roles: RepositoryRoles

  /// The details that only single pull requests include, because they need git.
  struct Detail: Sendable, Equatable {
    /// nil if not known (yet).
    var mergeable: Bool?
    /// Whether it may not be merged before it has the newest commits of its base branch.
    var isBehind = false
    var commits = 0
    var stat = DiffStat()
  }

  /// GitHub's "Pull Request Simple", as in lists.
  func simple(_ pull: PullRequestRecord) -> JSONValue {
    let number = pull.number
    let api = urls.api(repository, "/pulls/\(number)")
    let issue = urls.api(repository, "/issues/\(number)")
    let page = urls.page(repository, "/pull/\(number)")
    let statuses = urls.api(repository, "/statuses/\(pull.headSHA)")
    let reviewComment = urls.api(repository, "/pulls/comments{/number}")
    let links = [
      "self": api, "html": page, "issue": issue, "comments": "\(issue)/comments",
      "review_comments": "\(api)/comments", "review_comment": reviewComment,
      "commits": "\(api)/commits", "statuses": statuses,
    ]
    let head: JSONValue = [
      "url": .string(api), "id": JSONValue(pull.id), "node_id": .string(NodeID.of("PR", pull.id)),
      "html_url": .string(page), "diff_url": "\(page).diff", "patch_url": "\(page).patch",
      "issue_url": .string(issue), "number": JSONValue(number),
      "state": pull.isOpen ? "open" : "closed", "locked": false, "title": .string(pull.title),
      "user": user(pull.author), "body": JSONValue(pull.body),
      "created_at": .time(pull.createdAt), "updated_at": .time(pull.updatedAt),
      "closed_at": .time(pull.closedAt), "merged_at": .time(pull.mergedAt),
      "merge_commit_sha": JSONValue(pull.mergeCommit?.hex), "assignee": nil, "assignees": [],
    ]
    return head.with([
      "requested_reviewers": .array(pull.reviewers.map(user)), "requested_teams": [],
      "labels": .array(pull.labels.map(label)), "milestone": nil,
      "draft": JSONValue(pull.isDraft), "commits_url": "\(api)/commits",
      "review_comments_url": "\(api)/comments",
      "review_comment_url": .string(reviewComment), "comments_url": "\(issue)/comments",
      "statuses_url": .string(statuses),
      "head": branch(pull.headBranch, pull.headSHA), "base": branch(pull.baseBranch, pull.baseSHA),
      "_links": .object(links.mapValues { ["href": .string($0)] }),
      "author_association": .string(association(pull.author)), "auto_merge": nil,
      "active_lock_reason": nil,
    ])
  }

  /// GitHub's "Pull Request".
  /// - Parameter checks: of its head.
  func full(_ pull: PullRequestRecord, _ detail: Detail, checks: CheckSummary) -> JSONValue {
    let state = Self.mergeableState(of: pull, detail, checks)
    return simple(pull).with([
      "merged": JSONValue(pull.mergedAt != nil),
      "mergeable": detail.mergeable.map { .bool($0) } ?? nil,
      "rebaseable": nil, "mergeable_state": .string(state),
      "merged_by": pull.mergedBy.map(user) ?? nil, "comments": JSONValue(pull.comments),
      "review_comments": JSONValue(pull.reviewComments), "maintainer_can_modify": false,
      "commits": JSONValue(detail.commits), "additions": JSONValue(detail.stat.additions),
      "deletions": JSONValue(detail.stat.deletions),
      "changed_files": JSONValue(detail.stat.files),
    ])
  }

  /// GitHub's "Issue": every pull request is an issue.
  func issue(_ pull: PullRequestRecord) -> JSONValue {
    let page = urls.page(repository, "/pull/\(pull.number)")
    let record = IssueRecord(
      id: pull.id, repository: pull.repository, number: pull.number, title: pull.title,
      body: pull.body, isOpen: pull.isOpen, author: pull.author, closedAt: pull.closedAt,
      createdAt: pull.createdAt, updatedAt: pull.updatedAt)
    return issue(record, page: page, node: "PR").with([
      "labels": .array(pull.labels.map(label)), "comments": JSONValue(pull.comments),
      "draft": JSONValue(pull.isDraft),
      "pull_request": [
        "url": .string(urls.api(repository, "/pulls/\(pull.number)")), "html_url": .string(page),
        "diff_url": "\(page).diff", "patch_url": "\(page).patch",
        "merged_at": .time(pull.mergedAt),
      ],
    ])
  }

  /// GitHub's "Issue", of one that is no pull request.
  func issue(_ issue: IssueRecord) -> JSONValue {
    let page = urls.page(repository, "/issues/\(issue.number)")
    return self.issue(issue, page: page, node: "I")
  }

  private func issue(_ issue: IssueRecord, page: String, node: String) -> JSONValue {
    let api = urls.api(repository, "/issues/\(issue.number)")
    return [
      "url": .string(api), "repository_url": .string(urls.api(repository)),
      "labels_url": "\(api)/labels{/name}", "comments_url": "\(api)/comments",
      "events_url": "\(api)/events", "html_url": .string(page), "id": JSONValue(issue.id),
      "node_id": .string(NodeID.of(node, issue.id)), "number": JSONValue(issue.number),
      "title": .string(issue.title), "user": user(issue.author), "labels": [],
      "state": issue.isOpen ? "open" : "closed",
      "locked": false, "assignee": nil, "assignees": [], "milestone": nil, "comments": 0,
      "created_at": .time(issue.createdAt), "updated_at": .time(issue.updatedAt),
      "closed_at": .time(issue.closedAt),
      "author_association": .string(association(issue.author)), "active_lock_reason": nil,
      "body": JSONValue(issue.body), "closed_by": nil, "timeline_url": "\(api)/timeline",
      "performed_via_github_app": nil, "state_reason": nil,
      "reactions": reactions(of: api),
    ]
  }

  /// GitHub's "Issue Comment".
  func comment(_ comment: CommentRecord) -> JSONValue {
    [
      "url": .string(urls.api(repository, "/issues/comments/\(comment.id)")),
      "html_url":
        .string(urls.page(repository, "/pull/\(comment.number)#issuecomment-\(comment.id)")),
      "issue_url": .string(urls.api(repository, "/issues/\(comment.number)")),
      "id": JSONValue(comment.id), "node_id": .string(NodeID.of("IC", comment.id)),
      "user": user(comment.author), "created_at": .time(comment.createdAt),
      "updated_at": .time(comment.updatedAt),
      "author_association": .string(association(comment.author)),
      "body": .string(comment.body), "performed_via_github_app": nil,
      "reactions": reactions(of: urls.api(repository, "/issues/comments/\(comment.id)")),
    ]
  }

  /// GitHub's "Label".
  func label(_ label: LabelRecord) -> JSONValue {
    [
      "id": JSONValue(label.id), "node_id": .string(NodeID.of("LA", label.id)),
      "url": .string(urls.api(repository, "/labels/\(Percent.encode(label.name))")),
      "name": .string(label.name), "color": .string(label.color), "default": false,
      "archived_at": nil, "archived_by": nil,
      "description": JSONValue(label.description),
    ]
  }

  /// GitHub's `mergeable_state`. `behind`: the base branch is protected, and the head does not have
  /// its newest commits. `unstable`: it can be merged, and a check failed or is pending.
  private static func mergeableState(
    of pull: PullRequestRecord, _ detail: Detail, _ checks: CheckSummary
  ) -> String {
    guard pull.isOpen, let mergeable = detail.mergeable else { return "unknown" }
    if !mergeable { return "dirty" }
    if pull.isDraft { return "draft" }
    if detail.isBehind { return "behind" }
    return checks == .failure || checks == .pending ? "unstable" : "clean"
  }

  func association(_ login: String) -> String { roles.association(login) }

  func user(_ login: String) -> JSONValue {
    users[login.lowercased()].map { UserObjects(urls: urls).simple($0) } ?? nil
  }

  private func branch(_ name: String, _ sha: ObjectName) -> JSONValue {
    [
      "label": "\(repository.owner):\(name)", "ref": .string(name), "sha": .string(sha.hex),
      "user": UserObjects(urls: urls).simple(facts.owner),
      "repo": RepositoryObjects(urls: urls).simple(repository, facts),
    ]
  }
}
