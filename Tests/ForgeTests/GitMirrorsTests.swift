import Domain
import Engine
import ForgeGitHub
import ForgePort
import Foundation
import HTTPClient
import Mirrors
import Processes
import RawSockets
import Testing

/// A host with one repository, whose branch `b` has a task commit, and a mirror of it.
struct Scene {
  let host: GitHost
  let mirrors: GitMirrors
  /// The commit on `main`.
  let base: ObjectID
  /// The commit on `b`.
  let head: ObjectID
  /// A clone in which an agent might have worked, at `head`.
  let tree: String

  static let message = "feat: x\n\nAipm-Delegation: d1\nAipm-Attempt: 1\n"

  static func play(_ body: @escaping @Sendable (Scene) async throws -> Void) async throws {
    try await GitHost.run { host in
      let base = try await host.create()
      let tree = "\(host.root)/tree"
      try await git(["clone", "--quiet", host.path(), tree])
      try await git(["switch", "--quiet", "-c", "b"], in: tree)
      try write("# Task\n", to: "\(tree)/TASK.md")
      let head = try await commit("task\n\nAipm-Delegation: d1\n", in: tree)
      try await git(["push", "--quiet", "origin", "b"], in: tree)
      try await body(
        Scene(
          host: host, mirrors: makeMirrors(host), base: ObjectID(base), head: ObjectID(head),
          tree: tree))
    }
  }

  static func makeMirrors(
    _ host: GitHost, token: String = GitHost.token,
    _ change: (inout GitMirrors.Configuration) -> Void = { _ in }
  ) -> GitMirrors {
    let forge = GitHubClient(
      http: HTTPClient(configuration: .init(userAgent: "aipm/test", proxy: .none)),
      configuration: .init(apiURL: host.url, token: token))
    var configuration = GitMirrors.Configuration(
      root: "\(host.root)/mirrors", token: token, apiURL: host.url)
    configuration.secrets = [own]
    change(&configuration)
    return GitMirrors(forge: forge, configuration: configuration)
  }

  /// A credential of the server's own.
  static let own = "5f0c-webhook-secret-77"

  var mirror: String { mirrors.directory(of: repository) ?? "" }

  func fetch(after: ObjectID? = nil) async -> GitAnswer {
    await mirrors.perform(.fetch(repository, branch: "b", after: after ?? base))
  }

  func push(_ sha: ObjectID, expected: ObjectID? = nil) async -> GitAnswer {
    await mirrors.perform(.push(repository, branch: "b", sha: sha, expected: expected ?? head))
  }

  /// Commits the working tree with the message that a hand-in must have.
  func generate(_ message: String = message) async throws -> ObjectID {
    ObjectID(try await commit(message, in: tree))
  }

  /// The thin pack of a commit on the head, as a file.
  func pack(_ commit: ObjectID) async throws -> String {
    let path = "\(host.root)/pack-\(UUID().uuidString)"
    let range = "\(commit)\n^\(head)\n"
    let result = try await git(
      ["pack-objects", "--revs", "--thin", "--stdout", "--quiet", "--delta-base-offset"],
      in: tree, input: .bytes(Array(range.utf8)))
    try Data(result.standardOutput).write(to: URL(fileURLWithPath: path))
    return path
  }

  func handIn(_ commit: ObjectID) -> HandIn {
    HandIn(
      repository: repository, delegation: DelegationID("d1"), attempt: 1, commit: commit,
      parent: head, message: Self.message, refusedPaths: [".github/workflows", "SECRET"],
      bytesMax: 100_000, filesMax: 10)
  }

  /// The refusal of a hand-in; nil where it is accepted.
  func refusal(_ handIn: HandIn, pack: String) async -> HandInRefusal? {
    do throws(HandInRefusal) {
      try await mirrors.accept(handIn, pack: pack)
      return nil
    } catch {
      return error
    }
  }

  func isInMirror(_ commit: ObjectID) async throws -> Bool {
    let result = try await Git.run(
      ["cat-file", "-e", commit.rawValue], gitDirectory: mirror, accepting: [0, 1, 128])
    return result.succeeded
  }
}

func fault(_ answer: GitAnswer) -> MirrorFault? {
  switch answer {
  case .success: nil
  case .failure(let fault): fault
  }
}

/// A commit that git cannot find, and one that git cannot look for.
@Suite struct MissingCommitTests {
  private static let unknown = ObjectID(String(repeating: "ab", count: 20))

  @Test func aCommitThatIsNotThereIsMissing() async throws {
    try await Scene.play { scene in
      #expect(fault(await scene.fetch()) == nil)
      #expect(fault(await scene.push(Self.unknown))?.kind == .objectMissing)
    }
  }

