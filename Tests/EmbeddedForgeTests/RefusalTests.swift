import EmbeddedForge
import Processes
import Testing

/// Refusals, with GitHub's statuses and messages.
@Suite("Refusals") struct RefusalTests {
  @Test("who is let in")
  func authentication() async throws {
    try await RunningForge.fresh { forge in
      let anonymous = try await forge.call("GET", "/repos/o/r", token: nil)
      #expect(anonymous.status == 401)
      #expect(anonymous["message"].text == "Requires authentication")
      let wrong = try await forge.call("GET", "/repos/o/r", token: "wrong")
      #expect(wrong.status == 401 && wrong["message"].text == "Bad credentials")
      #expect(wrong["status"].text == "401")
      #expect(wrong["documentation_url"].text.hasPrefix("https://docs.github.com/rest"))
      // A part of the token, and the token with more, are not the token.
      for near in [String(RunningForge.token.dropLast()), RunningForge.token + "x", " "] {
        #expect(try await forge.call("GET", "/user", token: near).status == 401)
      }
      for header in ["token \(RunningForge.token)", "Basic eDp0MGtlbi1vZi10aGUtdGVzdC1mb3JnZQ=="] {
        let answer = try await forge.call(
          "GET", "/user", headers: ["Authorization: \(header)"], token: nil)
        #expect(answer.status == 200 && answer["login"].text == "aipm")
      }
    }
  }

  @Test("headers that GitHub asks for, and those that it gives")
  func headers() async throws {
    try await RunningForge.fresh { forge in
      #expect(try await forge.get("/user", headers: ["User-Agent:"]).status == 403)
      let old = try await forge.get("/user", headers: ["X-GitHub-Api-Version: 1999-01-01"])
      #expect(old.status == 400)
      let new = try await forge.get("/user", headers: ["X-GitHub-Api-Version: 2026-03-10"])
      #expect(new.status == 200)
      let answer = try await forge.get("/repos/o/r")
      for name in [
        "x-github-request-id", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset",
        "x-ratelimit-used", "etag",
      ] {
        #expect(answer.headers[name]?.isEmpty == false, "\(name)")
      }
      let tag = try #require(answer.headers["etag"])
      let again = try await forge.get("/repos/o/r", headers: ["If-None-Match: \(tag)"])
      #expect(again.status == 304 && again.body.isEmpty)
      #expect(try await forge.call("HEAD", "/repos/o/r").status == 200)
      let enterprise = try await forge.get("/api/v3/repos/o/r")
      #expect(enterprise["url"].text == "\(forge.base)/api/v3/repos/o/r")
      #expect(enterprise["clone_url"].text == "\(forge.base)/o/r.git")
      let named = try await forge.get("/repos/o/r", headers: ["Host: forge.example:99"])
      #expect(named["clone_url"].text == "http://forge.example:99/o/r.git")
    }
  }

  @Test("a limit on calls is reported and enforced")
  func rateLimit() async throws {
    try await RunningForge.fresh(RepositorySettings(), { $0.rateLimit = 2 }) { forge in
      #expect(try await forge.get("/user").headers["x-ratelimit-remaining"] == "1")
      #expect(try await forge.get("/user").headers["x-ratelimit-remaining"] == "0")
      let answer = try await forge.get("/user")
      #expect(answer.status == 403 && answer.headers["x-ratelimit-remaining"] == "0")
    }
  }

