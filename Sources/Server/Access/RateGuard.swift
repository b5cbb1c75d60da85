import HTTPServing
import HTTPTypes
import Hummingbird

/// Refuses requests of an address that sends too many.
struct RateGuard: RouterMiddleware {
  let limit: AddressRateLimit
  /// Paths below this prefix are not counted: workers are authenticated.
  let excepted: String

  func handle(
    _ request: Request, context: APIContext,
    next: (Request, APIContext) async throws -> Response
  ) async throws -> Response {
    if !request.uri.path.hasPrefix(excepted) { try limit.check(context, "requests") }
    return try await next(request, context)
  }
}

extension AddressRateLimit {
  /// Takes a token for a request.
  /// - Throws: `Problem` 429 if none is left.
  func check(_ context: APIContext, _ what: String) throws {
    let seconds = context.forwardedFor.map { take(address: $0) } ?? take(context.channel)
    if let seconds { throw Problem.tooMany(what, seconds) }
  }
}
