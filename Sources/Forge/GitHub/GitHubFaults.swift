import Domain
import Engine
import FoundationEssentials
import HTTPClient

// Answers that are not what was asked for, sorted into the classes that the engine decides by.

/// `{"message","errors":[{resource,field,code,message}],"documentation_url","status"}`; the errors
/// are sometimes plain texts.
private struct ErrorBody: Decodable {
  struct Item: Decodable {
    let resource: String?
    let field: String?
    let code: String?
    let message: String?

    private enum Key: String, CodingKey { case resource, field, code, message }

    init(from decoder: any Decoder) throws {
      if let text = try? decoder.singleValueContainer().decode(String.self) {
        (resource, field, code, message) = (nil, nil, nil, text)
        return
      }
      let values = try decoder.container(keyedBy: Key.self)
      resource = try? values.decode(String.self, forKey: .resource)
      field = try? values.decode(String.self, forKey: .field)
      code = try? values.decode(String.self, forKey: .code)
      message = try? values.decode(String.self, forKey: .message)
    }

    var text: String {
      message ?? [resource, field, code].compactMap(\.self).joined(separator: " ")
    }
  }

  let message: String
  let items: [Item]

  private enum Key: String, CodingKey { case message, errors }

  init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: Key.self)
    message = try values.decode(String.self, forKey: .message)
    let one = (try? values.decode(Item.self, forKey: .errors)).map { [$0] }
    items = (try? values.decode([Item].self, forKey: .errors)) ?? one ?? []
  }

  var text: String { ([message] + items.map(\.text)).joined(separator: "; ") }

  func has(_ words: String) -> Bool { text.lowercased().contains(words.lowercased()) }
}

extension GitHubClient {
  static let requestIDHeader = "X-GitHub-Request-Id"
  static let limitHint = "Nothing is to be done: AIPM goes on by itself when the limit ends."
  private static let textMax = 500

  /// The fault of a request that has no whole answer.
  func fault(of fault: HTTPFault, _ request: RESTRequest) -> ForgeFault {
    let message = "\(request): \(fault.detail)"
    let reach = "Check the network and AIPM_GITHUB_API_URL (\(configuration.apiURL))."
    switch fault.kind {
    case .unreachable, .invalidURL, .invalidRequest:
      return ForgeFault(kind: .unreachable, status: 0, message: message, hint: reach)
    case .tooLarge: return ForgeFault(kind: .unavailable, status: 0, message: message)
    case .noAnswer, .timedOut, .cancelled, .overloaded:
      let kind: ForgeFault.Kind = fault.wasSent ? .noAnswer : .unreachable
      return ForgeFault(kind: kind, status: 0, message: message)
    }
  }

  /// The fault that an answer other than 2xx is.
  func fault(of response: HTTPResponse, _ request: RESTRequest, now: Timestamp) -> ForgeFault {
    let body = try? JSONDecoder().decode(ErrorBody.self, from: Data(response.body))
    let kind = kind(of: response, body, now: now)
    var said = body?.text ?? ""
    if body == nil {
      said = "no answer of the API: " + String(decoding: response.body.prefix(120), as: UTF8.self)
    }
    said = String(said.prefix(Self.textMax))
    return ForgeFault(
      kind: kind, status: response.status,
      message: "\(request): \(response.status): \(said)",
      hint: hint(for: kind, response, body, request),
      requestID: response.headers[Self.requestIDHeader])
  }

  private func kind(
    of response: HTTPResponse, _ body: ErrorBody?, now: Timestamp
  ) -> ForgeFault.Kind {
    if let until = limit(of: response, body, now: now) { return .limited(until: until) }
    switch response.status {
    case 401: return .unauthorized
    case 403: return .forbidden
    case let status where status >= 500 || status == 408: return .unavailable
    case _ where body == nil: return .unavailable
    case 404, 410: return .notFound
    case 409: return body?.has("is empty") == true ? .empty : .conflict
    case 422: return body.map(kind(ofUnprocessable:)) ?? .refused
    default: return .refused
    }
  }

  /// GitHub answers 422 to much that differs only in its text.
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

  /// Until when a 403 or 429 forbids further calls; nil where it is no limit.
  private func limit(
    of response: HTTPResponse, _ body: ErrorBody?, now: Timestamp
  ) -> Timestamp? {
    guard response.status == 403 || response.status == 429 else { return nil }
    if let seconds = response.headers["retry-after"].flatMap(Int64.init), seconds >= 0 {
      return now + .seconds(min(max(seconds, 1), 86_400))
    }
    if response.headers["x-ratelimit-remaining"] == "0",
      let reset = response.headers["x-ratelimit-reset"].flatMap(Int64.init)
    {
      // A second more: both clocks round. A reset that has passed on our clock is no reason to
      // hurry, and one that is days away is a clock that is wrong.
      let at = Timestamp(milliseconds: reset * 1000) + .seconds(1)
      return min(max(at, now + .seconds(1)), now + .seconds(86_400))
    }
    let isSecondary = body?.has("rate limit") == true || body?.has("abuse") == true
    return response.status == 429 || isSecondary ? now + .seconds(60) : nil
  }

  private func hint(
    for kind: ForgeFault.Kind, _ response: HTTPResponse, _ body: ErrorBody?, _ request: RESTRequest
  ) -> String? {
    switch kind {
    case .limited: return Self.limitHint
    case .unauthorized:
      return "The credential is wrong or has expired: set AIPM_GITHUB_TOKEN anew and restart."
    case .forbidden: return forbiddenHint(response, body, request)
    case .notFound:
      return "Check the name. The forge also says this where AIPM's credential has no access to "
        + "\(request.repository): grant it access."
    case .empty: return "Push a first commit to \(request.repository)."
    case .refused where body?.has("rule violation") == true:
      return "A rule of \(request.repository) forbids it: let AIPM's credential bypass the rule, "
        + "or exempt its branches."
    case .unavailable where body == nil && response.status < 500:
      return "Something else than the API answered. Check AIPM_GITHUB_API_URL "
        + "(\(configuration.apiURL)) and proxies on the way."
    case .unreachable, .noAnswer, .unavailable, .conflict, .exists, .notYetVisible, .refused:
      return nil
    }
  }

  private func forbiddenHint(
    _ response: HTTPResponse, _ body: ErrorBody?, _ request: RESTRequest
  ) -> String {
    if body?.has("archived") == true {
      return "\(request.repository) is archived: unarchive it, or name another."
    }
    if let sso = response.headers["X-GitHub-SSO"], sso.hasPrefix("required") {
      let place = sso.split(separator: "url=").dropFirst().first.map { ": \($0)" } ?? ""
      return "The organisation wants the credential authorised for its single sign-on\(place)"
    }
    if let wanted = response.headers["X-Accepted-GitHub-Permissions"], !wanted.isEmpty {
      return "AIPM's credential lacks a permission on \(request.repository): grant it \(wanted)."
    }
    return "Grant AIPM's credential the right to write contents and pull requests of "
      + "\(request.repository)."
  }
}

extension Timestamp {
  /// The time of day, by the system's clock.
  static var now: Timestamp {
    Timestamp(milliseconds: Int64((Date().timeIntervalSince1970 * 1000).rounded(.down)))
  }
}
