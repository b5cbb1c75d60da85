/// A request to a server.
package struct HTTPRequest: Sendable {
  /// The source of the body.
  package enum Body: Sendable {
    case none
    case bytes([UInt8])
    /// A regular file, read while it is sent.
    case file(path: String)
    /// Written while it is sent. It cannot be repeated.
    case stream(HTTPBodySource)
  }

  package var method: String
  /// Absolute, `http` or `https`, without user or password.
  package var url: String
  package var headers: [(String, String)]
  package var body: Body
  /// From the call to the last byte of the response, including the wait for a connection.
  package var timeout: Duration?
  /// For name resolution, TCP and TLS together.
  package var connectTimeout: Duration
  /// The longest time without a byte in either direction, except while the reader is slow.
  package var idleTimeout: Duration?
  /// The largest body in bytes that `send` accepts; `stream` has no limit.
  package var responseLimit: Int
  /// Whether a GET or HEAD is repeated if a kept connection turns out to be closed. If false, that
  /// is a fault with `wasStale`, for callers that count requests. Other methods are never repeated.
  package var repeatsWhenStale = true

  package init(
    method: String = "GET", url: String, headers: [(String, String)] = [], body: Body = .none,
    timeout: Duration? = .seconds(30), connectTimeout: Duration = .seconds(10),
    idleTimeout: Duration? = nil, responseLimit: Int = 16 << 20
  ) {
    self.method = method
    self.url = url
    self.headers = headers
    self.body = body
    self.timeout = timeout
    self.connectTimeout = connectTimeout
    self.idleTimeout = idleTimeout
    self.responseLimit = responseLimit
  }
}

/// The header fields of a response, in order.
package struct HTTPHeaders: Sendable {
  package private(set) var fields: [(name: String, value: String)] = []

  /// The first value of a field; names are case-insensitive.
  package subscript(name: String) -> String? {
    let wanted = name.lowercased()
    return fields.first { $0.name.lowercased() == wanted }?.value
  }

  /// All values of a field; names are case-insensitive.
  package func values(of name: String) -> [String] {
    let wanted = name.lowercased()
    return fields.filter { $0.name.lowercased() == wanted }.map(\.value)
  }

  mutating func append(name: String, value: String) { fields.append((name, value)) }
}

/// The part of a response before its body.
package struct HTTPHead: Sendable {
  package let status: Int
  package let headers: HTTPHeaders
}

/// A complete response, with any status.
package struct HTTPResponse: Sendable {
  package let head: HTTPHead
  package let body: [UInt8]
  /// How many connections were opened for it: 0 if a kept one was used.
  package let newConnections: Int
  /// The absolute target of a redirect.
  package let redirectURL: String?

  package init(
    head: HTTPHead, body: [UInt8], newConnections: Int = 0, redirectURL: String? = nil
  ) {
    self.head = head
    self.body = body
    self.newConnections = newConnections
    self.redirectURL = redirectURL
  }

  package var status: Int { head.status }
  package var headers: HTTPHeaders { head.headers }
}

extension HTTPRequest {
  /// Refuses values that would change the structure of the request.
  func check() throws(HTTPFault) {
    guard !method.isEmpty, method.utf8.allSatisfy(Self.isTokenByte) else {
      throw .unsent(.invalidRequest, "not a method: \(method)")
    }
    for (name, value) in headers {
      guard !name.isEmpty, name.utf8.allSatisfy(Self.isTokenByte) else {
        throw .unsent(.invalidRequest, "not the name of a header: \(name)")
      }
      guard value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 }) else {
        throw .unsent(.invalidRequest, "control characters in header \(name)")
      }
    }
  }

  /// The characters of a token (RFC 9110, 5.6.2).
  private static func isTokenByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }
  }
}
