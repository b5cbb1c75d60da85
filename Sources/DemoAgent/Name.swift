/// An identifier of two or more words in lowercase ASCII letters and digits, beginning with a
/// letter. Each language formats it in its own way. It has two words, because no keyword and no
/// module of Python's library has two.
struct Name: Equatable {
  var words: [String]

  /// Takes the significant words of a text.
  /// - Parameters:
  ///   - wordsMax: the maximum number of words.
  ///   - fallback: used if the text has too few words.
  init(of text: String, wordsMax: Int, or fallback: String) {
    let isLetterOrDigit = { (byte: UInt8) in
      (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
    }
    let found = text.utf8.prefix(2000).split { !isLetterOrDigit($0) }
      .compactMap { String($0)?.lowercased() }
    let significant = found.filter { !Self.filler.contains($0) }
    words = Array((significant.isEmpty ? found : significant).prefix(wordsMax)).map {
      String($0.prefix(20))
    }
    if words.isEmpty { words = [fallback] }
    if words[0].utf8.first.map({ (48...57).contains($0) }) ?? true { words.insert(fallback, at: 0) }
    if words.count == 1 { words.append(words[0] == fallback ? "one" : fallback) }
  }

  /// Two names may be used together only if their keys differ, in every format.
  var key: String { words.joined() }

  /// The name, with a number if it is taken.
  func numbered(ifTaken isTaken: (Name) -> Bool) -> Name {
    var candidate = self
    var number = 2
    while isTaken(candidate) {
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

  private static let filler: Set<String> = [
    "a", "an", "and", "are", "as", "at", "be", "by", "can", "for", "from", "has", "have", "in",
    "is", "it", "its", "of", "on", "or", "our", "should", "so", "that", "the", "their", "then",
    "there", "this", "to", "user", "users", "we", "when", "will", "with", "you",
  ]
}
