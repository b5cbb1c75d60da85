import Access
import Domain
import Hummingbird
import Text

/// `GET /api/me`: the sender of the request, and what it may do. `GET /api/sign-in`: the ways to
/// sign in.
struct AccessRoutes {
  let server: ServerContext

  func add(to router: APIRouter) {
    router.on(.me) { _, context in me(try context.identified()) }
    router.on(.signInWays) { _, _ in
      .json(["openid": JSONValue(server.configuration.signIn != nil)])
    }
  }

  private func me(_ principal: Principal) -> Response {
    .json(
      .object([
        "name": .string(principal.name),
        "roles": Render.list(principal.roles.map(\.rawValue).sorted()),
        "permissions": Render.list(principal.permissions.map(\.rawValue).sorted()),
        "repositories": Render.list(principal.repositories.map(\.description)),
        "requiresToken": .bool(server.access.requiresToken),
        "hasSession": .bool(principal.session != nil),
        "environment": .string(server.configuration.environmentName),
      ]))
  }
}
