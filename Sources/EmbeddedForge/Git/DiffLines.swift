// The lines of a file's diff, with their numbers on both sides, and how numbers move between
// versions of a file.

import Processes

/// One line of a patch.
struct DiffLine: Sendable, Equatable {
  enum Kind: Sendable {
    case hunk, context, added, removed
    /// Such as `\ No newline at end of file`.
    case note
  }

  var kind: Kind
  /// The number before the change.
  var old: Int?
  /// The number after the change.
  var new: Int?
  /// The number of the hunk, from 0.
  var hunk: Int
  /// With its first character.
  var text: String

  /// The number on one side; nil if the line is not there.
  func number(_ side: DiffPlace.Side) -> Int? { side == .left ? old : new }
}

/// The hunks of one file.
struct FileDiff: Sendable {
  /// The index is GitHub's `position`: the line below the first `@@` has 1.
  let lines: [DiffLine]

  init(patch: String) {
    var lines: [DiffLine] = []
    var (old, new, hunk) = (0, 0, -1)
    // Bytes, because in a String, CR LF is one character and not a line end.
    for bytes in patch.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      let text = String(Substring(bytes))
      var line = DiffLine(kind: .context, hunk: hunk, text: text)
      switch bytes.first {
      case UInt8(ascii: "@"):
        guard let range = HunkRange(header: text) else { continue }
        hunk += 1
        (old, new) = (range.old, range.new)
        (line.kind, line.hunk) = (.hunk, hunk)
      case UInt8(ascii: "+"):
        (line.kind, line.new) = (.added, new)
        new += 1
      case UInt8(ascii: "-"):
        (line.kind, line.old) = (.removed, old)
        old += 1
      case UInt8(ascii: "\\"): line.kind = .note
      case _:
        (line.old, line.new) = (old, new)
        old += 1
        new += 1
      }
      lines.append(line)
    }
    self.lines = lines
  }

  /// The position of a line; nil if the diff does not show it.
  func position(of number: Int, on side: DiffPlace.Side) -> Int? {
    lines.firstIndex { $0.number(side) == number }
  }

  /// The most lines of a hunk that a comment keeps.
  private static let hunkLinesMax = 200

  /// The hunk of a position, from its header to this line, as in GitHub's `diff_hunk`. A long hunk
  /// is cut after the header.
  func hunk(upTo position: Int) -> String {
    guard lines.indices.contains(position) else { return "" }
    let number = lines[position].hunk
    let shown = lines[...position].filter { $0.hunk == number }
    let tail = shown.dropFirst().suffix(Self.hunkLinesMax)
    return (shown.prefix(1) + tail).map(\.text).joined(separator: "\n")
  }
}

/// `@@ -old,oldCount +new,newCount @@`; a count of 1 is left out.
struct HunkRange: Sendable, Equatable {
  var old: Int
  var oldCount: Int
  var new: Int
  var newCount: Int

  init?(header: String) {
    let parts = header.split(separator: " ", maxSplits: 3)
    guard parts.count >= 3, parts[0] == "@@", let old = Self.range(parts[1], "-"),
      let new = Self.range(parts[2], "+")
    else { return nil }
    (self.old, oldCount) = old
    (self.new, newCount) = new
  }

  private static func range(_ text: Substring, _ sign: Character) -> (Int, Int)? {
    guard text.first == sign else { return nil }
    let numbers = text.dropFirst().split(separator: ",").map { Int($0) }
    guard let start = numbers.first ?? nil else { return nil }
    guard numbers.count > 1 else { return (start, 1) }
    return numbers[1].map { (start, $0) }
  }
}

/// Where the lines of a file went between two versions.
struct LineMap: Sendable {
  /// From a diff without context, in order.
  let changes: [HunkRange]

  /// The new number of a line; nil if it was changed or removed.
  func moved(_ line: Int) -> Int? {
    var offset = 0
    for change in changes {
      // A change without old lines is after line `old`.
      let first = change.oldCount == 0 ? change.old + 1 : change.old
      if line < first { break }
      if line < first + change.oldCount { return nil }
      offset += change.newCount - change.oldCount
    }
    return line + offset
  }
}

extension BareRepository {
  /// Where the lines of a file went from one commit to another; nil if the file is no longer there.
  func lineMap(of path: String, from old: ObjectName, to new: ObjectName) async throws -> LineMap? {
    if old == new { return LineMap(changes: []) }
    let patch = try await git(
      ["diff-tree", "-r", "-p", "-U0", old.hex, new.hex, "--", ":(literal)\(path)"])
    var changes: [HunkRange] = []
    let lines = patch.standardOutput.split(separator: UInt8(ascii: "\n"))
    for line in lines {
      if line.starts(with: "deleted file mode ".utf8) { return nil }
      guard line.starts(with: "@@ ".utf8) else { continue }
      HunkRange(header: String(decoding: line, as: UTF8.self)).map { changes.append($0) }
    }
    return LineMap(changes: changes)
  }
}
