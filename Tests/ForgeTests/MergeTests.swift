import Domain
import Engine
import ForgePort
import Foundation
import Mirrors
import Processes
import Testing

/// A branch and its base branch that have both gone on.
private struct MergeScene: Sendable {
  let scene: Scene
  /// The head of `b`.
  let head: ObjectID
  /// The head of `main`.
  let base: ObjectID

  /// - Parameters:
  ///   - ours: what `shared` contains on `b`.
  ///   - theirs: what it contains on `main`, which also gets a file that no agent may change.
  static func play(
    ours: String, theirs: String, _ body: @escaping @Sendable (MergeScene) async throws -> Void
  ) async throws {
    try await Scene.play { scene in
      let tree = scene.tree
      try write(ours, to: "\(tree)/shared")
      let head = ObjectID(try await commit("ours", in: tree))
      try await git(["push", "--quiet", "origin", "b"], in: tree)
      try await git(["switch", "--quiet", "main"], in: tree)
      try write(theirs, to: "\(tree)/shared")
      try write("on: push\n", to: "\(tree)/.github/workflows/ci.yml")
      let base = ObjectID(try await commit("theirs", in: tree))
      try await git(["push", "--quiet", "origin", "main"], in: tree)
      try await git(["switch", "--quiet", "b"], in: tree)
      #expect(fault(await scene.fetch()) == nil)
      #expect(
        fault(await scene.mirrors.perform(.fetch(repository, branch: "main", after: scene.base)))
          == nil)
      try await body(MergeScene(scene: scene, head: head, base: base))
    }
  }

  func merge(_ message: String? = nil, base other: ObjectID? = nil) async -> GitAnswer {
    await scene.mirrors.perform(
      .merge(
        repository,
        Merging(
          delegation: DelegationID("d1"), head: head, base: other ?? base, message: message)))
  }

  /// What git made of the two heads.
  func made(_ message: String? = nil) async throws -> GitMerge {
    guard case .success(.merged(let merge?)) = await merge(message) else {
      throw Unmerged()
    }
    return merge
  }

  struct Unmerged: Error {}

  /// A commit of an agent that started from the merge, and its pack.
  /// - Parameter parents: nil for those that it must have.
  func resolve(
    _ merge: GitMerge, parents: [ObjectID]? = nil, _ change: (String) async throws -> Void
  ) async throws -> (commit: ObjectID, pack: String) {
    let tree = scene.tree
    try await git(
      ["fetch", "--quiet", "--no-tags", scene.mirror, merge.start.rawValue], in: tree)
    try await git(["checkout", "--quiet", "--detach", merge.start.rawValue], in: tree)
    try await change(tree)
    try await git(["add", "--all"], in: tree)
    let written = try await git(["write-tree"], in: tree).trimmedOutput
    let wanted = (parents ?? [head, base]).flatMap { ["-p", $0.rawValue] }
    let commit = ObjectID(
      try await git(
        ["commit-tree", written] + wanted + ["-F", "-"], in: tree,
        input: .bytes(Array(Scene.message.utf8))
      ).trimmedOutput)
    let path = "\(scene.host.root)/pack-\(UUID().uuidString)"
    let packed = try await git(
      ["pack-objects", "--revs", "--thin", "--stdout", "--quiet", "--delta-base-offset"],
      in: tree, input: .bytes(Array("\(commit)\n^\(merge.start)\n".utf8)))
    try Data(packed.standardOutput).write(to: URL(fileURLWithPath: path))
    return (commit, path)
  }

  func handIn(_ commit: ObjectID, _ merge: GitMerge) -> HandIn {
    var handIn = scene.handIn(commit)
    handIn.parent = head
    handIn.merge = BaseMerge(base: base, start: merge.start)
    return handIn
  }

  func parents(of commit: ObjectID) async throws -> [String] {
    try await git(["log", "-1", "--format=%P", commit.rawValue], in: scene.mirror)
      .trimmedOutput.split(separator: " ").map(String.init)
  }
}

