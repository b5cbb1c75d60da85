import HTTPTypes
import Hummingbird
import Text

/// Reads what a reverse proxy adds to requests, as nginx does with `$proxy_add_x_forwarded_for`.
///
/// A proxy connects from this machine, so without a token all its clients would be processes of
/// this machine. A server that requires no token therefore refuses what was forwarded, except for
/// signed webhooks and proven requests of workers. Behind an expected proxy, clients are counted by
/// the address that it names.
struct ProxyGuard: RouterMiddleware {
  /// Whether a proxy on this machine stands before the server.
  let isExpected: Bool
  /// Whether the server requires no token.
  let isOpen: Bool
  /// Paths of requests that are signed or proven. A path that ends in a slash includes all paths
  /// below it.
  let proven: [String]

  func handle(
    _ request: Request, context: APIContext,
    next: (Request, APIContext) async throws -> Response
  ) async throws -> Response {
    let forwarded = request.headers[.forwardedFor]
    let isForwarded = forwarded != nil || request.headers[.forwarded] != nil
    if isForwarded, isOpen, !request.uri.path.isProven(by: proven) {
      throw Problem(
        .forbidden, "Behind a proxy",
        "A proxy forwarded this request, and the server answers processes of its machine only.",
        hint: "Start it with --access token and --public-url https://NAME.")
    }
    guard isExpected, let last = forwarded?.split(separator: ",").last else {
      return try await next(request, context)
    }
    var context = context
    // The proxy appends the address; what is before it was written by the client.
    context.forwardedFor = last.filter { $0 != " " }
    return try await next(request, context)
  }
}

extension HTTPField.Name {
  // nil if the text is not a valid field name: no request has such a field.
  fileprivate static let forwardedFor = Self("X-Forwarded-For")
  fileprivate static let forwarded = Self("Forwarded")
}

extension WebURL {
  /// The host, and the port if it is not the scheme's.
  var authority: String { port.map { "\(host):\($0)" } ?? host }
  /// Scheme and authority, as browsers send them in `Origin`.
  var origin: String { (isSecure ? "https://" : "http://") + authority }
}
