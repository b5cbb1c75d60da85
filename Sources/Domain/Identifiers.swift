// The names of things. Each is a type of its own, so that a worker's name cannot be handed in
// where a delegation's id is wanted.

/// A delegation: one request for code, from the form to the pushed commit. A UUIDv7, lowercase.
package struct DelegationID: Hashable, Comparable, Sendable, CustomStringConvertible {
  package let rawValue: String
  package init(_ rawValue: String) { self.rawValue = rawValue }
  package var description: String { rawValue }
  package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

/// A worker process by name; the name outlives the process.
package struct WorkerID: Hashable, Comparable, Sendable, CustomStringConvertible {
  package let rawValue: String
  package init(_ rawValue: String) { self.rawValue = rawValue }
  package var description: String { rawValue }
  package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

/// A repository as `OWNER/REPO`.
package struct RepositoryName: Hashable, Comparable, Sendable, CustomStringConvertible {
  package let owner: String
  package let name: String

  package init(owner: String, name: String) {
    self.owner = owner
    self.name = name
  }

  /// Reads `OWNER/REPO`; nil where there is not exactly one slash with something on both sides.
  package init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else { return nil }
    self.init(owner: String(parts[0]), name: String(parts[1]))
  }

  package var description: String { "\(owner)/\(name)" }
  package static func < (a: Self, b: Self) -> Bool { a.description < b.description }
}

/// The name of a git object in hex: a commit, or the blob of a file.
package struct ObjectID: Hashable, Sendable, CustomStringConvertible {
  package let rawValue: String
  package init(_ rawValue: String) { self.rawValue = rawValue }
  package var description: String { rawValue }
}

/// A moment: whole milliseconds since 1970-01-01T00:00:00Z, the resolution of the log.
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

/// A span of time in whole milliseconds.
package struct Milliseconds: Hashable, Comparable, Sendable {
  package var count: Int64
  package init(_ count: Int64) { self.count = count }
  /// So many seconds.
  package static func seconds(_ n: Int64) -> Self { Self(n * 1000) }
  package static func - (a: Self, b: Self) -> Self { Self(a.count - b.count) }
  package static func < (a: Self, b: Self) -> Bool { a.count < b.count }
}

/// The millisecond timestamp that makes a branch name and a confirmation code unique in a log.
/// It may run ahead of the clock: two delegations of one millisecond get neighbours.
package struct Stamp: Hashable, Comparable, Sendable {
  package let milliseconds: Int64
  package init(milliseconds: Int64) { self.milliseconds = milliseconds }

  /// What users quote: `PR1733356800123`.
  package var confirmationCode: String { "PR\(milliseconds)" }

  /// Reads a confirmation code; nil where the text is none.
  package init?(confirmationCode: String) {
    guard confirmationCode.hasPrefix("PR"), let n = Int64(confirmationCode.dropFirst(2)), n > 0
    else { return nil }
    self.init(milliseconds: n)
  }

  package static func < (a: Self, b: Self) -> Bool { a.milliseconds < b.milliseconds }
}

/// The fencing token of a lease. It only rises: each start of a server takes the next epoch, and
/// the counter rises within it. A result that carries another token than the lease is refused.
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
