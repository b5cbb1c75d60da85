import Processes
import Testing

/// The calls that a delegation is made of, answer by answer.
@Suite("Calls") struct CallTests {
  @Test("a delegation's calls, from the repository to the pull request")
  func delegation() async throws {
    try await RunningForge.fresh { forge in
      let repository = try await forge.get("/repos/o/r")
      #expect(repository.status == 200)
      #expect(repository["default_branch"].text == "main")
      #expect(repository["clone_url"].text == "\(forge.base)/o/r.git")
      #expect(repository["permissions"]["push"].isTrue)
      let base = try await forge.get("/repos/o/r/branches/main")["commit"]["sha"].text
      #expect(base.count == 40)
      #expect(try await forge.get("/repos/o/r/commits/HEAD")["sha"].text == base)

      let ref = try await forge.call(
        "POST", "/repos/o/r/git/refs", #"{"ref":"refs/heads/feature/x-1","sha":"\#(base)"}"#)
      #expect(ref.status == 201 && ref["object"]["sha"].text == base)
      #expect(ref["ref"].text == "refs/heads/feature/x-1")

      let person = #"{"name":"A","email":"a@b.c","date":"2026-01-02T03:04:05Z"}"#
      let signed = #","author":\#(person),"committer":\#(person)"#
      let put = try await forge.put("TASK.md", "# Hi\n", branch: "feature/x-1", more: signed)
      #expect(put.status == 201)
      #expect(put["content"]["path"].text == "TASK.md")
      #expect(put["commit"]["parents"][0]["sha"].text == base)
      #expect(put["commit"]["author"]["date"].text == "2026-01-02T03:04:05Z")

      let pull = try await forge.open("feature/x-1", title: "feat: x")
      #expect(pull.status == 201 && pull["number"].number == 1)
      #expect(pull["html_url"].text == "\(forge.base)/o/r/pull/1")
      #expect(pull["head"]["sha"] == put["commit"]["sha"])
      #expect(pull["commits"].number == 1 && pull["changed_files"].number == 1)

      let listed = try await forge.get("/repos/o/r/pulls?head=o:feature/x-1&state=all")
      #expect(listed.items.count == 1 && listed[0]["number"].number == 1)
      let one = try await forge.get("/repos/o/r/pulls/1")
      #expect(one["mergeable"].isTrue && one["mergeable_state"].text == "clean")
      let compare = try await forge.get("/repos/o/r/compare/\(base)...feature/x-1")
      #expect(compare["status"].text == "ahead" && compare["ahead_by"].number == 1)
      #expect(compare["commits"][0]["sha"] == put["commit"]["sha"])
      #expect(compare["files"][0]["patch"].text == "@@ -0,0 +1 @@\n+# Hi")
    }
  }

  @Test("issues are made, read, listed with the pull requests, changed, and closed by a merge")
  func issues() async throws {
    try await RunningForge.fresh { forge in
      let made = try await forge.call(
        "POST", "/repos/o/r/issues", #"{"title":"Add it","body":"First\n- more"}"#)
      #expect(made.status == 201 && made["number"].number == 1)
      #expect(made["html_url"].text == "\(forge.base)/o/r/issues/1")
      #expect(made["pull_request"] == .null && made["state"].text == "open")
      let base = try await forge.get("/repos/o/r/branches/main")["commit"]["sha"].text
      _ = try await forge.call(
        "POST", "/repos/o/r/git/refs", #"{"ref":"refs/heads/x","sha":"\#(base)"}"#)
      _ = try await forge.put("a.md", "a", branch: "x")
      let pull = try await forge.call(
        "POST", "/repos/o/r/pulls",
        #"{"title":"x","head":"x","base":"main","body":"Fixes: #1, closes #2 and #3"}"#)
      #expect(pull["number"].number == 2)
      let listed = try await forge.get("/repos/o/r/issues?state=all")
      #expect(listed.items.map(\.["number"].number) == [2, 1])
      #expect(listed[0]["pull_request"]["url"] != .null)
      #expect(try await forge.get("/repos/o/r/issues/2")["title"].text == "x")
      #expect(try await forge.get("/repos/o/r/issues/9").status == 404)
      #expect(try await forge.call("POST", "/repos/o/r/issues", #"{"title":" "}"#).status == 422)
      let changed = try await forge.call(
        "PATCH", "/repos/o/r/issues/1", #"{"title":"Add more","body":null}"#)
      #expect(changed["title"].text == "Add more" && changed["body"].text.isEmpty)
      #expect(try await forge.call("GET", "/o/r/issues/1", token: nil).body.contains("Add more"))
      #expect(try await forge.call("GET", "/o/r", token: nil).body.contains("/o/r/issues/1"))
      #expect(try await forge.call("PUT", "/repos/o/r/pulls/2/merge", "{}").status == 200)
      #expect(try await forge.get("/repos/o/r/issues/1")["state"].text == "closed")
      #expect(try await forge.get("/repos/o/r/issues").items.isEmpty)
      let reopened = try await forge.call(
        "PATCH", "/repos/o/r/issues/1", #"{"state":"open"}"#)
      #expect(reopened["state"].text == "open" && reopened["closed_at"].text.isEmpty)
      #expect(
        try await forge.call("GET", "/o/r/commit/\(base)", token: nil).body.contains(
          "diff --git"))
    }
  }

  @Test("the same author, committer and dates make the same commit")
  func sameCommit() async throws {
    let person = #"{"name":"A","email":"a@b.c","date":"2026-01-02T03:04:05+02:00"}"#
    let signed = #","author":\#(person),"committer":\#(person)"#
    try await RunningForge.fresh { forge in
      let base = try await forge.get("/repos/o/r/commits/HEAD")["sha"].text
      var made: Set<String> = []
      for name in ["one", "two"] {
        _ = try await forge.call(
          "POST", "/repos/o/r/git/refs", #"{"ref":"refs/heads/\#(name)","sha":"\#(base)"}"#)
        made.insert(
          try await forge.put("d/e/T.md", "x", branch: name, more: signed)["commit"]["sha"].text)
      }
      #expect(made.count == 1)
      // As git itself makes it.
      try await withTemporaryFolder { folder in
        try await forge.git(["clone", "-q", "\(forge.authenticated)/o/r.git", folder], in: "/")
        let shown = try await forge.git(
          ["show", "-s", "--format=%H %an <%ae> %ai|%B", "origin/one"], in: folder)
        let sha = try #require(made.first)
        #expect(
          shown.trimmedOutput == "\(sha) A <a@b.c> 2026-01-02 03:04:05 +0200|add d/e/T.md")
        try await forge.git(["fsck", "--strict"], in: folder)
      }
    }
  }

  @Test("a commit made of blob, tree and commit, and a ref moved to it")
  func database() async throws {
    try await RunningForge.fresh { forge in
      let base = try await forge.get("/repos/o/r/git/ref/heads/main")["object"]["sha"].text
      let commit = try await forge.get("/repos/o/r/git/commits/\(base)")
      let blob = try await forge.call(
        "POST", "/repos/o/r/git/blobs", #"{"content":"aGk=","encoding":"base64"}"#)
      #expect(blob["sha"].text == "32f95c0d1244a78b2be1bab8de17906fabb2c4a8")
      let tree = try await forge.call(
        "POST", "/repos/o/r/git/trees",
        #"""
        {"base_tree":"\#(commit["tree"]["sha"].text)","tree":[
          {"path":"d/hi","mode":"100755","type":"blob","sha":"\#(blob["sha"].text)"},
          {"path":"d/e/f","mode":"100644","type":"blob","content":"f\n"},
          {"path":"README.md","mode":"100644","type":"blob","sha":null}]}
        """#)
      #expect(tree.status == 201 && tree["tree"].items.map { $0["path"].text } == ["d"])
      let made = try await forge.call(
        "POST", "/repos/o/r/git/commits",
        #"{"message":"m","tree":"\#(tree["sha"].text)","parents":["\#(base)"]}"#)
      #expect(made.status == 201 && made["message"].text == "m")
      let sha = made["sha"].text
      let moved = try await forge.call(
        "PATCH", "/repos/o/r/git/refs/heads/main", #"{"sha":"\#(sha)"}"#)
      #expect(moved.status == 200)
      let all = try await forge.get("/repos/o/r/git/trees/main?recursive=1")
      #expect(all["tree"].items.map { $0["path"].text } == ["d", "d/e", "d/e/f", "d/hi"])
      let back = try await forge.call(
        "PATCH", "/repos/o/r/git/refs/heads/main", #"{"sha":"\#(base)"}"#)
      #expect(back.status == 422 && back["message"].text == "Update is not a fast forward")
      let forced = try await forge.call(
        "PATCH", "/repos/o/r/git/refs/heads/main", #"{"sha":"\#(base)","force":true}"#)
      #expect(forced.status == 200)
      let file = try await forge.get("/repos/o/r/contents/d/hi?ref=\(sha)")
      #expect(file["content"].text == "aGk=\n" && file["sha"] == blob["sha"])
      let raw = try await forge.get(
        "/repos/o/r/contents/d/hi?ref=\(sha)", headers: ["Accept: application/vnd.github.raw"])
      #expect(raw.body == "hi")
      let folder = try await forge.get("/repos/o/r/contents/d?ref=\(sha)")
      #expect(folder.items.map { $0["type"].text } == ["dir", "file"])
    }
  }

  @Test("files are replaced and removed only with their current blob")
  func contents() async throws {
    try await RunningForge.fresh { forge in
      let first = try await forge.put("d/a.txt", "1", branch: "main")
      #expect(first.status == 201)
      let blind = try await forge.put("d/a.txt", "2", branch: "main")
      #expect(blind.status == 422)
      #expect(blind["message"].text == "Invalid request.\n\n\"sha\" wasn't supplied.")
      let wrong = try await forge.put(
        "d/a.txt", "2", branch: "main",
        more: #","sha":"32f95c0d1244a78b2be1bab8de17906fabb2c4a8""#)
      #expect(wrong.status == 409)
      let sha = first["content"]["sha"].text
      let second = try await forge.put("d/a.txt", "2", branch: "main", more: #","sha":"\#(sha)""#)
      #expect(second.status == 200)
      let below = try await forge.put("d/a.txt/b", "2", branch: "main")
      #expect(below.status == 422)
      let removed = try await forge.call(
        "DELETE", "/repos/o/r/contents/d/a.txt",
        #"{"message":"rm","sha":"\#(second["content"]["sha"].text)","branch":"main"}"#)
      #expect(removed.status == 200)
      #expect(try await forge.get("/repos/o/r/contents/d").status == 404)
      #expect(try await forge.get("/repos/o/r/contents/README.md").status == 200)
    }
  }

  @Test("comments, labels and reviewers")
  func issue() async throws {
    try await RunningForge.fresh { forge in
      _ = try await forge.branch("b")
      _ = try await forge.open("b")
      for number in 1...3 {
        let comment = try await forge.call(
          "POST", "/repos/o/r/issues/1/comments", #"{"body":"c\#(number) <b>"}"#)
        #expect(comment.status == 201 && comment["body"].text == "c\(number) <b>")
      }
      let page = try await forge.get("/repos/o/r/issues/1/comments?per_page=2&page=1")
      #expect(page.items.map { $0["body"].text } == ["c1 <b>", "c2 <b>"])
      let next = "<\(forge.base)/repos/o/r/issues/1/comments?per_page=2&page=2>"
      #expect(page.headers["link"] == "\(next); rel=\"next\", \(next); rel=\"last\"")
      let labels = try await forge.call(
        "POST", "/repos/o/r/issues/1/labels", #"{"labels":["aipm","grün"]}"#)
      #expect(labels.status == 200 && labels.items.map { $0["name"].text } == ["aipm", "grün"])
      let reviewers = try await forge.call(
        "POST", "/repos/o/r/pulls/1/requested_reviewers", #"{"reviewers":["bob"]}"#)
      #expect(reviewers.status == 201)
      #expect(reviewers["requested_reviewers"][0]["login"].text == "bob")
      let own = try await forge.call(
        "POST", "/repos/o/r/pulls/1/requested_reviewers", #"{"reviewers":["aipm"]}"#)
      #expect(own.status == 422)
      let pull = try await forge.get("/repos/o/r/pulls/1")
      #expect(pull["comments"].number == 3 && pull["labels"].items.count == 2)
    }
  }

  @Test("a merge: what it makes, and that commits and files stay")
  func merge() async throws {
    try await RunningForge.fresh { forge in
      let head = try await forge.branch("b")
      _ = try await forge.open("b", title: "Title")
      _ = try await forge.put("other.txt", "o", branch: "main")
      #expect(try await forge.get("/repos/o/r/pulls/1/merge").status == 404)
      let merged = try await forge.call("PUT", "/repos/o/r/pulls/1/merge", "{}")
      #expect(merged.status == 200 && merged["merged"].isTrue)
      let pull = try await forge.get("/repos/o/r/pulls/1")
      #expect(pull["merged"].isTrue && pull["state"].text == "closed")
      #expect(pull["merge_commit_sha"] == merged["sha"] && pull["head"]["sha"].text == head)
      #expect(try await forge.get("/repos/o/r/pulls/1/merge").status == 204)
      let commit = try await forge.get("/repos/o/r/commits/main")
      #expect(commit["commit"]["message"].text == "Merge pull request #1 from o/b\n\nTitle")
      #expect(commit["parents"][1]["sha"].text == head)
      #expect(try await forge.get("/repos/o/r/pulls/1/commits").items.count == 1)
      #expect(
        try await forge.get("/repos/o/r/pulls/1/files").items.map { $0["filename"].text }
          == ["a.txt"])
      #expect(try await forge.call("PUT", "/repos/o/r/pulls/1/merge", "{}").status == 405)
    }
  }

  @Test("lists come in pages")
  func paging() async throws {
    try await RunningForge.fresh { forge in
      for number in 1...5 {
        _ = try await forge.branch("b\(number)", file: "f\(number)")
        #expect(try await forge.open("b\(number)").status == 201)
      }
      let page = try await forge.get("/repos/o/r/pulls?per_page=2&page=2")
      #expect(page.items.map { $0["number"].number } == [3, 2])
      let link = page.headers["link"] ?? ""
      for relation in ["prev", "next", "last", "first"] {
        #expect(link.contains("rel=\"\(relation)\""))
      }
      #expect(link.contains("per_page=2&page=3>; rel=\"next\""))
      _ = try await forge.call("PATCH", "/repos/o/r/pulls/2", #"{"state":"closed"}"#)
      #expect(try await forge.get("/repos/o/r/pulls").items.count == 4)
      #expect(try await forge.get("/repos/o/r/pulls?state=closed").items.count == 1)
      #expect(
        try await forge.get("/repos/o/r/pulls?state=all&direction=asc")[0]["number"].number == 1)
    }
  }
}
