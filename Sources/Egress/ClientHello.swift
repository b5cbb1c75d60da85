import NIOCore

/// The first message of a TLS client, parsed up to its server name (RFC 8446, 4.1.2; RFC 6066, 3).
/// It refuses everything that two parsers could read differently: a wrong length, a duplicate
/// extension, a list of several names.
enum ClientHello {
  enum Finding: Equatable {
    /// It is incomplete until this many bytes have come in all.
    case more(bytes: Int)
    /// The bytes are not TLS.
    case other
    /// The bytes begin as TLS, and are invalid.
    case broken(String)
    /// No server name, several, or a hidden one.
    case nameless(String)
    /// The server name as it was sent.
    case name([UInt8])
  }

  private static let handshake: UInt8 = 22
  private static let recordBytesMax = 16 << 10
  private static let serverName: UInt16 = 0
  /// encrypted_client_hello (RFC 9849), its drafts, encrypted_server_name, and the extension that
  /// is valid only in an encrypted hello.
  private static func hidesName(_ type: UInt16) -> Bool {
    (0xfe08...0xfe0f).contains(type) || type == 0xffce || type == 0xfd00
  }

  /// - Parameter bytes: everything that came so far.
  static func inspect(_ bytes: ByteBufferView) -> Finding {
    var message: [UInt8] = []
    var rest = bytes[...]
    while true {
      // Type, version, length.
      let header = Array(rest.prefix(5))
      if let type = header.first, type != handshake {
        return message.isEmpty ? .other : .broken("another record is within the hello")
      }
      if header.count > 1, header[1] != 3 {
        return message.isEmpty ? .other : .broken("a record has an unknown version")
      }
      let seen = bytes.count - rest.count
      guard header.count == 5 else { return .more(bytes: seen + 5) }
      let length = Int(header[3]) << 8 | Int(header[4])
      guard (1...recordBytesMax).contains(length) else { return .broken("a record has no length") }
      if message.isEmpty, rest.count > 5, rest[rest.startIndex + 5] != 1 {
        return .broken("the first message is not a hello")
      }
      guard rest.count >= 5 + length else { return .more(bytes: seen + 5 + length) }
      message += rest.dropFirst(5).prefix(length)
      rest = rest.dropFirst(5 + length)
      guard message.count >= 4 else { continue }
      let size = 4 + (Int(message[1]) << 16 | Int(message[2]) << 8 | Int(message[3]))
      if message.count > size { return .broken("a message follows the hello in its record") }
      if message.count == size { return read(message.dropFirst(4)) }
    }
  }

  private static func read(_ body: ArraySlice<UInt8>) -> Finding {
    var reader = Reader(rest: body)
    guard reader.take(2 + 32) != nil, let session = reader.vector8(), session.count <= 32,
      let suites = reader.vector16(), suites.count >= 2, suites.count % 2 == 0,
      let compressions = reader.vector8(), !compressions.isEmpty
    else { return .broken("the hello's fields have wrong lengths") }
    if reader.rest.isEmpty { return .nameless("the hello has no extensions") }
    guard let extensions = reader.vector16(), reader.rest.isEmpty else {
      return .broken("the hello's extensions have a wrong length")
    }
    var seen: Set<UInt16> = []
    var name: [UInt8]?
    reader = Reader(rest: extensions)
    while !reader.rest.isEmpty {
      guard let type = reader.number16(), let content = reader.vector16() else {
        return .broken("an extension has a wrong length")
      }
      guard seen.insert(type).inserted else { return .broken("an extension is duplicate") }
      if hidesName(type) { return .nameless("the hello hides its server name") }
      guard type == serverName else { continue }
      guard let only = onlyName(content) else {
        return .nameless("the hello has not exactly one server name")
      }
      name = Array(only)
    }
    return name.map { .name($0) } ?? .nameless("the hello has no server name")
  }

  private static func onlyName(_ content: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
    var outer = Reader(rest: content)
    guard let list = outer.vector16(), outer.rest.isEmpty else { return nil }
    var reader = Reader(rest: list)
    guard reader.take(1)?.first == 0, let name = reader.vector16(), reader.rest.isEmpty,
      !name.isEmpty
    else { return nil }
    return name
  }

  private struct Reader {
    var rest: ArraySlice<UInt8>

    mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
      guard rest.count >= count else { return nil }
      defer { rest = rest.dropFirst(count) }
      return rest.prefix(count)
    }

    mutating func number16() -> UInt16? {
      take(2).map { $0.reduce(0) { $0 << 8 | UInt16($1) } }
    }

    mutating func vector8() -> ArraySlice<UInt8>? { take(1)?.first.flatMap { take(Int($0)) } }

    mutating func vector16() -> ArraySlice<UInt8>? { number16().flatMap { take(Int($0)) } }
  }
}
