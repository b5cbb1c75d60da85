// Refusals, worded and coded as GitHub does it, since clients read both.

import HTTPTypes

/// An answer other than success.
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

    var json: JSON {
      var members: [JSON.Member] = []
      func add(_ name: String, _ text: String?) {
        if let text { members.append(.init(name: name, value: .string(text))) }
      }
      add("value", value)
      add("resource", resource)
      add("field", field)
      add("code", code)
      add("message", message)
      return .object(members)
    }
  }

  var status: HTTPResponse.Status
  var message: String
  var errors: [Detail] = []

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

  static func conflict(_ message: String) -> APIError {
    APIError(status: .conflict, message: message)
  }

  static func validation(_ errors: Detail...) -> APIError {
    APIError(status: .unprocessableContent, message: "Validation Failed", errors: errors)
  }

  /// A member of the body that must be there and is not.
  static func notSupplied(_ name: String) -> APIError {
    unprocessable("Invalid request.\n\n\"\(name)\" wasn't supplied.")
  }

  /// A member of the body of the wrong type.
  static func wrongType(_ name: String, _ expected: String) -> APIError {
    unprocessable("Invalid request.\n\nFor '\(name)', the value is not \(expected).")
  }

  /// - Parameter documentation: the page about the call, under docs.github.com/rest.
  func json(documentation: String) -> JSON {
    var members: [JSON.Member] = [.init(name: "message", value: .string(message))]
    if !errors.isEmpty { members.append(.init(name: "errors", value: .array(errors.map(\.json)))) }
    let page = "https://docs.github.com/rest" + (documentation.isEmpty ? "" : "/\(documentation)")
    members.append(.init(name: "documentation_url", value: .string(page)))
    members.append(.init(name: "status", value: .string(String(status.code))))
    return .object(members)
  }
}
