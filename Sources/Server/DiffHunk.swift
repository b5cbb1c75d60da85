/// The part of a patch that a comment speaks of. A patch is bytes: paths and code may be in any
/// encoding.
enum DiffHunk {
  /// How many lines before the commented one are kept.
  private static let linesBefore = 12

  /// The lines around a line of the new version, as the forge shows them with a comment: the
  /// header of the hunk, and its lines up to the one that is meant.
  /// - Parameters:
  ///   - patch: as git writes it, with one line of code for each line.
  ///   - path: from the repository's root.
  ///   - line: in the new version, from 1.
  /// - Returns: nil if the patch does not show that line, or git quotes the path.
  static func around(_ line: Int, of path: String, in patch: [UInt8]) -> String? {
    let wanted = Array("+++ b/\(path)".utf8)
    var isInFile = false
    var header: ArraySlice<UInt8>?
    var lines: [ArraySlice<UInt8>] = []
    var number = 0
    for text in patch.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      if text.starts(with: "diff --git ".utf8) {
        (isInFile, header) = (false, nil)
      } else if header == nil, text.starts(with: "+++ ".utf8) {
        isInFile = text.elementsEqual(wanted)
      } else if isInFile, text.starts(with: "@@ -".utf8) {
        guard let start = newStart(text) else { return nil }
        (header, lines, number) = (text, [], start)
      } else if let header {
        lines.append(text)
        guard text.first != UInt8(ascii: "-"), text.first != UInt8(ascii: "\\") else { continue }
        if number == line {
          let shown = [header] + lines.suffix(linesBefore + 1)
          let bytes = Array(shown.joined(separator: [UInt8(ascii: "\n")]))
          return String(decoding: bytes, as: UTF8.self)
        }
        number += 1
      }
    }
    return nil
  }

  /// The first line of the new version that a hunk shows, from `@@ -1,2 +3,4 @@`.
  private static func newStart(_ header: ArraySlice<UInt8>) -> Int? {
    guard let plus = header.firstIndex(of: UInt8(ascii: "+")) else { return nil }
    let digits = header[(plus + 1)...].prefix { 48...57 ~= $0 }
    return Int(String(decoding: digits, as: UTF8.self))
  }
}
