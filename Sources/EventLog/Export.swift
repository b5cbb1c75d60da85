import Cryptography
import Domain

extension StoredEvent {
  /// Reads one line of an export: the envelope as JSON.
  /// - Throws: `CodecFault` where it is none.
  package init(exported line: [UInt8]) throws(CodecFault) {
    guard let parsed = try? JSONValue(json: line), let envelope = parsed.objectValue else {
      throw CodecFault(type: "export", reason: "a line that is no JSON object")
    }
    let reader = EnvelopeReader(envelope: envelope)
    let typeName = try reader.text("type")
    guard let type = EventType(name: typeName) else {
      throw CodecFault(type: typeName, reason: "is not known")
    }
    guard let time = Timestamp(iso8601: try reader.text("time")) else {
      throw CodecFault(type: typeName, reason: "its time is none")
    }
    var object = try reader.object("data")
    let text = object.removeValue(forKey: "text")
    var facts = Facts(object: object)
    let detail = facts.detail
    facts.detail = [:]
    let actor = EnvelopeReader(envelope: try reader.object("actor"))
    self.init(
      position: try reader.integer("position"), id: try reader.need(try reader.uuid("id"), "id"),
      stream: Stream(try reader.text("stream")), version: try reader.integer("version"),
      type: Int64(type.rawValue), schema: try reader.integer("schema"), time: time,
      actorKind: try actor.text("kind"), actor: try actor.text("name"),
      correlation: envelope["correlation"]?.stringValue,
      causation: try reader.uuid("causation"), facts: facts,
      detail: detail.isEmpty ? nil : JSONValue.object(detail).canonicalText,
      payloadHash: try reader.hex("payloadHash"), hash: try reader.hex("hash"),
      salt: try reader.hex("salt"), body: text?.canonical ?? [])
  }
}

/// The fields of an envelope, with a named fault for each that is absent.
private struct EnvelopeReader {
  let envelope: [String: JSONValue]

  func text(_ name: String) throws(CodecFault) -> String {
    try need(envelope[name]?.stringValue, name)
  }
  func integer(_ name: String) throws(CodecFault) -> Int64 {
    try need(envelope[name]?.integerValue, name)
  }
  func object(_ name: String) throws(CodecFault) -> [String: JSONValue] {
    try need(envelope[name]?.objectValue, name)
  }
  func hex(_ name: String) throws(CodecFault) -> [UInt8] {
    try need(Hex.decode(try text(name)), name)
  }

  /// nil where the field is null or absent.
  func uuid(_ name: String) throws(CodecFault) -> [UInt8]? {
    guard let text = envelope[name]?.stringValue else { return nil }
    return try need(UUIDText.decode(text), name)
  }

  func need<T>(_ value: T?, _ name: String) throws(CodecFault) -> T {
    guard let value else {
      throw CodecFault(type: "export", reason: "\(name) is absent or not of its kind")
    }
    return value
  }
}

extension Timestamp {
  /// Reads `2026-11-23T12:00:00.123Z`; the fraction, the seconds, and with the `T` the whole time
  /// of day may be left out. nil where the text is none, or names a day that no calendar has.
  package init?(iso8601 text: String) {
    let halves = text.split(separator: "T", omittingEmptySubsequences: false)
    guard halves.count <= 2, let date = Self.numbers(halves[0], "-", [4, 2, 2]) else { return nil }
    var rest: Int64 = 0
    if halves.count == 2 {
      guard halves[1].hasSuffix("Z"), let time = Self.timeOfDay(halves[1].dropLast()) else {
        return nil
      }
      rest = time
    }
    // Days from civil, as `iso8601` counts them back.
    let (year, month, day) = (date[0], date[1], date[2])
    guard (1...12).contains(month), (1...31).contains(day) else { return nil }
    let y = month <= 2 ? year - 1 : year
    let era = (y >= 0 ? y : y - 399) / 400
    let yoe = y - era * 400
    let doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy
    let days = era * 146_097 + doe - 719_468
    self.init(milliseconds: days * 86_400_000 + rest)
    guard iso8601.hasPrefix(halves[0]) else { return nil }
  }

  private static func timeOfDay(_ text: Substring) -> Int64? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count <= 2 else { return nil }
    let widths = parts[0].utf8.count == 5 ? [2, 2] : [2, 2, 2]
    guard let clock = numbers(parts[0], ":", widths), clock[0] < 24, clock[1] < 60 else {
      return nil
    }
    let seconds = clock.count == 3 ? clock[2] : 0
    guard seconds < 60 else { return nil }
    var fraction: Int64 = 0
    if parts.count == 2 {
      guard let digits = numbers(parts[1], ".", [3]) else { return nil }
      fraction = digits[0]
    }
    return ((clock[0] * 60 + clock[1]) * 60 + seconds) * 1000 + fraction
  }

  private static func numbers(
    _ text: Substring, _ separator: Character, _ widths: [Int]
  ) -> [Int64]? {
    let parts = text.split(separator: separator, omittingEmptySubsequences: false)
    guard parts.count == widths.count else { return nil }
    var numbers: [Int64] = []
    for (part, width) in zip(parts, widths) {
      let isDigits = part.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      guard part.utf8.count == width, isDigits, let n = Int64(part) else { return nil }
      numbers.append(n)
    }
    return numbers
  }
}
