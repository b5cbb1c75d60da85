import Domain
import LogStories
import Testing
import Text

@testable import EventLog

/// What is put together without strings against what strings would be.
struct ByteWriterTests {
  private func text(_ write: (inout ByteWriter) -> Void) -> String {
    // So little room that it has to grow.
    var out = ByteWriter(capacity: 1)
    write(&out)
    return String(decoding: out.bytes, as: UTF8.self)
  }

  @Test func numbers() {
    var numbers: [Int64] = [0, Int64.min, Int64.max, Int64.min + 1]
    var power: Int64 = 1
    for _ in 0..<18 {
      power *= 10
      numbers += [power, power - 1, power + 1, -power, 1 - power]
    }
    for n in numbers { #expect(text { $0.append(decimal: n) } == String(n)) }
  }

  @Test func hexadecimal() {
    let all = (0...255).map { UInt8($0) }
    for count in [0, 1, 2, 3, 4, 5, 16, 31, 32, 256] {
      let bytes = Array(all.suffix(count))
      let written = text { out in bytes.withUnsafeBytes { out.append(hex: $0) } }
      #expect(written == Hex.encode(bytes))
      guard count <= 16 else { continue }
      let uuid = text { out in bytes.withUnsafeBytes { out.append(uuid: $0) } }
      #expect(uuid == (count == 16 ? UUIDText.encode(bytes) : Hex.encode(bytes)))
    }
  }

  @Test func texts() {
    for text in ["", "a", "\"\\\u{0}\u{1f}\u{8}\t\n\u{c}\r\u{7f}", "übung \u{1F600}\u{2028}", "/"] {
      #expect(self.text { $0.append(json: text) } == JSONValue.string(text).canonicalText)
    }
  }

  @Test func fields() {
    var out = ByteWriter(capacity: 1)
    out.field { $0.append("ab") }
    out.field { _ in }
    let long = String(repeating: "x", count: 300)
    out.field { $0.append(long) }
    #expect(out.array == [0, 0, 0, 2, 97, 98, 0, 0, 0, 0, 0, 0, 1, 44] + Array(long.utf8))
    out.removeAll(after: 6)
    #expect(out.array == [0, 0, 0, 2, 97, 98])
  }

  /// A check writes what sealing writes, of every kind of event.
  @Test func everyEventIsChained() throws {
    var head = LogHead.empty
    var hasher = EventHasher()
    for event in Sealed.log(EveryEvent.all) {
      let stored = try StoredEvent(exported: event.json.canonical)
      let isChained = try hasher.isChained(
        StoredRow(stored), stream: stored.stream.text, after: head.hash)
      #expect(isChained, "\(event.event.name)")
      let isChainedToNothing = try hasher.isChained(
        StoredRow(stored), stream: stored.stream.text, after: Array(head.hash.reversed()))
      #expect(isChainedToNothing == (head == .empty))
      head = LogHead(position: event.position, hash: event.hash)
    }
  }
}
