import Logging
import Processes
import Testing

@testable import EmbeddedForge

/// Reviews, comments and checks beyond what other clients test: pages of lists, what is known
/// already, times, roles, older files, and places in diffs.
@Suite("Conversation") struct ConversationTests {
  private static let ann = "t0ken-of-ann"

  private func withAnn(
    _ settings: RepositorySettings = RepositorySettings(),
    _ body: (RunningForge) async throws -> Void
  ) async throws {
    try await RunningForge.fresh(
      settings, { $0.accounts = [ForgeAccount(login: "ann", token: Self.ann)] }, body)
  }

  @Test("reviews and comments come in pages, and cost nothing if they are known")
  func lists() async throws {
    try await withAnn { forge in
      _ = try await forge.branch("b")
      let pull = try await forge.open("b")
      let opened = pull["updated_at"].text
      try await Task.sleep(for: .milliseconds(1100))
      for number in 1...3 {
        let review = try await forge.call(
          "POST", "/repos/o/r/pulls/1/reviews",
          #"""
          {"event":"COMMENT","body":"r\#(number)",
            "comments":[{"path":"a.txt","line":1,"body":"c\#(number)"}]}
          """#, token: Self.ann)
        #expect(review.status == 200 && review["user"]["login"].text == "ann")
      }
      #expect(try await forge.get("/repos/o/r/pulls/1")["updated_at"].text > opened)
      for list in ["pulls/1/reviews", "pulls/1/comments", "pulls/comments"] {
        let page = try await forge.get("/repos/o/r/\(list)?per_page=2&page=2")
        #expect(page.items.count == 1, "\(list)")
        #expect(page.headers["link"]?.contains("page=1>; rel=\"prev\"") == true, "\(list)")
        let tag = try #require(page.headers["etag"])
        let again = try await forge.get(
          "/repos/o/r/\(list)?per_page=2&page=2", headers: ["If-None-Match: \(tag)"])
        #expect(again.status == 304 && again.body.isEmpty, "\(list)")
      }
      let latest = try await forge.get("/repos/o/r/pulls/comments?sort=updated&direction=desc")
      #expect(latest.items.map { $0["body"].text } == ["c3", "c2", "c1"])
      #expect(try await forge.get("/repos/o/r/pulls/comments?since=yesterday").status == 422)
    }
  }

  @Test("an account does what its role allows, in the API and in git")
  func roles() async throws {
    var settings = RepositorySettings()
    settings.isPrivate = true
    try await withAnn(settings) { forge in
      let (head, token) = (try await forge.branch("b"), Self.ann)
      _ = try await forge.open("b")
      func ann(_ method: String, _ path: String, _ body: String? = nil) async throws -> Int {
        try await forge.call(method, "/repos/o/r\(path)", body, token: token).status
      }
      func clone(_ folder: String, accepting: Set<Int32> = [0]) async throws {
        try await forge.git(
          ["clone", "-q", "http://x:\(token)@127.0.0.1:\(forge.port)/o/r.git", folder], in: "/",
          accepting: accepting)
      }
      try await withTemporaryFolder { folder in
        #expect(try await ann("GET", "") == 404)
        #expect(try await forge.call("GET", "/o/r", token: token).status == 404)
        try await clone("\(folder)/hidden", accepting: [128])
        _ = try await forge.call(
          "PUT", "/repos/o/r/collaborators/ann", #"{"permission":"pull"}"#)
        #expect(try await ann("GET", "") == 200)
        #expect(try await ann("POST", "/issues/1/comments", #"{"body":"x"}"#) == 201)
        #expect(try await ann("POST", "/pulls/1/reviews", #"{"event":"APPROVE"}"#) == 200)
        let refused = [
          ("PUT", "/pulls/1/merge", "{}"), ("PATCH", "/pulls/1", #"{"state":"closed"}"#),
          ("POST", "/git/refs", #"{"ref":"refs/heads/x","sha":"\#(head)"}"#),
          ("POST", "/statuses/\(head)", #"{"state":"success"}"#),
          ("PATCH", "/issues/comments/2", #"{"body":"y"}"#),
        ]
        _ = try await forge.call("POST", "/repos/o/r/issues/1/comments", #"{"body":"x"}"#)
        for (method, path, body) in refused {
          #expect(try await ann(method, path, body) == 403, "\(method) \(path)")
        }
        #expect(try await ann("GET", "/hooks") == 404)
        try await clone("\(folder)/r")
        try await forge.git(
          ["push", "-q", "origin", "main:x"], in: "\(folder)/r", accepting: [128])
        _ = try await forge.call("PUT", "/repos/o/r/collaborators/ann", #"{"permission":"push"}"#)
        try await forge.git(["push", "-q", "origin", "main:x"], in: "\(folder)/r")
        #expect(try await ann("PUT", "/pulls/1/merge", "{}") == 200)
      }
    }
  }

  @Test(
    "a folder of an earlier version gets the new tables", arguments: 1..<ForgeSchema.steps.count)
  func olderFile(version: Int) async throws {
    try await withTemporaryFolder { folder in
      try await EmbeddedForge.createRepository("o/r", root: folder)
      try await RunningForge.serving(folder) { forge in
        _ = try await forge.branch("b")
        _ = try await forge.open("b")
      }
      let later = ForgeSchema.steps[version...].joined().matches(of: /CREATE TABLE (\w+)/)
      #expect(!later.isEmpty)
      let store = try ForgeStore(path: "\(folder)/forge.db")
      // The last first: a table is named by those that come after it.
      for table in later.map(\.1).reversed() {
        _ = try await store.rows("DROP TABLE \(table)", []) { _ in Int?.none }
      }
      _ = try await store.rows("PRAGMA user_version=\(version)", []) { _ in Int?.none }
      try await store.close()
      try await RunningForge.serving(folder) { forge in
        #expect(try await forge.get("/repos/o/r/pulls/1")["number"].number == 1)
        let review = try await forge.call(
          "POST", "/repos/o/r/pulls/1/reviews", #"{"event":"COMMENT","body":"x"}"#)
        #expect(review.status == 200)
        #expect(try await forge.get("/repos/o/r/issues").status == 200)
      }
    }
  }

  @Test("a branch's name with slashes, and one like a call's")
  func slashes() async throws {
    try await RunningForge.fresh { forge in
      let head = try await forge.branch("feature/check-runs")
      _ = try await forge.call(
        "POST", "/repos/o/r/check-runs", #"{"name":"t","head_sha":"\#(head)"}"#)
      let runs = try await forge.get("/repos/o/r/commits/feature/check-runs/check-runs")
      #expect(runs["total_count"].number == 1)
      let one = try await forge.get("/repos/o/r/commits/heads/feature/check-runs")
      #expect(one.status == 422 || one["sha"].text == head)
      let commit = try await forge.get("/repos/o/r/commits/\(head)")
      #expect(commit["sha"].text == head)
    }
  }

  @Test("lines of a diff have positions and numbers; line ends of other systems are content")
  func diffLines() {
    let diff = FileDiff(
      patch: "@@ -1,2 +1,3 @@ f\n a\r\n-b\n+c\n+d\n@@ -9 +10 @@\n-x\n+y\n\\ No newline")
    #expect(diff.lines.count == 9)
    #expect(diff.position(of: 1, on: .right) == 1)
    #expect(diff.position(of: 3, on: .right) == 4)
    #expect(diff.position(of: 2, on: .left) == 2)
    #expect(diff.position(of: 10, on: .right) == 7)
    #expect(diff.position(of: 4, on: .right) == nil)
    #expect(diff.hunk(upTo: 7) == "@@ -9 +10 @@\n-x\n+y")
  }

  @Test(
    "lines move with what is added and removed above them",
    arguments: [(1, 1), (2, nil), (3, 2), (5, 4), (6, 7), (9, 10)] as [(Int, Int?)])
  func lineMap(line: Int, moved: Int?) throws {
    let changes = ["@@ -2 +1,0 @@", "@@ -5,0 +5,2 @@"].compactMap { HunkRange(header: $0) }
    #expect(changes.count == 2)
    #expect(LineMap(changes: changes).moved(line) == moved)
  }
}
