// The table of calls: which exist, where GitHub documents them, which right they take.

import HTTPTypes
import Text

struct Route: Sendable {
  typealias Handler = @Sendable (ForgeAPI) -> @Sendable (APICall) async throws -> APIReply

  private enum Segment: Sendable, Equatable {
    case literal(String)
    case name(String)
    /// Takes the rest of the path, with its slashes.
    case rest(String)
  }

  let method: HTTPRequest.Method
  let documentation: String
  /// As in `X-Accepted-GitHub-Permissions`.
  let permission: String
  let handler: Handler
  private let segments: [Segment]

  /// - Parameters:
  ///   - pattern: such as `repos/:owner/:repo/git/ref/*ref`.
  ///   - documentation: the page under docs.github.com/rest.
  init(
    _ method: HTTPRequest.Method, _ pattern: String, _ documentation: String,
    _ permission: String, _ handler: @escaping Handler
  ) {
    self.method = method
    self.documentation = documentation
    self.permission = permission
    self.handler = handler
    segments = pattern.split(separator: "/").map { word in
      switch word.first {
      case ":": .name(String(word.dropFirst()))
      case "*": .rest(String(word.dropFirst()))
      case _: .literal(String(word))
      }
    }
  }

  /// What the names stand for, percent-decoded; nil where the path is another one.
  /// - Parameter path: segments as they came, still encoded.
  func match(_ path: [Substring]) -> [String: String]? {
    var parameters: [String: String] = [:]
    var rest = path[...]
    for segment in segments {
      switch segment {
      case .literal(let word): guard rest.popFirst() == word[...] else { return nil }
      case .name(let name):
        guard let word = rest.popFirst(), let value = Percent.decode(word) else { return nil }
        parameters[name] = value
      case .rest(let name):
        guard let value = Percent.decode(rest.joined(separator: "/")) else { return nil }
        parameters[name] = value
        rest = []
      }
    }
    return rest.isEmpty ? parameters : nil
  }

  /// A folder's content may be asked for without a path, so `*` may stand for nothing; a path that
  /// names a thing may not.
  static let all: [Route] =
    users + repositories + references + gitDatabase + contents + commits + pulls + issues

  /// The methods that a path takes, as `Allow` lists them; empty where it is no route's.
  static func methods(of path: [Substring]) -> String {
    var methods: [String] = []
    for route in all where route.match(path) != nil {
      let names = route.method == .get ? ["GET", "HEAD"] : [route.method.rawValue]
      methods += names.filter { !methods.contains($0) }
    }
    return methods.joined(separator: ", ")
  }

  /// The route of this path and method; HEAD is answered as GET.
  static func find(_ method: HTTPRequest.Method, _ path: [Substring]) -> (
    route: Route, parameters: [String: String]
  )? {
    let method = method == .head ? .get : method
    for route in all where route.method == method {
      if let parameters = route.match(path) { return (route, parameters) }
    }
    return nil
  }
}
