import EventLog
import HTTPTypes
import Hummingbird
import NIOCore
import Projections
import Text

/// An error of the API: `application/problem+json` (RFC 9457).
struct Problem: HTTPResponseError {
  var status: HTTPResponse.Status
  var title: String
  /// The error in this request.
  var detail: String
  /// A code for programs.
  var code: String?
  var hint: String?
  /// Errors by field.
  var errors: [(field: String, message: String)] = []
  /// Further members.
  var members: [String: JSONValue] = [:]
  /// In seconds.
  var retryAfter: Int?
  /// How to authenticate (RFC 9110, section 11.6.1); only for 401.
  var challenge: String?

  init(_ status: HTTPResponse.Status, _ title: String, _ detail: String, hint: String? = nil) {
    self.status = status
    self.title = title
    self.detail = detail
    self.hint = hint
  }

  var json: JSONValue {
    var object = members
    object["title"] = .string(title)
    object["status"] = .integer(Int64(status.code))
    object["detail"] = .string(detail)
    if let code { object["code"] = .string(code) }
    if let hint { object["hint"] = .string(hint) }
    if !errors.isEmpty {
      object["errors"] = .array(
        errors.map {
          .object(["field": .string($0.field), "message": .string($0.message)])
        })
    }
    return .object(object)
  }

  var response: Response {
    var response = Response.json(json, status: status)
    response.headers[.contentType] = "application/problem+json"
    if let retryAfter { response.headers[.retryAfter] = String(retryAfter) }
    if let challenge { response.headers[.wwwAuthenticate] = challenge }
    return response
  }

  func response(from request: Request, context: some RequestContext) throws -> Response { response }
}

extension Problem {
  static func notFound(_ what: String, hint: String? = nil) -> Problem {
    Problem(.notFound, "Not found", "There is no \(what).", hint: hint)
  }

  /// - Parameters:
  ///   - what: what there were too many of.
  ///   - seconds: after which to try again.
  static func tooMany(_ what: String, _ seconds: Int) -> Problem {
    var problem = Problem(
      .tooManyRequests, "Too many \(what)", "There were too many \(what) from this sender.",
      hint: "Wait as long as Retry-After says.")
    problem.retryAfter = seconds
    return problem
  }

  static func unavailable(_ detail: String) -> Problem {
    var problem = Problem(.serviceUnavailable, "Not now", detail)
    problem.retryAfter = 5
    return problem
  }

  /// The problem for an append that failed.
  init(_ fault: AppendFault) {
    switch fault {
    case .full:
      self = .unavailable("The disk is full: nothing was accepted. It goes on when there is room.")
    case .overloaded:
      self = Problem(.tooManyRequests, "Too much at once", "Too many requests wait for the log.")
      retryAfter = 1
    case .unavailable(let reason):
      self = .unavailable("Nothing can be recorded now: \(reason).")
    case .damaged(let message): self = .unavailable("The log takes no events: \(message)")
    case .io(let message): self = .unavailable("The disk failed: \(message)")
    case .closed: self = .unavailable("The server is stopping.")
    case .corrupt(let found):
      self = Problem(
        .conflict, "In quarantine",
        "The delegation's events do not follow from each other: \(found)",
        hint: "`aipm verify` shows where the log is damaged.")
    case .conflict, .duplicate, .stampTaken:
      self = Problem(.conflict, "Conflict", "Somebody else changed it at the same time: try again.")
    }
  }

  init(_ fault: StoreFault) { self = .unavailable("The log could not be read: \(fault)") }
}

extension Response {
  /// A response with a JSON value. Unknown query parameters are listed in its warnings.
  static func json(_ value: JSONValue, status: HTTPResponse.Status = .ok) -> Response {
    let warnings = status.code < 400 ? QueryNames.current?.warnings ?? [] : []
    var bytes = value.adding(warnings: warnings).canonical
    bytes.append(UInt8(ascii: "\n"))
    return Response(
      status: status,
      headers: [
        .contentType: "application/json", .cacheControl: "no-store",
        .xContentTypeOptions: "nosniff",
      ],
      body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
  }

  static func text(_ text: String, type: String = "text/plain; charset=utf-8") -> Response {
    Response(
      status: .ok, headers: [.contentType: type, .cacheControl: "no-store"],
      body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
  }

  static var noContent: Response { Response(status: .noContent) }
}

/// Turns every error into a problem, including those of the framework, and counts the request.
struct ProblemMiddleware: RouterMiddleware {
  let methods: RouteMethods
  let meter: RequestMeter

  func handle(
    _ request: Request, context: APIContext,
    next: (Request, APIContext) async throws -> Response
  ) async throws -> Response {
    let began = ContinuousClock.now
    let response: Response
    do {
      response = try await next(request, context)
    } catch {
      guard let problem = self.response(to: error, request) else {
        meter.count(request, context, .internalServerError, since: began)
        throw error
      }
      response = problem
    }
    meter.count(request, context, response.status, since: began)
    // A body after a HEAD would be read as the next response (RFC 9110, section 9.3.2).
    return request.method == .head ? response.createHeadResponse() : response
  }

  /// nil for an error that is not the request's.
  private func response(to error: any Error, _ request: Request) -> Response? {
    switch error {
    case let problem as Problem: return problem.response
    case let error as HTTPError:
      if error.status == .notFound, let allowed = methods.allowed(request.uri.path) {
        return Self.wrongMethod(request, allowed)
      }
      return Self.problem(error, request).response
    case let error as StoreFault: return Problem(error).response
    case let error as SharedFileFault: return Problem.unavailable("\(error)").response
    case _: return nil
    }
  }

  private static func wrongMethod(_ request: Request, _ allowed: String) -> Response {
    let problem = Problem(
      .methodNotAllowed, "Wrong method",
      "\(request.uri.path) does not take \(request.method.rawValue).",
      hint: "It takes \(allowed).")
    var response = problem.response
    response.headers[.allow] = allowed
    return response
  }

  private static func problem(_ error: HTTPError, _ request: Request) -> Problem {
    switch error.status {
    case .notFound: .notFound("route \(request.method.rawValue) \(request.uri.path)")
    case .contentTooLarge:
      Problem(.contentTooLarge, "Too large", "The body is larger than this route takes.")
    default:
      Problem(error.status, error.status.reasonPhrase, error.body ?? error.status.reasonPhrase)
    }
  }
}
