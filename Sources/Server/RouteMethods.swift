import HTTPTypes
import Hummingbird
import Synchronization

/// The methods of each path, for requests with another method.
final class RouteMethods: Sendable {
  private let routes = Mutex<[(path: [Substring], method: HTTPRequest.Method)]>([])

  /// - Parameter routes: paths in the router's syntax: `:ref`, `{ref}` or `*` is any one part, and
  ///   `**` is the whole rest.
  func take(_ routes: [(path: String, method: HTTPRequest.Method)]) {
    self.routes.withLock {
      $0 = routes.map { (Self.parts(of: $0.path), $0.method) }
    }
  }

  /// The methods of a path, as in `Allow`; nil if no route has the path.
  func allowed(_ path: String) -> String? {
    let wanted = Self.parts(of: path)
    let methods = routes.withLock { routes in
      routes.filter { Self.fits($0.path, wanted) }.map(\.method.rawValue)
    }
    guard !methods.isEmpty else { return nil }
    let all = Set(methods).union(methods.contains("GET") ? ["HEAD"] : [])
    return all.sorted().joined(separator: ", ")
  }

  private static func parts(of path: String) -> [Substring] { path.split(separator: "/") }

  private static func fits(_ pattern: [Substring], _ path: [Substring]) -> Bool {
    var rest = path[...]
    for part in pattern {
      if part == "**" { return true }
      guard let next = rest.popFirst() else { return false }
      let isAny = part.hasPrefix(":") || part.hasPrefix("{") || part == "*"
      guard isAny || part == next else { return false }
    }
    return rest.isEmpty
  }
}
