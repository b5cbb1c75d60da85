import EmbeddedForge
import FoundationEssentials
import Processes
import Testing

/// HEAD, methods that a path does not take, addresses without `.git`, and names that GitHub has.
@Suite("Methods and names") struct MethodTests {
  @Test("HEAD is answered as GET, without a body")
  func head() async throws {
    try await RunningForge.fresh { forge in
      let git = "/o/r.git/info/refs?service=git-upload-pack"
      let unknown = "/o/none.git/info/refs"
      for path in ["/", "/o/r", "/repos/o/r", "/user", "/repos/o/none", git, unknown] {
        let (get, head) = (try await forge.get(path), try await forge.call("HEAD", path))
        #expect(head.status == get.status, "\(path)")
        #expect(head.body.isEmpty)
        #expect(head.headers["content-type"] == get.headers["content-type"], "\(path)")
        #expect(head.headers["content-length"] == String(get.body.utf8.count), "\(path)")
      }
    }
  }

  @Test("a method that a path does not support is 405, with the supported ones")
  func wrongMethod() async throws {
    try await RunningForge.fresh { forge in
      let cases = [
        ("DELETE", "/repos/o/r/commits", "GET, HEAD"),
        ("PATCH", "/repos/o/r/contents/a", "GET, HEAD, PUT, DELETE"),
        ("PUT", "/repos/o/r/pulls", "GET, HEAD, POST"),
        ("DELETE", "/api/v3/user", "GET, HEAD"),
        ("POST", "/o/r.git/info/refs", "GET, HEAD"), ("GET", "/o/r/git-upload-pack", "POST"),
        ("POST", "/o/r", "GET, HEAD"),
      ]
      for (method, path, allowed) in cases {
        let answer = try await forge.call(method, path)
        #expect(answer.status == 405, "\(method) \(path)")
        let listed = Set((answer.headers["allow"] ?? "").split(separator: ", "))
        #expect(listed == Set(allowed.split(separator: ", ")), "\(method) \(path)")
        if path.contains("/repos/") {
          #expect(answer["message"].text == "Method Not Allowed")
          #expect(answer["documentation_url"].text.hasPrefix("https://docs.github.com/rest"))
        }
      }
      #expect(try await forge.call("PUT", "/repos/o/r/nothing").status == 404)
      #expect(try await forge.call("PUT", "/repos/o/r/pulls", token: nil).status == 401)
    }
  }

  @Test("clone and push without .git at the address' end")
  func withoutEnding() async throws {
    try await RunningForge.fresh { forge in
      try await withTemporaryFolder { folder in
        try await forge.git(["clone", "-q", "\(forge.authenticated)/o/r", folder], in: "/")
        try write("b\n", to: "\(folder)/b.txt")
        try await forge.git(["add", "."], in: folder)
        try await forge.git(["commit", "-qm", "second"], in: folder)
        try await forge.git(["push", "-q", "origin", "main"], in: folder)
        #expect(try await forge.get("/repos/o/r/commits").items.count == 2)
      }
      let unknown = try await forge.git(
        ["ls-remote", "\(forge.authenticated)/o/none"], in: "/", accepting: [128])
      #expect(unknown.errorText.contains("not found"))
    }
  }

  @Test(
    "every name that GitHub has",
    arguments: [
      "acme/.github", "acme/.dotfiles", "acme/-dash", "acme/_", "acme/--", "acme/...", "old-/r",
      "a--b/r", "ann_corp/r", "-a/r",
    ])
  func names(name: String) async throws {
    try await RunningForge.fresh { forge in
      try await EmbeddedForge.createRepository(name, root: forge.root)
      #expect(try await forge.get("/repos/\(name)")["full_name"].text == name)
      #expect(try await forge.get("/\(name)").status == 200)
      try await withTemporaryFolder { folder in
        try await forge.git(["clone", "-q", "\(forge.authenticated)/\(name).git", folder], in: "/")
        #expect(FileManager.default.fileExists(atPath: "\(folder)/README.md"))
      }
    }
  }

  @Test(
    "names that would leave the folder, or mean something else",
    arguments: [
      "acme/.", "acme/..", "../r", "./r", "acme/r.git", "acme/.git", "acme/r.wiki", "acme/a/b",
      "acme/a b", "acme/", "/r", "acme", "-/r", "--/r", "api/r", "port/r", "acme/a%2fb",
      "acme/\u{e4}", "a.b/r",
    ])
  func badNames(name: String) async throws {
    try await withTemporaryFolder { folder in
      await #expect(throws: EmbeddedForgeError.self) {
        try await EmbeddedForge.createRepository(name, root: "\(folder)/forge")
      }
      let found = try FileManager.default.subpathsOfDirectory(atPath: folder)
      #expect(!found.contains { $0.hasSuffix("HEAD") }, "\(found)")
    }
  }
}
