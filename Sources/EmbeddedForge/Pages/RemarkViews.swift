// Comments, reviews and threads as HTML.

import Text

/// What a page may offer its reader.
struct PageForms: Sendable {
  /// Who acts.
  let person: String
  /// The secret of this page's forms; nil if it has no forms.
  let token: String?
  /// The path of the page.
  let path: String

  /// A form that does one thing.
  /// - Parameter fields: markup within the form.
  func form(_ action: String, hidden: [(String, String)] = [], _ fields: HTML) -> HTML {
    guard let token else { return "" }
    let inputs = (hidden + [("token", token)]).map { name, value -> HTML in
      "<input type=\"hidden\" name=\"\(name)\" value=\"\(value)\">"
    }
    return """
      <form method="post" action="\(path)/\(action)">\(inputs)
      \(fields)
      </form>

      """
  }

  /// A form of one button.
  func button(_ action: String, _ label: String, hidden: [(String, String)] = []) -> HTML {
    form(action, hidden: hidden, "<button>\(label)</button>")
  }
}

enum RemarkViews {
  /// A time for people, in UTC.
  static func time(_ seconds: Int64) -> HTML {
    let text = ISO8601.text(seconds: seconds)
    return """
      <time class="dim" datetime="\(text)">\
      \(text.prefix(16).replacing("T", with: " ")) UTC</time>
      """
  }

  /// A box of what somebody said.
  static func remark(
    by author: String, _ verb: String, _ seconds: Int64, _ text: String, id: String
  )
    -> HTML
  {
    """
    <section class="box" id="\(id)">
    <header><strong>\(author)</strong> \(verb) \(time(seconds))</header>
    <p class="text">\(MarkdownText.html(text))</p>
    </section>

    """
  }

  static func view(_ remark: PageConversation.Remark, places: [Int64: String]) -> HTML {
    switch remark {
    case .comment(let comment):
      Self.remark(
        by: comment.author, "commented", comment.createdAt, comment.body,
        id: "issuecomment-\(comment.id)")
    case .review(let review, let comments): view(review, comments, places)
    }
  }

  private static func view(
    _ review: ReviewRecord, _ comments: [ReviewCommentRecord], _ places: [Int64: String]
  ) -> HTML {
    let verb: HTML =
      switch review.state {
      case .approved: "<strong class=\"plus\">approved</strong>"
      case .changesRequested: "<strong class=\"minus\">requested changes</strong>"
      case .dismissed: "reviewed <span class=\"dim\">(dismissed)</span>"
      case .commented, .pending:
        comments.allSatisfy { $0.inReplyTo != nil } && !comments.isEmpty ? "replied" : "reviewed"
      }
    let body: HTML = review.body.isEmpty ? "" : "<p class=\"text\">\(review.body)</p>"
    let items = comments.map { comment -> HTML in
      let line = comment.body.split(maxSplits: 1, whereSeparator: \.isNewline).first ?? ""
      return """
        <li><a href="#discussion_r\(Int(comment.id))"><code>\(places[comment.id] ?? "")</code></a> \
        <span class="dim">\(line.prefix(120))</span></li>

        """
    }
    let list: HTML = items.isEmpty ? "" : "<ul class=\"places\">\n\(items)</ul>"
    return """
      <section class="box" id="pullrequestreview-\(Int(review.id))">
      <header><strong>\(review.author)</strong> \(verb) \
      \(time(review.submittedAt ?? review.createdAt))</header>
      \(body)\(list)
      </section>

      """
  }

  /// A thread with a form for a reply.
  /// - Parameter showsPlace: with its path and the end of its hunk, if it is not at its line.
  static func view(_ thread: CommentThread, _ forms: PageForms, showsPlace: Bool) -> HTML {
    let comments = thread.comments.map { comment -> HTML in
      let pending: HTML = comment.isPending ? " <span class=\"label\">Pending</span>" : ""
      return """
        <section id="discussion_r\(Int(comment.id))">
        <header><strong>\(comment.author)</strong> \(time(comment.createdAt))\(pending)</header>
        <p class="text">\(comment.body)</p>
        </section>

        """
    }
    var head: HTML = ""
    if showsPlace {
      let outdated: HTML = thread.current == nil ? " <span class=\"label\">Outdated</span>" : ""
      let lines = thread.first.place.hunk.utf8.split(separator: UInt8(ascii: "\n")).suffix(4)
      let hunk = lines.map { String(Substring($0)) }.joined(separator: "\n")
      let code: HTML = hunk.isEmpty ? "" : "<pre class=\"hunk\">\(hunk)</pre>"
      head = "<header><code>\(thread.place)</code>\(outdated)</header>\n\(code)"
    }
    return "<div class=\"box thread\">\n\(head)\(comments)\(reply(to: thread, forms))</div>\n"
  }

  private static func reply(to thread: CommentThread, _ forms: PageForms) -> HTML {
    guard forms.token != nil, !thread.first.isPending else { return "" }
    let form = forms.form(
      "reply", hidden: [("comment", String(thread.first.id))],
      """
      <textarea name="body" required aria-label="Reply" placeholder="Reply"></textarea>
      <button class="main">Reply</button>
      """)
    return "<details><summary>Reply</summary>\(form)</details>\n"
  }
}
