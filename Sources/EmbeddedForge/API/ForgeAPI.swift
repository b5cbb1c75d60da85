// What all calls share: looking up the repository and checking permissions.

import Logging
import Text

struct ForgeAPI: Sendable {
  let store: ForgeStore
  let folder: ForgeFolder
  let pullRequests: PullRequestKeeper
  let places: CommentPlaces
  let accounts: ForgeAccounts
  let webhooks: WebhookSender
  let addresses: SignedAddresses
  let rateLimit: RateLimit
  let logger: Logger
}

/// The repository of a call.
struct RepositoryContext: Sendable {
  let record: RepositoryRecord
  let git: BareRepository
  let facts: RepositoryObjects.Facts
  let urls: ForgeURLs
  /// Of the caller.
  var role = RepositoryRole.pull

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

  /// Whether a pull request may not be merged before it has the newest commits of its base branch:
  /// a protected branch requires that.
  func isBehind(_ pull: PullRequestRecord) async throws -> Bool {
    guard pull.isOpen, isProtected(pull.baseBranch), let ref = pull.baseRef,
      let base = git.resolve(ref)
    else { return false }
    return try await !git.isAncestor(base, of: pull.headSHA)
  }
}

extension ForgeAPI {
  /// What a call does, and so what its caller needs.
  enum Access {
    case reading
    /// Comments and reviews, which readers may write.
    case talking
    case writing
    case administration
    /// The same of what others do not see.
    case secrets

    fileprivate var role: RepositoryRole {
      switch self {
      case .reading, .talking: .pull
      case .writing: .push
      case .administration, .secrets: .admin
      }
    }
  }

  /// The repository of the call.
  /// - Throws: `APIError`: 404 if absent or hidden, 403 without permission.
  func repository(_ call: APICall, _ access: Access = .reading) async throws -> RepositoryContext {
    let record = try await folder.repository(
      owner: call.parameter("owner"), name: call.parameter("repo"), store: store)
    guard let record else { throw APIError.notFound }
    let role = try await role(of: call.login, in: record)
    guard role > .none else { throw APIError.notFound }
    if record.settings.isDisabled { throw APIError.blocked }
    if access != .reading {
      if record.settings.isArchived { throw APIError.archived }
      guard record.settings.allowsWriting, role >= access.role else {
        throw access == .secrets ? APIError.notFound : .notAccessible
      }
    }
    var context = try await context(record, call.urls)
    context.role = role
    return context
  }

  /// What an account may do in a repository. The owner and the user of the forge's token may do
  /// everything, collaborators what was granted to them, the person of the pages may write, and
  /// others read what is public.
  func role(of login: String, in repository: RepositoryRecord) async throws -> RepositoryRole {
    try await roles(in: repository).role(of: login)
  }

  func roles(in repository: RepositoryRecord) async throws -> RepositoryRoles {
    RepositoryRoles(
      repository: repository, accounts: accounts,
      collaborators: try await store.collaborators(of: repository.id))
  }

  /// The objects of pull requests, with the accounts that they mention.
  func objects(
    for pulls: [PullRequestRecord], also logins: [String] = [], in repository: RepositoryContext
  ) async throws -> PullRequestObjects {
    let named = pulls.flatMap { [$0.author] + ($0.mergedBy.map { [$0] } ?? []) + $0.reviewers }
    return PullRequestObjects(
      urls: repository.urls, repository: repository.record, facts: repository.facts,
      users: try await store.users(named + logins),
      roles: try await roles(in: repository.record))
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
  var call: APICall
  let repository: RepositoryContext

  var paging: Paging { Paging(call.query) }

  /// One page of a list.
  func paged(_ items: [JSONValue], total: Int) -> APIReply {
    paging.reply(items, total: total, to: call)
  }

  /// Moves a ref, and sends what follows from it.
  /// - Throws: `RefUpdate` if git refuses.
  func move(_ ref: RefName, from old: ObjectName?, to new: ObjectName?) async throws {
    try await repository.git.update(ref, to: new, from: old)
    await api.afterMove(RefChange(ref: ref, old: old, new: new), in: repository, by: call.login)
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
