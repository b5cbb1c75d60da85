/// An identifier as two words or more of lowercase ASCII letters and digits, the first of which
/// begins with a letter; each language writes it its own way. Two words, for no language keeps such
/// a name for itself, and no library of Python has it.
struct Name: Equatable {
  var words: [String]

  /// Takes the words of a text that say most.
  /// - Parameters:
  ///   - wordsMax: how many words it has at most.
  ///   - fallback: stands in for words that the text does not have.
  init(of text: String, wordsMax: Int, or fallback: String) {
    let isLetterOrDigit = { (byte: UInt8) in
      (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
    }
    let found = text.utf8.prefix(2000).split { !isLetterOrDigit($0) }
      .compactMap { String($0)?.lowercased() }
    let telling = found.filter { !Self.filler.contains($0) }
    words = Array((telling.isEmpty ? found : telling).prefix(wordsMax)).map {
      String($0.prefix(20))
    }
    if words.isEmpty { words = [fallback] }
    if words[0].utf8.first.map({ (48...57).contains($0) }) ?? true { words.insert(fallback, at: 0) }
    if words.count == 1 { words.append(words[0] == fallback ? "one" : fallback) }
  }

  /// What must differ between names that are used side by side, however they are written.
  var key: String { words.joined() }

  /// The name itself, or with the lowest number that makes its key free.
  func free(among taken: Set<String>) -> Name {
    var candidate = self
    var number = 2
    while taken.contains(candidate.key) {
      candidate = self
      candidate.words.append("\(number)")
      number += 1
    }
    return candidate
  }

  var snake: String { words.joined(separator: "_") }
  var kebab: String { words.joined(separator: "-") }
  var pascal: String { words.map(Self.capitalized).joined() }
  var camel: String { words[0] + words.dropFirst().map(Self.capitalized).joined() }

  private static func capitalized(_ word: String) -> String {
    word.prefix(1).uppercased() + word.dropFirst()
  }

  /// Words that say little of what is to be made.
  private static let filler: Set<String> = [
    "a", "an", "and", "are", "as", "at", "be", "by", "can", "for", "from", "has", "have", "in",
    "is", "it", "its", "of", "on", "or", "our", "should", "so", "that", "the", "their", "then",
    "there", "this", "to", "user", "users", "we", "when", "will", "with", "you",
  ]
}
