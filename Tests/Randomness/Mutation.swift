/// Changes of bytes for tests that no input crashes a parser.
package enum Mutation {
  /// One to four changes: a byte is set, a bit is flipped, a part is removed, repeated or moved.
  package static func mutate(_ bytes: [UInt8], _ random: inout Seeded) -> [UInt8] {
    var bytes = bytes
    for _ in 0...random.below(4) {
      guard !bytes.isEmpty else { return bytes }
      let start = random.below(bytes.count)
      let end = min(bytes.count, start + 1 + random.below(16))
      switch random.below(6) {
      case 0: bytes[start] = UInt8(random.below(256))
      case 1: bytes[start] ^= 1 << UInt8(random.below(8))
      case 2: bytes.removeSubrange(start..<end)
      case 3: bytes.insert(contentsOf: bytes[start..<end], at: end)
      case 4: bytes.insert(contentsOf: bytes[start..<end], at: random.below(bytes.count))
      case _: bytes[start] = random.one(of: Array("\"{}[]:,.=&%+-_0Aa9".utf8))
      }
    }
    return bytes
  }
}
