// Identifiers. Each has its own type, so that a worker's name cannot be passed as a delegation's
// id.

import Text

/// A delegation: one request for code, from the form to the pushed commit. A UUIDv7, lowercase.
///
/// A UUID is stored as its sixteen bytes: a log of millions of events has hundreds of thousands of
/// ids, and looks one up for each event.
package struct DelegationID: Hashable, Comparable, Sendable, CustomStringConvertible {
  private enum Form: Hashable, Sendable {
    case uuid(UInt64, UInt64)
    /// A text that is not a UUID.
    case other(String)
  }
  private let form: Form

  package init(_ rawValue: String) {
    var text = rawValue
    form =
      text.withUTF8 { UUIDText.halves(UnsafeRawBufferPointer($0)) }.map { .uuid($0.0, $0.1) }
      ?? .other(rawValue)
  }

  /// Reads UTF-8; invalid bytes are replaced.
  package init(decoding utf8: UnsafeRawBufferPointer) {
    form =
      UUIDText.halves(utf8).map { .uuid($0.0, $0.1) }
      ?? .other(String(decoding: utf8, as: UTF8.self))
  }

  package var rawValue: String {
    switch form {
    case .uuid(let high, let low): UUIDText.encode(high, low)
    case .other(let text): text
    }
  }
  package var description: String { rawValue }
  package static func < (a: Self, b: Self) -> Bool {
    if case .uuid(let high, let low) = a.form, case .uuid(let otherHigh, let otherLow) = b.form {
      return (high, low) < (otherHigh, otherLow)
    }
    return a.rawValue < b.rawValue
  }
}

/// A worker process by name; the name outlives the process.
package struct WorkerID: Hashable, Comparable, Sendable, CustomStringConvertible {
  package let rawValue: String
  package init(_ rawValue: String) { self.rawValue = rawValue }
  package var description: String { rawValue }
  package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

/// The name of a git object in hex: a commit, or the blob of a file.
///
/// A SHA-1 is stored as its twenty bytes, like the ids of delegations.
package struct ObjectID: Hashable, Sendable, CustomStringConvertible {
  private enum Form: Hashable, Sendable {
    case sha1(UInt64, UInt64, UInt32)
    /// A SHA-256, or any other name from a forge.
    case other(String)
  }
  private let form: Form

  package init(_ rawValue: String) {
    var text = rawValue
    form = text.withUTF8 { Self.sha1(UnsafeRawBufferPointer($0)) } ?? .other(rawValue)
  }

  /// Reads UTF-8; invalid bytes are replaced.
  package init(decoding utf8: UnsafeRawBufferPointer) {
    form = Self.sha1(utf8) ?? .other(String(decoding: utf8, as: UTF8.self))
  }

  private static func sha1(_ digits: UnsafeRawBufferPointer) -> Form? {
    guard digits.count == 40 else { return nil }
    func pair(_ start: Int) -> UInt64? {
      guard let high = Hex.number(digits, at: start),
        let low = Hex.number(digits, at: start + 8)
      else { return nil }
      return UInt64(high) << 32 | UInt64(low)
    }
    guard let first = pair(0), let second = pair(16),
      let third = Hex.number(digits, at: 32)
    else { return nil }
    return .sha1(first, second, third)
  }

  package var rawValue: String {
    switch form {
    case .sha1(let first, let second, let third):
      withUnsafeBytes(of: (first.bigEndian, second.bigEndian, third.bigEndian)) { bytes in
        Hex.encode(UnsafeRawBufferPointer(rebasing: bytes[..<20]))
      }
    case .other(let text): text
    }
  }
  package var description: String { rawValue }
}

/// A time: whole milliseconds since 1970-01-01T00:00:00Z, the resolution of the log.
package struct Timestamp: Hashable, Comparable, Sendable {
  package var milliseconds: Int64
  package init(milliseconds: Int64) { self.milliseconds = milliseconds }

  package static func < (a: Self, b: Self) -> Bool { a.milliseconds < b.milliseconds }
  package static func + (a: Self, b: Milliseconds) -> Self {
    Self(milliseconds: a.milliseconds + b.count)
  }
  package static func - (a: Self, b: Milliseconds) -> Self {
    Self(milliseconds: a.milliseconds - b.count)
  }
  package static func - (a: Self, b: Self) -> Milliseconds {
    Milliseconds(a.milliseconds - b.milliseconds)
  }
}

extension Timestamp {
  /// `2026-11-23T12:00:00.123Z`.
  package var iso8601: String { ISO8601.text(milliseconds) }

  /// Its month in UTC: `2026-11`.
  package var month: String { prefix("2026-11".utf8.count) }

  /// Its day in UTC: `2026-11-23`.
  package var day: String { prefix("2026-11-23".utf8.count) }

  private func prefix(_ count: Int) -> String {
    String(decoding: iso8601.utf8.prefix(count), as: UTF8.self)
  }

  /// Reads `2026-11-23T12:00:00.123Z`. The fraction, the seconds, or the `T` and the whole time of
  /// day may be absent; nil if the text is not such a time, or names a day that does not exist.
  package init?(iso8601 text: String) {
    guard let milliseconds = ISO8601.milliseconds(text) else { return nil }
    self.init(milliseconds: milliseconds)
  }
}

/// A span of time in whole milliseconds.
package struct Milliseconds: Hashable, Comparable, Sendable {
  package var count: Int64
  /// `35 ms`, `2.3 s`, `3 min 4 s`, `2 h 5 min`, `4 d 3 h`.
  package var text: String { TimeSpan.text(milliseconds: count) }
  package init(_ count: Int64) { self.count = count }
  /// `n` seconds.
  package static func seconds(_ n: Int64) -> Self { Self(n * 1000) }
  package static func - (a: Self, b: Self) -> Self { Self(a.count - b.count) }
  package static func + (a: Self, b: Self) -> Self { Self(a.count + b.count) }
  package static func < (a: Self, b: Self) -> Bool { a.count < b.count }
}

/// The millisecond timestamp that makes a branch name and a confirmation code unique in a log.
/// It may run ahead of the clock: two delegations of one millisecond get neighbours.
package struct Stamp: Hashable, Comparable, Sendable {
  package let milliseconds: Int64
  package init(milliseconds: Int64) { self.milliseconds = milliseconds }

  /// For a request that is not recorded yet.
  package static let unassigned = Stamp(milliseconds: 0)

  /// What users quote: `PR1733356800123`.
  package var confirmationCode: String { "PR\(milliseconds)" }

  /// Reads a confirmation code; nil if the text is invalid.
  package init?(confirmationCode: String) {
    guard confirmationCode.hasPrefix("PR"), let n = Int64(confirmationCode.dropFirst(2)), n > 0
    else { return nil }
    self.init(milliseconds: n)
  }

  package static func < (a: Self, b: Self) -> Bool { a.milliseconds < b.milliseconds }
}

/// The fencing token of a lease. Tokens only increase: each start of a server takes the next epoch,
/// and the counter increases within it. A result with another token than the lease's is refused.
package struct FencingToken: Hashable, Comparable, Sendable {
  package let epoch: Int64
  package let counter: Int64

  package init(epoch: Int64, counter: Int64) {
    self.epoch = epoch
    self.counter = counter
  }

  /// Both in one integer, in the same order; the counter has 32 bits.
  package init(packed: Int64) {
    self.init(epoch: packed >> 32, counter: packed & 0xffff_ffff)
  }
  package var packed: Int64 { epoch << 32 | counter }

  package static func < (a: Self, b: Self) -> Bool { a.packed < b.packed }
}
