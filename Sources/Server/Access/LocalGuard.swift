import HTTPTypes
import Hummingbird
import NetworkRules
import Text

/// Refuses requests of foreign web pages. The server trusts local processes unless it requires a
/// token. But a local browser can connect on behalf of any page. So
/// a request must name this server as its host, which excludes DNS names that resolve to 127.0.0.1.
/// The page that sent it must be the server's own or an allowed one. Pages can neither prove a
/// token nor sign, so proven and signed requests may name any host.
struct LocalGuard<Context: RequestContext>: RouterMiddleware {
  /// Origins of other pages that may use the API.
  let allowedOrigins: Set<String>
  /// The address of the page behind a proxy; nil: there is no proxy.
  var publicURL: WebURL?
  /// Whether a request may name any IP address as its host. No DNS name resolves there, so no page
  /// of another host can send such a request as its own.
  var acceptsAddresses = false
  /// Paths of requests that are signed or proven. Their sender is authenticated, so any host is
  /// accepted. A path that ends in a slash includes all paths below it.
  var proven: [String] = []

  func handle(
    _ request: Request, context: Context,
    next: (Request, Context) async throws -> Response
  ) async throws -> Response {
    let path = request.uri.path
    if path.isProven(by: proven) { return try await next(request, context) }
    let host = request.head.authority ?? ""
    let isPublic = publicURL.map { $0.authority == host.lowercased() } ?? false
    guard isPublic || Self.isLoopback(host) || acceptsAddresses && Self.isAddress(host) else {
      throw Problem(
        .forbidden, "Wrong host", "This server does not answer to the host \"\(host)\".",
        hint: publicURL.map { "Use \($0.origin)." }
          ?? (acceptsAddresses
            ? "Use its IP address, or start it with --public-url and the address that is used."
            : "Use http://127.0.0.1 or http://localhost with its port."))
    }
    guard let origin = request.headers[.origin] else {
      if let site = request.headers[.secFetchSite], site == "cross-site", request.isWriting {
        throw Self.foreign("another site")
      }
      return try await next(request, context)
    }
    let own = isPublic ? publicURL?.origin : "http://\(host)"
    if origin == own { return try await next(request, context) }
    guard allowedOrigins.contains(origin) else { throw Self.foreign(origin) }
    if request.method == .options { return Self.allow(Response(status: .noContent), origin) }
    do {
      return Self.allow(try await next(request, context), origin)
    } catch let problem as Problem {
      return Self.allow(problem.response, origin)
    }
  }

  private static func foreign(_ origin: String) -> Problem {
    Problem(
      .forbidden, "Wrong origin", "Pages of \(origin) may not use this API.",
      hint: "Start the server with --allow-origin \(origin) if they should.")
  }

  private static func allow(_ response: Response, _ origin: String) -> Response {
    var response = response
    response.headers[.accessControlAllowOrigin] = origin
    response.headers[.vary] = "Origin"
    response.headers[.accessControlAllowMethods] = "GET, POST"
    response.headers[.accessControlAllowHeaders] =
      "Authorization, Content-Type, Idempotency-Key, Prefer, Last-Event-ID"
    response.headers[.accessControlExposeHeaders] = "Location, Next-Cursor, Retry-After"
    return response
  }

  /// Whether a `Host` is an IP address, perhaps with a port.
  static func isAddress(_ host: String) -> Bool {
    if host.hasPrefix("[") {
      guard let end = host.firstIndex(of: "]") else { return false }
      let rest = host[host.index(after: end)...]
      return IPAddress(host[..<end].dropFirst()) != nil && (rest.isEmpty || isPort(rest))
    }
    let name = host.prefix { $0 != ":" }
    let rest = host[name.endIndex...]
    return IPAddress(name) != nil && (rest.isEmpty || isPort(rest))
  }

  /// Whether a text is a colon and a port.
  private static func isPort(_ text: Substring) -> Bool {
    let digits = text.utf8.dropFirst()
    return text.utf8.first == UInt8(ascii: ":") && (1...5).contains(digits.count)
      && digits.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
  }

  /// Whether a `Host` names this machine by a name that is not resolved by DNS.
  static func isLoopback(_ host: String) -> Bool {
    ["localhost", "127.0.0.1", "[::1]"].contains { name in
      guard host.hasPrefix(name) else { return false }
      let rest = host.dropFirst(name.count)
      return rest.isEmpty || isPort(rest)
    }
  }
}

extension String {
  /// Whether a path is one of these, or below one that ends in a slash.
  func isProven(by paths: [String]) -> Bool {
    paths.contains { $0.hasSuffix("/") ? hasPrefix($0) : self == $0 }
  }
}

extension Request {
  var isWriting: Bool { method != .get && method != .head && method != .options }
}

extension HTTPField.Name {
  // nil if the text is not a valid field name: no request has such a field.
  static let secFetchSite = Self("Sec-Fetch-Site")
  static let idempotencyKey = Self("Idempotency-Key")
  static let prefer = Self("Prefer")
  static let lastEventID = Self("Last-Event-ID")
}

extension HTTPFields {
  /// The field's value; nil if the field is absent or the name invalid.
  subscript(name: HTTPField.Name?) -> String? {
    guard let name else { return nil }
    return self[name]
  }
}
