// What all calls share: looking up the repository and checking permissions.

import Logging
import Text

struct ForgeAPI: Sendable {
  let store: ForgeStore
  let folder: ForgeFolder
  let pullRequests: PullRequestKeeper
  let rateLimit: RateLimit
  let logger: Logger
}

/// The repository of a call.
struct RepositoryContext: Sendable {
  let record: RepositoryRecord
  let git: BareRepository
  let facts: RepositoryObjects.Facts
  let urls: ForgeURLs

  var objects: GitObjects { GitObjects(urls: urls, repository: record) }

  /// The commit of a branch, a tag or an object name, as an unambiguous git revision; nil if
  /// absent.
  func revision(_ text: String) -> String? {
    let name = text.isEmpty || text == "HEAD" ? facts.defaultBranch : text
    if name.hasPrefix("refs/") || name.hasPrefix("heads/") || name.hasPrefix("tags/") {
      let full = name.hasPrefix("refs/") ? name : "refs/\(name)"
      if let ref = RefName(full), git.resolve(ref) != nil { return ref.text }
    }
    for prefix in ["refs/heads/", "refs/tags/"] {
      if let ref = RefName(prefix + name), let object = git.resolve(ref) {
        // The object rather than the ref, so that all of a reply describes one state.
        return object.hex
      }
    }
    let isObjectName = (7...40).contains(name.utf8.count) && name.allSatisfy(\.isHexDigit)
    return isObjectName ? name.lowercased() : nil
  }

  func commit(_ text: String) async throws -> Commit? {
    guard let revision = revision(text) else { return nil }
    return try await git.commit(revision)
  }

  func isProtected(_ branch: String) -> Bool {
    record.settings.protectedBranches.contains { Glob.matches(branch, $0) }
  }
}

extension ForgeAPI {
  enum Access {
    case reading
    case writing
  }

  /// The repository of the call.
  /// - Throws: `APIError`: 404 if absent, 403 without permission.
  func repository(_ call: APICall, _ access: Access = .reading) async throws -> RepositoryContext {
    let record = try await folder.repository(
      owner: call.parameter("owner"), name: call.parameter("repo"), store: store)
    guard let record else { throw APIError.notFound }
    if record.settings.isDisabled { throw APIError.blocked }
    if access == .writing {
      if record.settings.isArchived { throw APIError.archived }
      if !record.settings.allowsWriting { throw APIError.notAccessible }
    }
    return try await context(record, call.urls)
  }

  func context(_ record: RepositoryRecord, _ urls: ForgeURLs) async throws -> RepositoryContext {
    let git = folder.git(record)
    let facts = RepositoryObjects.Facts(
      owner: try await store.user(record.owner), defaultBranch: git.headBranch ?? "main",
      openPullRequests: try await store.openPullRequestCount(of: record.id))
    return RepositoryContext(record: record, git: git, facts: facts, urls: urls)
  }
}

/// A call of one repository.
struct RepositoryCall: Sendable {
  let api: ForgeAPI
  let call: APICall
  let repository: RepositoryContext

  var paging: Paging { Paging(call.query) }

  /// One page of a list.
  func paged(_ items: [JSONValue], total: Int) -> APIReply {
    paging.reply(items, total: total, to: call)
  }

  func refuseEmpty() async throws {
    if let head = RefName(branch: repository.facts.defaultBranch),
      repository.git.resolve(head) != nil
    {
      return
    }
    if try await repository.git.isEmpty() { throw APIError.emptyRepository }
  }
}
