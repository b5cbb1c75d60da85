// Bytes that come in pieces, as lines, in bounded memory.

import Glibc

/// Cuts a stream into lines. One that is longer than the limit is passed over, and told.
struct LineBuffer: Sendable {
  private let limit: Int
  private var held: [UInt8] = []
  private var isPassingOver = false
  /// Whether some line was passed over so far.
  private(set) var hasOverflowed = false

  /// - Parameter limit: in bytes, for one line.
  init(limit: Int) { self.limit = limit }

  /// Takes bytes in, and hands on each line that they complete, without its end.
  mutating func take(_ chunk: [UInt8], _ line: (ArraySlice<UInt8>) throws -> Void) rethrows {
    var start = 0
    while start < chunk.count {
      guard let end = Self.lineEnd(chunk, from: start) else {
        hold(chunk[start...])
        return
      }
      if isPassingOver {
        isPassingOver = false
      } else if held.isEmpty, end - start <= limit {
        try line(chunk[start..<end])
      } else {
        hold(chunk[start..<end])
        if isPassingOver { isPassingOver = false } else { try line(held[...]) }
        held.removeAll(keepingCapacity: held.count < 1 << 16)
      }
      start = end + 1
    }
  }

  /// The line that no end came for; nil where there is none.
  mutating func rest() -> [UInt8]? {
    defer { held = [] }
    return held.isEmpty ? nil : held
  }

  private mutating func hold(_ bytes: ArraySlice<UInt8>) {
    guard !isPassingOver else { return }
    guard held.count + bytes.count <= limit else {
      held = []
      isPassingOver = true
      hasOverflowed = true
      return
    }
    held += bytes
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
