import Domain
import EmbeddedForge
import Engine
import ForgeGitHub
import ForgePort
import Foundation
import HTTPClient
import Logging
import Mirrors
import Processes
import Testing

/// The client and the mirrors against the embedded forge: every call, on real repositories.
struct Hosted: Sendable {
  static let token = "a-token-of-the-embedded-forge"

  let forge: EmbeddedForge
  let root: String
  let client: GitHubClient
  let mirrors: GitMirrors
  let date = Timestamp(milliseconds: 1_733_356_800_123)

  static func run(_ body: @escaping @Sendable (Hosted) async throws -> Void) async throws {
    let root = FileManager.default.temporaryDirectory.path + "/aipm-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: root) }
    var logger = Logger(label: "forge")
    logger.logLevel = .critical
    let folder = "\(root)/forge"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try await EmbeddedForge.createRepository("octo/hello", root: folder)
    let forge = try EmbeddedForge(
      configuration: EmbeddedForgeConfiguration(root: folder, token: token), logger: logger)
    let (ports, port) = AsyncStream<Int>.makeStream()
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await forge.run { port.yield($0) } }
      group.addTask {
        for await number in ports {
          try await body(Hosted(forge, root: root, url: "http://127.0.0.1:\(number)"))
          return
        }
      }
      try await group.next()
      group.cancelAll()
    }
  }

  private init(_ forge: EmbeddedForge, root: String, url: String) {
    self.forge = forge
    self.root = root
    client = GitHubClient(
      http: HTTPClient(configuration: .init(userAgent: "aipm/test", proxy: .none)),
      configuration: .init(apiURL: url, token: Self.token))
    mirrors = GitMirrors(
      forge: client,
      configuration: .init(root: "\(root)/mirrors", token: Self.token, apiURL: url))
  }

  func taskCommit(branch: String, replaces: ObjectID? = nil) -> FileCommit {
    FileCommit(
      path: "TASK.md", branch: branch, content: "# Täsk\n",
      message: "feat: x\n\nAipm-Delegation: d1\n", replaces: replaces, date: date)
  }

  func pull(_ branch: String, draft: Bool = false) -> NewPullRequest {
    NewPullRequest(
      title: "feat: x", head: branch, base: "main", body: "<!-- aipm: d1 -->", draft: draft)
  }

  /// The head of the default branch.
  func base() async throws -> ObjectID {
    guard
      case .success(.head(.some(let sha))) = await client.perform(
        .branchHead(repository, branch: nil))
    else { throw CancellationError() }
    return sha
  }

  /// A branch with a task commit and a pull request.
  func prepare(_ branch: String) async throws -> (base: ObjectID, task: ObjectID) {
    let base = try await base()
    _ = await client.perform(.createBranch(repository, branch: branch, sha: base))
    guard
      case .success(.committed(let task)) = await client.perform(
        .putFile(repository, taskCommit(branch: branch)))
    else { throw CancellationError() }
    _ = await client.perform(.openPullRequest(repository, pull(branch)))
    return (base, task)
  }
}

@Suite struct EmbeddedForgeTests {
  @Test func aDelegationsCallsMakeBranchCommitAndPullRequestOnce() async throws {
    try await Hosted.run { hosted in
      let client = hosted.client
      guard case .success(.repository(let facts)) = await client.perform(.repository(repository))
      else {
        Issue.record("no repository")
        return
      }
      #expect(facts.defaultBranch == "main")
      #expect(facts.cloneURL.hasSuffix("/octo/hello.git"))
      #expect(!facts.archived && !facts.disabled)
      #expect(facts.mayPush == true)
      let base = try await hosted.base()
      #expect(
        await client.perform(.branchHead(repository, branch: "main")) == .success(.head(base)))
      #expect(
        await client.perform(.fileBlob(repository, path: "TASK.md", ref: "main"))
          == .success(.blob(nil)))

