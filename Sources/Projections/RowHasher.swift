import Cryptography
import Domain
import EventLog

/// Writes the canonical JSON of rows: the bytes of `json.canonical`, but without building a JSON
/// object for each row, which would take most of the time of a digest.
struct RowWriter: ~Copyable {
  private var out = ByteWriter()
  private var isFirst = true

  init() {}

  /// The row; valid until the next is written.
  fileprivate var bytes: UnsafeRawBufferPointer { out.bytes }
  var text: String { String(decoding: out.bytes, as: UTF8.self) }

  private mutating func begin() {
    out.removeAll()
    out.append(UInt8(ascii: "{"))
    isFirst = true
  }

  private mutating func end() { out.append(UInt8(ascii: "}")) }

  /// Writes a row.
  mutating func write<Row: ViewRow>(_ row: Row) {
    withUnsafePointer(to: row) { write(UnsafeRawPointer($0), Row.view.sortedReaders) }
  }

  private mutating func write(_ row: UnsafeRawPointer, _ columns: [ColumnReader]) {
    begin()
    for index in columns.indices {
      guard let value = columns[index].value(at: row) else { continue }
      if !isFirst { out.append(UInt8(ascii: ",")) }
      isFirst = false
      out.append(columns[index].member)
      put(value)
    }
    end()
  }

  private mutating func put(_ value: ColumnValue) {
    switch value {
    case .integer(let n): out.append(decimal: n)
    case .text(let text): out.append(json: text)
    case .flag(let flag): out.append(flag ? "true" as StaticString : "false")
    case .texts(let texts): put(texts)
    }
  }

  private mutating func put(_ texts: [String]) {
    out.append(UInt8(ascii: "["))
    for (index, text) in texts.enumerated() {
      if index > 0 { out.append(UInt8(ascii: ",")) }
      out.append(json: text)
    }
    out.append(UInt8(ascii: "]"))
  }
}

/// The SHA-256 of a row, as four numbers.
struct RowHash: Equatable, Sendable {
  // Not a vector, which would be aligned to 32 bytes.
  private let a, b, c, d: UInt64

  init(_ digest: UnsafeMutableRawBufferPointer) {
    func part(_ index: Int) -> UInt64 {
      UInt64(bigEndian: digest.loadUnaligned(fromByteOffset: 8 * index, as: UInt64.self))
    }
    (a, b, c, d) = (part(0), part(1), part(2), part(3))
  }

  var parts: SIMD4<UInt64> { SIMD4(a, b, c, d) }
}

/// Hashes rows, one after another.
package struct RowHasher: ~Copyable {
  private var writer = RowWriter()
  private var hash = SHA256()

  package init() {}

  /// The SHA-256 of a row.
  mutating func rowHash(of row: some ViewRow) -> RowHash {
    writer.write(row)
    hash.update(writer.bytes)
    return withUnsafeTemporaryAllocation(byteCount: 32, alignment: 8) { digest in
      hash.finish(into: digest)
      return RowHash(digest)
    }
  }
}
