/// Finds a key in what a server answers, also where it is cut in two, and writes stars over it.
struct KeyMask: Sendable {
  /// The key as it is, in Base64 and in hexadecimal; none if there is no key.
  private let needles: [[UInt8]]

  init(secret: String?) {
    guard let secret else {
      needles = []
      return
    }
    let bytes = Array(secret.utf8)
    let hex = bytes.flatMap { [Self.digits[Int($0 >> 4)], Self.digits[Int($0 & 15)]] }
    needles = [bytes, hex] + (0..<3).map { Self.base64(bytes, after: $0) }.filter { $0.count >= 8 }
  }

  private static let digits = Array("0123456789abcdef".utf8)

  /// What the Base64 of any text holds in which the key stands after `offset` bytes (modulo 3): the
  /// digits that depend on the key alone.
  private static func base64(_ bytes: [UInt8], after offset: Int) -> [UInt8] {
    let alphabet = Array(
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    let all = Array(repeating: 0, count: offset) + bytes
    var text: [UInt8] = []
    for start in stride(from: 0, to: all.count, by: 3) {
      let group = (0..<3).reduce(0) { sum, index in
        sum << 8 | (start + index < all.count ? Int(all[start + index]) : 0)
      }
      text += (0..<4).map { alphabet[group >> (18 - 6 * $0) & 63] }
    }
    let first = (offset * 8 + 5) / 6
    let end = all.count * 8 / 6
    return first < end ? Array(text[first..<end]) : []
  }

  /// Whether a text holds the key.
  func isIn(_ text: some StringProtocol) -> Bool {
    var bytes = Array(text.utf8)
    return cover(&bytes)
  }

  /// Writes stars over the key.
  /// - Returns: whether it was there.
  fileprivate func cover(_ bytes: inout [UInt8]) -> Bool {
    var isFound = false
    for needle in needles {
      var start = 0
      while let index = Self.find(needle, in: bytes, from: start) {
        for place in index..<(index + needle.count) { bytes[place] = UInt8(ascii: "*") }
        start = index + needle.count
        isFound = true
      }
    }
    return isFound
  }

  private static func find(_ needle: [UInt8], in bytes: [UInt8], from start: Int) -> Int? {
    guard let first = needle.first, bytes.count >= needle.count else { return nil }
    return bytes.withUnsafeBufferPointer { bytes in
      var index = start
      while index + needle.count <= bytes.count {
        if bytes[index] == first, bytes[index..<(index + needle.count)].elementsEqual(needle) {
          return index
        }
        index += 1
      }
      return nil
    }
  }

  /// How many bytes at the end could be the beginning of a key.
  fileprivate func tailCount(of bytes: [UInt8]) -> Int {
    let longest = needles.map { min($0.count - 1, bytes.count) }.max() ?? 0
    return stride(from: longest, to: 0, by: -1).first { count in
      let tail = bytes.suffix(count)
      return needles.contains { $0.count > count && $0.starts(with: tail) }
    } ?? 0
  }

  /// The mask over a body that comes in pieces. It keeps back what could be the beginning of a key,
  /// which in ordinary text is nothing, so that events pass at once.
  struct Stream {
    private let mask: KeyMask
    private var held: [UInt8] = []
    private(set) var isFound = false

    init(_ mask: KeyMask) { self.mask = mask }

    /// - Returns: what can be passed on now.
    mutating func pass(_ piece: [UInt8]) -> [UInt8] {
      var bytes = held + piece
      if mask.cover(&bytes) { isFound = true }
      held = Array(bytes.suffix(mask.tailCount(of: bytes)))
      bytes.removeLast(held.count)
      return bytes
    }

    /// The rest, at the end of the body.
    mutating func rest() -> [UInt8] {
      defer { held = [] }
      return held
    }
  }
}
