// Splitting a command line into an argument list.

/// Splits words as a POSIX shell does, without its other functions: no variables, globs or pipes;
/// `$`, `*` and `|` are literal.
package enum ShellWords {
  /// Why a command line cannot be split.
  package enum Fault: Error, Equatable, Sendable, CustomStringConvertible {
    /// It has no word.
    case empty
    /// A quote, at this character counted from 1, is not closed.
    case unbalanced(quote: Character, at: Int)
    /// It ends with a backslash.
    case danglingBackslash
    /// Arguments of a process cannot contain NUL.
    case containsNUL

    package var description: String {
      switch self {
      case .empty: "the command is empty; write a program and its arguments"
      case .unbalanced(let quote, let position):
        "the quote \(quote) at character \(position) is never closed; "
          + "close it, or write \\\(quote) for the character"
      case .danglingBackslash:
        "the command ends with a backslash; write \\\\ for the character"
      case .containsNUL: "the command contains a NUL character; remove it"
      }
    }
  }

  /// - Parameter line: words separated by blanks; `'…'` keeps everything, `"…"` everything except a
  ///   backslash before `"`, `\`, `$`, a backquote and a newline; a backslash outside quotes
  ///   escapes any character.
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
        // An escaped newline joins lines.
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

  /// The text in the quotes that open at `start`, and the index after the closing quote.
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
