// The page of one pull request, with its commits and changes.

import Hummingbird
import Text

struct PullRequestPage: Sendable {
  let api: ForgeAPI
  let repository: RepositoryContext
  let pull: PullRequestRecord

  private static let filesShown = 300
  private static let linesShown = 2000

  func response() async throws -> Response {
    let git = repository.git
    let base = try await git.mergeBase(pull.baseSHA, pull.headSHA) ?? BareRepository.emptyTree
    let commits = try await git.commits(
      ["--reverse", "--topo-order", "--max-count=500", "\(pull.baseSHA)..\(pull.headSHA)"])
    let files = try await git.changes(from: base, to: pull.headSHA)
    let comments = try await api.store.comments(
      of: repository.record.id, CommentQuery(number: pull.number, limit: 500)
    ).page
    let name = repository.record.fullName
    let more: HTML =
      files.count > Self.filesShown ? "<p class=\"dim\">Further files are not shown.</p>" : ""
    return PageFrame.response(
      title: "\(pull.title) · #\(pull.number) · \(name)",
      """
      <p><a href="/">Repositories</a> / <a href="/\(name)">\(name)</a></p>
      <h1>\(pull.title) <span class="dim">#\(pull.number)</span></h1>
      \(summary(commits.count))
      \(remark(by: pull.author, pull.createdAt, pull.body ?? ""))
      \(comments.map { remark(by: $0.author, $0.createdAt, $0.body, id: $0.id) })
      <h2>Commits</h2>
      <ul class="list">
      \(commits.map(commit))</ul>
      <h2>Files changed</h2>
      <p class="dim">\(files.count) \(files.count == 1 ? "file" : "files"), \
      \(totals(files))</p>
      \(files.prefix(Self.filesShown).map(file))
      \(more)
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
    let verb = pull.mergedAt == nil ? "wants to merge" : "merged"
    return """
      <p>\(Self.badge(pull))<strong>\(pull.author)</strong> \(verb) \(commits) \
      \(commits == 1 ? "commit" : "commits") into \
      <code class="ref">\(pull.baseBranch)</code> from \
      <code class="ref">\(pull.headBranch)</code></p>
      <p>\(labels)</p>
      """
  }

  private func remark(by author: String, _ time: Int64, _ text: String, id: Int64? = nil) -> HTML {
    let anchor: HTML = id.map { " id=\"issuecomment-\(Int($0))\"" } ?? ""
    return """
      <section class="box"\(anchor)>
      <header><strong>\(author)</strong>
      <span class="dim">\(ISO8601.text(seconds: time))</span></header>
      <p class="text">\(text.isEmpty ? "No description." : text)</p>
      </section>

      """
  }

  private func commit(_ commit: Commit) -> HTML {
    let body: HTML = commit.body.isEmpty ? "" : "<p class=\"text\">\(commit.body)</p>"
    return """
      <li><code class="right">\(commit.id.hex.prefix(10))</code>\
      <strong>\(commit.subject)</strong> <span class="dim">\(commit.author.name), \
      \(ISO8601.text(seconds: commit.author.seconds))</span>\(body)</li>

      """
  }

  private func totals(_ files: [FileChange]) -> HTML {
    let additions = files.reduce(0) { $0 + $1.additions }
    let deletions = files.reduce(0) { $0 + $1.deletions }
    return """
      <span class="plus">+\(additions)</span> <span class="minus">−\(deletions)</span>
      """
  }

  private func file(_ file: FileChange) -> HTML {
    let name = file.previousPath.map { "\($0) → \(file.path)" } ?? file.path
    let open: HTML = file.additions + file.deletions > Self.linesShown ? "" : " open"
    return """
      <details\(open)><summary><code>\(name)</code> <span class="dim">\(file.status)</span> \
      \(totals([file]))</summary>
      \(diff(file))
      </details>

      """
  }

  private func diff(_ file: FileChange) -> HTML {
    guard let patch = file.patch else {
      return "<p class=\"text dim\">Not shown: binary, renamed without changes, or too large.</p>"
    }
    let lines = patch.split(separator: "\n", omittingEmptySubsequences: false)
    let shown = lines.prefix(Self.linesShown).map { line -> HTML in
      let text = line.isEmpty ? " " : line
      return switch line.first {
      case "+": "<span class=\"add\">\(text)</span>"
      case "-": "<span class=\"del\">\(text)</span>"
      case "@": "<span class=\"hunk\">\(text)</span>"
      case _: "<span>\(text)</span>"
      }
    }
    let more: HTML =
      lines.count > Self.linesShown ? "<p class=\"text dim\">Further lines are not shown.</p>" : ""
    return "<pre class=\"diff\">\(shown)</pre>\(more)"
  }
}
