import Domain
import Engine
import ForgePort
import Workflows

/// A forge and its repositories, made up: what GitHub and git would answer, and what stands there.
/// It keeps to their rules and to nothing else, so that it is the judge of what was done twice.
struct MadeUpForge {
  struct Commit {
    var sha: ObjectID
    var parents: [ObjectID]
    var message: String
    /// TASK.md as of this commit; nil where there is none.
    var taskBlob: ObjectID?
  }

  struct PullRequest {
    var number: Int
    var head: String
    var base: String
    var body: String
    var state: PullRequestState
    var isClosedByPeople = false
    /// What its head was when the branch went away.
    var headSHA: ObjectID
  }

  struct Branch {
    /// Oldest first, from the repository's first commit.
    var commits: [ObjectID]
    /// Reads may not see it before this moment.
    var visibleAt: Int64
  }

  struct Repository {
    var commits: [ObjectID: Commit] = [:]
    var branches: [String: Branch] = [:]
    var pullRequests: [PullRequest] = []
  }

  var repositories: [RepositoryName: Repository] = [:]
  /// Branches that people have changed or deleted: what AIPM finds there is not its own doing.
  private(set) var disturbed: Set<String> = []
  private var lastCommit = 0
  var lastReply = 0

  mutating func makeRepository(_ name: RepositoryName, hasTask: Bool) {
    var repository = Repository()
    let sha = newSHA("first")
    repository.commits[sha] = Commit(
      sha: sha, parents: [], message: "first", taskBlob: hasTask ? newSHA("task") : nil)
    repository.branches["main"] = Branch(commits: [sha], visibleAt: 0)
    repositories[name] = repository
  }

  /// A name that no other object has.
  mutating func newSHA(_ what: String) -> ObjectID {
    lastCommit += 1
    return Self.sha("\(what)/\(lastCommit)")
  }

