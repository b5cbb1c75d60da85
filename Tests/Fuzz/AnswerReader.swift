import RawSockets

/// Reads the answers on one connection (RFC 9112), with a length or in chunks.
struct AnswerReader {
  let client: RawClient
  private var bytes: [UInt8] = []
  private var position = 0

  init(_ client: RawClient) { self.client = client }

  /// Reads an answer whole.
  /// - Returns: its status; nil if the connection ended before it, or ten seconds passed.
  mutating func nextStatus() -> Int? {
    guard let head = line(), let status = Int(head.dropFirst(9).prefix(3)) else { return nil }
    var (length, isChunked) = (0, false)
    while true {
      guard let field = line() else { return nil }
      if field.isEmpty { break }
      let parts = field.lowercased().split(separator: ":", maxSplits: 1)
      guard parts.count == 2 else { return nil }
      let value = parts[1].drop { $0 == " " }
      if parts[0] == "content-length" { length = Int(value) ?? 0 }
      if parts[0] == "transfer-encoding" { isChunked = value == "chunked" }
    }
    guard status != 204, status != 304 else { return status }
    while isChunked {
      guard let size = line().flatMap({ Int($0, radix: 16) }), skip(size), line() != nil else {
        return nil
      }
      if size == 0 { return status }
    }
    return skip(length) ? status : nil
  }

  /// Without its end.
  private mutating func line() -> String? {
    var start = position
    while true {
      while start < bytes.count {
        if bytes[start] == 0x0a {
          defer { position = start + 1 }
          let end = start > position && bytes[start - 1] == 0x0d ? start - 1 : start
          return String(decoding: bytes[position..<end], as: UTF8.self)
        }
        start += 1
      }
      guard fill() else { return nil }
      start = position
    }
  }

  private mutating func skip(_ count: Int) -> Bool {
    while bytes.count - position < count {
      guard fill() else { return false }
    }
    position += count
    return true
  }

  private mutating func fill() -> Bool {
    bytes.removeFirst(position)
    position = 0
    let next = client.receive()
    bytes += next
    return !next.isEmpty
  }
}
