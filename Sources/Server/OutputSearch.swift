import Glibc

/// What is looked for in an output. It compares bytes in the C library, since an output may have
/// many megabytes.
struct OutputSearch: Sendable {
  /// In lowercase, each with a 0 at its end for the C library.
  private let wanted: [[UInt8]]
  private let isOfErrors: Bool

  /// What looks like an error.
  static let errors = OutputSearch(wanted: errorStems, isOfErrors: true)

  private init(wanted: [[UInt8]], isOfErrors: Bool) {
    self.wanted = wanted.map { $0 + [0] }
    self.isOfErrors = isOfErrors
  }

  /// The letters of ASCII match in both cases.
  init(text: String) {
    let bytes = text.utf8.map(Self.lowered)
    // A line has none of these; the C library would end at the first.
    let isPossible = !bytes.isEmpty && !bytes.contains(0) && !bytes.contains(0x0a)
    self.init(wanted: isPossible ? [bytes] : [], isOfErrors: false)
  }

  /// The length of the longest match, in bytes, with what is looked at around it.
  var lengthMax: Int { isOfErrors ? 32 : wanted.first.map { $0.count - 1 } ?? 1 }

  /// A line that matches.
  struct Match {
    /// Of the line, from 0.
    var number: Int
    var line: Range<Int>
    /// Where the match begins.
    var at: Int
  }

  /// Calls `body` with the first match of each line, until it returns false.
  /// - Parameter text: lines without the control character 0.
  /// - Returns: false if `body` did.
  func forEachLine(of text: [UInt8], _ body: (Match) throws -> Bool) rethrows -> Bool {
    try Self.lowered(text).withUnsafeBufferPointer { lowered in
      guard let base = lowered.baseAddress else { return true }
      // Where each of the wanted words is next.
      var next = wanted.map { Self.offset(of: $0, in: base, from: 0) }
      var breaks = LineBreaks(upTo: text.count)
      while true {
        // Written out, since most of what may be an error is not one.
        var (at, first) = (text.count, 0)
        var index = 0
        while index < next.count {
          if next[index] < at { (at, first) = (next[index], index) }
          index += 1
        }
        guard at < text.count else { return true }
        guard !isOfErrors || Self.isError(at, in: base) else {
          next[first] = Self.offset(of: wanted[first], in: base, from: at + 1)
          continue
        }
        let line = breaks.line(of: at, in: base)
        guard try body(Match(number: breaks.count, line: line, at: at)) else { return false }
        for (index, place) in next.enumerated() where place < line.upperBound {
          next[index] = Self.offset(of: wanted[index], in: base, from: line.upperBound)
        }
      }
    }
  }

  /// - Returns: a number beyond each text if it is absent.
  private static func offset(
    of word: [UInt8], in base: UnsafePointer<UInt8>, from start: Int
  ) -> Int {
    let found = word.withUnsafeBytes { word -> UnsafeMutablePointer<CChar>? in
      guard let word = word.baseAddress else { return nil }
      return strstr(
        UnsafeRawPointer(base + start).assumingMemoryBound(to: CChar.self),
        word.assumingMemoryBound(to: CChar.self))
    }
    guard let found else { return .max }
    return UnsafeRawPointer(found) - UnsafeRawPointer(base)
  }

  // MARK: Errors

  /// The beginnings of the words.
  private static let errorStems = ["error", "fatal", "fail", "exception", "panic", "traceback"]
    .map { Array($0.utf8) }

  private static let errorWords = [
    "error", "errors", "fatal", "failed", "failure", "exception", "panic", "panicked", "traceback",
  ].map { Array($0.utf8) }
  private static let noneWords = ["0", "no", "without"].map { Array($0.utf8) }

  /// Whether it is a whole word, and not a count of none, as in `0 errors` and `no errors`; nor a
  /// member of JSON.
  private static func isError(_ at: Int, in base: UnsafePointer<UInt8>) -> Bool {
    if at > 0, isWord(base[at - 1]) || base[at - 1] == UInt8(ascii: "\"") { return false }
    // The text ends with a 0, which is no part of a word.
    var end = at
    while isWord(base[end]) { end += 1 }
    return isOne(of: errorWords, at, end, in: base) && !isNone(before: at, in: base)
  }

  /// Whether the word before it, in the same line, denies it.
  private static func isNone(before at: Int, in base: UnsafePointer<UInt8>) -> Bool {
    let blank = UInt8(ascii: " ")
    let first = max(0, at - 10)
    var end = at
    while end > first, base[end - 1] == blank { end -= 1 }
    guard end < at else { return false }
    var start = end
    while start > first, base[start - 1] != blank, base[start - 1] != 0x0a { start -= 1 }
    return isOne(of: noneWords, start, end, in: base)
  }

  private static func isOne(
    of words: [[UInt8]], _ start: Int, _ end: Int, in base: UnsafePointer<UInt8>
  ) -> Bool {
    var index = 0
    while index < words.count {
      let word = words[index]
      if word.count == end - start, memcmp(word, base + start, word.count) == 0 { return true }
      index += 1
    }
    return false
  }

  private static func isWord(_ byte: UInt8) -> Bool {
    byte &- 97 < 26 || byte &- 48 < 10 || byte &- 65 < 26 || byte == 0x5f || byte >= 0x80
  }

  // MARK: Bytes

  private static func lowered(_ byte: UInt8) -> UInt8 {
    byte &- 65 < 26 ? byte | 32 : byte
  }

  /// The text in lowercase, with a 0 at its end for the C library.
  private static func lowered(_ text: [UInt8]) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: text.count + 1) { out, count in
      text.withUnsafeBufferPointer { text in
        var index = 0
        while index < text.count {
          // Written out: a call for each byte would be slow in a debug build.
          let byte = text[index]
          out[index] = byte &- 65 < 26 ? byte | 32 : byte
          index += 1
        }
      }
      out[text.count] = 0
      count = text.count + 1
    }
  }
}

/// Counts line ends.
struct LineBreaks {
  /// How many there were so far.
  private(set) var count = 0
  /// The offset of the last one; nil if there was none.
  private(set) var last: Int?
  private let length: Int

  /// - Parameter length: of the text.
  init(upTo length: Int) { self.length = length }

  /// All of a text.
  init(in text: [UInt8]) {
    length = text.count
    text.withUnsafeBufferPointer { text in
      guard let base = text.baseAddress else { return }
      take(to: text.count, in: base)
    }
  }

  private var start: Int { last.map { $0 + 1 } ?? 0 }

  private mutating func take(to end: Int, in base: UnsafePointer<UInt8>) {
    while let next = Self.next(in: base, from: start, to: end) {
      last = next
      count += 1
    }
  }

  /// The line around an offset, without its end; offsets must not decrease. Afterwards `count` is
  /// its number from 0.
  mutating func line(of at: Int, in base: UnsafePointer<UInt8>) -> Range<Int> {
    take(to: at, in: base)
    return start..<(Self.next(in: base, from: at, to: length) ?? length)
  }

  /// The offset of the next line end; nil if absent before `end`.
  static func next(in base: UnsafePointer<UInt8>, from start: Int, to end: Int) -> Int? {
    guard start < end, let found = memchr(base + start, 0x0a, end - start) else { return nil }
    return UnsafeRawPointer(found) - UnsafeRawPointer(base)
  }
}
