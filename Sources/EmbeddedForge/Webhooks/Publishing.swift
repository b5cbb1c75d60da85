// Which events are sent to whom, and with what.

import FoundationEssentials
import Logging
import Text

extension ForgeAPI {
  /// Sends an event to its receivers. The payload is made only if there is one. A failure is
  /// logged: what happened stays.
  /// - Parameters:
  ///   - login: who caused it.
  ///   - payload: the members besides `action`, `repository` and `sender`.
  func publish(
    _ event: String, _ action: String? = nil, in repository: RepositoryContext, by login: String,
    _ payload: () async throws -> JSONValue
  ) async {
    do {
      let hooks = try await store.hooks(of: repository.record.id).filter { $0.wants(event) }
      let configured = webhooks.configured.filter { $0.takes(event) }
      guard !hooks.isEmpty || !configured.isEmpty else { return }
      var whole = try await payload()
      let common = try await common(repository, by: login)
      whole = common.with(whole)
      if let action { whole = whole.with(["action": .string(action)]) }
      let bytes = whole.canonical
      guard bytes.count <= WebhookSender.payloadMax else {
        logger.warning("a webhook was not sent: too large", metadata: ["event": "\(event)"])
        return
      }
      for hook in hooks {
        webhooks.send(
          WebhookCall(hook, event, action, repository: repository.record.id, payload: bytes))
      }
      for hook in configured {
        webhooks.send(
          WebhookCall(
            url: hook.url, secret: hook.secret, event: event, action: action, guid: Self.guid,
            repository: repository.record.id, payload: bytes))
      }
    } catch {
      logger.error(
        "a webhook was not sent", metadata: ["event": "\(event)", "error": "\(error)"])
    }
  }

  /// `repository` and `sender`.
  private func common(_ repository: RepositoryContext, by login: String) async throws -> JSONValue {
    [
      "repository": RepositoryObjects(urls: repository.urls).simple(
        repository.record, repository.facts),
      "sender": UserObjects(urls: repository.urls).simple(try await store.user(login)),
    ]
  }

  static var guid: String { UUID().uuidString.lowercased() }

  /// The first event of a webhook.
  func ping(_ hook: HookRecord, in repository: RepositoryContext, by login: String) async throws {
    let shown = HookObjects(urls: repository.urls, repository: repository.record).hook(hook)
    let payload = try await common(repository, by: login).with([
      "zen": "Design for failure.", "hook_id": JSONValue(hook.id), "hook": shown,
    ])
    webhooks.send(
      WebhookCall(
        hook, "ping", nil, repository: repository.record.id, payload: payload.canonical))
  }

  // MARK: Pull requests

  /// The pull request with the current state of its branches.
  func refreshed(_ pull: PullRequestRecord, in repository: RepositoryContext, by login: String)
    async throws -> PullRequestRecord
  {
    let change = try await pullRequests.refreshed(pull, repository.git)
    await publish(change, in: repository, by: login)
    return change.after
  }

  /// Refreshes all open pull requests.
  func refreshAll(in repository: RepositoryContext, by login: String) async throws {
    for pull in try await store.openPullRequests(of: repository.record.id) {
      _ = try await refreshed(pull, in: repository, by: login)
    }
  }

  /// Changes a pull request, and sends what follows from it.
  /// - Throws: `PullRequestConflict`.
  func change(
    _ pull: PullRequestRecord, in repository: RepositoryContext, by login: String,
    _ edit: @Sendable (inout PullRequestRecord) -> Void
  ) async throws -> PullRequestRecord {
    let change = try await store.change(pull, edit)
    await publish(change, in: repository, by: login)
    return change.after
  }

  private func publish(
    _ change: PullRequestUpdate, in repository: RepositoryContext, by login: String
  ) async {
    let (before, after) = (change.before, change.after)
    func send(_ action: String, _ more: JSONValue = [:]) async {
      await publish("pull_request", action, in: repository, by: login) {
        try await pullPayload(after, in: repository).with(more)
      }
    }
    if let edits = change.edits { await send("edited", ["changes": edits]) }
    if before.headSHA != after.headSHA, after.isOpen {
      await send(
        "synchronize",
        ["before": .string(before.headSHA.hex), "after": .string(after.headSHA.hex)])
    }
    if before.isOpen != after.isOpen { await send(after.isOpen ? "reopened" : "closed") }
  }

