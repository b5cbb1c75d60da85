import Glibc
import Processes
import SystemCalls
import Testing
import WorkerProtocol

@testable import Worker

/// What is left behind goes, and nobody waits for it.
extension WorkspaceTests {
  private static func names(_ bin: TrashBin) -> [String] {
    (try? DirectoryListing.names(bin.folder)) ?? []
  }

  @Test("what is taken is gone at once, and removed then, whatever rights it has")
  func takesAndRemoves() async throws {
    let folder = try TemporaryFolder()
    let bin = TrashBin("\(folder.path)/trash")
    try await Self.sh(
      """
      mkdir -p d/e f; chmod 0 d/e d; ln -s /nowhere l; echo x > x; chmod 0 x
      cd f; seq 3000 | xargs mkdir
      """, in: folder.path)
    let paths = ["d", "f", "l", "x", "missing"].map { "\(folder.path)/\($0)" }
    try await bin.take(paths)
    #expect(try DirectoryListing.names(folder.path) == ["trash"])
    await bin.emptied()
    #expect(Self.names(bin).isEmpty)
  }

  @Test("what one life leaves in the bin is removed in the next")
  func nextLife() async throws {
    let folder = try TemporaryFolder()
    let former = TrashBin("\(folder.path)/trash")
    try DurableFile.makeFolder("\(folder.path)/x/y")
    await former.close()
    try await former.take(["\(folder.path)/x"])
    #expect(Self.names(former).count == 1)
    let next = TrashBin("\(folder.path)/trash")
    await next.empty()
    await next.emptied()
    #expect(Self.names(next).isEmpty)
  }

  @Test("an attempt waits while the bin is crowded, and learns why if that does not end")
  func crowded() async throws {
    let folder = try TemporaryFolder()
    let bin = TrashBin("\(folder.path)/trash")
    // Nothing waits for an empty one, however full the disk is.
    try await bin.awaitRoom(bytes: .max, logger: nil)
    for number in 0...TrashBin.countMax {
      try DurableFile.makeFolder("\(bin.folder)/\(number)/x")
    }
    try await bin.awaitRoom(bytes: 0, logger: nil)
    #expect(Self.names(bin).count <= TrashBin.countMax)
    await bin.emptied()
    // What cannot be removed: another file system.
    try DurableFile.makeFolder("\(bin.folder)/kept")
    try await Self.sh("mount -t tmpfs tmpfs \(bin.folder)/kept", in: folder.path)
    defer { umount2("\(bin.folder)/kept", Int32(MNT_DETACH)) }
    try await bin.awaitRoom(bytes: 0, logger: nil)
    let fault = await #expect(throws: CheckoutFault.self) {
      try await bin.awaitRoom(bytes: .max, logger: nil)
    }
    #expect(fault?.message.contains("is still being removed from \(bin.folder)") == true)
  }

  @Test("an attempt that is called off waits no longer")
  func calledOffWhileCrowded() async throws {
    let folder = try TemporaryFolder()
    let bin = TrashBin("\(folder.path)/trash")
    await bin.close()
    try DurableFile.makeFolder("\(bin.folder)/x")
    let waiting = Task { try await bin.awaitRoom(bytes: .max, logger: nil) }
    waiting.cancel()
    await #expect(throws: CheckoutFault.self) { try await waiting.value }
  }

  @Test("the next attempt waits for the removal of nothing that the last one left")
  func manyFolders() async throws {
    let bench = try await Bench()
    let head = try await bench.repository.commit(["a": "1\n", "d/b": "1\n"])
    try await bench.with { workspace in
      let first = Assignment.sample(head: head)
      try await workspace.checkOut(first)
      try await Self.sh(
        "for d in e d/e; do mkdir $d; seq 100 | sed s:^:$d/: | xargs mkdir; done; echo > f",
        in: bench.tree(workspace, first))
      // From now on nothing is removed.
      await workspace.trash.close()
      guard case .committed = await workspace.pickUp(first) else { throw TestFault("no commit") }
      await workspace.drop(AttemptKey(first.lease), repository: "o/r")
      let next = Assignment.sample(delegation: "d2", head: head)
      try await workspace.checkOut(next)
      #expect(!Self.names(workspace.trash).isEmpty)
      #expect(try DirectoryListing.names("\(bench.tree(workspace, next))/d") == ["b"])
      // One that is killed leaves its whole folder.
      await workspace.sweep(keeping: nil)
      #expect(try DirectoryListing.names(workspace.files.attempts).isEmpty)
      let nextLife = TrashBin(workspace.files.trash)
      await nextLife.empty()
      await nextLife.emptied()
      #expect(Self.names(nextLife).isEmpty)
    }
  }

  @Test("a tree with too much in it is made anew")
  func tooManyLeftOvers() async throws {
    let bench = try await Bench()
    let head = try await bench.repository.commit(["a": "1\n"])
    try await bench.with { workspace in
      let first = Assignment.sample(head: head)
      try await workspace.checkOut(first)
      try await Self.sh(
        "seq \(Workspace.leftOversMax + 1) | xargs touch", in: bench.tree(workspace, first))
      await workspace.drop(AttemptKey(first.lease), repository: "o/r")
      let repository = try #require(workspace.files.repository("o/r"))
      var (before, after) = (stat(), stat())
      try #require(stat(repository.slotTree, &before) == 0)
      let next = Assignment.sample(delegation: "d2", head: head)
      try await workspace.checkOut(next)
      #expect(stat(bench.tree(workspace, next), &after) == 0)
      #expect(before.st_ino != after.st_ino)
      #expect(try DirectoryListing.names(bench.tree(workspace, next)).sorted() == [".git", "a"])
    }
  }
}
