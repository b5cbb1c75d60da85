// The table of calls, with GitHub's documentation and the required permission.

import HTTPTypes
import Text

struct Route: Sendable {
  typealias Reply = @Sendable () async throws -> APIReply

  /// What a token needs.
  enum Permission: String, Sendable {
    case metadata, administration, contents, issues, checks, statuses, actions
    case pulls = "pull_requests"
    case hooks = "repository_hooks"
  }

  private enum Segment: Sendable, Equatable {
    case literal(String)
    case name(String)
    /// Matches the rest of the path, with its slashes, up to the segments that follow.
    case rest(String)
  }

  let method: HTTPRequest.Method
  let documentation: String
  /// As in `X-Accepted-GitHub-Permissions`; nil if any token may call it.
  let permission: String?
  /// Carries out a call.
  let perform: @Sendable (ForgeAPI, APICall) async throws -> APIReply
  private let segments: [Segment]

  /// A call that is not about one repository, or checks its permission itself.
  /// - Parameters:
  ///   - pattern: such as `users/:login` or `git/ref/*ref`.
  ///   - documentation: the page under docs.github.com/rest.
  ///   - permission: for reading if the method is GET, else for writing.
  init(
    _ method: HTTPRequest.Method, _ pattern: String, _ documentation: String,
    _ permission: Permission? = nil,
    _ handler: @escaping @Sendable (ForgeAPI) -> @Sendable (APICall) async throws -> APIReply
  ) {
    self.method = method
    self.documentation = documentation
    self.permission = permission.map { "\($0.rawValue)=\(method == .get ? "read" : "write")" }
    perform = { api, call in try await handler(api)(call) }
    segments = pattern.split(separator: "/").map { part in
      switch part.first {
      case ":": .name(String(part.dropFirst()))
      case "*": .rest(String(part.dropFirst()))
      case _: .literal(String(part))
      }
    }
  }

  /// A call of a repository.
  /// - Parameters:
  ///   - pattern: below the repository.
  ///   - access: what the caller needs, if it is not reading for GET and writing else.
  init(
    _ method: HTTPRequest.Method, _ pattern: String, _ documentation: String,
    _ permission: Permission, _ access: ForgeAPI.Access? = nil,
    repository handler: @escaping @Sendable (RepositoryCall) -> Reply
  ) {
    self.init(method, "repos/:owner/:repo/\(pattern)", documentation, permission) { api in
      { call in
        let usual: ForgeAPI.Access = method == .get ? .reading : .writing
        let repository = try await api.repository(call, access ?? usual)
        return try await handler(RepositoryCall(api: api, call: call, repository: repository))()
      }
    }
  }

  /// A call of a repository that must not be empty.
  init(
    _ method: HTTPRequest.Method, _ pattern: String, _ documentation: String,
    _ permission: Permission, history handler: @escaping @Sendable (RepositoryCall) -> Reply
  ) {
    self.init(
      method, pattern, documentation, permission,
      repository: { call in
        {
          try await call.refuseEmpty()
          return try await handler(call)()
        }
      })
  }

  /// A call of a pull request.
  init(
    _ method: HTTPRequest.Method, _ pattern: String, _ documentation: String,
    _ permission: Permission, _ access: ForgeAPI.Access? = nil,
    pull handler:
      @escaping @Sendable (RepositoryCall)
      -> @Sendable (PullRequestRecord) async throws -> APIReply
  ) {
    self.init(
      method, pattern, documentation, permission, access,
      repository: { call in { try await handler(call)(try await call.pull()) } })
  }

  /// The values of the names, percent-decoded; nil if the path does not match.
  /// - Parameter path: the segments as received, still encoded.
  func match(_ path: [Substring]) -> [String: String]? {
    var parameters: [String: String] = [:]
    var rest = path[...]
    for (index, segment) in segments.enumerated() {
      switch segment {
      case .literal(let literal): guard rest.popFirst() == literal[...] else { return nil }
      case .name(let name):
        guard let part = rest.popFirst(), let value = Percent.decode(part) else { return nil }
        parameters[name] = value
      case .rest(let name):
        let following = segments.count - index - 1
        guard rest.count >= following,
          let value = Percent.decode(rest.dropLast(following).joined(separator: "/"))
        else { return nil }
        parameters[name] = value
        rest = rest.suffix(following)
      }
    }
    return rest.isEmpty ? parameters : nil
  }

  /// All routes, of which the first that matches counts. `*` may match an empty path, because the
  /// root folder's contents have none.
  static let all: [Route] =
    users + protection + repositories + collaborators + references + gitDatabase + contents + checks
    + statuses + jobs + commits + merges + reviewComments + pulls + reviews + issues + hooks

  /// The methods of a path, as in `Allow`; empty if no route matches.
  static func methods(of path: [Substring]) -> String {
    var methods: [String] = []
    for route in all where route.match(path) != nil {
      let names = route.method == .get ? ["GET", "HEAD"] : [route.method.rawValue]
      methods += names.filter { !methods.contains($0) }
    }
    return methods.joined(separator: ", ")
  }

  /// The route for a path and method; GET for HEAD.
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
