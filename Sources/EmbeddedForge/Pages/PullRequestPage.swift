// The page of one pull request: the conversation, the checks, the commits and the changes, with
// forms to comment, review, merge, close and reopen.

import Hummingbird
import Text

struct PullRequestPage: Sendable {
  let api: ForgeAPI
  let repository: RepositoryContext
  let pull: PullRequestRecord
  let forms: PageForms
  let query: [String: String]

  func response() async throws -> Response {
    let git = repository.git
    let base = try await api.places.mergeBase(pull.baseSHA, pull.headSHA, git)
    let ends = CommentPlaces.Ends(repository: git.path, base: base, head: pull.headSHA)
    let commits = try await git.commits(
      ["--reverse", "--topo-order", "--max-count=500", "\(pull.baseSHA)..\(pull.headSHA)"])
    let files = try await git.changes(from: base, to: pull.headSHA)
    var detail = try await api.pullRequests.detail(of: pull, git, mergeability: true)
    detail.isBehind = try await repository.isBehind(pull)
    let talk = try await PageConversation(
      of: pull, for: forms.person, ends: ends, in: repository, api)
    let diff = DiffView(
      files: files, head: pull.headSHA, threads: talk.threads.filter { $0.current != nil },
      choice: DiffView.Choice(query), isReviewing: talk.pending != nil, forms: forms)
    let name = repository.record.fullName
    return PageFrame.response(
      title: "\(pull.title) · #\(pull.number) · \(name)",
      """
      <p><a href="/">Repositories</a> / <a href="/\(name)">\(name)</a></p>
      <h1>\(pull.title) <span class="dim">#\(pull.number)</span></h1>
      \(summary(commits.count))
      \(conversation(talk))
      \(checks(talk))
      \(merging(talk, detail))
      \(comment)
      <h2>Commits</h2>
      <ul class="list">
      \(commits.map(commit))</ul>
      <h2>Files changed</h2>
      <p class="dim">\(files.count) \(files.count == 1 ? "file" : "files"), \
      \(DiffView.totals(files))\(hint)</p>
      \(review(talk))
      \(diff.html())
      """)
  }

  static func badge(_ pull: PullRequestRecord) -> HTML {
    if pull.mergedAt != nil { return "<span class=\"state merged\">Merged</span>" }
    if !pull.isOpen { return "<span class=\"state closed\">Closed</span>" }
    return pull.isDraft
      ? "<span class=\"state draft\">Draft</span>" : "<span class=\"state open\">Open</span>"
  }

  private func summary(_ commits: Int) -> HTML {
    let labels = pull.labels.map { label -> HTML in "<span class=\"label\">\(label.name)</span> " }
    let shown: HTML = labels.isEmpty ? "" : "<p>\(labels)</p>"
    let verb = pull.mergedAt == nil ? "wants to merge" : "merged"
    return """
      <p>\(Self.badge(pull))<strong>\(pull.mergedBy ?? pull.author)</strong> \(verb) \(commits) \
      \(commits == 1 ? "commit" : "commits") into \
      <code class="ref">\(pull.baseBranch)</code> from \
      <code class="ref">\(pull.headBranch)</code></p>
      \(shown)
      """
  }

  private var hint: HTML {
    forms.token == nil ? "" : ". Choose the number of a line to comment on it."
  }

  // MARK: The conversation

  private func conversation(_ talk: PageConversation) -> HTML {
    var places: [Int64: String] = [:]
    for thread in talk.threads {
      for comment in thread.comments { places[comment.id] = thread.place }
    }
    let body = pull.body ?? ""
    let old = talk.threads.filter { $0.current == nil }
    let outdated: HTML =
      old.isEmpty
      ? ""
      : """
      <h2>Threads on earlier versions</h2>
      \(old.map { RemarkViews.view($0, forms, showsPlace: true) })
      """
    return """
      \(RemarkViews.remark(
        by: pull.author, "opened", pull.createdAt, body.isEmpty ? "No description." : body,
        id: "description"))
      \(talk.remarks.map { RemarkViews.view($0, places: places) })
      \(outdated)
      """
  }

  private var comment: HTML {
    guard forms.token != nil else {
      return """
        <p class="dim">To comment, review or merge, open this page at the forge's own address.</p>
        """
    }
    return """
      <section class="box"><header>Comment as <strong>\(forms.person)</strong></header>
      <div class="pad">\(forms.form(
        "comment",
        """
        <textarea name="body" required aria-label="Comment" placeholder="Comment"></textarea>
        <button class="main">Comment</button>
        """))</div></section>
      """
  }

  // MARK: Checks and merging

