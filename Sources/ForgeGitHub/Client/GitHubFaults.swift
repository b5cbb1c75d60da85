import Domain
import ForgePort
import HTTPClient
import Text

// Answers other than 2xx, as faults of the port.

/// `{"message","errors":[{resource,field,code,message}],"documentation_url","status"}`; the errors
/// are sometimes plain texts.
struct ErrorBody {
  struct Item {
    var resource: String?
    var field: String?
    var code: String?
    var message: String?

    init(_ json: JSONValue) {
      resource = json["resource"].stringValue
      field = json["field"].stringValue
      code = json["code"].stringValue
      message = json.stringValue ?? json["message"].stringValue
    }

    var text: String {
      message ?? [resource, field, code].compactMap(\.self).joined(separator: " ")
    }
  }

  let message: String
  let items: [Item]

  /// Nil if the answer is not the API's.
  init?(_ response: HTTPResponse) {
    guard let json = try? JSONValue(parsing: response.body),
      let message = json["message"].stringValue
    else { return nil }
    self.message = message
    let errors = json["errors"]
    items = (errors.arrayValue ?? (errors == .null ? [] : [errors])).map(Item.init)
  }

  var text: String { ([message] + items.map(\.text)).joined(separator: "; ") }

  func has(_ words: String) -> Bool { text.lowercased().contains(words.lowercased()) }

  /// Whether it is a secondary limit. GitHub reports it with status 422, as if the request were
  /// invalid (whatwg/spec-factory#55, github/rest-api-description#4887). Only exact texts count,
  /// because a message may quote the request.
  var isTooQuick: Bool {
    items.contains { $0.code == "abuse" || $0.message == "was submitted too quickly" }
      || message == "was submitted too quickly"
  }

  /// Whether a ruleset or a branch protection forbids the call. For files the status is 409.
  var isRule: Bool {
    has("rule violation") || has("protected branch") || has("through a pull request")
  }
}

extension GitHubClient {
  static let requestIDHeader = "X-GitHub-Request-Id"
  static let limitHint = "Nothing is to be done: AIPM goes on by itself when the limit ends."
  private static let textMax = 500

  static func reachHint(_ apiURL: String) -> String {
    "Check the network, the proxy (HTTPS_PROXY, NO_PROXY), the authorities (AIPM_CA_FILE) and "
      + "AIPM_GITHUB_API_URL (\(apiURL))."
  }

  /// The fault of a request without a complete answer.
  func fault(of fault: HTTPFault, _ request: RESTRequest) -> ForgeFault {
    let message = "\(request): \(fault.detail)"
    let reach = Self.reachHint(configuration.apiURL)
    switch fault.kind {
    case .unreachable, .invalidURL, .invalidRequest:
      return ForgeFault(kind: .unreachable, message: message, hint: reach)
    case .tooLarge: return ForgeFault(kind: .unavailable, message: message)
    case .noAnswer, .timedOut, .cancelled, .overloaded:
      let kind: ForgeFault.Kind = fault.wasSent ? .noAnswer : .unreachable
      return ForgeFault(kind: kind, message: message)
    }
  }

  /// The fault of an answer with another status than 2xx.
  func fault(of response: HTTPResponse, _ request: RESTRequest, now: Timestamp) -> ForgeFault {
    let body = ErrorBody(response)
    let limit = GitHubLimit(response, body, now: now)
    let kind = limit.map { .limited(until: $0.until) } ?? kind(of: response, body, request)
    var text = body?.text ?? ""
    if body == nil {
      text = "no answer of the API: " + String(decoding: response.body.prefix(120), as: UTF8.self)
    }
    text = String(text.prefix(Self.textMax))
    return ForgeFault(
      kind: kind,
      message: "\(request): \(response.status): \(text)",
      hint: hint(for: kind, response, body, request),
      requestID: response.headers[Self.requestIDHeader])
  }

  private func kind(
    of response: HTTPResponse, _ body: ErrorBody?, _ request: RESTRequest
  ) -> ForgeFault.Kind {
    let kind = kind(of: response, body)
    switch request.made {
    case .branch where kind == .conflict && response.status == 422: return .possibleNameClash
    // Drafts in a private repository need a paid plan.
    case .draft where kind == .refused && body?.has("draft") == true: return .draftsUnsupported
    case .branch, .draft, .other: return kind
    }
  }

