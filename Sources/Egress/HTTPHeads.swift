import NIOCore
import NetworkRules

/// Why a head is invalid: the status and the text of the response.
struct HeadFault: Error, Equatable, Sendable {
  var status: Int
  var message: String

  init(_ message: String, status: Int = 400) {
    self.status = status
    self.message = message
  }
}

/// Finds the end of a head. Fails at the first invalid byte, so that nobody waits for the end of
/// something else (HTTP/0.9, TLS, text with bare line feeds).
struct HeadScanner {
  enum Result: Equatable {
    case more
    /// The size of the head with its empty line, in bytes.
    case end(Int)
    case fault(HeadFault)
  }

  private var scanned = 0
  private var lineBytes = 0
  private var isAfterReturn = false

  /// - Parameter bytes: everything so far; earlier bytes are not scanned again.
  mutating func scan(_ bytes: ByteBufferView) -> Result {
    var index = bytes.startIndex + scanned
    defer { scanned = index - bytes.startIndex }
    while index < bytes.endIndex {
      let byte = bytes[index]
      index += 1
      if isAfterReturn {
        guard byte == 0x0a else { return .fault(HeadFault("a carriage return has no line feed")) }
        isAfterReturn = false
        if lineBytes == 0 {
          if index - bytes.startIndex == 2 { return .fault(HeadFault("the head is empty")) }
          return .end(index - bytes.startIndex)
        }
        lineBytes = 0
      } else if byte == 0x0d {
        isAfterReturn = true
      } else if byte == 0x0a {
        return .fault(HeadFault("a line feed has no carriage return before it"))
      } else if byte < 0x20 && byte != 0x09 || byte == 0x7f {
        return .fault(HeadFault("the head contains a control character"))
      } else {
        lineBytes += 1
      }
    }
    return .more
  }
}

struct HTTPFields: Sendable {
  struct Field: Sendable {
    /// As it was written.
    var name: [UInt8]
    /// In lower case.
    var key: String
    /// Without white space at its ends.
    var value: [UInt8]
  }

  static let countMax = 128
  private(set) var all: [Field] = []

  init(_ lines: some Sequence<ArraySlice<UInt8>>) throws(HeadFault) {
    for line in lines {
      guard all.count < Self.countMax else {
        throw HeadFault("the head has over \(Self.countMax) fields", status: 431)
      }
      all.append(try Self.field(line))
    }
  }

  private static func field(_ line: ArraySlice<UInt8>) throws(HeadFault) -> Field {
    if line.first == 0x20 || line.first == 0x09 { throw HeadFault("a field is folded") }
    guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else {
      throw HeadFault("a field has no colon")
    }
    let name = line[..<colon]
    guard !name.isEmpty, name.allSatisfy(isTokenByte) else {
      throw HeadFault("the name of a field is not a token")
    }
    var value = line[(colon + 1)...]
    while value.first == 0x20 || value.first == 0x09 { value.removeFirst() }
    while value.last == 0x20 || value.last == 0x09 { value.removeLast() }
    let key = String(decoding: name, as: UTF8.self).lowercased()
    return Field(name: Array(name), key: key, value: Array(value))
  }

  func values(_ key: String) -> [[UInt8]] { all.filter { $0.key == key }.map(\.value) }

  /// The elements of all list fields with this name, in lower case.
  func elements(_ key: String) -> [String] {
    values(key).flatMap { $0.split(separator: UInt8(ascii: ",")) }.map { element in
      String(decoding: element.filter { $0 != 0x20 && $0 != 0x09 }, as: UTF8.self).lowercased()
    }
  }

  /// Without hop-by-hop fields (RFC 9110, 7.6.1), fields that the new head sets itself, and fields
  /// that change the protocol.
  func withoutHopByHop() -> [Field] {
    let named = Set(elements("connection"))
    let always: Set = [
      "connection", "proxy-connection", "keep-alive", "te", "trailer", "transfer-encoding",
      "content-length", "upgrade", "http2-settings", "host",
    ]
    return all.filter {
      !always.contains($0.key) && !named.contains($0.key) && !$0.key.hasPrefix("proxy-")
    }
  }

