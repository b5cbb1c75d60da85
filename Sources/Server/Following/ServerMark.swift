import Cryptography
import HTTPTypes
import Hummingbird
import NIOCore
import NetworkRules
import Text

/// What a follower adds to a request that it passes to the active server: a secret that only the
/// servers of the store have, and the address of the client. So the active server treats the
/// request as if the client had sent it there.
struct ServerMark: Sendable {
  static let fieldName = "Aipm-Passed-On"

  private let secret: String

  init(secret: String) { self.secret = secret }

  /// The field's value for a client of this server.
  func value(for context: APIContext) -> String {
    "\(secret) \(context.remoteAddress.map(\.description) ?? "-")"
  }

  /// The client of a request that another server passed on; nil if its mark is not genuine, or it
  /// names no address.
  func client(in value: String) -> IPAddress? {
    let words = value.split(separator: " ")
    guard words.count == 2,
      SHA256.hash(Array(words[0].utf8)) == SHA256.hash(Array(secret.utf8))
    else { return nil }
    return IPAddress(words[1])
  }
}

/// Gives a request that another server passed on the address of its client.
struct PassedOnMiddleware: RouterMiddleware {
  let mark: ServerMark

  func handle(
    _ request: Request, context: APIContext,
    next: (Request, APIContext) async throws -> Response
  ) async throws -> Response {
    guard let name = HTTPField.Name(ServerMark.fieldName), let value = request.headers[name] else {
      return try await next(request, context)
    }
    guard let client = mark.client(in: value) else {
      throw Problem(
        .forbidden, "Not a server of this store", "The field \(name) is for AIPM's servers.")
    }
    var context = context
    context.passedOnFor = client
    return try await next(request, context)
  }
}

extension APIContext {
  /// The address of the client or the proxy that sent the request; nil on a unix socket.
  var remoteAddress: IPAddress? {
    passedOnFor ?? channel.remoteAddress?.ipAddress.flatMap { IPAddress(Substring($0)) }
  }

  /// The address of the client for which a proxy or another server sent the request; nil if it came
  /// directly.
  var clientAddress: String? { forwardedFor ?? passedOnFor?.description }
}
