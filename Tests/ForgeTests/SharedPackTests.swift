import Domain
import Engine
import Foundation
import InMemoryEventStore
import Mirrors
import Processes
import Projections
import Testing

/// Commits that were accepted on one machine and are pushed from another one.
@Suite struct SharedPackTests {
  /// The mirrors of two machines with the same shared files.
  private static func play(
    _ body:
      @escaping @Sendable (_ first: Scene, _ second: Scene, InMemoryFiles) async throws ->
      Void
  ) async throws {
    try await Scene.play { scene in
      let files = InMemoryFiles()
      func machine(_ name: String, _ files: InMemoryFiles) -> Scene {
        let mirrors = Scene.makeMirrors(scene.host) {
          $0.root = "\(scene.host.root)/\(name)"
          $0.packs = files
        }
        return Scene(
          host: scene.host, mirrors: mirrors, base: scene.base, head: scene.head, tree: scene.tree)
      }
      let first = machine("first", files)
      #expect(fault(await first.fetch()) == nil)
      try await body(first, machine("second", files.unbound), files)
    }
  }

  private static func accepted(by scene: Scene) async throws -> ObjectID {
    try write("x\n", to: "\(scene.tree)/made/x")
    let made = try await scene.generate()
    #expect(await scene.refusal(scene.handIn(made), pack: try scene.pack(made)) == nil)
    return made
  }

  @Test func anotherMachinePushesTheCommit() async throws {
    try await Self.play { first, second, files in
      let made = try await Self.accepted(by: first)
      #expect(try await files.list("packs").count == 2)
      #expect(fault(await second.push(made)) == nil)
      let there = try await git(["rev-parse", "b"], in: second.host.path())
      #expect(there.trimmedOutput == made.rawValue)
      // It is on the forge now.
      #expect(try await files.list("packs") == [])
    }
  }

  /// The page shows the change before the push, and after it, when the forge has the commit.
  @Test func anotherMachineShowsTheCommit() async throws {
    try await Self.play { first, second, files in
      let made = try await Self.accepted(by: first)
      let change = MirrorChange(from: first.head, to: made)
      func patch(_ scene: Scene) async throws -> String {
        String(
          decoding: try await scene.mirrors.patch(repository, change, limit: 10_000),
          as: UTF8.self)
      }
      #expect(try await patch(second).contains("+++ b/made/x"))
      #expect(fault(await first.push(made)) == nil)
      #expect(try await files.list("packs") == [])
      try FileManager.default.removeItem(atPath: second.mirror)
      let third = Scene.makeMirrors(second.host) {
        $0.root = "\(second.host.root)/third"
        $0.packs = files
      }
      let shown = try await third.patch(repository, change, limit: 10_000)
      #expect(String(decoding: shown, as: UTF8.self).contains("+++ b/made/x"))
    }
  }

  /// Without the pack nothing is accepted: not at the hand-in, and not at the result.
  @Test func nothingIsAcceptedWithoutItsPack() async throws {
    try await Self.play { first, _, files in
      try write("x\n", to: "\(first.tree)/made/x")
      let made = try await first.generate()
      let (handIn, pack) = (first.handIn(made), try await first.pack(made))
      files.fail(1)
      guard case .unavailable? = await first.refusal(handIn, pack: pack) else {
        Issue.record("accepted although no other server could get it")
        return
      }
      #expect(try await !first.isInMirror(made))
      #expect(await first.refusal(handIn, pack: pack) == nil)
      #expect(try await first.mirrors.figures(of: handIn) != nil)
      try await files.remove("packs")
      #expect(try await first.mirrors.figures(of: handIn) == nil)
      #expect(await first.refusal(handIn, pack: pack) == nil)
      #expect(try await first.mirrors.figures(of: handIn) != nil)
      // A server that was replaced accepts nothing.
      try await files.remove("packs")
      _ = files.takenOver()
      guard case .unavailable? = await first.refusal(handIn, pack: pack) else {
        Issue.record("accepted by a server that was replaced")
        return
      }
    }
  }

  /// What cannot be put back is missing; what only cannot be reached is not.
  @Test func aCommitThatIsGone() async throws {
    try await Self.play { first, second, files in
      let made = try await Self.accepted(by: first)
      #expect(fault(await second.fetch()) == nil)
      files.fail(1)
      #expect(fault(await second.push(made))?.kind == .local)
      // Only the pack without its record: the hand-in was not completed.
      try await files.remove("packs/\(made).json")
      #expect(fault(await second.push(made))?.kind == .objectMissing)
    }
  }

  @Test func packsThatNobodyNeedsAreRemoved() async throws {
    try await Self.play { first, _, files in
      let made = try await Self.accepted(by: first)
      try await files.replace("packs/0123.pack", with: [1])
      try await files.replace("packs/4567.json", with: [1])
      let week = Timestamp(milliseconds: 7 * 24 * 3_600_000)
      try await first.mirrors.collectPacks(at: week) { _ in false }
      #expect(try await files.list("packs").count == 4)
      let later = week + Milliseconds(1)
      try await first.mirrors.collectPacks(at: later) { $0 == DelegationID("d1") }
      #expect(
        try await files.list("packs").map(\.path) == ["packs/\(made).json", "packs/\(made).pack"])
      try await first.mirrors.collectPacks(at: later) { _ in false }
      #expect(try await files.list("packs") == [])
    }
  }
}
