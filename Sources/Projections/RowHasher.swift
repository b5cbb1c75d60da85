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
    begin()
    withUnsafePointer(to: row) { row in
      for column in Row.view.sortedColumns {
        if let value = column.value(at: row) { put(column.name, value) }
      }
    }
    end()
  }

  private mutating func put(_ name: StaticString, _ value: ColumnValue) {
    if !isFirst { out.append(UInt8(ascii: ",")) }
    isFirst = false
    out.append(UInt8(ascii: "\""))
    out.append(name)
    out.append("\":" as StaticString)
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

/// Hashes rows, one after another.
struct RowHasher: ~Copyable {
  private var writer = RowWriter()
  private var hash = SHA256()

  /// The SHA-256 of a row, as four numbers.
  mutating func parts(of row: some ViewRow) -> SIMD4<UInt64> {
    writer.write(row)
    hash.update(writer.bytes)
    return withUnsafeTemporaryAllocation(byteCount: 32, alignment: 8) { digest in
      hash.finish(into: digest)
      var parts = SIMD4<UInt64>.zero
      for index in 0..<4 {
        parts[index] = UInt64(
          bigEndian: digest.load(fromByteOffset: 8 * index, as: UInt64.self))
      }
      return parts
    }
  }
}
