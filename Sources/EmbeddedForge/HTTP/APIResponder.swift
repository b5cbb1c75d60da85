// The entry to the API: GitHub's checks of every request, and the headers of every response.

import Cryptography
import FoundationEssentials
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Processes
import SQLite
import Text

struct APIResponder: Sendable {
  let api: ForgeAPI
  let authenticator: Authenticator
  let bodyLimit: Int
  /// The forge's URL, if the request has no host.
  let address: ForgeAddress
  let interference: Interference
  let logger: Logger

  /// https://docs.github.com/rest/about-the-rest-api/api-versions
  private static let versions: Set<String> = ["2022-11-28", "2026-03-10"]

  /// - Parameters:
  ///   - path: segments below the prefix, still percent-encoded.
  ///   - prefix: `/api/v3` as on GitHub Enterprise, or empty.
  func respond(to request: Request, path: ArraySlice<Substring>, prefix: String) async throws
    -> Response
  {
    var response = try await interference.delayed {
      await respond(request, Array(path), prefix)
    }
    response.headers["X-GitHub-Request-Id"] = UUID().uuidString
    response.headers["X-GitHub-Media-Type"] = "github.v3; format=json"
    response.headers["X-Content-Type-Options"] = "nosniff"
    let version = request.headers["X-GitHub-Api-Version"] ?? "2022-11-28"
    response.headers["X-GitHub-Api-Version-Selected"] = version
    guard request.method == .head else { return response }
    // An empty body would set the length to 0.
    let length = response.body.contentLength ?? 0
    response.body = ResponseBody()
    response.headers[.contentLength] = String(length)
    return response
  }

  private func respond(_ request: Request, _ path: [Substring], _ prefix: String) async -> Response
  {
    guard let agent = request.headers[.userAgent], !agent.isEmpty else {
      return Self.withoutUserAgent
    }
    let found = Route.find(request.method, path)
    let documentation = found?.route.documentation ?? ""
    let state = api.rateLimit.state(adding: 1)
    var response: Response
    do {
      if state.isExceeded { throw Self.limitExceeded(authenticator.login) }
      let login = try admit(request)
      guard let found else {
        throw Route.methods(of: path).isEmpty ? APIError.notFound : .methodNotAllowed
      }
      var call = APICall(
        parameters: found.parameters, query: Self.members(of: request.uri.query),
        target: request.head.path ?? "/", accept: request.headers[.accept] ?? "",
        urls: ForgeURLs(host: request.head.authority, fallback: address.base, prefix: prefix),
        login: login)
      call.body = try await body(of: request)
      response = shown(try await found.route.perform(api, call), to: request)
    } catch {
      response = self.response(to: error, documentation: documentation)
    }
    if response.status == .methodNotAllowed { response.headers[.allow] = Route.methods(of: path) }
    response.headers["X-Accepted-GitHub-Permissions"] = found?.route.permission
    Self.addLimit(state, to: &response)
    return response
  }

  /// The owner of the token.
  private func admit(_ request: Request) throws(APIError) -> String {
    if let version = request.headers["X-GitHub-Api-Version"], !Self.versions.contains(version) {
      throw APIError(
        status: .badRequest, message: "\"\(version)\" is not a supported version.")
    }
    if isForeignForm(request) { throw .badCredentials }
    switch authenticator.caller(request.headers) {
    case .known(let login): return login
    case .anonymous: throw .requiresAuthentication
    case .refused: throw .badCredentials
    }
  }

  /// Whether a page of another origin sent it with a password that the browser keeps: browsers add
  /// that to the forms of every page.
  private func isForeignForm(_ request: Request) -> Bool {
    guard request.headers[.authorization]?.lowercased().hasPrefix("basic ") == true,
      let origin = request.headers[.origin]
    else { return false }
    return request.head.authority.map { origin != "http://\($0)" || !address.isOwn($0) } ?? true
  }

