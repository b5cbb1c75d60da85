// A command line given as one string, split into an argument list.

/// Splits as a POSIX shell splits words, and does nothing else that a shell does: no variables,
/// no globs, no pipes; `$`, `*` and `|` stand for themselves.
package enum ShellWords {
  /// Why a command line cannot be split.
  package enum Fault: Error, Equatable, Sendable, CustomStringConvertible {
    /// There is no word in it.
    case empty
    /// A quote, at this character counted from 1, has no partner.
    case unbalanced(quote: Character, at: Int)
    /// It ends in a backslash that has nothing to escape.
    case danglingBackslash
    /// Arguments of a process cannot hold NUL.
    case containsNUL

    package var description: String {
      switch self {
      case .empty: "the command is empty; write a program and its arguments"
      case .unbalanced(let quote, let position):
        "the quote \(quote) at character \(position) is never closed; "
          + "close it, or write \\\(quote) where it stands for itself"
      case .danglingBackslash:
        "the command ends in a backslash; write \\\\ where it stands for itself"
      case .containsNUL: "the command holds a NUL character; leave it out"
      }
    }
  }

  /// - Parameter line: words parted by blanks; `'…'` keeps all, `"…"` all but backslash before
  ///   `"`, `\`, `$`, a backquote and a line's end; a backslash outside quotes escapes anything.
  /// - Returns: at least one word; a quoted empty word counts.
  package static func split(_ line: String) throws(Fault) -> [String] {
    var words: [String] = []
    var word: String?
    let scalars = Array(line.unicodeScalars)
    if scalars.contains("\0") { throw .containsNUL }
    var index = 0
    while index < scalars.count {
      let scalar = scalars[index]
      switch scalar {
      case " ", "\t", "\n", "\r":
        if let ended = word { words.append(ended) }
        word = nil
        index += 1
      case "'", "\"":
        let (text, next) = try quoted(scalars, from: index)
        word = (word ?? "") + text
        index = next
      case "\\":
        guard index + 1 < scalars.count else { throw .danglingBackslash }
        // A shell joins lines here.
        if scalars[index + 1] != "\n" { word = append(scalars[index + 1], to: word) }
        index += 2
      default:
        word = append(scalar, to: word)
        index += 1
      }
    }
    if let ended = word { words.append(ended) }
    if words.isEmpty { throw .empty }
    return words
  }

  private static func append(_ scalar: Unicode.Scalar, to word: String?) -> String {
    var text = word ?? ""
    text.unicodeScalars.append(scalar)
    return text
  }

  /// The text within the quote that opens at `start`, and the index after the one that closes it.
  private static func quoted(
    _ scalars: [Unicode.Scalar], from start: Int
  ) throws(Fault) -> (String, Int) {
    let quote = scalars[start]
    var text = ""
    var index = start + 1
    while index < scalars.count {
      let scalar = scalars[index]
      if scalar == quote { return (text, index + 1) }
      if quote == "\"", scalar == "\\", index + 1 < scalars.count {
        let next = scalars[index + 1]
        switch next {
        case "\"", "\\", "$", "`": text.unicodeScalars.append(next)
        case "\n": break
        default:
          text.unicodeScalars.append(scalar)
          text.unicodeScalars.append(next)
        }
        index += 2
        continue
      }
      text.unicodeScalars.append(scalar)
      index += 1
    }
    throw .unbalanced(quote: Character(quote), at: start + 1)
  }
}
