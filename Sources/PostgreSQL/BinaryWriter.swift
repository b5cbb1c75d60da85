#if PostgreSQL

/// Bytes in the server's binary format: numbers with the most significant byte first, values with
/// their lengths before them (https://www.postgresql.org/docs/current/sql-copy.html).
struct BinaryWriter {
  private(set) var bytes: [UInt8] = []

  init(capacity: Int = 256) { bytes.reserveCapacity(capacity) }

  mutating func put(_ n: Int16) { withUnsafeBytes(of: n.bigEndian) { bytes += $0 } }
  mutating func put(_ n: Int32) { withUnsafeBytes(of: n.bigEndian) { bytes += $0 } }
  mutating func put(_ n: Int64) { withUnsafeBytes(of: n.bigEndian) { bytes += $0 } }
  mutating func put(_ n: UInt32) { withUnsafeBytes(of: n.bigEndian) { bytes += $0 } }
  mutating func put(raw: some Sequence<UInt8>) { bytes += raw }
  mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

  /// A number with its length.
  mutating func field(_ n: Int64?) {
    guard let n else { return put(Int32(-1)) }
    put(Int32(8))
    put(n)
  }

  /// A text with its length.
  mutating func field(_ text: String?) {
    guard var text else { return put(Int32(-1)) }
    text.withUTF8 { utf8 in
      put(Int32(utf8.count))
      bytes += utf8
    }
  }

  /// Bytes with their length.
  mutating func field(_ raw: [UInt8]?) {
    guard let raw else { return put(Int32(-1)) }
    put(Int32(raw.count))
    bytes += raw
  }
}

/// Rows for COPY in binary form.
package struct CopyBuffer {
  private static let signature: [UInt8] = [
    0x50, 0x47, 0x43, 0x4f, 0x50, 0x59, 0x0a, 0xff, 0x0d, 0x0a, 0x00,
  ]

  private var out: BinaryWriter
  private let columns: Int16
  /// The number of rows.
  package private(set) var count = 0

  /// - Parameter columns: the number of values in each row.
  package init(columns: Int) {
    self.columns = Int16(columns)
    out = BinaryWriter(capacity: 1024)
    begin()
  }

  private mutating func begin() {
    out.put(raw: Self.signature)
    out.put(Int32(0))
    out.put(Int32(0))
  }

  /// Begins a row; its values follow in their order.
  package mutating func beginRow() {
    out.put(columns)
    count += 1
  }

  /// Appends a number to the row; nil for NULL.
  package mutating func put(_ n: Int64?) { out.field(n) }
  /// Appends a text to the row; nil for NULL.
  package mutating func put(_ text: String?) { out.field(text) }
  /// Appends bytes to the row; nil for NULL. A text may be appended so, as its UTF-8.
  package mutating func put(_ bytes: [UInt8]?) { out.field(bytes) }

  /// Removes all rows.
  package mutating func removeAll() {
    out.removeAll()
    count = 0
    begin()
  }

  /// The size in bytes.
  package var size: Int { out.bytes.count }

  /// The rows with the mark of their end.
  var finished: [UInt8] {
    var all = out
    all.put(Int16(-1))
    return all.bytes
  }
}

#endif
