// Splits bytes that arrive in chunks into lines, in bounded memory.

import Workflows

/// Splits a stream into lines. A line that exceeds the limit is passed on in pieces.
struct LineBuffer: Sendable {
  private let limit: Int
  private var held: [UInt8] = []
  /// Whether a too long line continues.
  private var isLong = false
  /// Whether any line was too long so far.
  private(set) var hasOverflowed = false

  /// - Parameter limit: in bytes, for one line.
  init(limit: Int) { self.limit = limit }

  /// Adds bytes, and passes on each completed line without its end.
  /// - Parameter long: called with the next piece of a too long line, and whether it is the last.
  mutating func take(
    _ chunk: [UInt8], long: (ArraySlice<UInt8>, _ isEnd: Bool) -> Void = { _, _ in },
    _ line: (ArraySlice<UInt8>) throws -> Void
  ) rethrows {
    var start = 0
    while start < chunk.count {
      let end = chunk.withUnsafeBytes { ByteSearch.index(of: [0x0a], in: $0, from: start) }
      let part = chunk[start..<(end ?? chunk.count)]
      if isLong {
        long(part, end != nil)
        isLong = end == nil
      } else if held.count + part.count > limit {
        hasOverflowed = true
        if !held.isEmpty { long(held[...], false) }
        held = []
        long(part, end != nil)
        isLong = end == nil
      } else if end == nil {
        held += part
      } else if held.isEmpty {
        try line(part)
      } else {
        held += part
        try line(held[...])
        held.removeAll(keepingCapacity: held.count < 1 << 16)
      }
      guard let end else { return }
      start = end + 1
    }
  }

  /// The last line, if it was not ended; nil otherwise.
  mutating func rest() -> [UInt8]? {
    defer { held = [] }
    return held.isEmpty ? nil : held
  }
}