  @Test("refs that cannot be made")
  func refs() async throws {
    try await RunningForge.fresh { forge in
      let sha = try await forge.get("/repos/o/r/commits/HEAD")["sha"].text
      let tree = try await forge.get("/repos/o/r/commits/HEAD")["commit"]["tree"]["sha"].text
      func make(_ ref: String, _ object: String) async throws -> String {
        let answer = try await forge.call(
          "POST", "/repos/o/r/git/refs", #"{"ref":"\#(ref)","sha":"\#(object)"}"#)
        return "\(answer.status) \(answer["message"].text)"
      }
      #expect(try await make("refs/heads/foo", sha) == "201 ")
      #expect(try await make("refs/heads/foo", sha) == "422 Reference already exists")
      #expect(try await make("refs/heads/foo/bar", sha) == "422 Reference update failed")
      let missing = String(repeating: "1", count: 40)
      #expect(try await make("refs/heads/x", missing) == "422 Object does not exist")
      #expect(try await make("refs/heads/x", tree) == "422 Object does not exist")
      #expect(try await make("refs/heads/x", "abc").hasPrefix("422 The sha parameter"))
      for name in [
        "heads/x", "refs/x", "refs/heads/a..b", "refs/heads/x.lock", "refs/heads/-x",
        "refs/heads/a b", "refs/heads/a@{b", "refs/heads/../../x", "refs/heads//x",
        "refs/heads/x/", "refs/heads/a\\u0007b", "refs/heads/.x", "refs/pull/1/head",
      ] {
        #expect(try await make(name, sha).hasPrefix("422 "), "\(name)")
      }
      let missingRef = try await forge.call(
        "PATCH", "/repos/o/r/git/refs/heads/none", #"{"sha":"\#(sha)"}"#)
      #expect(missingRef.status == 422)
      #expect(missingRef["message"].text == "Reference does not exist")
      #expect(try await forge.get("/repos/o/r/git/ref/heads/none").status == 404)
      #expect(try await forge.get("/repos/o/r/branches/none").status == 404)
      #expect(try await forge.get("/repos/o/r/commits/none").status == 422)
      #expect(try await forge.get("/repos/o/r/compare/main...none").status == 404)
      // The branch `foo` may go, the default branch not.
      #expect(try await forge.call("DELETE", "/repos/o/r/git/refs/heads/foo").status == 204)
      #expect(try await forge.call("DELETE", "/repos/o/r/git/refs/heads/main").status == 422)
    }
  }

  @Test("pull requests that cannot be made")
  func pulls() async throws {
    var settings = RepositorySettings()
    settings.allowsDrafts = false
    try await RunningForge.fresh(settings) { forge in
      _ = try await forge.branch("b")
      #expect(try await forge.open("b").status == 201)
      let second = try await forge.open("b")
      #expect(second.status == 422 && second["message"].text == "Validation Failed")
      #expect(second["errors"][0]["resource"].text == "PullRequest")
      #expect(second["errors"][0]["code"].text == "custom")
      #expect(second["errors"][0]["message"].text == "A pull request already exists for o:b.")
      let sha = try await forge.get("/repos/o/r/commits/HEAD")["sha"].text
      _ = try await forge.call(
        "POST", "/repos/o/r/git/refs", #"{"ref":"refs/heads/same","sha":"\#(sha)"}"#)
      let empty = try await forge.open("same")
      #expect(empty.status == 422)
      #expect(empty["errors"][0]["message"].text == "No commits between main and same")
      let headless = try await forge.open("none")
      #expect(headless.status == 422 && headless["errors"][0]["field"].text == "head")
      let untitled = try await forge.open("b", title: " ")
      #expect(untitled.status == 422 && untitled["errors"][0]["code"].text == "missing_field")
      let long = try await forge.open("b", title: String(repeating: "é", count: 257))
      #expect(long.status == 422)
      let draft = try await forge.call(
        "POST", "/repos/o/r/pulls", #"{"title":"T","head":"b","base":"main","draft":true}"#)
      #expect(draft.status == 422)
      #expect(
        draft["message"].text == "Draft pull requests are not supported in this repository.")
      let odd = try await forge.call("POST", "/repos/o/r/pulls", #"{"title":1}"#)
      #expect(odd.status == 422)
      #expect(try await forge.call("POST", "/repos/o/r/pulls", "{").status == 400)
      #expect(try await forge.call("POST", "/repos/o/r/pulls", "3").status == 400)
      #expect(try await forge.get("/repos/o/r/pulls/99").status == 404)
    }
  }

  @Test("no path leaves the folder, and no name is confused with another")
  func names() async throws {
    try await withTemporaryFolder { folder in
      for name in ["../x", "o/..", "o/.", "o/a b", "o", "o/r/x", "-/r", "o/r.git", "repos/r", ""] {
        await #expect(throws: EmbeddedForgeError.self, "\(name)") {
          try await EmbeddedForge.createRepository(name, root: folder)
        }
      }
      try await EmbeddedForge.createRepository("O/Repo", root: folder)
      await #expect(throws: EmbeddedForgeError.self) {
        try await EmbeddedForge.createRepository("o/repo", root: folder)
      }
      try await RunningForge.serving(folder) { forge in
        #expect(try await forge.get("/repos/o/REPO")["full_name"].text == "O/Repo")
        for path in [
          "/repos/../forge.db", "/repos/%2e%2e/x", "/repos/o/..%2f..%2fx", "/repos/o/none",
          "/..%2f/forge.db.git/info/refs?service=git-upload-pack", "/repos/O/Repo%00",
        ] {
          #expect(try await forge.get(path).status == 404, "\(path)")
        }
        for path in ["../x", "a/../b", ".git/config", "a//b", "%2e%2e/x", "a%0ab", ".GIT/x"] {
          let answer = try await forge.call(
            "PUT", "/repos/O/Repo/contents/\(path)", #"{"message":"m","content":""}"#)
          #expect(answer.status == 422, "\(path)")
        }
      }
    }
  }

  @Test("a body that is too large")
  func bodies() async throws {
    try await RunningForge.fresh(RepositorySettings(), { $0.bodyLimit = 1000 }) { forge in
      let text = String(repeating: "x", count: 2000)
      #expect(try await forge.put("a", text, branch: "main").status == 413)
      let chunked = try await forge.call(
        "POST", "/repos/o/r/git/blobs", #"{"content":"\#(text)"}"#,
        headers: ["Transfer-Encoding: chunked"])
      #expect(chunked.status == 413)
      #expect(try await forge.put("a", "x", branch: "main").status == 201)
    }
  }

  @Test("repositories that are read-only, blocked, not ours to write, protected or empty")
  func settings() async throws {
    try await RunningForge.fresh { forge in
      var settings = RepositorySettings()
      settings.isArchived = true
      try await forge.forge.setSettings(settings, of: "o/r")
      let archived = try await forge.put("a", "x", branch: "main")
      #expect(archived.status == 403)
      #expect(archived["message"].text == "Repository was archived so is read-only.")
      #expect(archived.headers["x-accepted-github-permissions"] == "contents=write")
      #expect(try await forge.get("/repos/o/r")["archived"].isTrue)
      settings = RepositorySettings()
      settings.allowsWriting = false
      try await forge.forge.setSettings(settings, of: "o/r")
      let foreign = try await forge.put("a", "x", branch: "main")
      #expect(foreign.status == 403)
      #expect(
        foreign["message"].text == "Resource not accessible by personal access token")
      #expect(try await forge.get("/repos/o/r")["permissions"]["push"] == .bool(false))
      settings = RepositorySettings()
      settings.isDisabled = true
      try await forge.forge.setSettings(settings, of: "o/r")
      #expect(try await forge.get("/repos/o/r").status == 403)
      settings = RepositorySettings()
      settings.protectedBranches = ["main"]
      try await forge.forge.setSettings(settings, of: "o/r")
      #expect(try await forge.put("a", "x", branch: "main").status == 409)
      #expect(try await forge.get("/repos/o/r/branches/main")["protected"].isTrue)
    }
  }

  @Test("an empty repository: 409, until its first file is put")
  func empty() async throws {
    try await RunningForge.fresh { forge in
      // As somebody leaves it who deletes the last branch with git itself.
      try await Git.run(
        ["update-ref", "-d", "refs/heads/main"], gitDirectory: "\(forge.root)/o/r.git")
      #expect(try await forge.get("/repos/o/r").status == 200)
      for path in ["git/ref/heads/main", "commits", "commits/HEAD"] {
        let answer = try await forge.get("/repos/o/r/\(path)")
        #expect(answer.status == 409 && answer["message"].text == "Git Repository is empty.")
      }
      #expect(try await forge.get("/repos/o/r/contents/README.md").status == 404)
      let first = try await forge.put("README.md", "x", branch: "main")
      #expect(first.status == 201 && first["commit"]["parents"].items.isEmpty)
    }
  }
}
