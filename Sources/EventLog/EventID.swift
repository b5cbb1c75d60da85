import Cryptography
import Domain
import Text

extension UUIDText {
  /// A unique UUIDv7 of this time.
  package static func fresh(at time: Timestamp) -> String {
    var ids = EventIDs()
    var random = SystemRandomNumberGenerator()
    return encode(ids.next(at: time, using: &random))
  }
}

/// Makes ascending UUIDv7: ordered by the time of their events, and within one millisecond by a
/// counter of twelve bits. If the counter overflows, the next millisecond is used early.
package struct EventIDs: Sendable {
  private var milliseconds: Int64 = 0
  private var counter: UInt16 = 0

  package init() {}

  /// Continues after an earlier id; starts from zero if `id` is not a UUIDv7.
  package init(after id: [UInt8]) {
    guard id.count == 16, id[6] >> 4 == 7 else { return }
    milliseconds = id[..<6].reduce(0) { $0 << 8 | Int64($1) }
    counter = UInt16(id[6] & 15) << 8 | UInt16(id[7])
  }

  /// The next id. The ids of one generator ascend.
  package mutating func next(
    at time: Timestamp, using random: inout some RandomNumberGenerator
  ) -> [UInt8] {
    if time.milliseconds > milliseconds {
      milliseconds = time.milliseconds
      counter = 0
    } else if counter == 0xfff {
      milliseconds += 1
      counter = 0
    } else {
      counter += 1
    }
    var bytes = [UInt8](repeating: 0, count: 16)
    for index in 0..<6 {
      bytes[index] = UInt8(truncatingIfNeeded: milliseconds >> Int64(40 - 8 * index))
    }
    bytes[6] = 0x70 | UInt8(counter >> 8)
    bytes[7] = UInt8(truncatingIfNeeded: counter)
    var tail = random.next()
    for index in 8..<16 {
      bytes[index] = UInt8(truncatingIfNeeded: tail)
      tail >>= 8
    }
    bytes[8] = 0x80 | bytes[8] & 0x3f
    return bytes
  }
}
