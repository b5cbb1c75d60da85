// The operations of the API, one value for each route. A route is registered with its operation,
// and `/openapi.json` is generated from the registered operations, so neither exists without the
// other. The same declaration checks a request's query parameters and header fields.

import Access
import EventLog
import HTTPTypes
import Hummingbird

/// One method of one path.
struct APIOperation: Sendable {
  /// The group of the operation.
  enum Tag: String, CaseIterable {
    case delegations, workers, log, service
  }

  var method: HTTPRequest.Method = .get
  /// Below the base path, without a leading slash; `{NAME}` is a parameter.
  var path: String
  /// Unique and permanent: generated clients name their functions by it.
  var id: String
  var tag: Tag
  /// What the sender of a request needs; nil: nothing, any process may send it.
  let permission: Permission?
  var summary: String
  var parameters: [Parameter] = []
  /// The schema of the JSON body; nil: no body.
  var body: JSONSchema?
  var responses: [APIResponse]
  /// The other responses, always problems. Those of every operation are not listed here.
  var problems: [HTTPResponse.Status] = []

  /// The names of the query parameters.
  var queryNames: [String] { parameters.filter { $0.location == .query }.map(\.name) }

  /// The statuses of all its problems.
  var allProblems: [HTTPResponse.Status] {
    var all: Set<HTTPResponse.Status> = [
      .unauthorized, .forbidden, .tooManyRequests, .serviceUnavailable,
    ]
    all.formUnion(problems)
    if parameters.contains(where: \.canBeWrong) { all.insert(.unprocessableContent) }
    if body != nil {
      all.formUnion([
        .badRequest, .requestTimeout, .contentTooLarge, .unsupportedMediaType,
      ])
    }
    return all.sorted { $0.code < $1.code }
  }

  /// Checks the query parameters and header fields of a request.
  /// - Throws: `Problem` 422 that names every invalid one.
  func check(_ request: Request) throws {
    var faults: [(field: String, message: String)] = []
    for parameter in parameters {
      if parameter.location == .query, parameter.isRequired,
        (request.text(parameter.name) ?? "").isEmpty
      {
        faults.append((parameter.name, "is required"))
      }
      for value in parameter.values(of: request) {
        if let fault = parameter.fault(in: value) { faults.append((parameter.name, fault)) }
      }
    }
    guard !faults.isEmpty else { return }
    var problem = Problem(
      .unprocessableContent, faults.count == 1 ? "A field is wrong" : "Fields are wrong",
      faults.map { "\($0.field): \($0.message)" }.joined(separator: "; "))
    problem.errors = faults
    throw problem
  }
}

/// A successful response.
struct APIResponse: Sendable {
  var status: HTTPResponse.Status = .ok
  var description: String
  /// The schema of each media type; empty: no body.
  var content: [String: JSONSchema] = [:]
  /// Its own header fields, each with its description.
  var headers: [String: String] = [:]
  /// Whether it contains a delegation's `id`, which other operations take.
  var isDelegation = false

  static func json(
    _ component: Component, _ description: String, status: HTTPResponse.Status = .ok,
    headers: [String: String] = [:], isDelegation: Bool = false
  ) -> APIResponse {
    APIResponse(
      status: status, description: description,
      content: ["application/json": .component(component)], headers: headers,
      isDelegation: isDelegation)
  }

  static func text(_ type: String, _ description: String) -> APIResponse {
    APIResponse(description: description, content: [type: .text()])
  }
}
