import Domain
import Engine
import ForgeGitHub
import ForgePort
import Foundation
import Mirrors
import Processes
import Testing

@Suite("Tags of a mirror") struct MirrorTagsTests {
  private func mirrors(_ scene: Scene, every: Duration = .zero) -> GitMirrors {
    Scene.makeMirrors(scene.host) { $0.tagsInterval = every }
  }

  private func fetch(_ mirrors: GitMirrors, _ scene: Scene) async -> GitAnswer {
    await mirrors.perform(.fetch(repository, branch: "b", after: scene.base))
  }

  private func names(_ scene: Scene) -> [String] {
    TagList(listing: TagList.listing(ofMirror: scene.mirror)).tags
      .map { String(decoding: $0.name, as: UTF8.self) }
  }

  @Test("those that stand for something in the mirror are listed, with their objects, as no refs")
  func listed() async throws {
    try await Scene.play { scene in
      let mirrors = mirrors(scene)
      try await git(["tag", "light", scene.base.rawValue], in: scene.tree)
      try await git(["tag", "-a", "-m", "one", "v1", scene.base.rawValue], in: scene.tree)
      // On a history that no delegation needs.
      try await git(["switch", "--quiet", "--orphan", "elsewhere"], in: scene.tree)
      try write("x\n", to: "\(scene.tree)/x")
      let other = try await commit("elsewhere", in: scene.tree)
      try await git(["tag", "-a", "-m", "far", "far"], in: scene.tree)
      try await git(["push", "--quiet", "--tags", "origin"], in: scene.tree)
      #expect(fault(await fetch(mirrors, scene)) == nil)
      #expect(names(scene) == ["light", "v1"])
      let list = TagList(listing: TagList.listing(ofMirror: scene.mirror))
      let tag = try #require(list.tags.last)
      #expect(tag.target == scene.base.rawValue)
      let kind = try await Git.run(["cat-file", "-t", tag.object], gitDirectory: scene.mirror)
      #expect(kind.trimmedOutput == "tag")
      let hasOther = try await scene.isInMirror(ObjectID(other))
      #expect(!hasOther)
      let refs = try await Git.run(
        ["for-each-ref", "--format=%(refname)"], gitDirectory: scene.mirror)
      #expect(refs.outputText == "refs/heads/b\n")
    }
  }

  @Test("a tag that moved, went or was replaced by a folder of its name is followed")
  func followed() async throws {
    try await Scene.play { scene in
      let mirrors = mirrors(scene)
      for name in ["moved", "gone", "a"] {
        try await git(["tag", name, scene.base.rawValue], in: scene.tree)
      }
      try await git(["push", "--quiet", "--tags", "origin"], in: scene.tree)
      #expect(fault(await fetch(mirrors, scene)) == nil)
      #expect(names(scene) == ["a", "gone", "moved"])
      try await git(["push", "--quiet", "origin", ":gone", ":a"], in: scene.tree)
      try await git(["tag", "--force", "moved", scene.head.rawValue], in: scene.tree)
      try await git(["tag", "--delete", "a"], in: scene.tree)
      try await git(["tag", "a/b", scene.base.rawValue], in: scene.tree)
      try await git(["push", "--quiet", "--force", "origin", "moved", "a/b"], in: scene.tree)
      #expect(fault(await fetch(mirrors, scene)) == nil)
      #expect(names(scene) == ["a/b", "moved"])
      let list = TagList(listing: TagList.listing(ofMirror: scene.mirror))
      #expect(list.tags.last?.object == scene.head.rawValue)
    }
  }

  @Test("a tag object that git's checks refuse takes nothing else with it")
  func refusedObject() async throws {
    try await Scene.play { scene in
      let mirrors = mirrors(scene)
      try await git(["tag", "-a", "-m", "one", "v1", scene.base.rawValue], in: scene.tree)
      try await git(["tag", "light", scene.base.rawValue], in: scene.tree)
      try await git(["push", "--quiet", "--tags", "origin"], in: scene.tree)
      #expect(fault(await fetch(mirrors, scene)) == nil)
      // Its type is not its object's.
      let words = "object \(scene.base)\ntype blob\ntag evil\ntagger a <a@b> 1 +0000\n\nx\n"
      let evil = try await Git.run(
        ["hash-object", "-t", "tag", "-w", "--literally", "--stdin"],
        gitDirectory: scene.host.path(), input: .bytes(Array(words.utf8)))
      try write("\(evil.trimmedOutput)\n", to: "\(scene.host.path())/refs/tags/evil")
      #expect(fault(await fetch(mirrors, scene)) == nil)
      #expect(names(scene) == ["light", "v1"])
      let packs = try FileManager.default.contentsOfDirectory(
        atPath: "\(scene.mirror)/objects/pack")
      #expect(!packs.contains { $0.hasPrefix("tmp_") })
    }
  }

  @Test("they are asked for once in a while, and a forge that does not tell them is no fault")
  func interval() async throws {
    try await Scene.play { scene in
      let mirrors = mirrors(scene, every: .seconds(3600))
      #expect(fault(await fetch(mirrors, scene)) == nil)
      try await git(["tag", "late", scene.base.rawValue], in: scene.tree)
      try await git(["push", "--quiet", "--tags", "origin"], in: scene.tree)
      #expect(fault(await fetch(mirrors, scene)) == nil)
      #expect(names(scene).isEmpty)
      let hasty = Scene.makeMirrors(scene.host) {
        $0.tagsInterval = .zero
        $0.tagsTimeout = .zero
      }
      #expect(fault(await fetch(hasty, scene)) == nil)
    }
  }

  @Test("a repository that is shallow on the forge is refused, and not taken for what it was")
  func shallow() async throws {
    try await Scene.play { scene in
      #expect(fault(await fetch(mirrors(scene), scene)) == nil)
      try write("x\n", to: "\(scene.tree)/x")
      try await commit("next", in: scene.tree)
      try await git(["push", "--quiet", "origin", "b"], in: scene.tree)
      let head = try await git(["rev-parse", "b"], in: scene.tree).trimmedOutput
      try write("\(head)\n", to: "\(scene.host.path())/shallow")
      let told = fault(await fetch(mirrors(scene), scene))
      #expect(told?.kind == .refused && told?.message.contains("shallow") == true, "\(told as Any)")
      #expect(told?.hint?.contains("--unshallow") == true)
      #expect(!FileManager.default.fileExists(atPath: "\(scene.mirror)/shallow"))
    }
  }
}