  /// - Parameter isRequest: without a length, a request has no body, and a response ends with its
  ///   connection.
  func framing(isRequest: Bool, isHTTP11: Bool) throws(HeadFault) -> BodyFraming {
    let lengths = values("content-length")
    let codings = values("transfer-encoding")
    if !lengths.isEmpty, !codings.isEmpty {
      throw HeadFault("the head has both Content-Length and Transfer-Encoding")
    }
    if let coding = codings.first {
      guard codings.count == 1, String(decoding: coding, as: UTF8.self).lowercased() == "chunked"
      else { throw HeadFault("only the transfer encoding chunked is supported", status: 501) }
      guard isHTTP11 else { throw HeadFault("HTTP/1.0 has no chunked bodies") }
      return .chunked
    }
    guard let length = lengths.first else { return isRequest ? .length(0) : .untilClose }
    guard lengths.count == 1, (1...18).contains(length.count), length.allSatisfy(isDigit),
      let count = Int(String(decoding: length, as: UTF8.self))
    else { throw HeadFault("Content-Length is not one number") }
    return .length(count)
  }

  /// Whether the peer wants to keep its connection after this message.
  func keepsConnection(isHTTP11: Bool) -> Bool {
    let wishes = elements("connection") + elements("proxy-connection")
    return isHTTP11 ? !wishes.contains("close") : wishes.contains("keep-alive")
  }
}

/// The characters of a token (RFC 9110, 5.6.2).
func isTokenByte(_ byte: UInt8) -> Bool {
  switch byte {
  case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
  default: isDigit(byte) || "!#$%&'*+-.^_`|~".utf8.contains(byte)
  }
}

func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

/// The first line of a head, and its fields.
func lines(
  ofHead head: [UInt8]
) throws(HeadFault) -> (first: ArraySlice<UInt8>, fields: ArraySlice<ArraySlice<UInt8>>) {
  var lines: [ArraySlice<UInt8>] = []
  var start = head.startIndex
  while let end = head[start...].firstIndex(of: 0x0d), end > start {
    lines.append(head[start..<end])
    start = end + 2
  }
  guard let first = lines.first else { throw HeadFault("the head is empty") }
  return (first, lines.dropFirst())
}

/// The head of a request, in HTTP/1.0 or 1.1.
struct RequestHead: Sendable {
  /// The target of a request. Hosts are as sent, not yet validated.
  enum Target: Sendable, Equatable {
    /// CONNECT.
    case tunnel(host: [UInt8], port: UInt16)
    /// `http://HOST[:PORT]PATH`
    case absolute(host: [UInt8], port: UInt16, path: [UInt8])
    /// A path alone.
    case origin(path: [UInt8])
  }

  var method: String
  var target: Target
  var isHTTP11: Bool
  var fields: HTTPFields
  var framing: BodyFraming

  /// - Parameter head: with its empty line, as `HeadScanner` found it.
  init(parsing head: [UInt8]) throws(HeadFault) {
    let (first, lines) = try lines(ofHead: head)
    let parts = first.split(separator: 0x20, omittingEmptySubsequences: false)
    guard parts.count == 3, first.allSatisfy({ (0x20...0x7e).contains($0) }) else {
      throw HeadFault("the request line is not METHOD TARGET HTTP/1.1")
    }
    if parts[2].elementsEqual("HTTP/1.1".utf8) {
      isHTTP11 = true
    } else if parts[2].elementsEqual("HTTP/1.0".utf8) {
      isHTTP11 = false
    } else {
      throw HeadFault("only HTTP/1.1 and HTTP/1.0 are supported", status: 505)
    }
    guard (1...32).contains(parts[0].count), parts[0].allSatisfy(isTokenByte) else {
      throw HeadFault("the method is not a token")
    }
    method = String(decoding: parts[0], as: UTF8.self)
    fields = try HTTPFields(lines)
    guard fields.values("host").count <= 1 else {
      throw HeadFault("the head has several Host fields")
    }
    framing = try fields.framing(isRequest: true, isHTTP11: isHTTP11)
    target = try Self.target(parts[1], isConnect: method == "CONNECT")
    if case .tunnel = target, framing != .length(0) {
      throw HeadFault("CONNECT has no body")
    }
  }

