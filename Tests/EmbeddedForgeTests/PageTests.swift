import EmbeddedForge
import Testing

/// What a person sees in a browser.
@Suite("Pages") struct PageTests {
  private func page(_ forge: RunningForge, _ path: String) async throws -> Answer {
    try await forge.call("GET", path, token: nil)
  }

  @Test("the Markdown that AIPM writes is shown as it is meant")
  func markdown() async throws {
    try await RunningForge.fresh { forge in
      _ = try await forge.branch("x")
      let body = #"**Objective:** a `<b>` * b\n\nby `demo` ** `\n<!-- aipm: 1 -->\n<!-- open"#
      _ = try await forge.call(
        "POST", "/repos/o/r/pulls",
        #"{"title":"T","head":"x","base":"main","body":"\#(body)"}"#)
      let shown = try await page(forge, "/o/r/pull/1").body
      for text in [
        "<strong>Objective:</strong> a <code>&lt;b&gt;</code> * b", "by <code>demo</code> ** `",
        "&lt;!-- open",
      ] { #expect(shown.contains(text), "\(text)") }
      #expect(!shown.contains("aipm: 1"))
    }
  }

  @Test("a pull request's page is complete, and its texts are escaped")
  func pullRequest() async throws {
    try await RunningForge.fresh { forge in
      _ = try await forge.branch("b<i>", file: "a.html", text: "<script>alert('a')</script>\n")
      let body = #"<img src=x onerror=alert(1)> & \"quoted\"\n<!-- aipm: 1 -->"#
      _ = try await forge.call(
        "POST", "/repos/o/r/pulls",
        #"{"title":"<b>T</b>","head":"b<i>","base":"main","body":"\#(body)"}"#)
      _ = try await forge.call(
        "POST", "/repos/o/r/issues/1/comments", #"{"body":"</p><script>c</script>"}"#)
      let page = try await page(forge, "/o/r/pull/1")
      #expect(page.status == 200)
      #expect(page.headers["content-type"] == "text/html; charset=utf-8")
      let policy = page.headers["content-security-policy"] ?? ""
      #expect(policy.hasPrefix("default-src 'none'; style-src 'sha256-"))
      for markup in ["<script", "<img", "<b>T", "<i>", "<!-- aipm"] {
        #expect(!page.body.contains(markup), "\(markup)")
      }
      for text in [
        "&lt;b&gt;T&lt;/b&gt;", "&lt;img src=x onerror=alert(1)&gt; &amp; &quot;quoted&quot;",
        "add a.html", "+&lt;script&gt;alert(&#39;a&#39;)&lt;/script&gt;", "Open",
        "&lt;/p&gt;&lt;script&gt;c&lt;/script&gt;",
      ] {
        #expect(page.body.contains(text), "\(text)")
      }
      let diff = try await self.page(forge, "/o/r/pull/1.diff")
      #expect(diff.body.contains("+<script>alert('a')</script>"))
      #expect(diff.headers["content-type"] == "text/plain; charset=utf-8")
      #expect(diff.headers["x-content-type-options"] == "nosniff")
    }
  }

  @Test("repositories and their pull requests are listed")
  func lists() async throws {
    try await RunningForge.fresh { forge in
      _ = try await forge.branch("b")
      _ = try await forge.open("b", title: "First & last")
      #expect(try await page(forge, "/").body.contains(#"<a href="/o/r"><strong>o/r</strong></a>"#))
      let list = try await page(forge, "/o/r")
      #expect(list.body.contains(#"<a href="/o/r/pull/1"><strong>First &amp; last</strong></a>"#))
      for path in ["/o/none", "/o/r/pull/2", "/o/r/pull/x", "/x", "/o/r/issues/1"] {
        #expect(try await page(forge, path).status == 404, "\(path)")
      }
      #expect(try await forge.call("POST", "/o/r", "x").status == 405)
    }
  }

  @Test("a private repository shows itself to its token alone")
  func hidden() async throws {
    var settings = RepositorySettings()
    settings.isPrivate = true
    try await RunningForge.fresh(settings) { forge in
      let home = try await page(forge, "/")
      #expect(!home.body.contains("o/r"))
      #expect(try await page(forge, "/o/r").status == 401)
      #expect(try await forge.call("GET", "/o/r", token: "wrong").status == 404)
      #expect(try await forge.get("/o/r").status == 200)
    }
  }
}
