import EmbeddedForge
import FoundationEssentials
import Processes
import Testing

/// Real git against the real server.
@Suite("Git over HTTP") struct GitOverHTTPTests {
  @Test("clone, push, fetch; the pull request follows its branch")
  func pushing() async throws {
    try await RunningForge.fresh { forge in
      let head = try await forge.branch("b")
      _ = try await forge.open("b")
      try await withTemporaryFolder { folder in
        try await forge.git(
          ["clone", "-q", "-b", "b", "\(forge.authenticated)/o/r.git", folder], in: "/")
        #expect(FileManager.default.fileExists(atPath: "\(folder)/a.txt"))
        try write("b\n", to: "\(folder)/b.txt")
        try await forge.git(["add", "."], in: folder)
        try await forge.git(["commit", "-qm", "second"], in: folder)
        try await forge.git(
          ["push", "-q", "--force-with-lease=b:\(head)", "origin", "b"], in: folder)
        let new = try await forge.git(["rev-parse", "HEAD"], in: folder).trimmedOutput
        let pull = try await forge.get("/repos/o/r/pulls/1")
        #expect(pull["head"]["sha"].text == new && pull["commits"].number == 2)
        // The lease has an outdated head.
        try await forge.git(["commit", "-q", "--amend", "-m", "other"], in: folder)
        let stale = try await forge.git(
          ["push", "--force-with-lease=b:\(head)", "origin", "b"], in: folder, accepting: [1])
        #expect(stale.errorText.contains("stale info"))
        let refused = try await forge.git(
          ["push", "origin", "b"], in: folder, accepting: [1])
        #expect(refused.errorText.contains("non-fast-forward"))
        #expect(try await forge.get("/repos/o/r/pulls/1")["head"]["sha"].text == new)
        let fetched = try await forge.git(
          ["ls-remote", "origin", "refs/pull/1/head"], in: folder)
        #expect(fetched.outputText.hasPrefix(new))
        // The branch is deleted, the pull request keeps its commits.
        try await forge.git(["push", "-q", "origin", ":b"], in: folder)
        let closed = try await forge.get("/repos/o/r/pulls/1")
        #expect(closed["state"].text == "closed" && closed["head"]["sha"].text == new)
        #expect(try await forge.get("/repos/o/r/pulls/1/commits").items.count == 2)
        #expect(try await forge.get("/repos/o/r/pulls/1/files").items.count == 2)
      }
    }
  }

  @Test("a push of the head to the base branch merges")
  func pushedMerge() async throws {
    try await RunningForge.fresh { forge in
      let head = try await forge.branch("b")
      _ = try await forge.open("b")
      try await withTemporaryFolder { folder in
        try await forge.git(["clone", "-q", "\(forge.authenticated)/o/r.git", folder], in: "/")
        try await forge.git(["push", "-q", "origin", "\(head):main"], in: folder)
      }
      let pull = try await forge.get("/repos/o/r/pulls/1")
      #expect(pull["merged"].isTrue && pull["merge_commit_sha"].text == head)
      #expect(pull["commits"].number == 1)
    }
  }

