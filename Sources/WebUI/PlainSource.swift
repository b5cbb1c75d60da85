// A script or a style sheet without the comments that stand on lines of their own. The other lines
// keep their numbers, so a browser's error names the line of the file in the sources.

/// The lines of a script or a style sheet.
enum PlainSource {
  /// Removes comment lines. A comment after code stays; the page's rules allow no line of a text
  /// that looks like the beginning of a comment.
  static func withoutComments(_ source: some Sequence<UInt8>) -> [UInt8] {
    var plain: [UInt8] = []
    var isInside = false
    for line in Array(source).split(separator: 10, omittingEmptySubsequences: false) {
      let text = line.drop { $0 == 0x20 || $0 == 0x09 }
      if !isInside, !text.starts(with: "//".utf8), !text.starts(with: "/*".utf8) {
        plain += line
      } else if isInside || text.starts(with: "/*".utf8) {
        let end = text.firstRange(of: Array("*/".utf8))?.upperBound
        isInside = end == nil
        if let end { plain += text[end...] }
      }
      plain.append(10)
    }
    plain.removeLast()
    return plain
  }
}
