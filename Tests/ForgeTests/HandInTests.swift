import Domain
import Engine
import ForgeGitHub
import ForgePort
import Foundation
import Mirrors
import Processes
import Screening
import Testing

@Suite struct HandInTests {
  @Test(arguments: examples)
  func aChangeThatBreaksARuleIsRefusedAndLeavesNothing(example: Example) async throws {
    try await Scene.play { scene in
      #expect(fault(await scene.fetch()) == nil)
      try await example.change(scene.tree)
      let made = try await scene.generate()
      let refusal = await scene.refusal(scene.handIn(made), pack: try scene.pack(made))
      guard case .refused(let message, _, _) = refusal else {
        Issue.record("\(String(describing: refusal))")
        return
      }
      #expect(message.contains(example.says))
      #expect(try await !scene.isInMirror(made))
      let incoming = "\(scene.mirror)/aipm-incoming"
      #expect(try FileManager.default.contentsOfDirectory(atPath: incoming).isEmpty)
    }
  }

  /// The pack of whatever a workflow may allow is let in by the route and by the mirror.
  @Test func theLimitOfAPackFollowsTheLimitOfTheChange() async throws {
    try await Scene.play { scene in
      #expect(fault(await scene.fetch()) == nil)
      var bytes = [UInt8](repeating: 0, count: 18 << 20)
      for index in bytes.indices { bytes[index] = UInt8.random(in: 0...255) }
      try Data(bytes).write(to: URL(fileURLWithPath: "\(scene.tree)/noise"))
      let made = try await scene.generate()
      let pack = try await scene.pack(made)
      var handIn = scene.handIn(made)
      guard case .refused(let message, let hint, nil) = await scene.refusal(handIn, pack: pack)
      else {
        Issue.record("the pack is larger than any change of the limit")
        return
      }
      #expect(message.contains("packed") && hint?.contains("limits.change") == true)
      handIn.bytesMax = bytes.count
      #expect(await scene.refusal(handIn, pack: pack) == nil)
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

  /// The head holds a key and a token.
  private static func withKeys(
    _ body: @escaping @Sendable (Scene, ObjectID) async throws -> Void
  ) async throws {
    try await Scene.play { scene in
      try write(pem, to: "\(scene.tree)/keys/key.pem")
      try write("a\n\(known)\nb\n", to: "\(scene.tree)/config")
      let before = ObjectID(try await commit("keys", in: scene.tree))
      try await git(["push", "--quiet", "origin", "b"], in: scene.tree)
      #expect(fault(await scene.fetch()) == nil)
      try await body(scene, before)
    }
  }

  @Test(arguments: harmless)
  func whatIsNoCredentialOfTheChangePasses(example: Example) async throws {
    try await Self.withKeys { scene, before in
      try await example.change(scene.tree)
      let made = try await scene.generate()
      var handIn = scene.handIn(made)
      handIn.parent = before
      handIn.exemptions.paths = ["tests/keys/"]
      handIn.exemptions.patterns = ["ghp_made*"]
      #expect(await scene.refusal(handIn, pack: try scene.pack(made)) == nil)
    }
  }

  @Test(arguments: [
    ("keys/key.pem", pem.replacingOccurrences(of: "aB3/", with: "Cd4/")),
    ("config", "a\r\nghp_\(String(repeating: "b2", count: 18))\r\nb\r\n"),
    ("tests/keys/a", "x=\(Scene.own)\n"),
  ])
  func whatTheBaseDidNotHoldIsRefused(path: String, text: String) async throws {
    try await Self.withKeys { scene, before in
      try write(text, to: "\(scene.tree)/\(path)")
      let made = try await scene.generate()
      var handIn = scene.handIn(made)
      handIn.parent = before
      handIn.exemptions.paths = ["tests/"]
      guard
        case .refused(let message, let hint, nil) = await scene.refusal(
          handIn, pack: try scene.pack(made))
      else {
        Issue.record("\(path) was taken, or kept")
        return
      }
      #expect(message.hasSuffix(path) && hint?.hasSuffix("The change is not kept.") == true)
    }
  }

  /// A change that is refused for another reason is kept as a patch, unless it adds a credential.
  @Test(arguments: [nil, known, "k=\(Scene.own)"])
  func aRefusedChangeIsAPatch(credential: String?) async throws {
    try await Scene.play { scene in
      #expect(fault(await scene.fetch()) == nil)
      try write("on: push\n", to: "\(scene.tree)/.github/workflows/x.yml")
      try Data([0, 1, 2, 0xff]).write(to: URL(fileURLWithPath: "\(scene.tree)/binary"))
      if let credential { try write("\0\(credential)\n", to: "\(scene.tree)/held") }
      let made = try await scene.generate()
      let refusal = await scene.refusal(scene.handIn(made), pack: try scene.pack(made))
      guard case .refused(let message, _, let patch) = refusal else {
        Issue.record("\(String(describing: refusal))")
        return
      }
      #expect(message.hasSuffix(".github/workflows/x.yml"))
      #expect((patch == nil) == (credential != nil))
      guard let patch else { return }
      try await git(["reset", "--quiet", "--hard", scene.head.rawValue], in: scene.tree)
      try await git(["apply", "--index"], in: scene.tree, input: .bytes(patch))
      let applied = try await git(["write-tree"], in: scene.tree).trimmedOutput
      let wanted = try await git(["rev-parse", "\(made)^{tree}"], in: scene.tree).trimmedOutput
      #expect(applied == wanted)
    }
  }

  @Test func whatPeopleShouldLookAtIsTold() async throws {
    try await Scene.play { scene in
      #expect(fault(await scene.fetch()) == nil)
      try write("Obey.\n", to: "\(scene.tree)/AGENTS.md")
      try write("* -diff\n", to: "\(scene.tree)/.gitattributes")
      try write("x\n", to: "\(scene.tree)/x")
      let made = try await scene.generate()
      try await scene.mirrors.accept(scene.handIn(made), pack: scene.pack(made))
      let figures = try #require(try await scene.mirrors.figures(of: scene.handIn(made)))
      #expect(figures.flagged == [".gitattributes", "AGENTS.md"] && figures.filesChanged == 3)
    }
  }

  // MARK: Whose fault it is

  /// 20,000 empty files with long paths: their names alone are more than git's output may be.
  @Test(.timeLimit(.minutes(2)))
  func namesBeyondNumberAreRefusedInSeconds() async throws {
    try await Scene.play { scene in
      #expect(fault(await scene.fetch()) == nil)
      let folder = Array(repeating: String(repeating: "n", count: 240), count: 14)
        .joined(separator: "/")
      let blob = try await git(
        ["hash-object", "-w", "--stdin"], in: scene.tree, input: .bytes([])
      ).trimmedOutput
      let index = (0..<20_000).map { "100644 \(blob)\t\(folder)/\($0)\n" }.joined()
      try await git(
        ["update-index", "--add", "--index-info"], in: scene.tree, input: .bytes(Array(index.utf8)))
      let tree = try await git(["write-tree"], in: scene.tree).trimmedOutput
      let made = ObjectID(
        try await git(
          ["commit-tree", "-p", scene.head.rawValue, "-F", "-", tree], in: scene.tree,
          input: .bytes(Array(Scene.message.utf8))
        ).trimmedOutput)
      let pack = try await scene.pack(made)
      let began = ContinuousClock.now
      let refusal = await scene.refusal(scene.handIn(made), pack: pack)
      #expect(refusal?.message == "the change holds more than 10 files")
      #expect(ContinuousClock.now - began < .seconds(15))
    }
  }

  @Test func aChangeThatTakesTooLongIsRefused() async throws {
    try await Scene.play { scene in
      #expect(fault(await scene.fetch()) == nil)
      try write("x\n", to: "\(scene.tree)/x")
      let made = try await scene.generate()
      let hurried = Scene.makeMirrors(scene.host) { $0.handInTimeout = .milliseconds(1) }
      do {
        try await hurried.accept(scene.handIn(made), pack: try scene.pack(made))
        Issue.record("it was taken")
      } catch let refusal as HandInRefusal {
        #expect(refusal.message?.contains("could not look at the change within") ?? false)
      }
    }
  }

  /// What the machine causes can be tried again, and what cannot be explained is not for ever.
  @Test func aMirrorThatCannotBeWrittenIsUnavailable() async throws {
    try await Scene.play { scene in
      #expect(fault(await scene.fetch()) == nil)
      try write("x\n", to: "\(scene.tree)/x")
      let made = try await scene.generate()
      let pack = try await scene.pack(made)
      // A file where the folder of what comes in would be.
      try? FileManager.default.removeItem(atPath: "\(scene.mirror)/aipm-incoming")
      try write("", to: "\(scene.mirror)/aipm-incoming")
      for _ in 0..<5 {
        guard case .unavailable = await scene.refusal(scene.handIn(made), pack: pack) else {
          Issue.record("it is the machine's fault")
          return
        }
      }
      try FileManager.default.removeItem(atPath: "\(scene.mirror)/aipm-incoming")
      #expect(await scene.refusal(scene.handIn(made), pack: pack) == nil)
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
        repository, MirrorChange(from: scene.head, to: made), limit: 10_000)
      let text = String(decoding: patch, as: UTF8.self)
      #expect(text.hasPrefix("diff --git a/x.swift b/x.swift\n"))
      #expect(text.contains("+let x = 1\n"))
      let cut = try await scene.mirrors.patch(
        repository, MirrorChange(from: scene.head, to: made), limit: 20)
      #expect(cut == Array(patch.prefix(20)))
      let absent = ObjectID(String(repeating: "a", count: 40))
      await #expect(throws: MirrorFault.self) {
        try await scene.mirrors.patch(
          repository, MirrorChange(from: scene.head, to: absent), limit: 10)
      }
    }
  }
}

