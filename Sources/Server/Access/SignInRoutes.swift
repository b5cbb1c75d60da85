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
      signOut(everywhere: request.flag("everywhere"), context)
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
    return Self.response(server.access.signIn(principal))
  }

  private func signOut(everywhere: Bool, _ context: APIContext) -> Response {
    Self.response(server.access.signOut(context.principal, everywhere: everywhere))
  }

  private static func response(_ cookie: String) -> Response {
    var response = Response.noContent
    response.headers[.setCookie] = cookie
    return response
  }
}
