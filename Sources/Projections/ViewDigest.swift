import Cryptography
import EventLog
import Text

/// The views, by the names that users give them.
package enum ViewName: String, CaseIterable, Sendable {
  case delegations
  case pullRequests = "pull-requests"
  case workers
}

/// A digest of a set of rows that can be kept up row by row: the sum of the rows' SHA-256, as four
/// 64-bit lanes that wrap. The order of the rows does not matter; each row counts.
package struct ViewDigest: Equatable, Sendable {
  private var lanes: SIMD4<UInt64> = .zero

  package init() {}

  /// - Returns: nil where the bytes are not 32.
  package init?(bytes: [UInt8]) {
    guard bytes.count == 32 else { return nil }
    lanes = Self.lanes(of: bytes)
  }

  /// Takes a row in that was read from a store.
  package mutating func add(_ row: JSONValue) {
    lanes &+= Self.lanes(of: SHA256.hash(row.canonical))
  }

  /// Takes a row in.
  mutating func add(_ row: some ViewRow, _ hasher: inout RowHasher) {
    lanes &+= hasher.lanes(of: row)
  }

  /// Takes a row out that was taken in before.
  mutating func remove(_ row: some ViewRow, _ hasher: inout RowHasher) {
    lanes &-= hasher.lanes(of: row)
  }

  /// A row took another's place; the old one may be absent.
  mutating func replace(_ old: (some ViewRow)?, with new: some ViewRow) {
    var hasher = RowHasher()
    if let old { remove(old, &hasher) }
    add(new, &hasher)
  }

  package var bytes: [UInt8] {
    (0..<4).flatMap { lane in
      (0..<8).map { UInt8(truncatingIfNeeded: lanes[lane] >> UInt64(56 - 8 * $0)) }
    }
  }

  package var hex: String { Hex.encode(bytes) }

  private static func lanes(of bytes: [UInt8]) -> SIMD4<UInt64> {
    var lanes = SIMD4<UInt64>.zero
    for (index, byte) in bytes.enumerated() {
      lanes[index / 8] = lanes[index / 8] << 8 | UInt64(byte)
    }
    return lanes
  }
}

extension [ViewName: ViewDigest] {
  /// The digests of views without rows.
  package static var empty: Self {
    Dictionary(uniqueKeysWithValues: ViewName.allCases.map { ($0, ViewDigest()) })
  }

  /// Takes the change of a row in.
  package mutating func follow(_ change: RowChange) {
    switch change {
    case .delegation(let old, let new):
      self[.delegations, default: ViewDigest()].replace(old, with: new)
    case .pullRequest(let old, let new):
      self[.pullRequests, default: ViewDigest()].replace(old, with: new)
    case .worker(let old, let new):
      self[.workers, default: ViewDigest()].replace(old, with: new)
    }
  }
}

extension Projector {
  /// The digests of the rows as they stand, from nothing but them.
  package var digests: [ViewName: ViewDigest] {
    var hasher = RowHasher()
    var delegations = ViewDigest()
    var pullRequests = ViewDigest()
    var workers = ViewDigest()
    for known in self.delegations.values {
      if let row = known.row { delegations.add(row, &hasher) }
    }
    forEachPullRequest { pullRequests.add($0, &hasher) }
    for known in self.workers.values {
      if let row = known.row { workers.add(row, &hasher) }
    }
    return [.delegations: delegations, .pullRequests: pullRequests, .workers: workers]
  }
}
