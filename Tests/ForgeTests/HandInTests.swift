import Domain
import Engine
import Forge
import Foundation
import Processes
import Testing

@Suite struct HandInTests {
  /// Changes to the working tree that a rule forbids, and what the refusal says.
  struct Example: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let says: String
    let change: @Sendable (String) async throws -> Void

    init(
      _ name: String, says: String, _ change: @escaping @Sendable (String) async throws -> Void
    ) {
      testDescription = name
      self.says = says
      self.change = change
    }
  }

  static let examples = [
    Example("nothing", says: "changes nothing") { _ in },
    Example("a refused folder", says: ".github/workflows/ci.yml") {
      try write("on: push\n", to: "\($0)/.github/workflows/ci.yml")
    },
    Example("a refused file", says: "SECRET") { try write("x\n", to: "\($0)/SECRET") },
    Example("too many files", says: "11 files") { tree in
      for number in 0..<11 { try write("\(number)\n", to: "\(tree)/many/\(number)") }
    },
    Example("too large a file", says: "larger than 100000 bytes: large") {
      try write(String(repeating: "x", count: 100_001), to: "\($0)/large")
    },
    Example("a token", says: "credential: config/t o k e n") { tree in
      let token = "ghp_" + String(repeating: "a1", count: 18)
      try write("first\ntoken = \"\(token)\"\n", to: "\(tree)/config/t o k e n")
    },
    Example("a private key", says: "credential: key.pem") {
      try write("-----BEGIN RSA " + "PRIVATE KEY-----\nMII\n", to: "\($0)/key.pem")
    },
    Example("a token in a line like a patch's head", says: "credential: TASK.md") {
      try write("# Task\n++ ghp_" + String(repeating: "a1", count: 18) + "\n", to: "\($0)/TASK.md")
    },
    Example("a token in what attributes call binary", says: "credential: data") { tree in
      try write("* -diff\n", to: "\(tree)/.gitattributes")
      try write("\0\nglpat-" + String(repeating: "a1", count: 10) + "\n", to: "\(tree)/data")
    },
    Example("settings that git takes from nobody", says: "git's own checks") { tree in
      try write(
        "[submodule \"x\"]\npath = -x\nurl = --upload-pack=x\n", to: "\(tree)/.gitmodules")
    },
    Example("a submodule", says: "submodules: inner") { tree in
      try await git(["init", "--quiet", "\(tree)/inner"])
      try await commit("inner", in: "\(tree)/inner")
    },
  ]

  @Test(arguments: examples)
  func aChangeThatBreaksARuleIsRefusedAndLeavesNothing(example: Example) async throws {
    try await Scene.play { scene in
      #expect(fault(await scene.fetch()) == nil)
      try await example.change(scene.tree)
      let made = try await scene.generate()
      let refusal = await scene.refusal(scene.handIn(made), pack: try scene.pack(made))
      guard case .refused(let message, _) = refusal else {
        Issue.record("\(String(describing: refusal))")
        return
      }
      #expect(message.contains(example.says))
      #expect(try await !scene.isInMirror(made))
      let incoming = "\(scene.mirror)/aipm-incoming"
      #expect(try FileManager.default.contentsOfDirectory(atPath: incoming).isEmpty)
    }
  }

  @Test func pathsBesideARefusedOneAreAllowed() async throws {
    try await Scene.play { scene in
      #expect(fault(await scene.fetch()) == nil)
      try write("x\n", to: "\(scene.tree)/.github/workflows-old/a")
      try write("x\n", to: "\(scene.tree)/SECRETS")
      let made = try await scene.generate()
      #expect(await scene.refusal(scene.handIn(made), pack: try scene.pack(made)) == nil)
    }
  }

  @Test func aCredentialMayBeTakenOut() async throws {
    try await Scene.play { scene in
      let file = "\(scene.tree)/config"
      try write("a\nghp_\(String(repeating: "a1", count: 18))\nb\n", to: file)
      let before = ObjectID(try await commit("leak", in: scene.tree))
      try await git(["push", "--quiet", "origin", "b"], in: scene.tree)
      #expect(fault(await scene.fetch()) == nil)
      try write("a\nb\n", to: file)
      let made = try await scene.generate()
      var handIn = scene.handIn(made)
      handIn.parent = before
      #expect(await scene.refusal(handIn, pack: try scene.pack(made)) == nil)
    }
  }

  @Test func aCommitThatIsNotTheAssignedOneIsMalformed() async throws {
    try await Scene.play { scene in
      #expect(fault(await scene.fetch()) == nil)
      try write("x\n", to: "\(scene.tree)/x")
      let made = try await scene.generate()
      let pack = try await scene.pack(made)
      var parent = scene.handIn(made)
      parent.parent = scene.base
      var message = scene.handIn(made)
      message.message = "feat: x\n"
      var absent = scene.handIn(made)
      absent.commit = ObjectID(String(repeating: "a", count: 40))
      var option = scene.handIn(made)
      option.commit = ObjectID("--all")
      var path = scene.handIn(made)
      path.delegation = DelegationID("../../heads/main")
      for wrong in [parent, message, absent, option, path] {
        guard case .malformed = await scene.refusal(wrong, pack: pack) else {
          Issue.record("\(wrong)")
          continue
        }
      }
      #expect(try await !scene.isInMirror(made))
      #expect(await scene.refusal(scene.handIn(made), pack: pack) == nil)
    }
  }

  @Test func aPackThatIsNotWholeIsMalformed() async throws {
    try await Scene.play { scene in
      #expect(fault(await scene.fetch()) == nil)
      try write(String(repeating: "line\n", count: 500), to: "\(scene.tree)/x")
      let made = try await scene.generate()
      let pack = try await scene.pack(made)
      let bytes = try Data(contentsOf: URL(fileURLWithPath: pack))
      var flipped = bytes
      flipped[bytes.count / 2] ^= 1
      // Whole, but without the commit's tree and file.
      let alone = try await git(
        ["pack-objects", "--stdout", "--quiet"], in: scene.tree,
        input: .bytes(Array("\(made)\n".utf8)))
      let versions = [
        bytes.prefix(bytes.count / 2), bytes.prefix(0), flipped, Data("no pack".utf8),
        Data(alone.standardOutput),
      ]
      for version in versions {
        try version.write(to: URL(fileURLWithPath: pack))
        guard case .malformed = await scene.refusal(scene.handIn(made), pack: pack) else {
          Issue.record("\(version.count) bytes")
          continue
        }
      }
      #expect(try await !scene.isInMirror(made))
      guard
        case .unavailable = await scene.refusal(scene.handIn(made), pack: "\(pack).none")
      else {
        Issue.record("there is no pack")
        return
      }
    }
  }

  @Test func theSameHandInTwiceAndSideBySideIsTakenOnce() async throws {
    try await Scene.play { scene in
      #expect(fault(await scene.fetch()) == nil)
      try write("x\n", to: "\(scene.tree)/x")
      let made = try await scene.generate()
      let pack = try await scene.pack(made)
      let refusals = await withTaskGroup(of: HandInRefusal?.self) { group in
        for _ in 0..<4 {
          group.addTask { await scene.refusal(scene.handIn(made), pack: pack) }
        }
        return await group.reduce(into: []) { $0.append($1) }
      }
      #expect(refusals == [nil, nil, nil, nil])
      let refs = try await Git.run(
        ["for-each-ref", "--format=%(refname) %(objectname)", "refs/aipm"],
        gitDirectory: scene.mirror)
      #expect(refs.trimmedOutput == "refs/aipm/hand-ins/d1/1 \(made)")
    }
  }

  @Test func thePatchIsTheChangeWithinItsLimit() async throws {
    try await Scene.play { scene in
      #expect(fault(await scene.fetch()) == nil)
      try write("let x = 1\n", to: "\(scene.tree)/x.swift")
      let made = try await scene.generate()
      #expect(await scene.refusal(scene.handIn(made), pack: try scene.pack(made)) == nil)
      let patch = try await scene.mirrors.patch(
        repository, from: scene.head, to: made, limit: 10_000)
      let text = String(decoding: patch, as: UTF8.self)
      #expect(text.hasPrefix("diff --git a/x.swift b/x.swift\n"))
      #expect(text.contains("+let x = 1\n"))
      let cut = try await scene.mirrors.patch(
        repository, from: scene.head, to: made, limit: 20)
      #expect(cut == Array(patch.prefix(20)))
      let absent = ObjectID(String(repeating: "a", count: 40))
      await #expect(throws: MirrorFault.self) {
        try await scene.mirrors.patch(repository, from: scene.head, to: absent, limit: 10)
      }
    }
  }
}