  /// Whoever takes a fault of git for a missing commit gives up work that is there.
  @Test func aMirrorThatGitCannotReadIsAFaultOfThisMachine() async throws {
    try await Scene.play { scene in
      #expect(fault(await scene.fetch()) == nil)
      try write("[core\n", to: "\(scene.mirror)/config")
      #expect(fault(await scene.push(scene.head))?.kind == .local)
    }
  }

  @Test func anObjectThatCannotBeReadIsAFaultOfThisMachine() async throws {
    try await Scene.play { scene in
      #expect(fault(await scene.fetch()) == nil)
      let name = Self.unknown.rawValue
      try write(
        "no object\n", to: "\(scene.mirror)/objects/\(name.prefix(2))/\(name.dropFirst(2))")
      #expect(fault(await scene.push(Self.unknown))?.kind == .local)
    }
  }
}

@Suite struct FetchTests {
  @Test func theBranchComesWithItsCommitsOldestFirst() async throws {
    try await Scene.play { scene in
      try write("x\n", to: "\(scene.tree)/x")
      let next = try await commit("näxt\n\nbody\n", in: scene.tree)
      try await git(["push", "--quiet", "origin", "b"], in: scene.tree)
      let branch = GitBranch(
        head: ObjectID(next),
        commits: [
          ForgeCommit(
            sha: scene.head, parents: [scene.base], message: "task\n\nAipm-Delegation: d1\n"),
          ForgeCommit(sha: ObjectID(next), parents: [scene.head], message: "näxt\n\nbody\n"),
        ])
      #expect(await scene.fetch() == .success(.branch(branch)))
      let none = GitBranch(head: ObjectID(next), commits: [])
      #expect(await scene.fetch(after: ObjectID(next)) == .success(.branch(none)))
    }
  }

  @Test func aBranchThatIsGoneIsNil() async throws {
    try await Scene.play { scene in
      #expect(fault(await scene.fetch()) == nil)
      try await git(["push", "--quiet", "origin", ":b"], in: scene.tree)
      #expect(await scene.fetch() == .success(.branch(nil)))
      let refs = try await Git.run(["for-each-ref"], gitDirectory: scene.mirror)
      #expect(refs.outputText.isEmpty)
    }
  }

  @Test func aRewrittenBranchShowsThatItDoesNotStandOnWhatWasKnown() async throws {
    try await Scene.play { scene in
      try await git(["commit", "--quiet", "--amend", "-m", "other"], in: scene.tree)
      try await git(["push", "--quiet", "--force", "origin", "b"], in: scene.tree)
      // The mirror has never seen the commit that was there before.
      guard case .success(.branch(.some(let branch))) = await scene.fetch(after: scene.head)
      else {
        Issue.record("no branch")
        return
      }
      #expect(branch.head != scene.head)
      #expect(!branch.commits.contains { $0.parents.contains(scene.head) })
      #expect(branch.commits.last?.sha == branch.head)
    }
  }

  @Test func aBranchThatIsGoneDoesNotStandInTheWayOfOneBelowIt() async throws {
    try await Scene.play { scene in
      #expect(fault(await scene.fetch()) == nil)
      try await git(["push", "--quiet", "origin", ":b"], in: scene.tree)
      try await git(["push", "--quiet", "origin", "HEAD:refs/heads/b/c"], in: scene.tree)
      let call = GitCall.fetch(repository, branch: "b/c", after: scene.head)
      let branch = GitBranch(head: scene.head, commits: [])
      #expect(await scene.mirrors.perform(call) == .success(.branch(branch)))
    }
  }

  @Test func theCredentialIsInNoFileOfTheMirror() async throws {
    try await Scene.play { scene in
      #expect(fault(await scene.fetch()) == nil)
      let basic = Data("x-access-token:\(GitHost.token)".utf8).base64EncodedString()
      for name in try FileManager.default.subpathsOfDirectory(atPath: scene.mirror) {
        let data = FileManager.default.contents(atPath: "\(scene.mirror)/\(name)") ?? Data()
        let text = String(decoding: data, as: UTF8.self)
        #expect(!text.contains(GitHost.token) && !text.contains(basic), "\(name)")
      }
    }
  }

  @Test func locksOfAKilledProcessAreRemovedAtTheFirstUse() async throws {
    try await Scene.play { scene in
      #expect(fault(await scene.fetch()) == nil)
      try write("", to: "\(scene.mirror)/refs/heads/b.lock")
      try write("", to: "\(scene.mirror)/packed-refs.lock")
      try write("half", to: "\(scene.mirror)/aipm-incoming/one/pack/pack-1.pack")
      try write("half", to: "\(scene.mirror)/objects/pack/tmp_pack_1")
      try write("x\n", to: "\(scene.tree)/x")
      try await commit("next", in: scene.tree)
      try await git(["push", "--quiet", "origin", "b"], in: scene.tree)
      let next = Scene.makeMirrors(scene.host)
      let call = GitCall.fetch(repository, branch: "b", after: scene.base)
      #expect(fault(await next.perform(call)) == nil)
      for rest in ["aipm-incoming/one", "objects/pack/tmp_pack_1"] {
        #expect(!FileManager.default.fileExists(atPath: "\(scene.mirror)/\(rest)"))
      }
    }
  }