  private static func target(
    _ text: ArraySlice<UInt8>, isConnect: Bool
  ) throws(HeadFault) -> Target {
    if isConnect {
      let (host, port) = try authority(text)
      guard let port else { throw HeadFault("CONNECT needs HOST:PORT") }
      return .tunnel(host: Array(host), port: port)
    }
    if text.first == UInt8(ascii: "/") {
      guard !text.contains(UInt8(ascii: "#")) else { throw HeadFault("the target has a fragment") }
      return .origin(path: Array(text))
    }
    let scheme = text.prefix(7).map { $0 | 0x20 }
    guard scheme.elementsEqual("http://".utf8) else {
      throw HeadFault("the target is not http://HOST/PATH; https needs CONNECT")
    }
    let rest = text.dropFirst(7)
    let end = rest.firstIndex { "/?#".utf8.contains($0) } ?? rest.endIndex
    guard !rest.contains(UInt8(ascii: "#")) else { throw HeadFault("the target has a fragment") }
    let (host, port) = try authority(rest[..<end])
    var path = Array(rest[end...])
    if path.first != UInt8(ascii: "/") { path.insert(UInt8(ascii: "/"), at: 0) }
    return .absolute(host: Array(host), port: port ?? 80, path: path)
  }

  /// Splits `HOST[:PORT]`. An address in brackets is accepted here and refused later.
  static func authority(
    _ text: ArraySlice<UInt8>
  ) throws(HeadFault) -> (host: ArraySlice<UInt8>, port: UInt16?) {
    guard !text.contains(UInt8(ascii: "@")) else { throw HeadFault("the target names a user") }
    var host = text
    var digits: ArraySlice<UInt8>?
    let hostEnd = text.first == UInt8(ascii: "[") ? text.firstIndex(of: UInt8(ascii: "]")) : nil
    if let colon = text[(hostEnd ?? text.startIndex)...].firstIndex(of: UInt8(ascii: ":")) {
      host = text[..<colon]
      digits = text[(colon + 1)...]
    }
    guard !host.isEmpty else { throw HeadFault("the target has no host") }
    guard let digits else { return (host, nil) }
    guard let port = HostRule.port(digits) else { throw HeadFault("the target's port is invalid") }
    return (host, port)
  }
}

struct ResponseHead: Sendable {
  var status: Int
  var reason: [UInt8]
  var fields: HTTPFields
  var framing: BodyFraming

  /// - Parameter method: of the request: a response to HEAD has no body.
  init(parsing head: [UInt8], method: String) throws(HeadFault) {
    let (first, lines) = try lines(ofHead: head)
    let isHTTP11 = first.starts(with: "HTTP/1.1 ".utf8)
    let digits = first.dropFirst(9).prefix(3)
    let rest = first.dropFirst(12)
    guard isHTTP11 || first.starts(with: "HTTP/1.0 ".utf8), digits.count == 3,
      digits.allSatisfy(isDigit), rest.isEmpty || rest.first == 0x20,
      let status = Int(String(decoding: digits, as: UTF8.self)), (100...999).contains(status)
    else { throw HeadFault("the status line is not HTTP/1.1 STATUS") }
    self.status = status
    reason = Array(rest.dropFirst())
    fields = try HTTPFields(lines)
    framing = try fields.framing(isRequest: false, isHTTP11: isHTTP11)
    if method == "HEAD" || status == 204 || status == 304 || status < 200 { framing = .length(0) }
  }
}
