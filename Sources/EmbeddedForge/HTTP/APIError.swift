// Errors with GitHub's messages and codes, because clients read both.

import HTTPTypes
import Text

/// A response other than success.
struct APIError: Error, Equatable {
  /// One entry of `errors`
  /// (https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api).
  struct Detail: Equatable {
    var resource: String
    var field: String?
    var code: String
    var message: String?
    var value: String?

    static func missing(_ resource: String, _ field: String) -> Detail {
      Detail(resource: resource, field: field, code: "missing_field")
    }
    static func invalid(_ resource: String, _ field: String) -> Detail {
      Detail(resource: resource, field: field, code: "invalid")
    }
    static func custom(_ resource: String, _ message: String, field: String? = nil) -> Detail {
      Detail(resource: resource, field: field, code: "custom", message: message)
    }

    var json: JSONValue {
      let members = [
        "value": value, "resource": resource, "field": field, "code": code, "message": message,
      ]
      return .object(members.compactMapValues { $0.map { .string($0) } })
    }
  }

  var status: HTTPResponse.Status
  var message: String
  var errors: [Detail] = []
  /// Entries of `errors` that are mere text.
  var reasons: [String] = []

  static let notFound = APIError(status: .notFound, message: "Not Found")
  static let methodNotAllowed = APIError(status: .methodNotAllowed, message: "Method Not Allowed")
  static let badCredentials = APIError(status: .unauthorized, message: "Bad credentials")
  static let requiresAuthentication = APIError(
    status: .unauthorized, message: "Requires authentication")
  static let archived = APIError(
    status: .forbidden, message: "Repository was archived so is read-only.")
  static let blocked = APIError(status: .forbidden, message: "Repository access blocked")
  static let notAccessible = APIError(
    status: .forbidden, message: "Resource not accessible by personal access token")
  static let emptyRepository = APIError(status: .conflict, message: "Git Repository is empty.")
  static let notJSON = APIError(status: .badRequest, message: "Problems parsing JSON")
  static let notAnObject = APIError(
    status: .badRequest, message: "Body should be a JSON object")

  static func unprocessable(_ message: String) -> APIError {
    APIError(status: .unprocessableContent, message: message)
  }

  /// As the calls of reviews refuse: with text instead of fields.
  static func refused(_ reason: String) -> APIError {
    APIError(
      status: .unprocessableContent, message: "Unprocessable Entity", reasons: [reason])
  }

  static func conflict(_ message: String) -> APIError {
    APIError(status: .conflict, message: message)
  }

  static func validation(_ errors: Detail...) -> APIError {
    APIError(status: .unprocessableContent, message: "Validation Failed", errors: errors)
  }

  /// A missing member of the body.
  static func notSupplied(_ name: String) -> APIError {
    unprocessable("Invalid request.\n\n\"\(name)\" wasn't supplied.")
  }

  /// A member of the body of the wrong type.
  static func wrongType(_ name: String, _ expected: String) -> APIError {
    unprocessable("Invalid request.\n\nFor '\(name)', the value is not \(expected).")
  }

  /// - Parameter documentation: the page of the call, under docs.github.com/rest.
  func json(documentation: String) -> JSONValue {
    let page = "https://docs.github.com/rest" + (documentation.isEmpty ? "" : "/\(documentation)")
    let json: JSONValue = [
      "message": .string(message), "documentation_url": .string(page),
      "status": .string(String(status.code)),
    ]
    let all = errors.map(\.json) + reasons.map { .string($0) }
    return all.isEmpty ? json : json.with(["errors": .array(all)])
  }
}
