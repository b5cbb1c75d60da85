// The diff of a pull request as HTML, with threads at their lines and a form at the chosen line.

import Text

struct DiffView: Sendable {
  /// Where the reader wants to comment: `f` and `l` of the query.
  struct Choice: Sendable, Equatable {
    var file: Int
    var side: DiffPlace.Side
    var line: Int

    /// nil if the query has no place.
    init?(_ query: [String: String]) {
      guard let file = query["f"].flatMap({ Int($0) }), let place = query["l"],
        let line = Int(place.dropFirst()), let letter = place.first, "LR".contains(letter)
      else { return nil }
      (self.file, self.line) = (file, line)
      side = letter == "L" ? .left : .right
    }
  }

  let files: [FileChange]
  let head: ObjectName
  /// Of the current diff.
  let threads: [CommentThread]
  let choice: Choice?
  /// Whether the reader has a review in progress.
  let isReviewing: Bool
  let forms: PageForms

  private static let filesShown = 300
  private static let linesOfFile = 2000
  private static let linesShown = 20_000

  func html() -> HTML {
    var rest = Self.linesShown
    var shown: [HTML] = []
    for (number, file) in files.prefix(Self.filesShown).enumerated() {
      let lines = FileDiff(patch: file.patch ?? "").lines
      let limit = min(rest, Self.linesOfFile)
      rest -= min(lines.count, limit)
      shown.append(view(file, number, file.patch == nil ? nil : lines, limit: limit))
    }
    let more: HTML =
      files.count > Self.filesShown ? "<p class=\"dim\">Further files are not shown.</p>" : ""
    return "\(shown)\(more)"
  }

  static func totals(_ files: [FileChange]) -> HTML {
    let additions = files.reduce(0) { $0 + $1.additions }
    let deletions = files.reduce(0) { $0 + $1.deletions }
    return """
      <span class="plus">+\(additions)</span> <span class="minus">−\(deletions)</span>
      """
  }

  private func view(_ file: FileChange, _ number: Int, _ lines: [DiffLine]?, limit: Int) -> HTML {
    let name = file.previousPath.map { "\($0) → \(file.path)" } ?? file.path
    let isLarge = file.additions + file.deletions > Self.linesOfFile || limit == 0
    let here = threads.filter { $0.first.place.path == file.path }
    let open: HTML = isLarge && choice?.file != number && here.isEmpty ? "" : " open"
    let whole = here.filter { $0.current?.line == nil }.map {
      "<div class=\"pad\">\(RemarkViews.view($0, forms, showsPlace: false))</div>" as HTML
    }
    return """
      <details class="file" id="f\(number)"\(open)><summary><code>\(name)</code> \
      <span class="dim">\(file.status)</span> \(Self.totals([file]))</summary>
      \(whole)\(table(file, number, lines, here, limit: limit))
      </details>

      """
  }

  private func table(
    _ file: FileChange, _ number: Int, _ lines: [DiffLine]?, _ threads: [CommentThread], limit: Int
  ) -> HTML {
    guard let lines else {
      return "<p class=\"text dim\">Not shown: binary, renamed without changes, or too large.</p>"
    }
    let rows = lines.prefix(limit).map { line in row(line, number, file, threads) }
    let more: HTML =
      lines.count > limit ? "<p class=\"text dim\">Further lines are not shown.</p>" : ""
    return "<table class=\"diff\">\n\(rows)</table>\(more)"
  }

  private func row(
    _ line: DiffLine, _ file: Int, _ change: FileChange, _ threads: [CommentThread]
  ) -> HTML {
    let kind: HTML =
      switch line.kind {
      case .hunk: " class=\"hunk\""
      case .added: " class=\"add\""
      case .removed: " class=\"del\""
      case .context, .note: ""
      }
    // Context has numbers on both sides; comments on it are at the right.
    let side: DiffPlace.Side = line.new == nil ? .left : .right
    func cell(_ number: Int?, _ own: DiffPlace.Side) -> HTML {
      guard let number else { return "<td class=\"n\"></td>" }
      guard own == side, forms.token != nil else { return "<td class=\"n\">\(number)</td>" }
      let place = "\(own == .left ? "L" : "R")\(number)"
      return """
        <td class="n"><a href="?f=\(file)&amp;l=\(place)#new" rel="nofollow">\(number)</a></td>
        """
    }
    // A carriage return at the end would be shown as a replacement character.
    let text = line.text.hasSuffix("\r") ? String(line.text.dropLast()) : line.text
    let code: HTML = """
      <tr\(kind)>\(cell(line.old, .left))\(cell(line.new, .right))<td>\(text)</td></tr>

      """
    guard line.kind != .hunk, line.kind != .note else { return code }
    let talk = threads.filter { thread in
      thread.current?.line.map { $0 == line.number(thread.first.place.side) } ?? false
    }.map { RemarkViews.view($0, forms, showsPlace: false) }
    var form: HTML = ""
    if let choice, choice.file == file, choice.line == line.number(choice.side) {
      form = newComment(at: choice, change.path)
    }
    guard !talk.isEmpty || !form.text.isEmpty else { return code }
    return "\(code)<tr><td class=\"talk\" colspan=\"3\">\(talk)\(form)</td></tr>\n"
  }

  private func newComment(at choice: Choice, _ path: String) -> HTML {
    let review = isReviewing ? "Add to review" : "Start a review"
    let single: HTML =
      isReviewing ? "" : "<button name=\"mode\" value=\"single\">Comment now</button>"
    let form = forms.form(
      "line",
      hidden: [
        ("path", path), ("line", String(choice.line)), ("side", choice.side.rawValue),
        ("commit_id", head.hex),
      ],
      """
      <textarea name="body" required autofocus aria-label="Comment on line \(choice.line)"\
       placeholder="Comment on line \(choice.line)"></textarea>
      <button class="main" name="mode" value="review">\(review)</button>\(single)
      <a href="\(forms.path)#f\(choice.file)">Cancel</a>
      """)
    return "<div class=\"box pad\" id=\"new\">\(form)</div>"
  }
}
