// The little of Markdown that texts of pull requests use: bold, code, and comments, which are not
// shown. Everything else stays as it was written.

import Text

enum MarkdownText {
  static func html(_ text: String) -> HTML {
    let lines = withoutComments(text).split(separator: "\n", omittingEmptySubsequences: false)
    let shown = lines.map { line -> HTML in
      let parts = marked(line, "`", { "<code>\($0)</code>" }, { plain in bold(plain) })
      return "\(parts)\n"
    }
    return "\(shown)"
  }

  private static func bold(_ text: Substring) -> HTML {
    "\(marked(text, "**", { "<strong>\($0)</strong>" }, { "\($0)" }))"
  }

  /// The text with what stands between two marks in `wrap`, and the rest in `plain`. A mark without
  /// a second one stays.
  private static func marked(
    _ text: Substring, _ mark: String, _ wrap: (Substring) -> HTML, _ plain: (Substring) -> HTML
  ) -> [HTML] {
    var pieces: [HTML] = []
    var rest = text
    while let start = rest.firstRange(of: mark),
      let end = rest[start.upperBound...].firstRange(of: mark)
    {
      pieces.append(plain(rest[..<start.lowerBound]))
      pieces.append(wrap(rest[start.upperBound..<end.lowerBound]))
      rest = rest[end.upperBound...]
    }
    return pieces + [plain(rest)]
  }

  private static func withoutComments(_ text: String) -> String {
    var kept = ""
    var rest = text[...]
    while let start = rest.firstRange(of: "<!--"),
      let end = rest[start.upperBound...].firstRange(of: "-->")
    {
      kept += rest[..<start.lowerBound]
      rest = rest[end.upperBound...]
    }
    return (kept + rest).trimmed
  }
}