  /// The same for the same text.
  static func sha(_ text: String) -> ObjectID {
    let (a, b) = (Jitter.draw(text), Jitter.draw("2/\(text)"))
    func hex(_ n: UInt64) -> String {
      let digits = String(n, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }
    return ObjectID((hex(a) + hex(b) + "00000000"))
  }

  /// What was said on each pull request.
  var comments: [Discussed: [ForgeComment]] = [:]
  /// What the forge reports of it, in the order in which it was said.
  var feedback: [Discussed: [Feedback]] = [:]
  var checks: [ObjectID: [ForgeCheck]] = [:]
  /// Pull requests on which a check fails whatever is pushed.
  var red: Set<Discussed> = []
  /// The markers of texts that arrived after their sender had died.
  var late: Set<String> = []

  // MARK: What people do

  /// Somebody pushes to a branch; of `main` the TASK.md may change with it.
  mutating func push(by person: String, to branch: String, of name: RepositoryName, task: Bool) {
    guard let head = repositories[name]?.branches[branch]?.commits.last else { return }
    let sha = newSHA(person)
    let written = newSHA("task")
    let blob = task ? written : taskBlob(at: head, in: name)
    repositories[name]?.commits[sha] = Commit(
      sha: sha, parents: [head], message: person, taskBlob: blob)
    repositories[name]?.branches[branch]?.commits.append(sha)
    if branch != "main" { disturbed.insert(branch) }
  }

  mutating func delete(_ branch: String, of name: RepositoryName) {
    repositories[name]?.branches[branch] = nil
    disturbed.insert(branch)
  }

  mutating func close(_ branch: String, of name: RepositoryName, merged: Bool) {
    guard
      let index = repositories[name]?.pullRequests.firstIndex(where: {
        $0.head == branch && $0.state == .open
      })
    else { return }
    repositories[name]?.pullRequests[index].state = merged ? .merged : .closed
    repositories[name]?.pullRequests[index].isClosedByPeople = true
  }

  // MARK: Calls

  /// A pull request that is spoken of.
  struct Discussed: Hashable {
    var repository: RepositoryName
    var number: Int
  }

  mutating func perform(_ call: ForgeCall, now: Int64, staleReads: Bool) -> ForgeAnswer {
    switch call {
    case .repository(let name):
      guard repositories[name] != nil else { return .failure(.absent) }
      return .success(
        .repository(
          ForgeRepository(
            defaultBranch: "main", cloneURL: "https://forge/\(name).git", archived: false,
            disabled: false, mayPush: true)))
    case .branchHead(let name, let branch):
      let found = repositories[name]?.branches[branch ?? "main"]
      return .success(.head(found?.commits.last))
    case .fileBlob(let name, _, let ref):
      let head = repositories[name]?.branches[ref ?? "main"]?.commits.last
      let commit = head ?? ref.map { ObjectID($0) }
      return .success(.blob(commit.flatMap { taskBlob(at: $0, in: name) }))
    case .tree(let name, let commit):
      let blob = taskBlob(at: commit, in: name)
      return .success(
        .tree(blob.map { [ForgeTreeEntry(name: "TASK.md", kind: .file, sha: $0)] } ?? []))
    case .createBranch(let name, let branch, let sha):
      return createBranch(name, branch, sha, now)
    case .branch(let name, let branch):
      return .success(.head(visible(name, branch, now, staleReads)?.commits.last))
    case .putFile(let name, let file): return putFile(name, file, now)
    case .compare(let name, let base, let head): return compare(name, base, head, now, staleReads)
    case .openPullRequest(let name, let wanted): return openPullRequest(name, wanted)
    case .pullRequests(let name, let branch):
      let found = (repositories[name]?.pullRequests ?? []).filter { $0.head == branch }
      return .success(.pullRequests(found.map { answer($0, name) }))
    case .comments(let name, let number):
      return .success(.comments(comments[Discussed(repository: name, number: number)] ?? []))
    case .comment(let name, let number, let body):
      lastReply += 1
      comments[Discussed(repository: name, number: number), default: []].append(
        ForgeComment(
          id: FeedbackID(.comment, lastReply + 1_000_000), author: Self.principal, body: body))
      return .success(.created)
    case .deleteComment(_, let id):
      for place in comments.keys { comments[place]?.removeAll { $0.id == id } }
      for place in feedback.keys { feedback[place]?.removeAll { $0.id == id } }
      return .success(.deleted)
    case .account: return .success(.account(Self.principal))
    case .addLabels, .requestReviewers: return .success(.created)
    case .mayPush(_, let user): return .success(.mayPush(user != Self.stranger))
    case .pullRequest(let name, let number):
      guard let found = repositories[name]?.pullRequests.first(where: { $0.number == number })
      else { return .failure(.absent) }
      return .success(.pullRequest(answer(found, name)))
    case .changedPullRequest(let name, let number, let validator):
      guard let found = repositories[name]?.pullRequests.first(where: { $0.number == number })
      else { return .failure(.absent) }
      let pull = answer(found, name)
      let now = ForgeValidator("\(pull)")
      return .success(validator == now ? .unchanged : .changedPullRequest(pull, now))
    case .feedback(let name, let number): return said(on: number, of: name) { _ in true }
    case .reviewComments(let name, let number):
      return said(on: number, of: name) { $0.source == .reviewComment }
    case .reply(let name, let number, let thread, let body):
      return reply(name, number, thread, body)
    case .openPullRequests(let name, let validator):
      let open = (repositories[name]?.pullRequests ?? []).filter { $0.state == .open }
        .map { answer($0, name) }
      let now = ForgeValidator("\(open)")
      return .success(validator == now ? .unchanged : .openPullRequests(open, now))
    case .checks(_, let commit, let validator):
      let found = checks[commit] ?? []
      let now = ForgeValidator("\(found)")
      return .success(validator == now ? .unchanged : .checks(found, now))
    case .issue: return .failure(.absent)
    case .repositories:
      return .success(.repositories(repositories.keys.sorted(), isComplete: true))
    case .checkReport(_, let check): return .success(.checkReport("\(check.name) failed"))
    case .changedHead(let name, let branch, let validator):
      guard let head = head(of: branch, in: name) else { return .failure(.absent) }
      let now = ForgeValidator(head.rawValue)
      return .success(validator == now ? .unchanged : .changedHead(head, now))
    }
  }

  func taskBlob(at commit: ObjectID, in name: RepositoryName) -> ObjectID? {
    repositories[name]?.commits[commit]?.taskBlob
  }

  private func visible(
    _ name: RepositoryName, _ branch: String, _ now: Int64, _ staleReads: Bool
  ) -> Branch? {
    guard let found = repositories[name]?.branches[branch] else { return nil }
    return staleReads && now < found.visibleAt ? nil : found
  }

  private mutating func createBranch(
    _ name: RepositoryName, _ branch: String, _ sha: ObjectID, _ now: Int64
  ) -> ForgeAnswer {
    guard let main = repositories[name]?.branches["main"] else { return .failure(.absent) }
    guard repositories[name]?.branches[branch] == nil else { return .failure(.exists) }
    guard let index = main.commits.firstIndex(of: sha) else { return .failure(.absent) }
    repositories[name]?.branches[branch] = Branch(
      commits: Array(main.commits[...index]), visibleAt: now + 300)
    return .success(.created)
  }

  private mutating func putFile(
    _ name: RepositoryName, _ file: FileCommit, _ now: Int64
  ) -> ForgeAnswer {
    guard let branch = repositories[name]?.branches[file.branch], let head = branch.commits.last
    else { return .failure(.absent) }
    guard taskBlob(at: head, in: name) == file.replaces else {
      return .failure(file.replaces == nil ? .exists : .conflicting)
    }
    // Everything in it is fixed, so the same commit has the same name each time.
    let sha = Self.sha("\(head)/\(file.message)/\(file.content)/\(file.date.milliseconds)")
    repositories[name]?.commits[sha] = Commit(
      sha: sha, parents: [head], message: file.message,
      taskBlob: Self.sha("blob/\(file.content)"))
    repositories[name]?.branches[file.branch]?.commits.append(sha)
    repositories[name]?.branches[file.branch]?.visibleAt = now + 300
    return .success(.committed(sha))
  }

  private func compare(
    _ name: RepositoryName, _ base: ObjectID, _ head: String, _ now: Int64, _ staleReads: Bool
  ) -> ForgeAnswer {
    guard let branch = visible(name, head, now, staleReads) else { return .failure(.absent) }
    return .success(.commits(commits(of: branch, after: base, in: name)))
  }

  /// Those of `branch` after `base`, oldest first; all where it does not hold `base`.
  private func commits(
    of branch: Branch, after base: ObjectID, in name: RepositoryName
  ) -> [ForgeCommit] {
    let rest = branch.commits.firstIndex(of: base).map { branch.commits[($0 + 1)...] }
    return (rest ?? branch.commits[...]).compactMap { sha in
      repositories[name]?.commits[sha].map {
        ForgeCommit(sha: $0.sha, parents: $0.parents, message: $0.message)
      }
    }
  }

  private mutating func openPullRequest(
    _ name: RepositoryName, _ wanted: NewPullRequest
  ) -> ForgeAnswer {
    guard let branch = repositories[name]?.branches[wanted.head], let head = branch.commits.last
    else { return .failure(.absent) }
    let open = repositories[name]?.pullRequests.contains {
      $0.head == wanted.head && $0.state == .open
    }
    guard open == false else { return .failure(.exists) }
    if repositories[name]?.branches[wanted.base]?.commits.contains(head) ?? false {
      return .failure(ForgeFault(kind: .notYetVisible, message: "No commits between"))
    }
    let made = PullRequest(
      number: (repositories[name]?.pullRequests.count ?? 0) + 1, head: wanted.head,
      base: wanted.base, body: wanted.body, state: .open, headSHA: head)
    repositories[name]?.pullRequests.append(made)
    return .success(.pullRequest(answer(made, name)))
  }

  func answer(_ found: PullRequest, _ name: RepositoryName) -> ForgePullRequest {
    let head = head(of: found.head, in: name) ?? found.headSHA
    let standing = self.head(of: found.base, in: name).map { self.standing(head, $0, in: name) }
    return ForgePullRequest(
      number: found.number, url: "https://forge/\(name)/pull/\(found.number)", state: found.state,
      body: found.body, headBranch: found.head, headSHA: head, baseBranch: found.base,
      conflicts: standing == .conflict, isBehind: standing == .behind)
  }

  // MARK: Git

  func fetch(_ name: RepositoryName, _ branch: String, after base: ObjectID) -> GitAnswer {
    guard let found = repositories[name]?.branches[branch], let head = found.commits.last else {
      return .success(.branch(nil))
    }
    return .success(
      .branch(GitBranch(head: head, commits: commits(of: found, after: base, in: name))))
  }

  /// `git push --force-with-lease`: a lease on the ref is no fence; a late one succeeds while the
  /// branch still stands where it is expected.
  mutating func push(
    _ name: RepositoryName, _ branch: String, _ commit: Commit, expected: ObjectID
  ) -> GitAnswer {
    guard let head = repositories[name]?.branches[branch]?.commits.last else {
      return .failure(MirrorFault(kind: .rejected(stale: true), message: "stale info"))
    }
    if head == commit.sha { return .success(.pushed) }
    guard head == expected, commit.parents.first == head else {
      return .failure(MirrorFault(kind: .rejected(stale: true), message: "stale info"))
    }
    if let other = commit.parents.dropFirst().first {
      let known = Set(repositories[name]?.branches[branch]?.commits ?? [])
      let main = repositories[name]?.branches["main"]?.commits ?? []
      let end = main.firstIndex(of: other).map { $0 + 1 } ?? 0
      let merged = main[..<end].filter { !known.contains($0) }
      repositories[name]?.branches[branch]?.commits += merged
    }
    var pushed = commit
    pushed.taskBlob = taskBlob(at: head, in: name)
    repositories[name]?.commits[commit.sha] = pushed
    repositories[name]?.branches[branch]?.commits.append(commit.sha)
    if let index = repositories[name]?.pullRequests.firstIndex(where: { $0.head == branch }) {
      repositories[name]?.pullRequests[index].headSHA = commit.sha
    }
    return .success(.pushed)
  }

  // MARK: The judge

  /// What was done more than once; nil where nothing was.
  func doubled(_ name: RepositoryName, _ branch: String) -> String? {
    guard let repository = repositories[name] else { return nil }
    let commits = (repository.branches[branch]?.commits ?? []).compactMap {
      repository.commits[$0]
    }
    let main = Set(repository.branches["main"]?.commits ?? [])
    for commit in commits where commit.parents.count > 1 {
      if !commit.parents.dropFirst().allSatisfy(main.contains) {
        return "\(commit.sha) merges what is not on the base branch"
      }
    }
    let messages = commits.map(\.message)
    let trailers = messages.compactMap { CommitTrailers(message: $0) }
    var generated: [DelegationID: Int] = [:]
    for trailer in trailers {
      if case .generated = trailer.kind { generated[trailer.delegation, default: 0] += 1 }
    }
    let tasks = trailers.count { if case .task = $0.kind { true } else { false } }
    if let (id, count) = generated.first(where: { $0.value > 1 }) {
      return "\(count) generated commits of \(id) on \(branch)"
    }
    if tasks > 1 { return "\(tasks) task commits on \(branch)" }
    // A request that is on its way when its sender dies may arrive after somebody has closed the
    // pull request that the next one opened; no forge refuses it then, so it is not counted.
    let pulls = repository.pullRequests.count { $0.head == branch && !$0.isClosedByPeople }
    return pulls > 1 ? "\(pulls) pull requests of \(branch)" : nil
  }
}

extension ForgeFault {
  static let absent = ForgeFault(kind: .notFound, message: "Not Found")
  static let exists = ForgeFault(kind: .exists, message: "already exists")
  static let conflicting = ForgeFault(kind: .conflict, message: "does not match")
}