  /// The members of a query; of those with the same name the last one counts.
  static func members(of query: String?) -> [String: String] {
    var members: [String: String] = [:]
    for pair in (query ?? "").split(separator: "&") {
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard let name = Percent.decode(parts[0], plusIsSpace: true),
        let value = Percent.decode(parts.count > 1 ? parts[1] : "", plusIsSpace: true)
      else { continue }
      members[name] = value
    }
    return members
  }

  private func body(of request: Request) async throws -> JSONValue? {
    let tooLarge = APIError(status: .contentTooLarge, message: "Payload too large")
    if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > bodyLimit {
      throw tooLarge
    }
    let buffer: ByteBuffer
    do { buffer = try await request.body.collect(upTo: bodyLimit) } catch is NIOTooManyBytesError {
      throw tooLarge
    }
    guard buffer.readableBytes > 0 else { return nil }
    guard let json = try? JSONValue(parsing: buffer.readableBytesView) else {
      throw APIError.notJSON
    }
    guard json.objectValue != nil || json.arrayValue != nil else { throw APIError.notAnObject }
    return json
  }

  // MARK: Responses

  private func shown(_ reply: APIReply, to request: Request) -> Response {
    var headers = reply.headers
    headers[.cacheControl] = "private, max-age=60, s-maxage=60"
    headers[.vary] = "Accept, Authorization, Cookie, X-GitHub-OTP"
    let bytes: [UInt8]
    switch reply.content {
    case .none: return Response(status: reply.status, headers: headers)
    case .json(let value):
      headers[.contentType] = "application/json; charset=utf-8"
      bytes = value.canonical
    case .text(let text, let type):
      headers[.contentType] = type
      bytes = text
    }
    let isRead = request.method == .get || request.method == .head
    if isRead, reply.status == .ok {
      let tag = Self.tag(bytes)
      headers[.eTag] = tag
      if Self.matches(tag, request) {
        api.rateLimit.refund()
        headers[.contentType] = nil
        return Response(status: .notModified, headers: headers)
      }
    }
    return Response(reply.status, headers, bytes)
  }

  private func response(to error: any Error, documentation: String) -> Response {
    let refusal: APIError
    if let error = error as? APIError {
      refusal = error
    } else if let error = error as? SQLiteError, error.primaryCode == SQLiteError.full {
      refusal = APIError(status: .serviceUnavailable, message: "The disk is full.")
    } else {
      logger.error("a call of the API failed", metadata: ["error": "\(error)"])
      refusal = APIError(status: .internalServerError, message: "Server Error")
    }
    return Response(
      refusal.status, [.contentType: "application/json; charset=utf-8"],
      refusal.json(documentation: documentation).canonical)
  }

  private static var withoutUserAgent: Response {
    let text = """
      Request forbidden by administrative rules. Please make sure your request has a User-Agent \
      header (https://docs.github.com/en/rest/overview/resources-in-the-rest-api#user-agent-\
      required). Check https://developer.github.com for other possible causes.

      """
    return Response(.forbidden, [.contentType: "text/plain; charset=utf-8"], text.utf8)
  }

  private static func limitExceeded(_ login: String) -> APIError {
    APIError(status: .forbidden, message: "API rate limit exceeded for user \(login).")
  }

  private static func addLimit(_ state: RateLimit.State, to response: inout Response) {
    let values = [
      ("Limit", String(state.limit)), ("Remaining", String(state.remaining)),
      ("Used", String(state.used)), ("Reset", String(state.reset)), ("Resource", "core"),
    ]
    for (name, value) in values { response.headers["X-RateLimit-\(name)"] = value }
  }

  private static func tag(_ bytes: [UInt8]) -> String {
    "W/\"\(SHA256.hex(bytes))\""
  }

  /// Whether the client has this response already; clients send tags with and without `W/`.
  private static func matches(_ tag: String, _ request: Request) -> Bool {
    (request.headers[.ifNoneMatch] ?? "").split(separator: ",").contains {
      $0.trimmed == tag || $0.trimmed == tag.dropFirst(2)
    }
  }
}

extension SQLiteError {
  /// SQLITE_FULL (https://sqlite.org/rescode.html).
  static let full: Int32 = 13
}