@Suite struct MergeTests {
  @Test func twoHeadsWithoutAConflictGiveACommit() async throws {
    try await MergeScene.play(ours: "same\n", theirs: "same\n") { world in
      let made = try await world.made("feat: merge\n\nAipm-Delegation: d1\n")
      #expect(made.conflicts.isEmpty)
      let commit = try #require(made.commit)
      let parents = [world.head.rawValue, world.base.rawValue]
      #expect(try await world.parents(of: commit) == parents)
      #expect(try await world.parents(of: made.start) == parents)
      // It can be pushed as any other commit.
      #expect(fault(await world.scene.push(commit, expected: world.head)) == nil)
      let pushed = try await git(
        ["log", "-1", "--format=%B%an <%ae>", "b"], in: world.scene.host.path()
      ).trimmedOutput
      #expect(
        pushed.contains("Aipm-Delegation: d1") && pushed.hasSuffix("AIPM <aipm@aipm.invalid>"))
      // The same heads give the same start.
      #expect(try await world.made().start == made.start)
      #expect(try await world.made().commit == nil)
    }
  }

  @Test func aConflictIsMarkedAndNamed() async throws {
    try await MergeScene.play(ours: "ours\n", theirs: "theirs\n") { world in
      let made = try await world.made("feat: merge\n")
      #expect(made.conflicts == ["shared"] && made.commit == nil)
      let text = try await git(["show", "\(made.start):shared"], in: world.scene.mirror)
        .outputText
      #expect(
        text == "<<<<<<< \(world.head)\nours\n=======\ntheirs\n>>>>>>> \(world.base)\n")
    }
  }

  @Test func aBranchWithTheBaseNeedsNoMerge() async throws {
    try await MergeScene.play(ours: "ours\n", theirs: "theirs\n") { world in
      #expect(await world.merge(base: world.scene.base) == .success(.merged(nil)))
    }
  }

  @Test func branchesWithoutACommonCommitAreNotMerged() async throws {
    try await MergeScene.play(ours: "ours\n", theirs: "theirs\n") { world in
      let tree = world.scene.tree
      try await git(["switch", "--quiet", "--orphan", "other"], in: tree)
      try write("x\n", to: "\(tree)/x")
      let other = ObjectID(try await commit("other", in: tree))
      try await git(["push", "--quiet", "origin", "other"], in: tree)
      #expect(
        fault(
          await world.scene.mirrors.perform(
            .fetch(repository, branch: "other", after: world.scene.base))) == nil)
      #expect(fault(await world.merge(base: other))?.kind == .refused)
    }
  }

  // MARK: What an agent hands in

  @Test func aResolvedMergeIsAccepted() async throws {
    try await MergeScene.play(ours: "ours\n", theirs: "theirs\n") { world in
      let made = try await world.made()
      let (commit, pack) = try await world.resolve(made) { tree in
        try write("ours and theirs\n", to: "\(tree)/shared")
      }
      let handIn = world.handIn(commit, made)
      // The base's own change of a file that no agent may change is not the agent's.
      #expect(await world.scene.refusal(handIn, pack: pack) == nil)
      let figures = try #require(try await world.scene.mirrors.figures(of: handIn))
      #expect(figures.filesChanged == 1)
      #expect(fault(await world.scene.push(commit, expected: world.head)) == nil)
    }
  }

  @Test func anAgentMayHaveNothingToResolve() async throws {
    try await MergeScene.play(ours: "same\n", theirs: "same\n") { world in
      let made = try await world.made()
      let (commit, pack) = try await world.resolve(made) { _ in }
      #expect(await world.scene.refusal(world.handIn(commit, made), pack: pack) == nil)
    }
  }

  /// Whole lines, and one side of a conflict that was resolved in part.
  @Test(arguments: [nil, "<<<<<<< ", ">>>>>>> "])
  func aConflictThatIsLeftIsRefused(_ mark: String?) async throws {
    try await MergeScene.play(ours: "ours\n", theirs: "theirs\n") { world in
      let made = try await world.made()
      let (commit, pack) = try await world.resolve(made) { tree in
        guard let mark else { return }
        let side = mark == "<<<<<<< " ? world.head : world.base
        try write("ours\n\(mark)\(side)\ntheirs\n", to: "\(tree)/shared")
      }
      guard
        case .refused(let message, _, _)? = await world.scene.refusal(
          world.handIn(commit, made), pack: pack)
      else {
        Issue.record("a conflict was taken")
        return
      }
      #expect(message == "conflicts are left in shared")
    }
  }

  @Test func aMergeOfOtherCommitsIsNotTaken() async throws {
    try await MergeScene.play(ours: "ours\n", theirs: "theirs\n") { world in
      let made = try await world.made()
      let base = world.scene.base
      for parents in [[world.head], [world.base, world.head], [world.head, world.base, base]] {
        let (commit, pack) = try await world.resolve(made, parents: parents) { tree in
          try write("ours and theirs\n", to: "\(tree)/shared")
        }
        guard
          case .malformed? = await world.scene.refusal(world.handIn(commit, made), pack: pack)
        else {
          Issue.record("\(parents) were taken")
          continue
        }
      }
      // And a commit with one parent may not become a merge.
      let (commit, pack) = try await world.resolve(made) { tree in
        try write("ours and theirs\n", to: "\(tree)/shared")
      }
      var handIn = world.handIn(commit, made)
      handIn.merge = nil
      guard case .malformed? = await world.scene.refusal(handIn, pack: pack) else {
        Issue.record("a second parent was taken")
        return
      }
    }
  }

  @Test func whatNoAgentMayChangeIsRefusedInAMergeToo() async throws {
    try await MergeScene.play(ours: "ours\n", theirs: "theirs\n") { world in
      let made = try await world.made()
      // Leaving out what the base has is a change too.
      for text in ["on: schedule\n", nil] {
        let (commit, pack) = try await world.resolve(made) { tree in
          try write("ours and theirs\n", to: "\(tree)/shared")
          let file = "\(tree)/.github/workflows/ci.yml"
          if let text {
            try write(text, to: file)
          } else {
            try FileManager.default.removeItem(atPath: file)
          }
        }
        guard
          case .refused(let message, _, _)? = await world.scene.refusal(
            world.handIn(commit, made), pack: pack)
        else {
          Issue.record("it was taken")
          continue
        }
        #expect(message.contains(".github/workflows/ci.yml"))
      }
    }
  }
}
