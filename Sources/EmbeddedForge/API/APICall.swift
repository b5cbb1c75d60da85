// One parsed call of the API, and its reply.

import HTTPTypes
import Text

struct APICall: Sendable {
  /// The values of the pattern's names, percent-decoded.
  var parameters: [String: String]
  var query: [String: String]
  /// Path and query as received, for links to other pages.
  var target: String
  /// The body; nil if absent.
  var body: JSONValue?
  /// The media types that the client accepts.
  var accept: String
  var urls: ForgeURLs
  /// The owner of the token.
  var login: String

  func parameter(_ name: String) -> String { parameters[name] ?? "" }

  func number(_ name: String) throws(APIError) -> Int {
    guard let number = Int(parameter(name)), number > 0 else { throw .notFound }
    return number
  }

  /// Whether the client accepts a media type such as `diff` or `raw`, with or without a version.
  func accepts(_ kind: String) -> Bool {
    accept.contains("application/vnd.github.\(kind)")
      || accept.contains("application/vnd.github.v3.\(kind)")
  }

  // MARK: The body

  func member(_ name: String) -> JSONValue? {
    guard let value = body?[name], value != .null else { return nil }
    return value
  }

  func string(_ name: String) throws(APIError) -> String? {
    guard let value = member(name) else { return nil }
    guard let text = value.stringValue else { throw .wrongType(name, "a string") }
    return text
  }

  func requiredString(_ name: String) throws(APIError) -> String {
    guard let text = try string(name) else { throw .notSupplied(name) }
    return text
  }

  func bool(_ name: String) throws(APIError) -> Bool? {
    guard let value = member(name) else { return nil }
    guard let flag = value.boolValue else { throw .wrongType(name, "a boolean") }
    return flag
  }

  func integer(_ name: String) throws(APIError) -> Int64? {
    guard let value = member(name) else { return nil }
    guard let number = value.integerValue else { throw .wrongType(name, "an integer") }
    return number
  }

  func array(_ name: String) throws(APIError) -> [JSONValue]? {
    guard let value = member(name) else { return nil }
    guard let items = value.arrayValue else { throw .wrongType(name, "an array") }
    return items
  }

  /// Seconds since 1970.
  func time(_ name: String) throws(APIError) -> Int64? {
    guard let text = try string(name) else { return nil }
    guard let time = ISO8601.seconds(text) else { throw .wrongType(name, "a valid date-time") }
    return time.seconds
  }

  /// `since` of the query in seconds since 1970; 0 without it.
  func since() throws(APIError) -> Int64 {
    guard let text = query["since"] else { return 0 }
    guard let time = ISO8601.seconds(text) else { throw .wrongType("since", "a date-time") }
    return time.seconds
  }

  func strings(_ name: String) throws(APIError) -> [String]? {
    guard let value = member(name) else { return nil }
    guard let items = value.arrayValue else { throw .wrongType(name, "an array") }
    var texts: [String] = []
    for item in items {
      guard let text = item.stringValue else { throw .wrongType("\(name)/items", "a string") }
      texts.append(text)
    }
    return texts
  }

  func objectID(_ name: String) throws(APIError) -> ObjectName? {
    guard let text = try string(name) else { return nil }
    guard let id = ObjectName(text) else {
      throw .unprocessable(
        "The \(name) parameter must be exactly 40 characters and contain only [0-9a-f].")
    }
    return id
  }

  /// `author` or `committer` of a commit.
  func signature(_ name: String) throws(APIError) -> Signature? {
    guard let value = member(name) else { return nil }
    guard value.objectValue != nil else { throw .wrongType(name, "an object") }
    guard let person = value["name"].stringValue else { throw .notSupplied("\(name).name") }
    guard let email = value["email"].stringValue else { throw .notSupplied("\(name).email") }
    guard !person.trimmed.isEmpty, !email.trimmed.isEmpty else {
      throw .unprocessable("Invalid \(name): name and email must not be blank.")
    }
    guard let date = value["date"].stringValue else {
      return Signature(name: person, email: email, seconds: ForgeStore.now)
    }
    guard let (seconds, offset) = ISO8601.seconds(date) else {
      throw .wrongType("\(name)/date", "a valid date-time")
    }
    return Signature(name: person, email: email, seconds: seconds, offset: offset)
  }
}

struct APIReply: Sendable {
  enum Content: Sendable {
    case none
    case json(JSONValue)
    case text([UInt8], type: String)
  }

  var status: HTTPResponse.Status
  var content: Content
  var headers: HTTPFields = [:]

  static func json(_ value: JSONValue, _ status: HTTPResponse.Status = .ok) -> APIReply {
    APIReply(status: status, content: .json(value))
  }

  /// A created object, with its URL in `Location`.
  static func created(_ value: JSONValue) -> APIReply {
    var reply = json(value, .created)
    if let url = value["url"].stringValue { reply.headers[.location] = url }
    return reply
  }

  static let noContent = APIReply(status: .noContent, content: .none)

  static func text(_ bytes: [UInt8], type: String) -> APIReply {
    APIReply(status: .ok, content: .text(bytes, type: type))
  }
}

/// `page` and `per_page`, and their `Link` header.
struct Paging: Sendable, Equatable {
  let page: Int
  let size: Int

  init(_ query: [String: String]) {
    page = min(max(query["page"].flatMap { Int($0) } ?? 1, 1), 1_000_000)
    size = min(max(query["per_page"].flatMap { Int($0) } ?? 30, 1), 100)
  }

  var offset: Int { (page - 1) * size }

  /// The page's part of a complete list.
  func slice<Item>(_ items: [Item]) -> ArraySlice<Item> { items.dropFirst(offset).prefix(size) }

  func reply(_ items: [JSONValue], total: Int, to call: APICall) -> APIReply {
    var reply = APIReply.json(.array(items))
    let last = max((total + size - 1) / size, 1)
    var links: [(Int, String)] = []
    if page > 1 { links += [(min(page - 1, last), "prev")] }
    if page < last { links += [(page + 1, "next"), (last, "last")] }
    if page > 1 { links += [(1, "first")] }
    if !links.isEmpty {
      reply.headers["Link"] = links.map { "<\(address(of: $0, call))>; rel=\"\($1)\"" }
        .joined(separator: ", ")
    }
    return reply
  }

  private func address(of page: Int, _ call: APICall) -> String {
    let path = call.target.prefix { $0 != "?" }
    let query = call.target.dropFirst(path.count + 1).split(separator: "&")
    let others = query.filter { !$0.hasPrefix("page=") }.map(String.init)
    return call.urls.base + path + "?" + (others + ["page=\(page)"]).joined(separator: "&")
  }
}

extension HTTPFields {
  /// Fields without a constant in HTTPTypes. Text that is not a token is ignored.
  subscript(name: String) -> String? {
    get { HTTPField.Name(name).flatMap { self[$0] } }
    set { if let name = HTTPField.Name(name) { self[name] = newValue } }
  }
}
