import Engine
import ForgeGitHub
import ForgePort
import Foundation
import Mirrors
import Processes
import Testing

/// What a repository may bring into its mirror.
@Suite struct FetchGuardTests {
  /// Makes an object of any bytes on the host, and a commit of that tree as the branch's head.
  private func push(_ scene: Scene, tree: [UInt8], author: String = "A <a@b> 1 +0000") async throws
  {
    func object(_ kind: String, _ bytes: [UInt8]) async throws -> String {
      try await git(
        ["hash-object", "-w", "--literally", "-t", kind, "--stdin"], in: scene.host.path(),
        input: .bytes(bytes)
      ).trimmedOutput
    }
    let tree = try await object("tree", tree)
    let commit = try await object(
      "commit",
      Array(
        "tree \(tree)\nparent \(scene.head)\nauthor \(author)\ncommitter \(author)\n\nx\n".utf8))
    try await git(["update-ref", "refs/heads/b", commit], in: scene.host.path())
  }

  private func entry(_ mode: String, _ name: String, _ scene: Scene) async throws -> [UInt8] {
    let blob = try await git(
      ["hash-object", "-w", "--stdin"], in: scene.host.path(), input: .bytes([97])
    ).trimmedOutput
    let bytes = stride(from: 0, to: 40, by: 2).compactMap { offset in
      let start = blob.index(blob.startIndex, offsetBy: offset)
      return UInt8(blob[start..<blob.index(start, offsetBy: 2)], radix: 16)
    }
    return Array("\(mode) \(name)\0".utf8) + bytes
  }

  @Test func whatOldToolsWroteIsTaken() async throws {
    try await Scene.play { scene in
      let tree = try await entry("0100644", "a", scene)
      try await push(scene, tree: tree, author: "A<a@b> 1 +051800")
      #expect(fault(await scene.fetch()) == nil)
    }
  }

  @Test func aNameThatIsGitsFolderIsTakenFromNobody() async throws {
    try await Scene.play { scene in
      try await push(scene, tree: try await entry("100644", ".GIT", scene))
      let found = try #require(fault(await scene.fetch()))
      #expect(found.kind == .refused && found.hint != nil, "\(found.message)")
    }
  }

  @Test func aRepositoryThatIsTooLargeIsRefused() async throws {
    try await Scene.play { scene in
      var text = ""
      for number in 0..<20_000 { text += "\(number &* 2_654_435_761)\n" }
      try write(text, to: "\(scene.tree)/large")
      try await commit("large", in: scene.tree)
      try await git(["push", "--quiet", "origin", "b"], in: scene.tree)
      let small = Scene.makeMirrors(scene.host) { $0.fetchBytesMax = 20_000 }
      let call = GitCall.fetch(repository, branch: "b", after: scene.base)
      let found = try #require(fault(await small.perform(call)))
      #expect(found.kind == .refused && found.message.contains("larger than"), "\(found.message)")
      let packs = try FileManager.default.contentsOfDirectory(
        atPath: "\(scene.mirror)/objects/pack")
      #expect(packs.isEmpty)
    }
  }
}