  private func checks(_ talk: PageConversation) -> HTML {
    let runs = talk.checks.map { run -> HTML in
      let page = "/\(repository.record.fullName)/runs/\(run.id)"
      let word = run.conclusion ?? run.status
      let title: HTML = run.title.map { " <span class=\"dim\">\($0)</span>" } ?? ""
      return """
        <li>\(ChecksView.mark(run.outcome)) <a href="\(page)">\(run.name)</a> \
        \(word.replacing("_", with: " "))\(title)</li>

        """
    }
    let statuses = talk.statuses.map { status -> HTML in
      let name: HTML =
        status.targetURL.map { "<a href=\"\($0)\" rel=\"noreferrer\">\(status.context)</a>" }
        ?? "\(status.context)"
      return """
        <li>\(ChecksView.mark(status.outcome)) \(name) \(status.state) \
        <span class="dim">\(status.description ?? "")</span></li>

        """
    }
    guard !runs.isEmpty || !statuses.isEmpty else { return "" }
    return "<h2>Checks</h2>\n<ul class=\"list\">\n\(runs)\(statuses)</ul>"
  }

  private func merging(_ talk: PageConversation, _ detail: PullRequestObjects.Detail) -> HTML {
    if let time = pull.mergedAt {
      let who = pull.mergedBy ?? pull.author
      return """
        <p class="dim"><strong>\(who)</strong> merged this \(RemarkViews.time(time))</p>
        """
    }
    guard pull.isOpen else {
      return "<div class=\"row\">\(forms.button("reopen", "Reopen"))</div>"
    }
    let canMerge = detail.mergeable == true && !detail.isBehind && !pull.isDraft
    let text: HTML =
      if detail.mergeable == false {
        """
        <span class="minus mark">✗</span> It conflicts with \
        <code class="ref">\(pull.baseBranch)</code>.
        """
      } else if detail.isBehind {
        """
        <span class="wait mark">✗</span> It has not the newest commits of \
        <code class="ref">\(pull.baseBranch)</code>, which is protected.
        """
      } else if pull.isDraft {
        "<span class=\"dim mark\">○</span> It is a draft."
      } else {
        "<span class=\"plus mark\">✓</span> It can be merged without conflicts."
      }
    let warning: HTML =
      switch talk.checkSummary {
      case .failure: " <span class=\"minus\">A check failed.</span>"
      case .pending: " <span class=\"wait\">A check is not finished.</span>"
      case .absent, .success: ""
      }
    let merge = forms.form(
      "merge", hidden: [("sha", pull.headSHA.hex)], "<button class=\"main\">Merge</button>")
    return """
      <section class="box pad">
      <p>\(text)\(warning)</p>
      <div class="row">\(canMerge ? merge : "")\(forms.button("close", "Close"))</div>
      </section>
      """
  }

  // MARK: Reviews, commits

  private func review(_ talk: PageConversation) -> HTML {
    guard forms.token != nil, pull.isOpen || talk.pending != nil else { return "" }
    let isOwn = pull.author.lowercased() == forms.person.lowercased()
    let choices: HTML =
      isOwn
      ? "<label><input type=\"radio\" name=\"event\" value=\"COMMENT\" checked> Comment</label>"
      : """
      <label><input type="radio" name="event" value="COMMENT" checked> Comment</label>
      <label><input type="radio" name="event" value="REQUEST_CHANGES"> Request changes</label>
      <label><input type="radio" name="event" value="APPROVE"> Approve</label>
      """
    let form = forms.form(
      "review",
      """
      <textarea name="body" aria-label="Review" placeholder="Review">\
      \(talk.pending?.review.body ?? "")</textarea>
      <fieldset>\(choices)</fieldset>
      <button class="main">Submit review</button>
      """)
    guard let pending = talk.pending else {
      return """
        <details class="file"><summary>Review</summary>
        <div class="pad">\(form)</div></details>
        """
    }
    let count = pending.comments
    return """
      <section class="box" id="review"><header>Your review has <strong>\(count) pending \
      \(count == 1 ? "comment" : "comments")</strong>, which only you see until you submit it.\
      </header>
      <div class="pad">\(form)\(forms.button("discard", "Discard review"))</div></section>
      """
  }

  private func commit(_ commit: Commit) -> HTML {
    let body: HTML = commit.body.isEmpty ? "" : "<p class=\"text\">\(commit.body)</p>"
    return """
      <li><code class="right">\(commit.id.hex.prefix(10))</code>\
      <strong>\(commit.subject)</strong> <span class="dim">\(commit.author.name), \
      \(RemarkViews.time(commit.author.seconds))</span>\(body)</li>

      """
  }
}
