import Access
import HTTPTypes
import Hummingbird
import Text

/// `POST /api/session` and `DELETE /api/session`: the page signs a person in by a token, and out.
struct SignInRoutes {
  let server: ServerContext

  func add(to router: APIRouter) {
    router.on(.signIn) { request, _ in try await signIn(request) }
    router.on(.signOut) { request, context in
      try signOut(everywhere: request.text("everywhere") == "true", context)
    }
  }

  private struct Credential: Decodable {
    var token: String
  }

  private func signIn(_ request: Request) async throws -> Response {
    let token = try await request.json(Credential.self, limit: 4096).token
    let principal = try server.access.principal(token: token)
    guard principal.permissions.contains(.read) else {
      throw Problem(
        .forbidden, "Not permitted", "A token of this role is not for people.",
        hint: "aipm token create NAME --role submit makes one that is.")
    }
    return begin(principal)
  }

  /// Begins a session.
  /// - Returns: a response that sets its cookie.
  func begin(_ principal: Principal) -> Response {
    var response = Response.noContent
    let session = server.access.sessions.begin(principal)
    response.headers[.setCookie] = server.access.cookie.field(session)
    return response
  }

  private func signOut(everywhere: Bool, _ context: APIContext) throws -> Response {
    if let principal = context.principal {
      server.access.signOut(principal, everywhere: everywhere)
    }
    var response = Response.noContent
    response.headers[.setCookie] = server.access.cookie.field(nil)
    return response
  }
}
