import HTTPTypes
import Hummingbird
import Synchronization

/// Counts requests by operation and status.
struct RequestMeter: Sendable {
  let metrics: ServiceMetrics
  let names: OperationNames

  func count(
    _ request: Request, _ context: APIContext, _ status: HTTPResponse.Status,
    since began: ContinuousClock.Instant
  ) {
    metrics.observe(
      operation: names.name(request.method, context.endpointPath), status: status.code,
      time: .now - began)
  }
}

/// The names of routes in metrics.
final class OperationNames: Sendable {
  private let ids = Mutex<[String: String]>([:])

  /// Makes the ids of operations known.
  func take(_ operations: [APIOperation], prefix: String) {
    let pairs = operations.map { operation in
      (
        Self.key(operation.method, RouterPath("\(prefix)/\(operation.path)").description),
        operation.id
      )
    }
    ids.withLock { $0 = Dictionary(pairs) { first, _ in first } }
  }

  /// The id of the operation at a path; `worker` and the last part for a route of workers, `page`
  /// for a file of the page, `none` if there is no route.
  /// - Parameter path: the route's path, with names for its parameters; nil if there is no route.
  func name(_ method: HTTPRequest.Method, _ path: String?) -> String {
    guard let path, path != "NotFound" else { return "none" }
    // Routes for GET respond to HEAD, too.
    let method = method == .head ? .get : method
    if let id = ids.withLock({ $0[Self.key(method, path)] }) { return id }
    let parts = path.split(separator: "/")
    if let last = parts.last, parts.dropLast().suffix(2) == ["worker", "v1"] {
      return "worker\(last.prefix(1).uppercased())\(last.dropFirst())"
    }
    return "page"
  }

  private static func key(_ method: HTTPRequest.Method, _ path: String) -> String {
    "\(method.rawValue) \(path.split(separator: "/").joined(separator: "/"))"
  }
}