      let branch = "feature/é-1"
      #expect(
        await client.perform(.branch(repository, branch: branch)) == .success(.head(nil)))
      let create = ForgeCall.createBranch(repository, branch: branch, sha: base)
      #expect(await client.perform(create) == .success(.created))
      #expect(fault(await client.perform(create))?.kind == .exists)
      let below = ForgeCall.createBranch(repository, branch: "\(branch)/x", sha: base)
      #expect(fault(await client.perform(below))?.kind == .possibleNameClash)

      let open = ForgeCall.openPullRequest(repository, hosted.pull(branch))
      #expect(fault(await client.perform(open))?.kind == .notYetVisible)
      let put = ForgeCall.putFile(repository, hosted.taskCommit(branch: branch))
      guard case .success(.committed(let task)) = await client.perform(put) else {
        Issue.record("no commit")
        return
      }
      let again = try #require(fault(await client.perform(put)))
      #expect(again.kind == .exists || again.kind == .conflict)
      #expect(again.requestID != nil)
      let commit = ForgeCommit(
        sha: task, parents: [base], message: "feat: x\n\nAipm-Delegation: d1\n")
      #expect(
        await client.perform(.compare(repository, base: base, head: branch))
          == .success(.commits([commit])))

      guard case .success(.pullRequest(let made)) = await client.perform(open) else {
        Issue.record("no pull request")
        return
      }
      #expect(made.headBranch == branch && made.headSHA == task && made.baseBranch == "main")
      #expect(made.state == .open && made.body == "<!-- aipm: d1 -->")
      #expect(fault(await client.perform(open))?.kind == .exists)
      #expect(
        await client.perform(.pullRequests(repository, headBranch: branch))
          == .success(.pullRequests([made])))
      var alone = made
      alone.conflicts = false
      #expect(
        await client.perform(.pullRequest(repository, number: made.number))
          == .success(.pullRequest(alone)))
    }
  }

  @Test func theSameCommitIsMadeWithTheSameNameEachTime() async throws {
    try await Hosted.run { hosted in
      let base = try await hosted.base()
      var names: Set<ObjectID> = []
      for branch in ["one", "two"] {
        _ = await hosted.client.perform(.createBranch(repository, branch: branch, sha: base))
        let call = ForgeCall.putFile(repository, hosted.taskCommit(branch: branch))
        guard case .success(.committed(let sha)) = await hosted.client.perform(call) else {
          Issue.record("no commit")
          return
        }
        names.insert(sha)
      }
      #expect(names.count == 1)
    }
  }

  @Test func aCommitGoesThroughTheMirrorToThePullRequest() async throws {
    try await Hosted.run { hosted in
      let (base, task) = try await hosted.prepare("b")
      let fetch = GitCall.fetch(repository, branch: "b", after: base)
      guard case .success(.branch(.some(let branch))) = await hosted.mirrors.perform(fetch)
      else {
        Issue.record("no branch")
        return
      }
      #expect(branch.head == task)
      #expect(branch.commits.map(\.sha) == [task])

      let tree = "\(hosted.root)/tree"
      let mirror = try #require(hosted.mirrors.directory(of: repository))
      try await git(["clone", "--quiet", "--branch", "b", mirror, tree])
      try write("let x = 1\n", to: "\(tree)/x.swift")
      let message = "feat: x\n\nAipm-Delegation: d1\nAipm-Attempt: 1\n"
      let made = ObjectID(try await commit(message, in: tree))
      let range = "\(made)\n^\(task)\n"
      let pack = try await git(
        ["pack-objects", "--revs", "--thin", "--stdout", "--quiet"], in: tree,
        input: .bytes(Array(range.utf8)))
      let path = "\(hosted.root)/pack"
      try Data(pack.standardOutput).write(to: URL(fileURLWithPath: path))
      let handIn = HandIn(
        repository: repository, delegation: DelegationID("d1"), attempt: 1, commit: made,
        parent: task, message: message, refusedPaths: [], bytesMax: 1000, filesMax: 10)
      #expect(try await hosted.mirrors.figures(of: handIn) == nil)
      try await hosted.mirrors.accept(handIn, pack: path)
      let figures = try await hosted.mirrors.figures(of: handIn)
      #expect(figures == HandInFigures(filesChanged: 1, insertions: 1, deletions: 0))

      let push = GitCall.push(repository, branch: "b", sha: made, expected: task)
      #expect(await hosted.mirrors.perform(push) == .success(.pushed))
      guard
        case .success(.pullRequests(let pulls)) = await hosted.client.perform(
          .pullRequests(repository, headBranch: "b"))
      else {
        Issue.record("no pull requests")
        return
      }
      #expect(pulls.map(\.headSHA) == [made])
    }
  }

  @Test func whatTheForgeDoesNotAllowIsToldWithWhatToDo() async throws {
    try await Hosted.run { hosted in
      let (base, task) = try await hosted.prepare("b")
      var settings = RepositorySettings()
      settings.allowsDrafts = false
      try await hosted.forge.setSettings(settings, of: "octo/hello")
      let create = ForgeCall.createBranch(repository, branch: "c", sha: task)
      #expect(await hosted.client.perform(create) == .success(.created))
      let draft = ForgeCall.openPullRequest(repository, hosted.pull("c", draft: true))
      let refused = try #require(fault(await hosted.client.perform(draft)))
      #expect(refused.kind == .draftsUnsupported)

      settings.allowsWriting = false
      try await hosted.forge.setSettings(settings, of: "octo/hello")
      let other = ForgeCall.createBranch(repository, branch: "d", sha: base)
      let forbidden = try #require(fault(await hosted.client.perform(other)))
      #expect(forbidden.kind == .forbidden)
      #expect(forbidden.hint?.contains("contents") == true)

      settings.isArchived = true
      try await hosted.forge.setSettings(settings, of: "octo/hello")
      guard
        case .success(.repository(let facts)) = await hosted.client.perform(
          .repository(repository))
      else {
        Issue.record("no repository")
        return
      }
      #expect(facts.archived)
      let nowhere = RepositoryName(owner: "octo", name: "nowhere")
      #expect(fault(await hosted.client.perform(.repository(nowhere)))?.kind == .notFound)
    }
  }

  @Test func aProtectedBranchTakesNoPush() async throws {
    try await Hosted.run { hosted in
      let (base, task) = try await hosted.prepare("b")
      let call = GitCall.fetch(repository, branch: "b", after: base)
      #expect(fault(await hosted.mirrors.perform(call)) == nil)
      var settings = RepositorySettings()
      settings.protectedBranches = ["main"]
      try await hosted.forge.setSettings(settings, of: "octo/hello")
      let push = GitCall.push(repository, branch: "main", sha: task, expected: base)
      let found = try #require(fault(await hosted.mirrors.perform(push)))
      #expect(found.kind == .rejected(stale: false))
      #expect(found.hint != nil)
    }
  }

  @Test func anEmptyRepositoryIsEmpty() async throws {
    try await Hosted.run { hosted in
      let empty = RepositoryName(owner: "octo", name: "empty")
      try await EmbeddedForge.createRepository("octo/empty", root: "\(hosted.root)/forge")
      try await Git.run(
        ["update-ref", "-d", "refs/heads/main"],
        gitDirectory: "\(hosted.root)/forge/octo/empty.git")
      let head = await hosted.client.perform(.branchHead(empty, branch: nil))
      #expect(fault(head)?.kind == .empty)
      let blob = await hosted.client.perform(.fileBlob(empty, path: "TASK.md", ref: nil))
      #expect(blob == .success(.blob(nil)))
    }
  }
}
