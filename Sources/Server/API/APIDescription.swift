import Cryptography
import Domain
import EventLog
import HTTPTypes
import Hummingbird
import NIOCore
import Text

/// The description of the API: OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.1.html).
struct APIDescription {
  let operations: [APIOperation]
  let offer: RequestOffer
  /// The version of the program.
  let version: String
  /// Empty for `/`.
  let basePathPrefix: String
  /// Whether requests without a token are refused.
  let requiresToken: Bool

  private static let about =
    "AIPM delegates code to AI agents. Every error is `application/problem+json` (RFC 9457). A "
    + "path answers `HEAD` as it answers `GET`, without a body. Unknown members of a body and "
    + "unknown query parameters are ignored, and named in `warnings`. The routes of the page and "
    + "of the worker protocol, below `/worker/v1`, are not described here: the page is not for "
    + "programs, and workers are part of AIPM and have the version of their server."

  var json: JSONValue {
    .object([
      "openapi": "3.1.1",
      "info": .object([
        "title": "AIPM", "version": .string(version), "description": .string(Self.about),
      ]),
      "servers": .array([.object(["url": .string(basePathPrefix.isEmpty ? "/" : basePathPrefix)])]),
      "tags": .array(
        APIOperation.Tag.allCases.map {
          .object(["name": .string($0.rawValue), "description": .string($0.description)])
        }),
      "paths": paths,
      "components": .object(components),
    ])
  }

  private var components: [String: JSONValue] {
    let schemas = Component.allCases.map { ($0.rawValue, $0.schema(offer).json) }
    var components = ["schemas": JSONValue.object(Dictionary(uniqueKeysWithValues: schemas))]
    if requiresToken {
      components["securitySchemes"] = .object([
        "token": .object([
          "type": "http", "scheme": "bearer",
          "description": "A token that `aipm token create` made.",
        ])
      ])
    }
    return components
  }

  private var paths: JSONValue {
    var paths: [String: [String: JSONValue]] = [:]
    for operation in operations {
      paths["/" + operation.path, default: [:]][operation.method.rawValue.lowercased()] =
        operation.json(links: links, requiresToken: requiresToken)
    }
    return .object(paths.mapValues { .object($0) })
  }

  /// From a delegation in a response to the operations that take its id.
  private var links: JSONValue {
    let followers = operations.filter { operation in
      operation.parameters.contains { $0.location == .path && $0.name == Parameter.ref.name }
    }
    return .object(
      Dictionary(
        uniqueKeysWithValues: followers.map { operation in
          (
            operation.id,
            .object([
              "operationId": .string(operation.id),
              "parameters": .object([Parameter.ref.name: "$response.body#/id"]),
            ])
          )
        }))
  }
}

extension APIOperation.Tag {
  fileprivate var description: String {
    switch self {
    case .delegations: "Delegations and their pull requests."
    case .workers: "The processes that run agents."
    case .log: "The events, which are never rewritten."
    case .service: "The server itself."
    }
  }
}

extension APIOperation {
  fileprivate func json(links: JSONValue, requiresToken: Bool) -> JSONValue {
    var object: [String: JSONValue] = [
      "operationId": .string(id), "tags": .array([.string(tag.rawValue)]),
      "summary": .string(summary), "responses": responses(links),
    ]
    if requiresToken, permission != nil {
      object["security"] = .array([.object(["token": .array([])])])
    }
    if !parameters.isEmpty { object["parameters"] = .array(parameters.map(\.json)) }
    if let body {
      object["requestBody"] = .object([
        "required": .bool(true), "content": Self.content(["application/json": body]),
      ])
    }
    return .object(object)
  }

  private func responses(_ links: JSONValue) -> JSONValue {
    var all: [String: JSONValue] = [:]
    for answer in responses {
      var object: [String: JSONValue] = ["description": .string(answer.description)]
      if !answer.content.isEmpty { object["content"] = Self.content(answer.content) }
      if !answer.headers.isEmpty { object["headers"] = Self.headers(answer.headers) }
      if answer.isDelegation { object["links"] = links }
      all[String(answer.status.code)] = .object(object)
    }
    for status in allProblems {
      var object: [String: JSONValue] = [
        "description": .string(status.meaning),
        "content": Self.content(["application/problem+json": .component(.problem)]),
      ]
      if status == .tooManyRequests || status == .serviceUnavailable {
        object["headers"] = Self.headers(["Retry-After": "Seconds after which to try again."])
      }
      all[String(status.code)] = .object(object)
    }
    return .object(all)
  }

  private static func content(_ content: [String: JSONSchema]) -> JSONValue {
    .object(content.mapValues { .object(["schema": $0.json]) })
  }

  private static func headers(_ headers: [String: String]) -> JSONValue {
    .object(
      headers.mapValues {
        .object([
          "description": .string($0), "required": .bool(true), "schema": JSONSchema.text().json,
        ])
      })
  }
}

extension Parameter {
  fileprivate var json: JSONValue {
    var object: [String: JSONValue] = [
      "name": .string(name), "in": .string(location.rawValue), "description": .string(description),
      "required": .bool(isRequired), "schema": schema.json,
    ]
    object["example"] = example
    return .object(object)
  }
}

extension HTTPResponse.Status {
  /// When the API sends this response.
  fileprivate var meaning: String {
    switch self {
    case .badRequest: "The body is not a JSON object."
    case .unauthorized: "The request has no valid token, or no valid signature."
    case .forbidden: "The token, the host or the origin of the request does not permit it."
    case .notFound: "There is nothing of this name."
    case .requestTimeout: "The body did not come in time."
    case .conflict: "The present state forbids it."
    case .contentTooLarge: "The body is too large."
    case .unsupportedMediaType: "The body is not declared as JSON."
    case .unprocessableContent: "A field or a parameter is wrong. `errors` names each."
    case .tooManyRequests: "Too many requests."
    case .badGateway: "The delegation failed: the forge refused a step."
    case .serviceUnavailable: "Not now: the server starts or stops, or the disk is full."
    case _: reasonPhrase
    }
  }
}

/// `GET /openapi.json`.
struct DescriptionRoutes {
  let server: ServerContext

  /// Describes all registered routes, including this one. It is written once.
  func add(to router: APIRouter) {
    let document = APIDescription(
      operations: router.operations + [.document], offer: RequestOffer(server),
      version: server.configuration.version, basePathPrefix: server.configuration.basePathPrefix,
      requiresToken: server.access.requiresToken)
    let bytes = document.json.canonical
    let tag = "\"\(Hex.encode(SHA256.hash(bytes).prefix(12)))\""
    let body = ByteBuffer(bytes: bytes)
    router.on(.document) { request, _ in
      let headers: HTTPFields = [
        .contentType: "application/json", .eTag: tag, .cacheControl: "no-cache",
      ]
      let known = (request.headers[.ifNoneMatch] ?? "").split(separator: ",").map {
        $0.filter { $0 != " " }
      }
      if known.contains(where: { $0 == tag || $0 == "W/\(tag)" || $0 == "*" }) {
        return Response(status: .notModified, headers: headers)
      }
      return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: body))
    }
  }
}
