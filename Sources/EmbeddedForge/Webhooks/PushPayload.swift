// The payload of GitHub's "push" event.

import Processes
import Text

/// A ref that moved. nil: it did not or does not exist.
struct RefChange: Sendable, Equatable {
  var ref: RefName
  var old: ObjectName?
  var new: ObjectName?
}

struct PushPayload: Sendable {
  let update: RefChange
  let repository: RepositoryContext
  let pusher: String

  /// GitHub's limit
  /// (https://docs.github.com/webhooks/webhook-events-and-payloads#push).
  private static let commitsMax = 2048

  /// The members besides `sender`.
  func json() async throws -> JSONValue {
    let git = repository.git
    let (old, new) = (update.old, update.new)
    var range = ["--topo-order", "--reverse", "--max-count=\(Self.commitsMax)"]
    var commits: [Commit] = []
    if let new {
      range.append(new.hex)
      if let old {
        range.append("^\(old)")
      } else if let main = RefName(branch: repository.facts.defaultBranch),
        main != update.ref, let head = git.resolve(main)
      {
        range.append("^\(head)")
      }
      if update.ref.branch != nil { commits = try await git.commits(range) }
    }
    var isForced = false
    if let old, let new { isForced = try await !git.isAncestor(old, of: new) }
    let head = if let new { try await git.commit(new.hex) } else { Commit?.none }
    let ends = (old ?? .zero, new ?? .zero)
    let name = update.ref.branch ?? update.ref.text
    let compare =
      old == nil || new == nil
      ? "/compare/\(Percent.encode(path: name))"
      : "/compare/\(ends.0.hex.prefix(12))...\(ends.1.hex.prefix(12))"
    var shown: [JSONValue] = []
    for commit in commits { shown.append(try await self.commit(commit)) }
    return [
      "ref": .string(update.ref.text), "before": .string(ends.0.hex), "after": .string(ends.1.hex),
      "created": JSONValue(old == nil), "deleted": JSONValue(new == nil),
      "forced": JSONValue(isForced), "base_ref": nil,
      "compare": .string(repository.urls.page(repository.record, compare)),
      "commits": .array(shown),
      "head_commit": try await head.asyncMap { try await self.commit($0) } ?? nil,
      "pusher": ["name": .string(pusher), "email": .string("\(pusher)@users.noreply.invalid")],
      "repository": pushedRepository,
    ]
  }

  /// Unlike other events', with times as numbers and the owner's name.
  private var pushedRepository: JSONValue {
    let record = repository.record
    let owner = UserObjects(urls: repository.urls).simple(repository.facts.owner)
    return RepositoryObjects(urls: repository.urls).simple(record, repository.facts).with([
      "created_at": JSONValue(record.createdAt), "pushed_at": JSONValue(record.pushedAt),
      "owner": owner.with(["name": .string(record.owner), "email": nil]), "stargazers": 0,
      "master_branch": .string(repository.facts.defaultBranch),
    ])
  }

  private func commit(_ commit: Commit) async throws -> JSONValue {
    let base = commit.parents.first ?? BareRepository.emptyTree
    let files = try await repository.git.names(from: base, to: commit.id)
    func paths(_ letters: String) -> JSONValue {
      .array(files.filter { letters.contains($0.status) }.map { .string($0.path) })
    }
    func person(_ signature: Signature) -> JSONValue {
      ["name": .string(signature.name), "email": .string(signature.email)]
    }
    return [
      "id": .string(commit.id.hex), "tree_id": .string(commit.tree.hex), "distinct": true,
      "message": .string(commit.message), "timestamp": .time(commit.committer.seconds),
      "url": .string(repository.urls.page(repository.record, "/commit/\(commit.id)")),
      "author": person(commit.author), "committer": person(commit.committer),
      "added": paths("A"), "removed": paths("D"), "modified": paths("MT"),
    ]
  }
}

extension Optional {
  fileprivate func asyncMap<Value>(_ change: (Wrapped) async throws -> Value) async rethrows
    -> Value?
  {
    guard let self else { return nil }
    return try await change(self)
  }
}

extension BareRepository {
  /// The changed paths between two commits, with git's letters. Renames are both `A` and `D`.
  func names(from base: ObjectName, to head: ObjectName) async throws
    -> [(status: Character, path: String)]
  {
    let listed = try await git(
      ["diff-tree", "-r", "--no-renames", "--name-status", "-z", base.hex, head.hex])
    let fields = listed.standardOutput.split(separator: 0).map {
      String(decoding: $0, as: UTF8.self)
    }
    return stride(from: 0, to: fields.count - 1, by: 2).compactMap { index in
      fields[index].first.map { ($0, fields[index + 1]) }
    }
  }
}
