// Check runs, annotations and statuses as JSON.

import Text

struct CheckObjects: Sendable {
  let urls: ForgeURLs
  let repository: RepositoryContext
  /// The mentioned users, by login in lower case.
  let users: [String: UserRecord]
  /// The open pull requests of the repository.
  let pulls: [PullRequestRecord]

  private var record: RepositoryRecord { repository.record }

  /// GitHub's "CheckRun".
  func run(_ run: CheckRunRecord) -> JSONValue {
    let url = urls.api(record, "/check-runs/\(run.id)")
    let page = urls.page(record, "/runs/\(run.id)")
    return [
      "id": JSONValue(run.id), "node_id": .string(NodeID.of("CR", run.id)),
      "head_sha": .string(run.head.hex), "external_id": .string(run.externalID),
      "url": .string(url), "html_url": .string(page),
      "details_url": .string(run.detailsURL ?? page), "status": .string(run.status),
      "conclusion": JSONValue(run.conclusion), "started_at": .time(run.startedAt),
      "completed_at": .time(run.completedAt), "name": .string(run.name),
      "output": [
        "title": JSONValue(run.title), "summary": JSONValue(run.summary),
        "text": JSONValue(run.text), "annotations_count": JSONValue(run.annotations),
        "annotations_url": "\(url)/annotations",
      ],
      "check_suite": ["id": JSONValue(run.suite)], "app": app(run.creator),
      "pull_requests": .array(pulls.filter { $0.headSHA == run.head }.map(minimal)),
    ]
  }

  /// The same as in events, whose check suites are complete.
  func eventRun(_ run: CheckRunRecord) -> JSONValue {
    let head = pulls.first { $0.headSHA == run.head }?.headBranch
    return self.run(run).with([
      "check_suite": [
        "id": JSONValue(run.suite), "node_id": .string(NodeID.of("CS", run.suite)),
        "head_branch": JSONValue(head), "head_sha": .string(run.head.hex),
        "status": .string(run.status), "conclusion": JSONValue(run.conclusion),
        "url": .string(urls.api(record, "/check-suites/\(run.suite)")), "app": app(run.creator),
        "pull_requests": .array(pulls.filter { $0.headSHA == run.head }.map(minimal)),
        "created_at": .time(run.startedAt), "updated_at": .time(run.completedAt ?? run.startedAt),
      ]
    ])
  }

  /// GitHub's "Check Annotation".
  func annotation(_ annotation: AnnotationRecord, of run: CheckRunRecord) -> JSONValue {
    let path = "/blob/\(run.head)/\(Percent.encode(path: annotation.path))"
    return [
      "path": .string(annotation.path), "start_line": JSONValue(annotation.startLine),
      "end_line": JSONValue(annotation.endLine),
      "start_column": JSONValue(annotation.startColumn),
      "end_column": JSONValue(annotation.endColumn),
      "annotation_level": .string(annotation.level), "title": JSONValue(annotation.title),
      "message": .string(annotation.message), "raw_details": JSONValue(annotation.details),
      "blob_href": .string(urls.page(record, path)),
    ]
  }

  /// GitHub's "Status".
  func status(_ status: StatusRecord) -> JSONValue {
    simpleStatus(status).with(["creator": user(status.creator)])
  }

  /// GitHub's "Simple Commit Status".
  func simpleStatus(_ status: StatusRecord) -> JSONValue {
    [
      "url": .string(urls.api(record, "/statuses/\(status.commit)")),
      "avatar_url": user(status.creator)["avatar_url"], "id": JSONValue(status.id),
      "node_id": .string(NodeID.of("SC", status.id)), "state": .string(status.state),
      "description": JSONValue(status.description), "target_url": JSONValue(status.targetURL),
      "context": .string(status.context), "created_at": .time(status.createdAt),
      "updated_at": .time(status.createdAt),
    ]
  }

  private func user(_ login: String) -> JSONValue {
    users[login.lowercased()].map { UserObjects(urls: urls).simple($0) } ?? nil
  }

  /// GitHub's "App": the account that made the check.
  private func app(_ login: String) -> JSONValue {
    let id = users[login.lowercased()]?.id ?? 0
    let name = login.lowercased().hasSuffix("[bot]") ? String(login.dropLast(5)) : login
    return [
      "id": JSONValue(id), "node_id": .string(NodeID.of("A", id)),
      "slug": .string(name.lowercased()),
      "name": .string(name), "owner": user(login), "description": "", "client_id": "",
      "external_url": .string(urls.base), "html_url": "\(urls.base)/apps/\(Percent.encode(name))",
      "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
      "permissions": ["checks": "write", "metadata": "read"], "events": ["check_run"],
    ]
  }

  /// GitHub's "Pull Request Minimal".
  private func minimal(_ pull: PullRequestRecord) -> JSONValue {
    let repo: JSONValue = [
      "id": JSONValue(record.id), "url": .string(urls.api(record)), "name": .string(record.name),
    ]
    return [
      "id": JSONValue(pull.id), "number": JSONValue(pull.number),
      "url": .string(urls.api(record, "/pulls/\(pull.number)")),
      "head": ["ref": .string(pull.headBranch), "sha": .string(pull.headSHA.hex), "repo": repo],
      "base": ["ref": .string(pull.baseBranch), "sha": .string(pull.baseSHA.hex), "repo": repo],
    ]
  }
}
