/// Swift code with everything blanked out that is not code.
enum MaskedSwift {
  /// Replaces what comments and literals of text say by spaces, byte for byte; lines stay where
  /// they are, and the quotes of a text stay too. What is interpolated into a text is blanked with
  /// it.
  static func mask(_ text: String) -> String {
    var scanner = Scanner(bytes: Array(text.utf8))
    scanner.run()
    return String(decoding: scanner.bytes, as: UTF8.self)
  }

  private struct Scanner {
    var bytes: [UInt8]
    var index = 0

    static let newline = UInt8(ascii: "\n")
    static let quote = UInt8(ascii: "\"")
    static let hash = UInt8(ascii: "#")
    static let slash = UInt8(ascii: "/")
    static let star = UInt8(ascii: "*")
    static let backslash = UInt8(ascii: "\\")

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func run() {
      while index < bytes.count {
        guard [Self.slash, Self.quote, Self.hash].contains(bytes[index]) else {
          index += 1
          continue
        }
        if starts("//") {
          while index < bytes.count, bytes[index] != Self.newline { blank() }
        } else if starts("/*") {
          comment()
        } else if let literal = literalOpening() {
          if literal.isRegex { regex(hashes: literal.hashes) } else { string(literal) }
        } else {
          index += 1
        }
      }
    }

    private func starts(_ word: String) -> Bool { bytes[index...].starts(with: word.utf8) }

    private mutating func blank() {
      if bytes[index] != Self.newline { bytes[index] = UInt8(ascii: " ") }
      index += 1
    }

    private mutating func blank(_ count: Int) {
      for _ in 0..<min(count, bytes.count - index) { blank() }
    }

    private mutating func comment() {
      var depth = 0
      repeat {
        if starts("/*") {
          depth += 1
          blank(2)
        } else if starts("*/") {
          depth -= 1
          blank(2)
        } else {
          blank()
        }
      } while depth > 0 && index < bytes.count
    }

    struct Literal {
      var hashes: Int
      var quotes: Int
      var isRegex = false
    }

    /// A text or an extended regex that opens here.
    private func literalOpening() -> Literal? {
      let hashes = bytes[index...].prefix { $0 == Self.hash }.count
      let rest = bytes[(index + hashes)...]
      if rest.starts(with: "\"\"\"".utf8) { return Literal(hashes: hashes, quotes: 3) }
      if rest.first == Self.quote { return Literal(hashes: hashes, quotes: 1) }
      if hashes > 0, rest.first == Self.slash {
        return Literal(hashes: hashes, quotes: 0, isRegex: true)
      }
      return nil
    }

    private mutating func string(_ literal: Literal) {
      let hashes = String(repeating: "#", count: literal.hashes)
      let closing = String(repeating: "\"", count: literal.quotes) + hashes
      let escape = "\\" + hashes
      index += literal.hashes + literal.quotes
      while index < bytes.count {
        if starts(closing) {
          index += literal.quotes + literal.hashes
          return
        }
        if starts(escape + "(") {
          blank(escape.utf8.count + 1)
          interpolation()
        } else if starts(escape) {
          blank(escape.utf8.count + 1)
        } else if bytes[index] == Self.newline, literal.quotes == 1 {
          return
        } else {
          blank()
        }
      }
    }

    /// Up to the parenthesis that closes it; texts within are texts of their own.
    private mutating func interpolation() {
      var depth = 1
      while index < bytes.count, depth > 0 {
        if let literal = literalOpening(), !literal.isRegex {
          let start = index
          string(literal)
          let end = index
          index = start
          blank(end - start)
          continue
        }
        if bytes[index] == UInt8(ascii: "(") { depth += 1 }
        if bytes[index] == UInt8(ascii: ")") { depth -= 1 }
        blank()
      }
    }

    private mutating func regex(hashes: Int) {
      let closing = "/" + String(repeating: "#", count: hashes)
      index += hashes + 1
      while index < bytes.count, !starts(closing) { blank() }
      index = min(bytes.count, index + closing.utf8.count)
    }
  }
}
