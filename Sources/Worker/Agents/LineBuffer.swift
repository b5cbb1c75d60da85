// Bytes that come in pieces, as lines, in bounded memory.

import Glibc

/// Cuts a stream into lines. One that is longer than the limit is told in pieces, as it comes.
struct LineBuffer: Sendable {
  private let limit: Int
  private var held: [UInt8] = []
  /// Whether a line that is too long goes on.
  private var isLong = false
  /// Whether some line was too long so far.
  private(set) var hasOverflowed = false

  /// - Parameter limit: in bytes, for one line.
  init(limit: Int) { self.limit = limit }

  /// Takes bytes in, and hands on each line that they complete, without its end.
  /// - Parameter long: takes the next piece of a line that is too long, and whether it is the last.
  mutating func take(
    _ chunk: [UInt8], long: (ArraySlice<UInt8>, _ isEnd: Bool) -> Void = { _, _ in },
    _ line: (ArraySlice<UInt8>) throws -> Void
  ) rethrows {
    var start = 0
    while start < chunk.count {
      let end = Self.lineEnd(chunk, from: start)
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

  /// The line that no end came for; nil where there is none.
  mutating func rest() -> [UInt8]? {
    defer { held = [] }
    return held.isEmpty ? nil : held
  }

  private static func lineEnd(_ chunk: [UInt8], from start: Int) -> Int? {
    chunk.withUnsafeBytes { all -> Int? in
      guard let base = all.baseAddress,
        let found = memchr(base + start, 0x0a, all.count - start)
      else { return nil }
      return UnsafeRawPointer(found) - base
    }
  }
}
