// A forge that answers from a table in memory, with nested groups, without drafts and without
// review by teams. It shows what another kind of forge takes: this file, and nothing of GitHub.

import Cryptography
import Domain
import ForgeConformance
import ForgePort
import Synchronization
import Text

struct TableForge: ForgeAdapter {
  let table: Table
  let client: any ForgeClient
  let gitCredential: any GitCredential = TableCredential()
  let capabilities = ForgeCapabilities(draftPullRequests: false, teamReviewers: false)
  let names: any RepositoryRules = NestedGroupRules()
  let address = "https://table.example"
  var repositoriesAddress: String { address }

  init(_ table: Table, situation: Situation? = nil) {
    self.table = table
    client = TableClient(table, situation)
  }

  func webhooks(secret: String) -> any WebhookReader { TableWebhooks(secret: secret) }

  func examine(_ repository: RepositoryName?) async -> [Finding] {
    guard let repository else { return [.good("forge", address)] }
    switch await client.perform(.repository(repository)) {
    case .success: return [.good("\(repository)", "it is in the table")]
    case .failure(let fault): return [.bad("\(repository)", fault.message, fault.hint)]
    }
  }
}

struct TableCredential: GitCredential {
  let secrets = ["a-password-of-the-table"]
  let requiresHTTPS = true
  func login() async throws(ForgeFault) -> GitLogin {
    GitLogin(user: "oauth2", password: secrets[0])
  }
  func accessHint(_ repository: RepositoryName) -> String { "Add AIPM to \(repository)." }
  func rejectionHint(_ message: String) -> String { "Unprotect the branch: \(message)" }
}

/// The rules of a forge with nested groups that sets no others: every path that is safe on this
/// machine.
struct NestedGroupRules: RepositoryRules {
  init() {}

  let ownerForm = "write the path of the group that owns the repository"
  let repositoryForm = "write the repository's name"

  func faults(inOwner owner: String) -> [NameFault] {
    RepositoryName(owner: owner, name: "x").isValid
      ? [] : [NameFault(message: "is no path of groups", instead: ownerForm)]
  }

  func faults(inRepository name: String) -> [NameFault] {
    RepositoryName(owner: "x", name: name).isValid
      ? [] : [NameFault(message: "is no repository's name", instead: repositoryForm)]
  }
}

// MARK: - The table

/// Repositories with their branches, commits and pull requests.
final class Table: Sendable {
  struct Commit {
    var parents: [ObjectID]
    var message: String
    /// Blobs by path.
    var files: [String: ObjectID]
  }

  struct Repository {
    var branches: [String: ObjectID] = [:]
    var commits: [ObjectID: Commit] = [:]
    /// The commit and the folder that a tree stands for.
    var trees: [ObjectID: (commit: ObjectID, folder: String)] = [:]
    var pullRequests: [ForgePullRequest] = []
    /// What is in the blobs.
    var texts: [ObjectID: String] = [:]
    /// By pull request, in the order in which it was said.
    var feedback: [Int: [Feedback]] = [:]
    /// The number of what was said last.
    var lastKey: Int64 = 0
    var checks: [ObjectID: [ForgeCheck]] = [:]
    /// Why a check failed.
    var reports: [FeedbackID: String] = [:]
    var issues: [ForgeIssue] = []
    var archived = false
    var mayPush = true

    init(isEmpty: Bool = false) {
      if isEmpty { return }
      branches["main"] = add(Commit(parents: [], message: "first", files: [:]))
    }

    mutating func add(_ commit: Commit) -> ObjectID {
      let files = commit.files.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
      let sha = Table.sha("commit \(commit.parents) \(commit.message) \(files)")
      commits[sha] = commit
      return sha
    }
  }

  private let repositories = Mutex<[RepositoryName: Repository]>([:])

  /// The account that AIPM writes under.
  static let account = "aipm"

  static func sha(_ text: String) -> ObjectID {
    ObjectID(Hex.encode(Array(SHA256.hash(Array(text.utf8)).prefix(20))))
  }

