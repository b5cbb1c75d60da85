import Domain
import Text

/// What a task's text says about its title and its branch, if the user names none.
struct TaskDraft {
  private static let titleMax = 72
  private static let branchMax = 40
  private static let branchPrefix = "aipm/"

  /// The whole text without white space at its ends.
  let objective: String
  /// The first line, cut at a word.
  let title: String

  /// - Returns: nil if the text is empty.
  init?(_ text: String) {
    objective = text.trimmed
    let lines = objective.split(whereSeparator: \.isNewline).map { String($0).trimmed }
    // A heading of Markdown is a title.
    let first = lines.lazy.map { String($0.drop { $0 == "#" }).trimmed }.first { !$0.isEmpty }
    guard let first else { return nil }
    title = Self.cut(first, to: Self.titleMax)
  }

  private static func cut(_ line: String, to limit: Int) -> String {
    guard line.count > limit else { return line }
    let start = line.prefix(limit)
    let words = start.lastIndex(of: " ").map { start[..<$0] } ?? start
    return String(words).trimmed + "…"
  }

  /// `aipm/add-export-button`. The server adds a timestamp, so it need not be unique.
  static func branch(from title: String) -> String {
    var slug = ""
    for character in title.lowercased() {
      let isPlain = character.isASCII && (character.isLetter || character.isNumber)
      if isPlain {
        slug.append(character)
      } else if !slug.isEmpty, slug.last != "-", character != "'", character != "’" {
        slug.append("-")
      }
    }
    if slug.count > branchMax {
      let start = slug.prefix(branchMax + 1)
      slug = String(start.lastIndex(of: "-").map { start[..<$0] } ?? start.prefix(branchMax))
    }
    while slug.last == "-" { slug.removeLast() }
    return branchPrefix + (slug.isEmpty ? "task" : slug)
  }
}
