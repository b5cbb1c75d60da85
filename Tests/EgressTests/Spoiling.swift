import Randomness

extension Seeded {
  /// Changes, drops, doubles or cuts a few bytes.
  mutating func spoil(_ bytes: inout [UInt8]) {
    for _ in 0...below(3) where !bytes.isEmpty {
      let place = below(bytes.count)
      switch below(5) {
      case 0: bytes[place] = UInt8(truncatingIfNeeded: next())
      case 1: bytes.remove(at: place)
      case 2: bytes.insert(bytes[below(bytes.count)], at: place)
      case 3: bytes[place] ^= 1 << UInt8(below(8))
      default: if below(8) == 0 { bytes.removeLast(bytes.count - place) }
      }
    }
  }
}