  func add(_ name: RepositoryName, _ repository: Repository = Repository()) {
    repositories.withLock { $0[name] = repository }
  }

  func change(_ name: RepositoryName, _ body: (inout Repository) throws -> Void) rethrows {
    try repositories.withLock { repositories in
      var repository = repositories[name] ?? Repository()
      try body(&repository)
      repositories[name] = repository
    }
  }

  func perform(_ call: ForgeCall) -> ForgeAnswer {
    repositories.withLock { repositories in
      guard let name = call.target else {
        let usable = repositories.filter { $0.value.mayPush && !$0.value.archived }.keys.sorted()
        if call == .account { return .success(.account(Self.account)) }
        return .success(.repositories(usable, isComplete: true))
      }
      guard var repository = repositories[name] else {
        return call.answerIfMissing.map { .success($0) }
          ?? .failure(Self.fault(.notFound, "there is no \(name)"))
      }
      defer { repositories[name] = repository }
      do throws(ForgeFault) { return .success(try repository.reply(to: call)) } catch {
        return .failure(error)
      }
    }
  }

  static func fault(_ kind: ForgeFault.Kind, _ message: String) -> ForgeFault {
    ForgeFault(kind: kind, message: message, hint: "Look into the table.")
  }
}

extension ForgeCall {
  /// nil for a call that is not about one repository.
  fileprivate var target: RepositoryName? {
    switch self {
    case .issue(let issue): issue.repository
    case .repositories, .account: nil
    case .repository(let name), .branchHead(let name, _), .fileBlob(let name, _, _),
      .tree(let name, _), .createBranch(let name, _, _), .branch(let name, _),
      .putFile(let name, _), .compare(let name, _, _), .openPullRequest(let name, _),
      .pullRequests(let name, _), .pullRequest(let name, _), .comments(let name, _),
      .comment(let name, _, _), .deleteComment(let name, _), .addLabels(let name, _, _),
      .requestReviewers(let name, _, _, _),
      .mayPush(let name, _), .feedback(let name, _), .reviewComments(let name, _),
      .reply(let name, _, _, _), .openPullRequests(let name, _), .checks(let name, _, _),
      .checkReport(let name, _), .changedHead(let name, _, _),
      .changedPullRequest(let name, _, _):
      name
    }
  }

  /// The reply of calls for which something missing is an answer.
  fileprivate var answerIfMissing: ForgeReply? {
    switch self {
    case .branch, .branchHead(_, .some): .head(nil)
    case .fileBlob: .blob(nil)
    case .mayPush: .mayPush(false)
    case .deleteComment: .deleted
    case .checkReport: .checkReport("")
    case .repository, .branchHead, .tree, .createBranch, .putFile, .compare, .openPullRequest,
      .pullRequests, .pullRequest, .comments, .comment, .addLabels, .requestReviewers, .feedback,
      .reviewComments, .reply, .openPullRequests, .checks, .changedHead, .changedPullRequest,
      .issue, .repositories, .account:
      nil
    }
  }
}

