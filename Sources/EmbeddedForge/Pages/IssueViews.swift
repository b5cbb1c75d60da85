// Issues as HTML.

import Hummingbird
import Text

enum IssueViews {
  /// The page of one issue.
  static func page(of issue: IssueRecord, in repository: RepositoryRecord) -> Response {
    let name = repository.fullName
    let body = issue.body ?? ""
    return PageFrame.response(
      title: "\(issue.title) · #\(issue.number) · \(name)",
      """
      <p><a href="/">Repositories</a> / <a href="/\(name)">\(name)</a></p>
      <h1>\(issue.title) <span class="dim">#\(issue.number)</span></h1>
      <p>\(badge(issue))</p>
      \(RemarkViews.remark(
        by: issue.author, "opened", issue.createdAt, body.isEmpty ? "No description." : body,
        id: "description"))
      """)
  }

  /// The part of a repository's page that lists its issues; empty without one.
  static func list(_ issues: [IssueRecord], in repository: RepositoryRecord) -> HTML {
    guard !issues.isEmpty else { return "" }
    let items = issues.map { issue -> HTML in
      """
      <li>\(badge(issue)) \
      <a href="/\(repository.fullName)/issues/\(issue.number)"><strong>\(issue.title)</strong></a> \
      <span class="dim">#\(issue.number) · \(ISO8601.text(seconds: issue.createdAt))</span></li>

      """
    }
    return "<h2>Issues</h2>\n<ul class=\"list\">\n\(items)</ul>"
  }

  private static func badge(_ issue: IssueRecord) -> HTML {
    issue.isOpen
      ? "<span class=\"state open\">Open</span>" : "<span class=\"state closed\">Closed</span>"
  }
}
