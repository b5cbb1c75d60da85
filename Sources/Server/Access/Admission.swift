import HTTPServing
import HTTPTypes
import Hummingbird
import NIOCore
import NetworkRules
import Text

/// Decides whether a request comes in, before any route: by how it came, how many came, and from
/// whom. It is one middleware, because each costs every waiting request a frame.
///
/// A reverse proxy connects from this machine, so without a token all its clients would be
/// processes of this machine. A server that requires no token therefore refuses what was forwarded,
/// except for signed webhooks and proven requests of workers. Behind a trusted proxy, clients are
/// counted by the address that it names, as nginx does with `$proxy_add_x_forwarded_for`.
///
/// A token or a session on the network without TLS is everybody's. So a server that other machines
/// can reach answers trusted proxies only, and of their requests only those that came with TLS.
struct Admission: RouterMiddleware {
  let access: AccessControl
  /// The requests of each address.
  let rate: AddressRateLimit
  /// The prefix of the routes of workers. They are authenticated, and not counted.
  let workers: String
  /// Paths of requests that are signed or proven in another way. A path that ends in a slash
  /// includes all paths below it.
  let proven: [String]
  let proxies: TrustedProxies
  let reach: ServerConfiguration.Reach
  /// The address that the proxies answer to; nil without a proxy.
  let publicURL: WebURL?

  func handle(
    _ request: Request, context: APIContext,
    next: (Request, APIContext) async throws -> Response
  ) async throws -> Response {
    try await next(request, try admitted(request, context))
  }

  /// The context with the client and the sender of the request.
  /// - Throws: `Problem` 401, 403 or 429.
  private func admitted(_ request: Request, _ context: APIContext) throws -> APIContext {
    var context = context
    let path = request.uri.path
    let isProven = path.isProven(by: proven)
    let forwarded = request.headers[.forwardedFor]
    let isForwarded = forwarded != nil || request.headers[.forwarded] != nil
    if isForwarded, !access.requiresToken, !isProven {
      throw Problem(
        .forbidden, "Behind a proxy",
        "A proxy forwarded this request, and the server answers processes of its machine only.",
        hint: "Start it with --access token and --public-url https://NAME.")
    }
    if try isFromProxy(request, context) {
      context.forwardedFor = forwarded.flatMap { proxies.client(in: $0) }
    }
    if !path.hasPrefix(workers) { try rate.check(context, "requests") }
    if !isProven { context.principal = try access.principal(of: request) }
    return context
  }

  /// Whether a trusted proxy sent the request.
  /// - Throws: `Problem` 403 if its client may not connect so.
  private func isFromProxy(_ request: Request, _ context: APIContext) throws -> Bool {
    let peer = context.remoteAddress
    guard proxies.contains(peer) else {
      let own = context.channel.localAddress?.ipAddress.flatMap { IPAddress(Substring($0)) }
      let isNear = TrustedProxies.thisMachine.contains(peer) || peer == own
      guard reach != .proxies || isNear else {
        throw Problem(
          .forbidden, "Not through the proxy",
          "This server answers other machines through its proxy only.",
          hint: publicURL.map { "Use \($0). If this is the proxy: --trusted-proxy ADDRESS." })
      }
      return false
    }
    let schemes = request.headers[.forwardedProto].map { field in
      field.split(separator: ",").map { $0.filter { $0 != " " }.lowercased() }
    }
    if publicURL?.isSecure == true, let schemes, !schemes.allSatisfy({ $0 == "https" }) {
      throw Problem(
        .forbidden, "Without TLS", "This request came to the proxy without TLS.",
        hint: publicURL.map { "Use \($0)." })
    }
    return true
  }
}

extension AddressRateLimit {
  /// Takes a token for a request.
  /// - Throws: `Problem` 429 if none is left.
  func check(_ context: APIContext, _ what: String) throws {
    let seconds = context.clientAddress.map { take(address: $0) } ?? take(context.channel)
    if let seconds { throw Problem.tooMany(what, seconds) }
  }
}

extension HTTPField.Name {
  // nil if the text is not a valid field name: no request has such a field.
  fileprivate static let forwardedFor = Self("X-Forwarded-For")
  fileprivate static let forwardedProto = Self("X-Forwarded-Proto")
  fileprivate static let forwarded = Self("Forwarded")
}

extension WebURL {
  /// The host, and the port if it is not the scheme's.
  var authority: String {
    guard let port, port != (isSecure ? 443 : 80) else { return host }
    return "\(host):\(port)"
  }
  /// Scheme and authority, as browsers send them in `Origin`.
  var origin: String { (isSecure ? "https://" : "http://") + authority }
}
