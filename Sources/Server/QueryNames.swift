// Query parameters that a route's operation does not declare. They are named in the response and
// ignored, like unknown fields of a body. They are probably mistyped.

import Domain
import EventLog
import HTTPTypes
import Hummingbird
import Synchronization
import Text

/// The query parameters of one request, and those that its operation declares.
final class QueryNames: Sendable {
  /// The parameters of the current request.
  @TaskLocal static var current: QueryNames?

  /// The most warnings in a response.
  private static let warningsMax = 20
  private static let shownMax = 64

  private let given: [String]
  private let known = Mutex<[String]>([])

  /// - Parameter given: the names in order.
  init(given: [String]) { self.given = given }

  func declare(_ names: [String]) { known.withLock { $0 = names } }

  /// One sentence for each undeclared parameter.
  var warnings: [String] {
    let known = known.withLock { $0 }
    var seen = Set(known)
    return given.filter { seen.insert($0).inserted }.prefix(Self.warningsMax).map { name in
      let shown = name.count > Self.shownMax ? "\(name.prefix(Self.shownMax))…" : name
      let near =
        name.count > Self.shownMax
        ? nil : Spelling.nearest(to: name, in: known).map { "; did you mean \"\($0)\"?" }
      return "the query parameter \"\(shown)\" is not known and was ignored\(near ?? "")"
    }
  }
}

extension JSONValue {
  /// Adds warnings to those of an object; other values stay unchanged.
  func adding(warnings: [String]) -> JSONValue {
    guard !warnings.isEmpty, case .object(var members) = self else { return self }
    var all = warnings.map { JSONValue.string($0) }
    if case .array(let others)? = members["warnings"] { all = others + all }
    members["warnings"] = .array(all)
    return .object(members)
  }
}

/// Names the undeclared query parameters: in the JSON object of a response (see `Response.json`),
/// and in the field `Warning` of every response (RFC 7234, 5.5).
struct QueryMiddleware: RouterMiddleware {
  /// Paths that only programs call.
  let excepted: String

  func handle(
    _ request: Request, context: APIContext,
    next: (Request, APIContext) async throws -> Response
  ) async throws -> Response {
    let names = request.queryNames
    guard !names.isEmpty, !request.uri.path.hasPrefix(excepted) else {
      return try await next(request, context)
    }
    let query = QueryNames(given: names)
    var response = try await QueryNames.$current.withValue(query) {
      try await next(request, context)
    }
    // A failed request may have failed before all parameters were read.
    let warnings = response.status.code < 400 ? query.warnings : []
    if !warnings.isEmpty, let field = HTTPField.Name("Warning") {
      response.headers[field] = warnings.map { "299 aipm \"\(Self.quoted($0))\"" }
        .joined(separator: ", ")
    }
    return response
  }

  /// The text as a quoted string in a header field. Names may contain any character.
  private static func quoted(_ text: String) -> String {
    var out = ""
    for scalar in text.unicodeScalars {
      let isPlain = (0x20...0x7e).contains(scalar.value)
      if scalar == "\"" || scalar == "\\" { out += "\\" }
      out.unicodeScalars.append(isPlain ? scalar : "?")
    }
    return out
  }
}