extension Table.Repository {
  mutating func reply(to call: ForgeCall) throws(ForgeFault) -> ForgeReply {
    switch call {
    case .repository(let name):
      return .repository(
        ForgeRepository(
          defaultBranch: "main", cloneURL: "https://table.example/\(name).git",
          archived: archived, disabled: false, mayPush: mayPush))
    case .branchHead(_, nil):
      guard let head = branches["main"] else { throw Table.fault(.empty, "no commit") }
      return .head(head)
    case .branchHead(_, .some(let branch)), .branch(_, let branch): return .head(branches[branch])
    case .fileBlob(_, let path, let ref):
      let sha = branches[ref ?? "main"] ?? ObjectID(ref ?? "")
      return .blob(commits[sha]?.files[path])
    case .tree(_, let sha): return .tree(try entries(sha))
    case .mayPush(let name, let user): return .mayPush(user == name.owner)
    case .createBranch(_, let branch, let sha): try create(branch, at: sha)
    case .putFile(_, let file): return .committed(try put(file))
    case .compare(_, let base, let head): return .commits(try commits(of: head, after: base))
    case .openPullRequest(let name, let new): return .pullRequest(try open(new, name))
    case .pullRequests(_, let branch):
      return .pullRequests(pullRequests.filter { $0.headBranch == branch }.map(current))
    case .pullRequest(_, let number):
      var found = current(try pullRequest(number))
      found.conflicts = conflicts(found)
      return .pullRequest(found)
    case .changedPullRequest(_, let number, let validator):
      var found = current(try pullRequest(number))
      found.conflicts = conflicts(found)
      let now = ForgeValidator("\(found)")
      return validator == now ? .unchanged : .changedPullRequest(found, now)
    case .comments(_, let number):
      let all = feedback[try pullRequest(number).number] ?? []
      return .comments(
        all.filter { $0.source == .comment }.map {
          ForgeComment(id: $0.id, author: $0.author, body: $0.text?.body ?? "")
        })
    case .comment(_, let number, let body):
      say(.comment, body, by: Table.account, on: try pullRequest(number))
    case .deleteComment(_, let id):
      for number in feedback.keys { feedback[number]?.removeAll { $0.id == id } }
      return .deleted
    case .feedback(_, let number):
      return .feedback(feedback[try pullRequest(number).number] ?? [])
    case .reviewComments(_, let number):
      let all = feedback[try pullRequest(number).number] ?? []
      return .feedback(all.filter { $0.source == .reviewComment })
    case .reply(_, let number, let thread, let body): try reply(number, thread, body)
    case .openPullRequests(_, let validator):
      let open = pullRequests.filter { $0.state == .open }.map(current)
      let now = ForgeValidator("\(open)")
      return validator == now ? .unchanged : .openPullRequests(open.reversed(), now)
    case .checks(_, let commit, let validator):
      let found = checks[commit] ?? []
      let now = ForgeValidator("\(found)")
      return validator == now ? .unchanged : .checks(found, now)
    case .checkReport(_, let check): return .checkReport(reports[check.id] ?? "")
    case .changedHead(_, let branch, let validator):
      guard let head = branches[branch] else {
        throw Table.fault(.notFound, "there is no \(branch)")
      }
      let now = ForgeValidator(head.rawValue)
      return validator == now ? .unchanged : .changedHead(head, now)
    case .issue(let issue):
      guard let found = issues.first(where: { $0.number == issue.number }) else {
        throw Table.fault(.notFound, "there is no \(issue)")
      }
      return .issue(found)
    case .addLabels, .requestReviewers, .repositories, .account: break
    }
    return .created
  }

  private mutating func create(_ branch: String, at sha: ObjectID) throws(ForgeFault) {
    guard mayPush else { throw Table.fault(.forbidden, "read only") }
    guard branches[branch] == nil else { throw Table.fault(.exists, "\(branch) is there") }
    guard !branches.keys.contains(where: { branch.hasPrefix($0 + "/") }) else {
      throw Table.fault(.possibleNameClash, "a branch is in the way of \(branch)")
    }
    branches[branch] = sha
  }

  private mutating func put(_ file: FileCommit) throws(ForgeFault) -> ObjectID {
    guard let head = branches[file.branch], var files = commits[head]?.files else {
      throw Table.fault(.notFound, "there is no \(file.branch)")
    }
    guard files[file.path] == file.replaces else {
      throw Table.fault(.conflict, "\(file.path) is another one")
    }
    let blob = Table.sha(file.content)
    texts[blob] = file.content
    files[file.path] = blob
    let made = add(Table.Commit(parents: [head], message: file.message, files: files))
    branches[file.branch] = made
    return made
  }