  @Test("nobody reads or writes without the token")
  func authentication() async throws {
    try await RunningForge.fresh { forge in
      let probe = try await forge.call(
        "GET", "/o/r.git/info/refs?service=git-upload-pack", token: nil)
      #expect(probe.status == 401)
      #expect(probe.headers["www-authenticate"] == "Basic realm=\"GitHub\"")
      for address in [forge.base, "http://x:wrong@127.0.0.1:\(forge.port)"] {
        let refused = try await forge.git(
          ["ls-remote", "\(address)/o/r.git"], in: "/", accepting: [128])
        #expect(
          refused.errorText.contains("Authentication failed")
            || refused.errorText.contains("could not read Username"))
      }
      let bearer = try await Git.run(
        ["ls-remote", "\(forge.base)/o/r.git"],
        config: [("http.extraHeader", "Authorization: Bearer \(RunningForge.token)")])
      #expect(bearer.outputText.contains("refs/heads/main"))
      let missing = try await forge.git(
        ["ls-remote", "\(forge.authenticated)/o/none.git"], in: "/", accepting: [128])
      #expect(missing.errorText.contains("not found"))
      // Only the smart protocol: no file of the repository is handed out.
      for path in ["HEAD", "config", "objects/info/packs", "info/refs", "aipm-forge.json"] {
        #expect(try await forge.get("/o/r.git/\(path)").status == 404)
      }
    }
  }

  @Test("protected branches and archived repositories take no push")
  func protection() async throws {
    var settings = RepositorySettings()
    settings.protectedBranches = ["release/*", "main"]
    try await RunningForge.fresh(settings) { forge in
      try await withTemporaryFolder { folder in
        try await forge.git(["clone", "-q", "\(forge.authenticated)/o/r.git", folder], in: "/")
        try write("x", to: "\(folder)/x")
        try await forge.git(["add", "."], in: folder)
        try await forge.git(["commit", "-qm", "x"], in: folder)
        let refused = try await forge.git(["push", "origin", "main"], in: folder, accepting: [1])
        #expect(refused.errorText.contains("GH006: Protected branch update failed"))
        // New branches may be made, also under a protected name, but then not moved.
        try await forge.git(["push", "-q", "origin", "HEAD~1:refs/heads/release/1"], in: folder)
        let moved = try await forge.git(
          ["push", "origin", "HEAD:release/1"], in: folder, accepting: [1])
        #expect(moved.errorText.contains("GH006"))
        for name in ["release/1/x", "mainly"] {
          let other = name == "release/1/x" ? "release-1/x" : name
          try await forge.git(["push", "-q", "origin", "HEAD~1:refs/heads/\(other)"], in: folder)
          try await forge.git(["push", "-q", "origin", "HEAD:refs/heads/\(other)"], in: folder)
        }
        var archived = settings
        archived.isArchived = true
        try await forge.forge.setSettings(archived, of: "o/r")
        let readOnly = try await forge.git(
          ["push", "origin", "HEAD:refs/heads/y"], in: folder, accepting: [128])
        #expect(readOnly.errorText.contains("403"))
        try await forge.git(["fetch", "-q"], in: folder)
      }
    }
  }

  @Test("a large push and clone pass through")
  func large() async throws {
    try await RunningForge.fresh { forge in
      try await withTemporaryFolder { folder in
        try await forge.git(
          ["clone", "-q", "\(forge.authenticated)/o/r.git", "\(folder)/one"], in: "/")
        var noise = Data(count: 20_000_000)
        var state: UInt64 = 88_172_645_463_325_252
        for index in noise.indices {
          state ^= state << 13
          state ^= state >> 7
          state ^= state << 17
          noise[index] = UInt8(truncatingIfNeeded: state)
        }
        try noise.write(to: URL(filePath: "\(folder)/one/noise"))
        try await forge.git(["add", "."], in: "\(folder)/one")
        try await forge.git(["commit", "-qm", "noise"], in: "\(folder)/one")
        // Beyond http.postBuffer git sends in chunks.
        try await forge.git(["push", "-q", "origin", "main"], in: "\(folder)/one")
        try await forge.git(
          ["clone", "-q", "\(forge.authenticated)/o/r.git", "\(folder)/two"], in: "/")
        let arrived = try Data(contentsOf: URL(filePath: "\(folder)/two/noise"))
        #expect(arrived == noise)
      }
    }
  }

  @Test("compressed requests are understood: a fetch that names many heads")
  func compressed() async throws {
    try await RunningForge.fresh { forge in
      try await withTemporaryFolder { folder in
        try await forge.git(["clone", "-q", "\(forge.authenticated)/o/r.git", folder], in: "/")
        for number in 0..<60 {
          try await forge.git(["commit", "-q", "--allow-empty", "-m", "\(number)"], in: folder)
          try await forge.git(["branch", "b\(number)"], in: folder)
        }
        _ = try await forge.branch("new")
        // More than 1024 bytes of haves are sent compressed.
        try await forge.git(["fetch", "-q", "origin", "new"], in: folder)
        let log = try await forge.git(["log", "-1", "--format=%s", "FETCH_HEAD"], in: folder)
        #expect(log.trimmedOutput == "add a.txt")
      }
    }
  }
}
