import Domain
import Engine
import ForgePort
import Logging
import Projections
import Workflows

// Whether a pull request conflicts with its base branch, or is behind it. A move of the base branch
// changes nothing in the lists of pull requests, so its head is read. A pull request is compared
// once for each pair of heads; the forge may need some time to compute the answer. A rule of the
// base branch may change without any of that: no list shows it, and the rule itself may be read by
// administrators alone. So where it matters, the pull request is asked for again from time to time,
// with a request that costs nothing if it is as it was.

/// What is known of base branches and of the pull requests on them.
struct BaseBranches {
  struct Branch: Hashable {
    var repository: RepositoryName
    var name: String
  }

  /// What the forge's answer depends on.
  struct Heads: Equatable {
    var pullRequest: ObjectID
    var base: ObjectID
    /// When the pull request last changed: it may be a draft no longer.
    var updatedAt: Timestamp?
  }

  /// The forge's answer for two heads.
  struct Compared: Equatable {
    var heads: Heads
    /// nil if nothing stands in the way of a merge.
    var feedback: Feedback?
    var validator: ForgeValidator?
    /// The cycle in which it is asked for again, if a rule of the base branch matters.
    var dueAt: Int
  }

  typealias PullRequestKey = FeedbackWatch.PullRequestKey

  private(set) var pullRequests:
    [PullRequestKey: (head: ObjectID, updatedAt: Timestamp?, base: Branch)] = [:]
  var heads: [Branch: (sha: ObjectID, validator: ForgeValidator?)] = [:]
  var compared: [PullRequestKey: Compared] = [:]

  /// Takes a list of the open pull requests.
  mutating func note(_ open: [ForgePullRequest], in repository: RepositoryName) {
    pullRequests = pullRequests.filter { $0.key.repository != repository }
    for found in open {
      let key = PullRequestKey(repository: repository, number: Int64(found.number))
      pullRequests[key] = (
        found.headSHA, found.updatedAt, Branch(repository: repository, name: found.baseBranch)
      )
    }
    compared = compared.filter {
      $0.key.repository != repository || pullRequests[$0.key] != nil
    }
  }

  mutating func forget(besides kept: Set<RepositoryName>) {
    pullRequests = pullRequests.filter { kept.contains($0.key.repository) }
    heads = heads.filter { kept.contains($0.key.repository) }
    compared = compared.filter { kept.contains($0.key.repository) }
  }
}

extension FeedbackWatch {
  /// The most pull requests of a repository that are compared in one cycle, each with one call. The
  /// others follow in the next cycles.
  private static let comparedMax = 50
  /// In how many cycles each is asked for once, although no head has moved.
  private static let comparedCycles = 10

  /// Compares the pull requests whose head or base has moved.
  /// - Parameter rows: the open pull requests of the repository.
  func compare(_ rows: [PullRequestRow], in name: RepositoryName) async throws {
    var watched:
      [(
        row: PullRequestRow, first: DelegationRow, base: BaseBranches.Branch, rules: Bool
      )] = []
    for row in rows where row.delegationState.isTerminal {
      let key = PullRequestKey(repository: name, number: row.number)
      guard let base = bases.pullRequests[key]?.base,
        let first = try await rounds(of: row).first?.row, first.state.isTerminal,
        let on = await context.engine.rounds(digest: first.digest)?.on,
        on.contains(.conflict) || on.contains(.behind)
      else { continue }
      watched.append((row, first, base, on.contains(.behind)))
    }
    for base in Set(watched.map(\.base)) { try await readHead(of: base) }
    var count = 0
    for (row, first, base, rules) in watched {
      let key = PullRequestKey(repository: name, number: row.number)
      guard let present = bases.pullRequests[key], let baseHead = bases.heads[base]?.sha
      else { continue }
      let heads = BaseBranches.Heads(
        pullRequest: present.head, base: baseHead, updatedAt: present.updatedAt)
      let last = bases.compared[key]
      if last?.heads != heads || (rules && (last?.dueAt ?? 0) <= checks.cycle) {
        guard count < Self.comparedMax else { continue }
        count += 1
        try await ask(about: key, heads, base.name)
      }
      guard let known = bases.compared[key], known.heads == heads, let feedback = known.feedback,
        await !context.engine.hasHeard(feedback.id, on: first.id)
      else { continue }
      try await hear([feedback], on: first)
    }
  }

  private func readHead(of base: BaseBranches.Branch) async throws {
    let since = bases.heads[base]?.validator
    let reply = try await ask(.changedHead(base.repository, branch: base.name, since: since))
    if case .changedHead(let sha, let validator)? = reply {
      bases.heads[base] = (sha, validator)
    }
  }

  /// Asks the forge about one pull request. An answer that it has not computed is asked for again.
  private func ask(
    about key: PullRequestKey, _ heads: BaseBranches.Heads, _ base: String
  ) async throws {
    let last = bases.compared[key].flatMap { $0.heads == heads ? $0 : nil }
    let reply = try await ask(
      .changedPullRequest(key.repository, number: Int(key.number), since: last?.validator))
    let dueAt = checks.cycle + Self.comparedCycles
    if last != nil { bases.compared[key]?.dueAt = dueAt }
    guard case .changedPullRequest(let found, let validator)? = reply, found.state == .open,
      found.headSHA == heads.pullRequest, let conflicts = found.conflicts
    else { return }
    func feedback(_ source: FeedbackSource, _ body: String) -> Feedback {
      // One for each head: what a round pushes is another one.
      Feedback(
        id: FeedbackID(source, heads.pullRequest), source: source, author: "the forge",
        isByBot: true, commit: heads.pullRequest, text: FeedbackText(body: body))
    }
    let at = "\(base), which is at \(heads.base)"
    let said: Feedback? =
      if conflicts {
        feedback(.conflict, "The pull request conflicts with its base branch \(at).")
      } else if found.isBehind {
        feedback(
          .behind,
          "The pull request may be merged only with the newest commits of its base branch \(at).")
      } else {
        nil
      }
    bases.compared[key] = BaseBranches.Compared(
      heads: heads, feedback: said, validator: validator, dueAt: dueAt)
  }

  /// A webhook reported a push to a branch: compares the pull requests that it is the base of.
  func baseMoved(_ branch: String, in name: RepositoryName) async {
    let folded = name.description.lowercased()
    func isIt(_ base: BaseBranches.Branch) -> Bool {
      base.name == branch && base.repository.description.lowercased() == folded
    }
    let keys = Set(bases.pullRequests.filter { isIt($0.value.base) }.keys)
    guard !keys.isEmpty else { return }
    do {
      let rows = try await context.store.pullRequests(in: [], limit: Self.pullRequestsMax)
        .map(\.row).filter { $0.state == .open }
      let moved = Dictionary(grouping: rows) { RepositoryName($0.repository) }
      for (name, rows) in moved {
        guard let name else { continue }
        let own = rows.filter { keys.contains(PullRequestKey(repository: name, number: $0.number)) }
        try await compare(own, in: name)
      }
    } catch {
      logger.debug("the base branch is compared at the next interval: \(error)")
    }
  }
}
