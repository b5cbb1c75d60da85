// Refreshes pull requests from their branches.
//
// Git's refs are authoritative and the rows follow: at each access to a pull request, after every
// push, and at start. So a crash between the two loses nothing.

import Logging
import Synchronization

final class PullRequestKeeper: Sendable {
  private let store: ForgeStore
  private let details = Mutex<[Range: PullRequestObjects.Detail]>([:])

  init(store: ForgeStore) { self.store = store }

  /// The base and the head of a comparison.
  struct Range: Hashable, Sendable {
    var repository: String
    var base: ObjectName
    var head: ObjectName
  }

  /// The pull request with the current state of its branches: `head.sha` follows the branch; a
  /// deleted head or base closes it, keeping the last head; if the base contains the head, it is
  /// merged.
  func refreshed(_ pull: PullRequestRecord, _ git: BareRepository) async throws
    -> PullRequestUpdate
  {
    var change = PullRequestUpdate(before: pull, after: pull)
    guard pull.isOpen, let headRef = pull.headRef, let baseRef = pull.baseRef else {
      return change
    }
    let head = git.resolve(headRef)
    let base = git.resolve(baseRef)
    if let base, base != pull.baseSHA,
      let merge = try await mergeCommit(of: pull, head: head ?? pull.headSHA, into: base, git)
    {
      change = try await store.change(pull) { record in
        guard record.isOpen else { return }
        record.isOpen = false
        record.headSHA = head ?? record.headSHA
        record.mergeCommit = merge
        record.mergedAt = ForgeStore.now
        record.mergedBy = record.author
        record.closedAt = record.mergedAt
      }
    } else if head == nil || base == nil {
      change = try await store.change(pull) { record in
        guard record.isOpen else { return }
        record.isOpen = false
        record.closedAt = ForgeStore.now
      }
    } else if let head, head != pull.headSHA || base ?? pull.baseSHA != pull.baseSHA {
      change = try await store.change(pull) { record in
        guard record.isOpen else { return }
        record.headSHA = head
        record.baseSHA = base ?? record.baseSHA
      }
    }
    try await keepHead(of: change.after, git)
    return change
  }

  /// Updates `refs/pull/N/head`, as on GitHub: it keeps the commits after the branch is deleted.
  func keepHead(of pull: PullRequestRecord, _ git: BareRepository) async throws {
    guard let ref = RefName("refs/pull/\(pull.number)/head"), git.resolve(ref) != pull.headSHA
    else { return }
    try await git.git(["update-ref", ref.text, pull.headSHA.hex])
  }

  func refreshAll(of repository: RepositoryRecord, _ git: BareRepository) async throws {
    for pull in try await store.openPullRequests(of: repository.id) {
      _ = try await refreshed(pull, git)
    }
  }

  /// The commit that merged the pull request into the base branch; nil if it is not merged.
  private func mergeCommit(
    of pull: PullRequestRecord, head: ObjectName, into base: ObjectName, _ git: BareRepository
  ) async throws -> ObjectName? {
    // A merge through the API, interrupted by a crash.
    if let planned = pull.mergeCommit, try await git.isAncestor(planned, of: base) {
      return planned
    }
    return try await git.isAncestor(head, of: base) ? base : nil
  }

  /// The details that need git.
  /// - Parameter mergeability: whether to check if it can be merged.
  func detail(of pull: PullRequestRecord, _ git: BareRepository, mergeability: Bool) async throws
    -> PullRequestObjects.Detail
  {
    let range = Range(repository: git.path, base: pull.baseSHA, head: pull.headSHA)
    return try await detail(of: range, git, mergeability: mergeability && pull.isOpen)
  }

  /// The same for a comparison.
  func detail(of range: Range, _ git: BareRepository, mergeability: Bool) async throws
    -> PullRequestObjects.Detail
  {
    if let known = details.withLock({ $0[range] }), known.mergeable != nil || !mergeability {
      return known
    }
    async let commits = git.count("\(range.base)..\(range.head)")
    async let stat = stat(range, git)
    var detail = PullRequestObjects.Detail()
    if mergeability {
      // Unknown if git cannot say it, or not in time.
      detail.mergeable = try? await git.mergedTree(range.base, range.head) != nil
    }
    detail.commits = try await commits
    detail.stat = try await stat
    details.withLock { [detail] known in
      if known.count >= 1000 { known.removeAll() }
      known[range] = detail
    }
    return detail
  }

  private func stat(_ range: Range, _ git: BareRepository) async throws -> DiffStat {
    // There is nearly always one common ancestor, which git finds in the same process.
    if let stat = try? await git.statSinceMergeBase(of: range.base, and: range.head) {
      return stat
    }
    let base = try await git.mergeBase(range.base, range.head) ?? BareRepository.emptyTree
    return try await git.stat(from: base, to: range.head)
  }
}
