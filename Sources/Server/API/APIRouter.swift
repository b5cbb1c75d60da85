import Access
import HTTPTypes
import Hummingbird

/// Registers routes, each with its operation.
final class APIRouter {
  private let group: RouterGroup<APIContext>
  private(set) var operations: [APIOperation] = []

  /// - Parameter group: the group of the base path.
  init(_ group: RouterGroup<APIContext>) { self.group = group }

  /// Registers a route. The permission of its sender, its query parameters and its header fields
  /// are checked before `handler` is called.
  func on(
    _ operation: APIOperation,
    _ handler: @escaping @Sendable (Request, APIContext) async throws -> Response
  ) {
    operations.append(operation)
    group.on(RouterPath(operation.path), method: operation.method) { request, context in
      if let permission = operation.permission { try context.require(permission) }
      QueryNames.current?.declare(operation.queryNames)
      try operation.check(request)
      return try await handler(request, context)
    }
  }
}
