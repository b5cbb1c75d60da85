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
  package mutating func add(_ row: some ViewRow, _ hasher: inout RowHasher) {
    parts &+= hasher.rowHash(of: row).parts
  }

  /// Removes the row with this hash, which was added before.
  mutating func remove(_ hash: RowHash) { parts &-= hash.parts }

  /// Replaces a row; the old one may be absent.
  mutating func replace(_ old: RowHash?, with new: RowHash) {
    if let old { remove(old) }
    parts &+= new.parts
  }

  package var bytes: [UInt8] {
    [UInt8](unsafeUninitializedCapacity: 32) { bytes, count in
      for index in 0..<32 {
        bytes[index] = UInt8(truncatingIfNeeded: parts[index / 8] >> UInt64(56 - 8 * (index % 8)))
      }
      count = 32
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
    self[type(of: change.new).name, default: ViewDigest()]
      .replace(change.oldHash, with: change.newHash)
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
