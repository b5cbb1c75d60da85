import EmbeddedForge
import FoundationEssentials
import Processes
import Testing

/// The forms of a pull request's page: what they do, and who cannot use them.
@Suite("Page forms") struct PageFormTests {
  private static let path = "/o/r/pull/1"

  /// A forge with an open pull request, and the secret of its page's forms.
  private func withPage(
    _ settings: RepositorySettings = RepositorySettings(),
    _ change: (inout EmbeddedForgeConfiguration) -> Void = { _ in },
    _ body: (RunningForge, String) async throws -> Void
  ) async throws {
    try await RunningForge.fresh(settings, change) { forge in
      _ = try await forge.branch("b", text: "one\ntwo\nthree\n")
      _ = try await forge.open("b")
      let page = try await forge.get(Self.path)
      let parts = page.body.split(separator: "name=\"token\" value=\"")
      try await body(forge, parts.count > 1 ? String(parts[1].prefix(64)) : "")
    }
  }

  /// Sends a form as a browser does.
  private func send(
    _ forge: RunningForge, _ action: String, _ fields: [(String, String)], origin: String? = nil,
    host: String? = nil, type: String = "application/x-www-form-urlencoded", more: [String] = []
  ) async throws -> Answer {
    let body = fields.map { "\($0)=\(encoded($1))" }.joined(separator: "&")
    var headers = ["Origin: \(origin ?? forge.base)", "Content-Type: \(type)"] + more
    if let host { headers.append("Host: \(host)") }
    return try await forge.call(
      "POST", "\(Self.path)/\(action)", body, headers: headers, token: nil)
  }

  private func encoded(_ text: String) -> String {
    text.utf8.map { byte in
      let hex = String(byte, radix: 16)
      return "%" + (hex.count == 1 ? "0\(hex)" : hex)
    }.joined()
  }

  @Test("a person comments, reviews, replies, closes, reopens and merges")
  func loop() async throws {
    try await withPage { forge, token in
      let head = try await forge.get("/repos/o/r/pulls/1")["head"]["sha"].text
      func act(_ action: String, _ fields: (String, String)...) async throws -> String {
        let answer = try await send(forge, action, fields + [("token", token)])
        #expect(answer.status == 303, "\(action): \(answer.body)")
        return answer.headers["location"] ?? ""
      }
      #expect(try await act("comment", ("body", "a\r\nb")) == "\(Self.path)#issuecomment-1")
      let comment = try await forge.get("/repos/o/r/issues/comments/1")
      #expect(comment["body"].text == "a\nb" && comment["user"]["login"].text == "demo")
      func line(_ number: String, _ mode: String) async throws -> String {
        try await act(
          "line", ("path", "a.txt"), ("line", number), ("side", "RIGHT"), ("commit_id", head),
          ("body", "at \(number)"), ("mode", mode))
      }
      #expect(try await line("1", "single") == "\(Self.path)#discussion_r1")
      #expect(try await line("2", "review") == "\(Self.path)#review")
      #expect(try await line("3", "review") == "\(Self.path)#review")
      #expect(try await forge.get("/repos/o/r/pulls/1/comments").items.count == 1)
      let pending = try await forge.get(Self.path).body
      #expect(pending.contains("2 pending comments") && pending.contains("at 3"))
      _ = try await act("review", ("event", "REQUEST_CHANGES"), ("body", "Please."))
      let reviews = try await forge.get("/repos/o/r/pulls/1/reviews").items
      #expect(reviews.map { $0["state"].text } == ["COMMENTED", "CHANGES_REQUESTED"])
      let comments = try await forge.get("/repos/o/r/pulls/1/comments").items
      #expect(comments.map { $0["line"].number } == [1, 2, 3])
      #expect(try await act("reply", ("comment", "2"), ("body", "r")).hasSuffix("#discussion_r4"))
      _ = try await line("2", "review")
      _ = try await act("discard")
      #expect(try await forge.get("/repos/o/r/pulls/1/reviews").items.count == 3)
      _ = try await act("close")
      #expect(try await forge.get("/repos/o/r/pulls/1")["state"].text == "closed")
      _ = try await act("reopen")
      _ = try await act("merge", ("sha", head))
      let merged = try await forge.get("/repos/o/r/pulls/1")
      #expect(merged["merged"].isTrue && merged["merged_by"]["login"].text == "demo")
    }
  }

  @Test("the form of another page, of another name, or without the secret does nothing")
  func foreign() async throws {
    try await withPage { forge, token in
      let fields = [("body", "x"), ("token", token)]
      var answers: [Answer] = []
      for origin in ["http://evil.example", "null", "http://localhost:\(forge.port)", "https"] {
        answers.append(try await send(forge, "comment", fields, origin: origin))
      }
      let evil = "evil.example:\(forge.port)"
      answers += [
        // A name of a stranger that leads here, as in DNS rebinding.
        try await send(forge, "comment", fields, origin: "http://\(evil)", host: evil),
        try await send(forge, "comment", [("body", "x")]),
        try await send(forge, "comment", [("body", "x"), ("token", String(token.reversed()))]),
        try await send(forge, "comment", fields, type: "text/plain"),
        try await send(forge, "comment", fields, more: ["Sec-Fetch-Site: cross-site"]),
        try await forge.call(
          "POST", "\(Self.path)/comment", "body=x&token=\(token)",
          headers: ["Content-Type: application/x-www-form-urlencoded"], token: nil),
      ]
      #expect(answers.map(\.status) == answers.map { _ in 403 })
      #expect(try await forge.get("/repos/o/r/issues/1/comments").items.isEmpty)
      let elsewhere = try await forge.call(
        "GET", Self.path, headers: ["Host: \(evil)"], token: nil)
      #expect(elsewhere.status == 200 && !elsewhere.body.contains(token))
      #expect(!elsewhere.body.contains("<form"))
      #expect(try await send(forge, "comment", fields).status == 303)
    }
  }