  @Test func faultsHaveTheirClass() async throws {
    try await Scene.play { scene in
      let wrong = Scene.makeMirrors(scene.host, token: "another-token-of-some-length")
      let call = GitCall.fetch(repository, branch: "b", after: scene.base)
      let unauthorized = try #require(fault(await wrong.perform(call)))
      #expect(unauthorized.kind == .unauthorized)
      #expect(unauthorized.hint != nil)
      #expect(!unauthorized.message.contains("another-token"))
      let nowhere = RepositoryName(owner: "octo", name: "nowhere")
      let missing = GitCall.fetch(nowhere, branch: "b", after: scene.base)
      #expect(fault(await scene.mirrors.perform(missing))?.kind == .notFound)
      let nested = try #require(RepositoryName("group/subgroup/tools"))
      let directory = try #require(scene.mirrors.directory(of: nested))
      #expect(directory.hasSuffix("/mirrors/group/subgroup/tools.git"))
      let escaping = RepositoryName(owner: "..", name: "x")
      let outside = GitCall.fetch(escaping, branch: "b", after: scene.base)
      #expect(fault(await scene.mirrors.perform(outside))?.kind == .notFound)
    }
    let port = try ClosedPort()
    let root = FileManager.default.temporaryDirectory.path + "/aipm-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: root) }
    let host = GitHost(root: root, port: port.number)
    let call = GitCall.fetch(repository, branch: "b", after: ObjectID("0"))
    #expect(fault(await Scene.makeMirrors(host).perform(call))?.kind == .unreachable)
  }
}

@Suite struct PushTests {
  @Test func anAcceptedCommitIsPushedAndPushingAgainIsHarmless() async throws {
    try await Scene.play { scene in
      #expect(fault(await scene.fetch()) == nil)
      try write("let x = 1\n", to: "\(scene.tree)/x.swift")
      let made = try await scene.generate()
      try await scene.mirrors.accept(scene.handIn(made), pack: scene.pack(made))
      let figures = try await scene.mirrors.figures(of: scene.handIn(made))
      #expect(figures == HandInFigures(filesChanged: 1, insertions: 1, deletions: 0))
      #expect(await scene.push(made) == .success(.pushed))
      #expect(await scene.push(made) == .success(.pushed))
      let there = try await git(["rev-parse", "b"], in: scene.host.path()).trimmedOutput
      #expect(there == made.rawValue)
    }
  }

  @Test func aBranchThatMovedIsStaleAndStaysAsItIs() async throws {
    try await Scene.play { scene in
      #expect(fault(await scene.fetch()) == nil)
      let made = try await scene.generate(Scene.message)
      try write("y\n", to: "\(scene.tree)/y")
      let ours = try await scene.generate()
      _ = made
      var handIn = scene.handIn(ours)
      handIn.parent = made
      // Hand in two commits' worth of objects, so that the second can be accepted on the first.
      #expect(await scene.push(ours).isObjectMissing)
      try await git(["push", "--quiet", "origin", "\(made):b"], in: scene.tree)
      #expect(fault(await scene.fetch()) == nil)
      #expect(await scene.refusal(handIn, pack: try scene.pack(ours)) == nil)
      // The branch stands at `made`; the lease speaks of `head`.
      let found = try #require(fault(await scene.push(ours, expected: scene.head)))
      #expect(found.kind == .rejected(stale: true))
      let there = try await git(["rev-parse", "b"], in: scene.host.path()).trimmedOutput
      #expect(there == made.rawValue)
      // A branch that was deleted is stale too, not made anew.
      try await git(["push", "--quiet", "origin", ":b"], in: scene.tree)
      #expect(fault(await scene.push(ours, expected: made))?.kind == .rejected(stale: true))
    }
  }

  @Test func aRuleOfTheForgeIsARejectionWithItsWords() async throws {
    try await Scene.play { scene in
      #expect(fault(await scene.fetch()) == nil)
      try write("x\n", to: "\(scene.tree)/x")
      let made = try await scene.generate()
      #expect(await scene.refusal(scene.handIn(made), pack: try scene.pack(made)) == nil)
      let hook = "\(scene.host.path())/hooks/pre-receive"
      try write("#!/bin/sh\necho no pushing on Fridays >&2\nexit 1\n", to: hook)
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: hook)
      let found = try #require(fault(await scene.push(made)))
      #expect(found.kind == .rejected(stale: false))
      #expect(found.message.contains("no pushing on Fridays"))
      #expect(found.hint != nil)
    }
  }
}

extension GitAnswer {
  var isObjectMissing: Bool { fault(self)?.kind == .objectMissing }
}
