import Cryptography
import EventLog
import Text

/// A digest of a set of rows that can be kept up row by row: the sum of the rows' SHA-256, as four
/// 64-bit numbers that wrap. The order of the rows does not matter; each row counts.
package struct ViewDigest: Equatable, Sendable {
  private var parts: SIMD4<UInt64> = .zero

  package init() {}

  /// - Returns: nil if the count of bytes is not 32.
  package init?(bytes: [UInt8]) {
    guard bytes.count == 32 else { return nil }
    parts = Self.parts(of: bytes)
  }

  /// Adds a row that was read from a store.
  package mutating func add(_ row: JSONValue) {
    parts &+= Self.parts(of: SHA256.hash(row.canonical))
  }

  /// Adds a row.
  mutating func add(_ row: some ViewRow, _ hasher: inout RowHasher) {
    parts &+= hasher.parts(of: row)
  }

  /// Removes a row that was added before.
  mutating func remove(_ row: some ViewRow, _ hasher: inout RowHasher) {
    parts &-= hasher.parts(of: row)
  }

  /// Replaces a row; the old one may be absent.
  mutating func replace(_ old: (some ViewRow)?, with new: some ViewRow) {
    var hasher = RowHasher()
    if let old { remove(old, &hasher) }
    add(new, &hasher)
  }

  package var bytes: [UInt8] {
    (0..<4).flatMap { part in
      (0..<8).map { UInt8(truncatingIfNeeded: parts[part] >> UInt64(56 - 8 * $0)) }
    }
  }

  package var hex: String { Hex.encode(bytes) }

  private static func parts(of bytes: [UInt8]) -> SIMD4<UInt64> {
    var parts = SIMD4<UInt64>.zero
    for (index, byte) in bytes.enumerated() {
      parts[index / 8] = parts[index / 8] << 8 | UInt64(byte)
    }
    return parts
  }
}

extension [ViewName: ViewDigest] {
  /// The digests of views without rows.
  package static var empty: Self {
    Dictionary(uniqueKeysWithValues: ViewName.allCases.map { ($0, ViewDigest()) })
  }

  /// Updates the digest for the change of a row.
  package mutating func follow(_ change: RowChange) {
    func follow<Row: ViewRow>(_ new: Row, _ digests: inout Self) {
      digests[Row.name, default: ViewDigest()].replace(change.old as? Row, with: new)
    }
    follow(change.new, &self)
  }
}

extension Projector {
  /// The digests of the rows, computed from the rows alone.
  package var digests: [ViewName: ViewDigest] {
    func digest<Row: ViewRow>(_: Row.Type) -> ViewDigest {
      var hasher = RowHasher()
      var digest = ViewDigest()
      Row.forEach(in: self) { digest.add($0, &hasher) }
      return digest
    }
    return Dictionary(uniqueKeysWithValues: allViews.map { ($0.name, digest($0)) })
  }
}
