// What the forms of a pull request's page do: calls of the API, in the name of the person.
//
// A page of a stranger, open in the same browser, can send forms here too. So a form needs a secret
// that only this forge's pages have, and its `Origin` and `Host` must be this forge's own: then it
// also helps nobody to let a name of their own lead to this address.

import FoundationEssentials
import HTTPTypes
import Hummingbird
import NIOCore
import Text

/// One form that was sent.
struct PageActions: Sendable {
  let api: ForgeAPI
  let address: ForgeAddress
  let repository: RepositoryRecord
  let number: Int

  private static let bodyMax = 512 << 10

  /// The path of the page.
  var path: String { "/\(repository.fullName)/pull/\(number)" }

  /// Why a form was refused before it was read.
  private struct Refusal: Error { let words: String }

  /// Carries out a form.
  /// - Parameter action: the last part of its path.
  func respond(to request: Request, action: String) async throws -> Response {
    do {
      let fields = try await fields(of: request)
      do {
        return PageFrame.see(path + (try await perform(action, fields)))
      } catch let error as APIError {
        return failed(error, fields["body"] ?? "")
      }
    } catch let refusal as Refusal {
      return PageFrame.response(
        .forbidden, title: "Refused",
        """
        <h1>Not done</h1>
        <p>\(refusal.words)</p>
        <p><a href="\(path)">Open the pull request again</a></p>
        """)
    }
  }

  private func fields(of request: Request) async throws -> [String: String] {
    guard let host = request.head.authority, address.isOwn(host) else {
      throw Refusal(words: "This is not the forge's own address.")
    }
    guard request.headers[.origin] == "http://\(host)",
      ["same-origin", nil].contains(request.headers["Sec-Fetch-Site"])
    else { throw Refusal(words: "The form came from another page.") }
    let type = (request.headers[.contentType] ?? "").split(separator: ";").first ?? ""
    guard type.trimmed.lowercased() == "application/x-www-form-urlencoded" else {
      throw Refusal(words: "This is not a form.")
    }
    let buffer: ByteBuffer
    do {
      buffer = try await request.body.collect(upTo: Self.bodyMax)
    } catch is NIOTooManyBytesError {
      throw Refusal(words: "The text is too long.")
    }
    let fields = APIResponder.members(of: String(buffer: buffer))
    guard api.addresses.isToken(fields["token"] ?? "", for: path) else {
      throw Refusal(words: "The page is older than the forge's last start.")
    }
    // Browsers send line ends of two characters.
    return fields.mapValues { $0.replacing("\r\n", with: "\n") }
  }

  private func failed(_ error: APIError, _ text: String) -> Response {
    let reasons = error.errors.compactMap(\.message) + error.reasons
    let why = reasons.isEmpty ? error.message : reasons.joined(separator: ". ")
    let kept: HTML =
      text.isEmpty ? "" : "<section class=\"box\"><p class=\"text\">\(text)</p></section>"
    return PageFrame.response(
      error.status, title: "Not done",
      """
      <h1>Not done</h1>
      <p>\(why)</p>
      \(kept)
      <p><a href="\(path)">Back to the pull request</a></p>
      """)
  }

  // MARK: Actions

  /// - Returns: the fragment of the page to show.
  private func perform(_ action: String, _ fields: [String: String]) async throws -> String {
    let body = JSONValue.string(fields["body"] ?? "")
    switch action {
    case "comment":
      let made = try await call(.post, "issues/\(number)/comments", ["body": body])
      return "#issuecomment-\(id(made))"
    case "reply":
      let first = Int64(fields["comment"] ?? "") ?? 0
      let made = try await call(
        .post, "pulls/\(number)/comments/\(first)/replies", ["body": body])
      return "#discussion_r\(id(made))"
    case "line": return try await comment(on: fields)
    case "review": return try await review(fields)
    case "discard":
      let pending = try await pendingReview()
      guard let pending else { throw APIError.notFound }
      _ = try await call(.delete, "pulls/\(number)/reviews/\(pending.id)", nil)
      return ""
    case "merge":
      _ = try await call(
        .put, "pulls/\(number)/merge", ["sha": JSONValue(fields["sha"])])
      return ""
    case "close": _ = try await call(.patch, "pulls/\(number)", ["state": "closed"])
    case "reopen": _ = try await call(.patch, "pulls/\(number)", ["state": "open"])
    case _: throw APIError.notFound
    }
    return ""
  }

  /// A comment at a line: at once, or with the review in progress.
  private func comment(on fields: [String: String]) async throws -> String {
    var members: [String: JSONValue] = [:]
    for name in ["path", "side", "commit_id", "body"] { members[name] = JSONValue(fields[name]) }
    members["line"] = JSONValue(Int64(fields["line"] ?? ""))
    if fields["mode"] == "single" {
      let made = try await call(.post, "pulls/\(number)/comments", .object(members))
      return "#discussion_r\(id(made))"
    }
    guard let pending = try await pendingReview() else {
      let commit = members.removeValue(forKey: "commit_id") ?? nil
      _ = try await call(
        .post, "pulls/\(number)/reviews", ["commit_id": commit, "comments": [.object(members)]])
      return "#review"
    }
    // GitHub's REST API cannot add to a pending review; its pages can.
    let inner = try await repositoryCall(.object(members))
    try await inner.add(.object(members), to: pending, of: try await inner.pull(number: number))
    return "#review"
  }

  private func review(_ fields: [String: String]) async throws -> String {
    let members: JSONValue = [
      "event": JSONValue(fields["event"]), "body": JSONValue(fields["body"] ?? ""),
    ]
    let reviews = "pulls/\(number)/reviews"
    guard let event = fields["event"], !event.isEmpty else { throw APIError.notSupplied("event") }
    let made =
      if let pending = try await pendingReview() {
        try await call(.post, "\(reviews)/\(pending.id)/events", members)
      } else {
        try await call(.post, reviews, members)
      }
    return "#pullrequestreview-\(id(made))"
  }

  private func pendingReview() async throws -> ReviewRecord? {
    guard let pull = try await api.store.pullRequest(of: repository.id, number: number) else {
      throw APIError.notFound
    }
    return try await api.store.pendingReview(of: pull.id, by: api.accounts.person)
  }

  private func id(_ made: JSONValue) -> Int64 { made["id"].integerValue ?? 0 }

  // MARK: Calls

  /// Makes a call of the API below the repository.
  private func call(_ method: HTTPRequest.Method, _ path: String, _ body: JSONValue?) async throws
    -> JSONValue
  {
    let whole = "repos/\(repository.fullName)/\(path)"
    guard let (route, parameters) = Route.find(method, whole.split(separator: "/")) else {
      throw APIError.notFound
    }
    var call = apiCall(body)
    call.parameters = parameters
    guard case .json(let value) = try await route.perform(api, call).content else { return nil }
    return value
  }

  private func repositoryCall(_ body: JSONValue) async throws -> RepositoryCall {
    var call = apiCall(body)
    call.parameters = ["owner": repository.owner, "repo": repository.name]
    return RepositoryCall(
      api: api, call: call, repository: try await api.repository(call, .talking))
  }

  private func apiCall(_ body: JSONValue?) -> APICall {
    APICall(
      parameters: [:], query: [:], target: "/", body: body, accept: "",
      urls: ForgeURLs(host: nil, fallback: address.base, prefix: ""), login: api.accounts.person)
  }
}