extension HandInTests {
  @Test func onlyFilesOfTheChangeAreShown() async throws {
    try await Scene.play { scene in
      #expect(fault(await scene.fetch()) == nil)
      try write("let x = 1\n", to: "\(scene.tree)/*.swift")
      let made = try await scene.generate()
      #expect(await scene.refusal(scene.handIn(made), pack: try scene.pack(made)) == nil)
      let change = MirrorChange(from: scene.head, to: made)
      func shown(
        _ path: String, _ side: ChangeSide = .after, limit: Int = 100
      ) async throws -> ChangedFile {
        try await scene.mirrors.file(path, side, of: change, in: repository, limit: limit)
      }
      #expect(try await shown("*.swift") == .content(Array("let x = 1\n".utf8)))
      #expect(try await shown("*.swift", limit: 9) == .tooLarge(bytes: 10))
      #expect(try await shown("*.swift", .before) == .absent)
      // Of the repository, but not of the change; a pattern; no path at all.
      for path in ["README.md", "*", "?.swift", ":(glob)**", "", "/", "..", "a\0b"] {
        #expect(try await shown(path) == .absent, "\(path)")
        #expect(try await shown(path, .before) == .absent, "\(path)")
      }
    }
  }
}

extension HandInRefusal {
  /// What it says.
  var message: String? {
    switch self {
    case .refused(let message, _, _), .malformed(let message), .unavailable(let message): message
    }
  }
}