  /// Each folder of a commit is a tree, whose name is derived from both.
  private mutating func entries(_ sha: ObjectID) throws(ForgeFault) -> [ForgeTreeEntry] {
    let (commit, folder) = trees[sha] ?? (sha, "")
    guard let files = commits[commit]?.files else { throw Table.fault(.notFound, "no tree") }
    var found: [String: ForgeTreeEntry] = [:]
    for (path, blob) in files where path.hasPrefix(folder) {
      let parts = path.dropFirst(folder.count).split(separator: "/")
      let name = String(parts[0])
      let tree = Table.sha("tree \(commit) \(folder)\(name)/")
      if parts.count > 1 { trees[tree] = (commit, "\(folder)\(name)/") }
      found[name] = ForgeTreeEntry(
        name: name, kind: parts.count > 1 ? .folder : .file, sha: parts.count > 1 ? tree : blob)
    }
    return Array(found.values)
  }

  private func commits(
    of branch: String, after base: ObjectID
  ) throws(ForgeFault) -> [ForgeCommit] {
    guard var next = branches[branch] else { throw Table.fault(.notFound, "no \(branch)") }
    var found: [ForgeCommit] = []
    while next != base, let commit = commits[next] {
      found.append(ForgeCommit(sha: next, parents: commit.parents, message: commit.message))
      guard let parent = commit.parents.first else { break }
      next = parent
    }
    return found.reversed()
  }

  private mutating func open(
    _ new: NewPullRequest, _ name: RepositoryName
  ) throws(ForgeFault) -> ForgePullRequest {
    guard !new.draft else { throw Table.fault(.draftsUnsupported, "no drafts") }
    guard let head = branches[new.head], head != branches[new.base] else {
      throw Table.fault(.notYetVisible, "nothing to merge")
    }
    guard !pullRequests.contains(where: { $0.headBranch == new.head }) else {
      throw Table.fault(.exists, "it is open")
    }
    let number = pullRequests.count + 1
    pullRequests.append(
      ForgePullRequest(
        number: number, url: "https://table.example/\(name)/-/merge_requests/\(number)",
        state: .open, body: new.body, headBranch: new.head, headSHA: head, baseBranch: new.base,
        updatedAt: Timestamp(milliseconds: 1_733_356_800_000 + Int64(number))))
    return pullRequests[number - 1]
  }

  func pullRequest(_ number: Int) throws(ForgeFault) -> ForgePullRequest {
    guard let found = pullRequests.first(where: { $0.number == number }) else {
      throw Table.fault(.notFound, "there is no pull request \(number)")
    }
    return found
  }
}

// MARK: - The client

/// Reads the table, unless its situation prevents that.
final class TableClient: ForgeClient {
  private let table: Table
  private let situation: Situation?
  private let calls = Mutex(0)
  private static let until = Timestamp(milliseconds: 4_000_000_000_000)

  init(_ table: Table, _ situation: Situation?) {
    self.table = table
    self.situation = situation
  }

  var condition: ForgeCondition {
    var condition = ForgeCondition()
    if situation == .limited { condition.limitedUntil = Self.until }
    if situation == .failing { condition.downUntil = Self.until }
    return condition
  }

  func pass() async throws(ForgeFault) {
    if situation == .limited { throw Table.fault(.limited(until: Self.until), "a limit") }
  }

  func perform(_ call: ForgeCall) async -> ForgeAnswer {
    let count = calls.withLock { count in
      count += 1
      return count
    }
    let kind: ForgeFault.Kind
    switch situation {
    case .wrongCredential: kind = .unauthorized
    case .unreachable: kind = .unreachable
    case .failing: kind = count > 8 ? .down(until: Self.until) : .unavailable
    case .limited: kind = .limited(until: Self.until)
    case .answersLost where count == 1:
      _ = table.perform(call)
      kind = .noAnswer
    case nil, .answersLost, .readOnly, .withoutDrafts, .archived, .empty:
      return table.perform(call)
    }
    return .failure(Table.fault(kind, "the table is not open"))
  }
}