  /// `number` and `pull_request`.
  func pullPayload(_ pull: PullRequestRecord, in repository: RepositoryContext) async throws
    -> JSONValue
  {
    let detail = try await pullRequests.detail(of: pull, repository.git, mergeability: false)
    let show = try await objects(for: [pull], in: repository)
    return [
      "number": JSONValue(pull.number), "pull_request": show.full(pull, detail, checks: .absent),
    ]
  }

  // MARK: Pushes

  /// Sends the events of a ref that moved: its push, and the changes of its pull requests.
  func afterMove(_ change: RefChange, in repository: RepositoryContext, by login: String) async {
    guard change.old != change.new else { return }
    await publishPush(change, in: repository, by: login)
    do {
      for pull in try await store.openPullRequests(of: repository.record.id)
      where pull.headBranch == change.ref.branch {
        _ = try await refreshed(pull, in: repository, by: login)
      }
    } catch {
      // Refs are authoritative: the next access to a pull request refreshes it.
      logger.error("pull requests were not updated after a push", metadata: ["error": "\(error)"])
    }
  }

  /// Sends a push event for a ref that moved.
  func publishPush(_ update: RefChange, in repository: RepositoryContext, by login: String) async {
    await publish("push", in: repository, by: login) {
      try await PushPayload(update: update, repository: repository, pusher: login).json()
    }
  }
}

/// A pull request before and after a change.
struct PullRequestUpdate: Sendable, Equatable {
  var before: PullRequestRecord
  var after: PullRequestRecord

  /// GitHub's `changes` of an edited pull request; nil without one.
  var edits: JSONValue? {
    var edits: [String: JSONValue] = [:]
    if before.title != after.title { edits["title"] = ["from": .string(before.title)] }
    if before.body != after.body { edits["body"] = ["from": .string(before.body ?? "")] }
    if before.baseBranch != after.baseBranch {
      edits["base"] = [
        "ref": ["from": .string(before.baseBranch)],
        "sha": ["from": .string(before.baseSHA.hex)],
      ]
    }
    return edits.isEmpty ? nil : .object(edits)
  }
}

extension WebhookCall {
  init(
    _ hook: HookRecord, _ event: String, _ action: String?, repository: Int64, payload: [UInt8]
  ) {
    self.init(
      hook: hook.id, url: hook.url, secret: hook.secret, contentType: hook.contentType,
      event: event, action: action, guid: ForgeAPI.guid, repository: repository, payload: payload)
  }
}

extension RepositoryCall {
  /// Sends an event that the call caused.
  func publish(_ event: String, _ action: String? = nil, _ payload: () async throws -> JSONValue)
    async
  {
    await api.publish(event, action, in: repository, by: call.login, payload)
  }

  /// Sends the events of a submitted review: first its own, then those of its comments.
  func announce(
    submitted review: ReviewRecord, _ comments: [ReviewCommentRecord], of pull: PullRequestRecord
  ) async throws {
    if pull.reviewers.contains(where: { $0.lowercased() == review.author.lowercased() }) {
      try await api.store.removeReviewers([review.author], from: pull)
    }
    await publish("pull_request_review", "submitted") { try await reviewPayload(review, pull) }
    for comment in comments {
      await publish("pull_request_review_comment", "created") { try await commentPayload(comment) }
    }
  }

  /// `review` and `pull_request`. Events have states in lower case.
  func reviewPayload(_ review: ReviewRecord, _ pull: PullRequestRecord) async throws -> JSONValue {
    let show = try await objects(for: [], also: [review.author])
    return [
      "review": show.review(review, number: pull.number).with([
        "state": .string(review.state.rawValue.lowercased()),
        "body": review.body.isEmpty ? nil : .string(review.body),
        "updated_at": .time(review.submittedAt),
      ]), "pull_request": try await simplePull(pull.number),
    ]
  }

  /// `comment` and `pull_request`.
  func commentPayload(_ comment: ReviewCommentRecord) async throws -> JSONValue {
    [
      "comment": try await shown([comment])[0],
      "pull_request": try await simplePull(comment.number),
    ]
  }

  /// `comment` and `issue`.
  func issueCommentPayload(_ comment: CommentRecord) async throws -> JSONValue {
    let pull = try await pull(number: comment.number)
    let show = try await objects(for: [pull], also: [comment.author])
    return ["comment": show.comment(comment), "issue": show.issue(pull)]
  }

  private func simplePull(_ number: Int) async throws -> JSONValue {
    let pull = try await pull(number: number)
    return try await objects(for: [pull]).simple(pull)
  }
}