  private func kind(of response: HTTPResponse, _ body: ErrorBody?) -> ForgeFault.Kind {
    switch response.status {
    case 401: return .unauthorized
    case 403: return .forbidden
    case let status where status >= 500 || status == 408: return .unavailable
    case _ where body == nil: return .unavailable
    case 404, 410: return .notFound
    case 409 where body?.isRule == true: return .refused
    case 409: return body?.has("is empty") == true ? .empty : .conflict
    case 422: return body.map(kind(ofUnprocessable:)) ?? .refused
    default: return .refused
    }
  }

  /// GitHub uses status 422 for many faults, which differ in their texts only.
  private func kind(ofUnprocessable body: ErrorBody) -> ForgeFault.Kind {
    let exists = [
      "Reference already exists", "A pull request already exists", "\"sha\" wasn't supplied",
    ]
    if exists.contains(where: body.has) { return .exists }
    if body.has("Reference update failed") { return .conflict }
    let cannotSeeHead = body.items.contains {
      $0.resource == "PullRequest" && $0.field == "head" && $0.code == "invalid"
    }
    return body.has("No commits between") || cannotSeeHead ? .notYetVisible : .refused
  }

  private func hint(
    for kind: ForgeFault.Kind, _ response: HTTPResponse, _ body: ErrorBody?, _ request: RESTRequest
  ) -> String? {
    switch kind {
    case .limited: return Self.limitHint
    case .unauthorized: return configuration.credential.renewalHint
    case .forbidden: return forbiddenHint(response, body, request)
    case .notFound:
      if let scope = missingScope(response) { return scope }
      if let creation = configuration.creation {
        return "The embedded forge has no \(request.subject) yet: make it with `\(creation) "
          + "\(request.subject)`, or with --from PATH from a repository of this machine."
      }
      return "Check the name. The forge also says this if AIPM's credential has no access to "
        + "\(request.subject): grant it access."
    case .empty: return "Push a first commit to \(request.subject)."
    case .refused where body?.isRule == true:
      return "A rule of \(request.subject) forbids it: let AIPM's credential bypass the rule, "
        + "or exempt its branches."
    case .unavailable where body == nil && response.status < 500:
      return "Something else than the API answered. Check AIPM_GITHUB_API_URL "
        + "(\(configuration.apiURL)) and proxies on the way."
    case .unreachable, .noAnswer, .unavailable, .down, .conflict, .exists, .possibleNameClash,
      .notYetVisible, .draftsUnsupported, .refused:
      return nil
    }
  }

  private func forbiddenHint(
    _ response: HTTPResponse, _ body: ErrorBody?, _ request: RESTRequest
  ) -> String {
    if body?.has("archived") == true {
      return "\(request.subject) is archived: unarchive it, or name another."
    }
    if let sso = response.headers["X-GitHub-SSO"], sso.hasPrefix("required") {
      let url = sso.split(separator: "url=").dropFirst().first.map { ": \($0)" } ?? ""
      return "The organisation wants the credential authorised for its single sign-on\(url)"
    }
    if let wanted = response.headers["X-Accepted-GitHub-Permissions"], !wanted.isEmpty {
      return "AIPM's credential lacks a permission on \(request.subject): grant it \(wanted)."
    }
    if let scope = missingScope(response) { return scope }
    return "Grant AIPM's credential the right to write contents and pull requests of "
      + "\(request.subject)."
  }

  /// The scopes of which the call needs one, if a classic token has none of them.
  private func missingScope(_ response: HTTPResponse) -> String? {
    guard let held = response.scopes("X-OAuth-Scopes"),
      let wanted = response.scopes("X-Accepted-OAuth-Scopes"), !wanted.isEmpty,
      wanted.isDisjoint(with: held)
    else { return nil }
    return "AIPM's token lacks a scope: grant it \(wanted.sorted().joined(separator: " or "))."
  }
}

extension HTTPResponse {
  /// A header with the scopes of classic tokens; nil if it is absent.
  func scopes(_ name: String) -> Set<String>? {
    headers[name].map { text in
      let scopes = text.split(separator: ",").map { String($0.filter { $0 != " " }) }
      return Set(scopes.filter { !$0.isEmpty })
    }
  }
}
