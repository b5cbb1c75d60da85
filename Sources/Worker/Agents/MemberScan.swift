// Extracts some members of one JSON object of any length while it arrives, in memory that is
// bounded by the wanted members. An agent's last line can contain its whole output, followed by its
// usage figures.

import Text

/// Reads the bytes of one line.
struct MemberScan: Sendable {
  /// The nesting limit; the decoder of shorter lines has the same.
  private static let depthMax = 512
  /// Longer names are not wanted.
  private static let nameBytesMax = 256
  /// The kept part of a wanted text.
  private static let textBytesMax = 4096
  private static let literalBytesMax = 64

  private struct Level {
    var isObject: Bool
    /// Its path; nil if nothing in it is wanted.
    var path: [[UInt8]]?
    var name: [UInt8] = []
  }

  private enum Expected { case value, valueOrEnd, nameOrEnd, name, colon, commaOrEnd, nothing }

  private enum Token {
    case none
    case text(isName: Bool)
    case literal
  }

  private let wanted: Set<[[UInt8]]>
  private var found: [[[UInt8]]: JSONValue] = [:]
  private var levels: [Level] = []
  private var expected = Expected.value
  private var token = Token.none
  private var isEscaped = false
  private var isWanted = false
  private var kept: [UInt8] = []
  private(set) var isInvalid = false

  /// - Parameter paths: of the wanted members, with dots.
  init(paths: some Sequence<String>) {
    wanted = Set(paths.map { $0.utf8.split(separator: UInt8(ascii: ".")).map { Array($0) } })
  }

  /// An object of the wanted members with scalar values; nil if the line is not a complete object.
  var object: JSONValue? {
    guard !isInvalid, levels.isEmpty, case .nothing = expected, case .none = token else {
      return nil
    }
    return found.reduce(JSONValue.object([:])) { object, member in
      Self.insert(member.value, at: member.key[...], in: object)
    }
  }

  private static func insert(
    _ value: JSONValue, at path: ArraySlice<[UInt8]>, in object: JSONValue
  ) -> JSONValue {
    guard let first = path.first else { return value }
    guard case .object(var members) = object else { return object }
    let name = String(decoding: first, as: UTF8.self)
    members[name] = insert(value, at: path.dropFirst(), in: members[name] ?? .object([:]))
    return .object(members)
  }

  mutating func take(_ bytes: ArraySlice<UInt8>) {
    for byte in bytes {
      if isInvalid { return }
      switch token {
      case .text(let isName): takeText(byte, isName: isName)
      case .literal:
        if Self.endsLiteral(byte) {
          endLiteral()
          takeStructure(byte)
        } else {
          keep(byte, atMost: Self.literalBytesMax + 1)
        }
      case .none: takeStructure(byte)
      }
    }
  }

  // MARK: Tokens

  private mutating func takeText(_ byte: UInt8, isName: Bool) {
    if !isEscaped, byte == UInt8(ascii: "\"") {
      token = .none
      return endText(isName: isName)
    }
    isEscaped = !isEscaped && byte == UInt8(ascii: "\\")
    if byte < 0x20 { isInvalid = true }
    if isName {
      keep(byte, atMost: Self.nameBytesMax + 1)
    } else if isWanted {
      keep(byte, atMost: Self.textBytesMax)
    }
  }

  private mutating func endText(isName: Bool) {
    if isName {
      levels[levels.count - 1].name =
        kept.count > Self.nameBytesMax ? [] : Array((Self.text(kept) ?? "").utf8)
      expected = .colon
    } else {
      if isWanted, let text = Self.text(kept), let path { found[path] = .string(text) }
      endValue()
    }
    kept.removeAll(keepingCapacity: true)
  }

  private mutating func endLiteral() {
    token = .none
    let value = kept.count > Self.literalBytesMax ? nil : try? JSONValue(parsing: kept)
    guard let value else { return isInvalid = true }
    if isWanted, let path { found[path] = value }
    kept.removeAll(keepingCapacity: true)
    endValue()
  }

  private mutating func keep(_ byte: UInt8, atMost limit: Int) {
    if kept.count < limit { kept.append(byte) }
  }

  /// The text between the quotes; if it was cut, without an incomplete escape at the end.
  private static func text(_ bytes: [UInt8]) -> String? {
    if !bytes.contains(UInt8(ascii: "\\")) { return String(decoding: bytes, as: UTF8.self) }
    let quote = [UInt8(ascii: "\"")]
    // An escaped surrogate pair has twelve bytes.
    for cut in 0...min(12, bytes.count) {
      let text = try? JSONValue(parsing: quote + bytes.dropLast(cut) + quote)
      if let text = text?.stringValue { return text }
    }
    return nil
  }

  private static func endsLiteral(_ byte: UInt8) -> Bool {
    isSpace(byte) || byte == UInt8(ascii: ",") || byte == UInt8(ascii: "}")
      || byte == UInt8(ascii: "]")
  }

  private static func isSpace(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x09 || byte == 0x0d || byte == 0x0a
  }

  // MARK: Structure

  /// The path of the current member; nil in an array, and where nothing is wanted.
  private var path: [[UInt8]]? {
    guard let level = levels.last, level.isObject, let path = level.path, !level.name.isEmpty
    else { return nil }
    return path + [level.name]
  }

  private mutating func takeStructure(_ byte: UInt8) {
    if Self.isSpace(byte) { return }
    switch (expected, byte) {
    case (.nameOrEnd, UInt8(ascii: "\"")), (.name, UInt8(ascii: "\"")):
      token = .text(isName: true)
    case (.colon, UInt8(ascii: ":")): expected = .value
    case (.commaOrEnd, UInt8(ascii: ",")):
      expected = levels.last?.isObject == true ? .name : .value
    case (.commaOrEnd, UInt8(ascii: "}")), (.nameOrEnd, UInt8(ascii: "}")):
      end(isObject: true)
    case (.commaOrEnd, UInt8(ascii: "]")), (.valueOrEnd, UInt8(ascii: "]")):
      end(isObject: false)
    case (.value, _), (.valueOrEnd, _): beginValue(byte)
    case (.nameOrEnd, _), (.name, _), (.colon, _), (.commaOrEnd, _), (.nothing, _):
      isInvalid = true
    }
  }

  private mutating func beginValue(_ byte: UInt8) {
    // Only objects are of interest.
    if levels.isEmpty, byte != UInt8(ascii: "{") { return isInvalid = true }
    isWanted = path.map { wanted.contains($0) } ?? false
    switch byte {
    case UInt8(ascii: "\""): token = .text(isName: false)
    case UInt8(ascii: "{"), UInt8(ascii: "["):
      guard levels.count < Self.depthMax else { return isInvalid = true }
      let isObject = byte == UInt8(ascii: "{")
      let below = levels.isEmpty ? [] : path
      let isWorthLooking = below.map { below in wanted.contains { $0.starts(with: below) } }
      levels.append(
        Level(isObject: isObject, path: isObject && isWorthLooking == true ? below : nil))
      expected = isObject ? .nameOrEnd : .valueOrEnd
    case _:
      token = .literal
      keep(byte, atMost: Self.literalBytesMax + 1)
    }
  }

  private mutating func end(isObject: Bool) {
    guard levels.last?.isObject == isObject else { return isInvalid = true }
    levels.removeLast()
    endValue()
  }

  private mutating func endValue() { expected = levels.isEmpty ? .nothing : .commaOrEnd }
}