  @Test("the secret of one page is not that of another, nor of the next start")
  func secrets() async throws {
    try await withTemporaryFolder { folder in
      try await EmbeddedForge.createRepository("o/r", root: folder)
      var old = ""
      try await RunningForge.serving(folder) { forge in
        _ = try await forge.branch("b")
        _ = try await forge.branch("c", file: "c")
        _ = try await forge.open("b")
        _ = try await forge.open("c")
        let other = try await forge.get("/o/r/pull/2").body
        old = String(other.split(separator: "name=\"token\" value=\"")[1].prefix(64))
        #expect(
          try await send(forge, "comment", [("body", "x"), ("token", old)]).status == 403)
        let page = try await forge.get(Self.path).body
        old = String(page.split(separator: "name=\"token\" value=\"")[1].prefix(64))
      }
      try await RunningForge.serving(folder) { forge in
        let answer = try await send(forge, "comment", [("body", "x"), ("token", old)])
        #expect(answer.status == 403)
      }
    }
  }

  @Test("a password that the browser keeps helps no other page")
  func keptPassword() async throws {
    var settings = RepositorySettings()
    settings.isPrivate = true
    try await withPage(settings) { forge, token in
      let basic = Data("x:\(RunningForge.token)".utf8).base64EncodedString()
      let kept = "Authorization: Basic \(basic)"
      for origin in ["http://evil.example", "null"] {
        let answer = try await forge.call(
          "POST", "/repos/o/r/issues/1/comments", #"{"body":"x"}"#,
          headers: [kept, "Origin: \(origin)"], token: nil)
        #expect(answer.status == 401)
      }
      #expect(try await forge.get("/repos/o/r/issues/1/comments").items.isEmpty)
      let fields = [("body", "x"), ("token", token)]
      #expect(try await send(forge, "comment", fields).status == 401)
      #expect(try await send(forge, "comment", fields, more: [kept]).status == 303)
    }
  }

  @Test("what is refused keeps the words, and hostile texts and paths stay text")
  func hostile() async throws {
    try await withPage { forge, token in
      let refused = try await send(
        forge, "line",
        [
          ("path", "a.txt"), ("line", "99"), ("side", "RIGHT"), ("body", "<b>long words</b>"),
          ("commit_id", try await forge.get("/repos/o/r/pulls/1")["head"]["sha"].text),
          ("mode", "single"), ("token", token),
        ])
      #expect(refused.status == 422 && refused.body.contains("must be part of the diff"))
      #expect(refused.body.contains("&lt;b&gt;long words&lt;/b&gt;"))
      for action in ["nothing", "reply", "discard", "review"] {
        let answer = try await send(forge, action, [("body", "x"), ("token", token)])
        #expect(answer.status == 404 || answer.status == 422, "\(action)")
      }
      let own = try await forge.call("GET", "\(Self.path)/comment", token: nil)
      #expect(own.status == 404)
      _ = try await forge.put("%3Cimg%20src%3Dx%3E.txt", "</td><script>s</script>", branch: "b")
      let head = try await forge.get("/repos/o/r/pulls/1")["head"]["sha"].text
      let hostile = #"\"><script>c</script>"#
      for body in [
        #"{"body":"\#(hostile)","commit_id":"\#(head)","path":"<img src=x>.txt","line":1}"#
      ] {
        #expect(try await forge.call("POST", "/repos/o/r/pulls/1/comments", body).status == 201)
      }
      let run = try await forge.call(
        "POST", "/repos/o/r/check-runs",
        #"""
        {"name":"\#(hostile)","head_sha":"\#(head)","conclusion":"failure",
          "output":{"title":"\#(hostile)","summary":"\#(hostile)","annotations":[
          {"path":"\#(hostile)","start_line":1,"end_line":1,"annotation_level":"failure",
            "message":"\#(hostile)","title":"\#(hostile)"}]}}
        """#)
      _ = try await forge.call(
        "PUT", "/repos/o/r/actions/jobs/\(run["id"].number ?? 0)/logs",
        #"{"content":"\#(hostile)"}"#)
      let link = #"{"state":"error","context":"\#(hostile)","target_url":"http://h/\#(hostile)"}"#
      _ = try await forge.call("POST", "/repos/o/r/statuses/\(head)", link)
      for path in ["\(Self.path)?f=0&l=R1", "/o/r/runs/1"] {
        let page = try await forge.get(path)
        #expect(page.status == 200)
        for markup in ["<script", "<img"] {
          #expect(!page.body.contains(markup), "\(path) \(markup)")
        }
        #expect(page.body.contains("&lt;script&gt;c&lt;/script&gt;"))
      }
    }
  }

  @Test("an archived repository shows no form")
  func archived() async throws {
    var settings = RepositorySettings()
    try await withPage(settings) { forge, token in
      settings.isArchived = true
      try await forge.forge.setSettings(settings, of: "o/r")
      #expect(!(try await forge.get(Self.path).body).contains("<form"))
      let answer = try await send(forge, "comment", [("body", "x"), ("token", token)])
      #expect(answer.status == 403)
    }
  }
}
