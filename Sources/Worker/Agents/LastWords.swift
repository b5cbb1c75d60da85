import Text
import Workflows

/// The last words of an agent, for people: in replies on a pull request and in the next prompt.
enum LastWords {
  static let charactersMax = 4000

  /// - Parameter bytes: the end of what the agent said. It may begin within a character.
  /// - Parameter isNumbered: whether only the answers that the prompt asked for are words: from the
  ///   first line that begins with a number in brackets. Other output may be anything, and these
  ///   words are published on the pull request.
  /// - Returns: nil if there are no visible characters.
  static func text(_ bytes: [UInt8], isNumbered: Bool = false) -> String? {
    let plain = TerminalFilter.filtered(bytes)
    let whole = plain.drop { $0 & 0xc0 == 0x80 }
    let text = String(decoding: whole, as: UTF8.self)
      .split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
      .drop {
        isNumbered ? AgentWords.answer(beginningAt: $0) == nil : $0.allSatisfy(\.isWhitespace)
      }
      .joined(separator: "\n")
    let said = String(text.unicodeScalars.suffix(charactersMax)).trimmedEnd
    return said.isEmpty ? nil : said
  }
}
