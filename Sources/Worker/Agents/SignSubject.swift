// A line of an agent's output for the comparison with signs.

import Text
import Workflows

/// The parts of a too long line that signs can refer to.
struct LongLine: Sendable {
  private static let tailBytesMax = 16 << 10

  private(set) var head: [UInt8] = []
  private(set) var tail: [UInt8] = []
  private(set) var scan: MemberScan

  /// - Parameter paths: of the members that signs refer to.
  init(paths: Set<String>) { scan = MemberScan(paths: paths) }

  mutating func take(_ piece: ArraySlice<UInt8>) {
    head += piece.prefix(max(0, SignWatch.lineBytesMax - head.count))
    tail += piece.suffix(Self.tailBytesMax)
    if tail.count > 2 * Self.tailBytesMax { tail.removeFirst(tail.count - Self.tailBytesMax) }
    scan.take(piece)
  }
}

/// A line in the forms that signs need, each computed once and only if needed.
struct Subject {
  let raw: ArraySlice<UInt8>
  /// The end of the line if `raw` is only its beginning.
  private var tail: [UInt8]?
  private var plain: [UInt8]?
  private var parsed: JSONValue??

  init(_ line: ArraySlice<UInt8>) {
    raw = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
  }

  /// A line that exceeded the limit.
  init(_ long: LongLine) {
    raw = long.head[...]
    tail = long.tail
    parsed = .some(long.scan.object)
  }

  /// Whether only parts of the line are known.
  var isLong: Bool { tail != nil }

  mutating func match(_ pattern: LinePattern) -> [String: Double]? {
    if plain == nil { plain = TerminalFilter.filtered(raw) }
    if let found = plain.flatMap(pattern.match) { return found }
    return tail.flatMap { pattern.match(TerminalFilter.filtered($0)) }
  }

  mutating func json() -> JSONValue? {
    if let parsed { return parsed }
    let value = try? JSONValue(parsing: raw)
    parsed = .some(value)
    return value
  }

  var text: String { String(decoding: raw, as: UTF8.self) }

  var looksLikeAnObject: Bool {
    raw.first { $0 != 0x20 && $0 != 0x09 } == UInt8(ascii: "{")
  }

  func contains(_ bytes: [UInt8]) -> Bool {
    raw.withUnsafeBytes { ByteSearch.index(of: bytes, in: $0) != nil }
  }
}
