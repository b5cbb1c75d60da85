// The words in a pull request's description that close issues when it is merged into the default
// branch, as GitHub's documentation lists them ("Linking a pull request to an issue").

enum ClosingWords {
  private static let words: Set<Substring> = [
    "close", "closes", "closed", "fix", "fixes", "fixed", "resolve", "resolves", "resolved",
  ]
  /// The most issues that one description closes.
  private static let issuesMax = 100

  /// The numbers after such words, as in `Closes #12`, of the same repository.
  static func issues(in text: String) -> [Int] {
    let parts = text.lowercased().split { $0.isWhitespace || $0 == "," || $0 == "." }
    var numbers: [Int] = []
    for (word, next) in zip(parts, parts.dropFirst()) where next.first == "#" {
      let name = word.last == ":" ? word.dropLast() : word
      guard words.contains(name), let number = Int(next.dropFirst()), number > 0 else { continue }
      numbers.append(number)
    }
    return Array(numbers.prefix(issuesMax))
  }
}
