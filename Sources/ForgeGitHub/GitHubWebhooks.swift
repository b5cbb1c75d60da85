import Cryptography
import Domain
import ForgePort
import FoundationEssentials
import Text

/// Reads GitHub's webhooks (https://docs.github.com/webhooks/webhook-events-and-payloads).
package struct GitHubWebhooks: WebhookReader {
  /// Of the name of an event, in messages.
  private static let nameMax = 50
  private static let signature = "x-hub-signature-256"

  private let secret: String

  /// GitHub sends 25 MB at most.
  package let bodyBytesMax = 25 << 20

  /// - Parameter secret: the webhook's secret on GitHub.
  package init(secret: String) { self.secret = secret }

  package let notAuthentic = WebhookFault(
    .notAuthentic,
    "X-Hub-Signature-256 is missing, or is not this body's with the secret that is set here.",
    hint: "Give the forge's webhook the secret of AIPM_WEBHOOK_SECRET.")

  /// See `WebhookReader`.
  package func mayBeAuthentic(headers: [String: String]) -> Bool {
    headers[Self.signature] != nil
  }

  /// See `WebhookReader`.
  package func read(
    headers: [String: String], body: [UInt8]
  ) throws(WebhookFault) -> WebhookDelivery {
    guard isSigned(body, headers[Self.signature]) else { throw notAuthentic }
    let media = headers["content-type"]?.split(separator: ";").first ?? ""
    guard media.filter({ $0 != " " }).lowercased() == "application/json" else {
      throw WebhookFault(
        .wrongMediaType, "The message must be JSON.",
        hint: "Choose the content type application/json in the forge's webhook.")
    }
    return WebhookDelivery(
      id: headers["x-github-delivery"], event: try event(headers["x-github-event"] ?? "", body))
  }

  /// Checks the HMAC-SHA256 of the exact bytes, in constant time.
  private func isSigned(_ bytes: [UInt8], _ signature: String?) -> Bool {
    let prefix = "sha256="
    guard let signature, signature.hasPrefix(prefix),
      let code = Hex.decode(signature.dropFirst(prefix.count).lowercased())
    else { return false }
    return HMACSHA256.isValid(code, for: bytes, key: Array(secret.utf8))
  }

  private func event(_ name: String, _ body: [UInt8]) throws(WebhookFault) -> WebhookEvent {
    switch name {
    case "ping":
      let _: [String: AnyMember] = try decode(body)
      return .ping
    case "pull_request":
      let message: PullRequestMessage = try decode(body)
      guard ["closed", "reopened"].contains(message.action) else {
        return .ignored("\(message.action) changes no state")
      }
      return .pullRequest(message.change)
    case "push":
      let message: PushMessage = try decode(body)
      let prefix = "refs/heads/"
      guard message.ref.hasPrefix(prefix) else { return .ignored("\(message.ref) is no branch") }
      return .push(
        repository: RepositoryName(message.repository.fullName),
        branch: String(message.ref.dropFirst(prefix.count)))
    case "pull_request_review":
      let message: ReviewMessage = try decode(body)
      return message.event
    case "pull_request_review_comment":
      let message: ReviewCommentMessage = try decode(body)
      return message.event
    case "issue_comment":
      let message: IssueCommentMessage = try decode(body)
      return message.event
    case "check_run":
      let message: CheckRunMessage = try decode(body)
      return message.event
    case "status":
      let message: StatusMessage = try decode(body)
      return message.event
    case "workflow_run":
      let message: WorkflowRunMessage = try decode(body)
      return message.event
    case _:
      let _: [String: AnyMember] = try decode(body)
      return .ignored("AIPM acts on no \(name.prefix(Self.nameMax))")
    }
  }

  private func decode<Body: Decodable>(_ bytes: [UInt8]) throws(WebhookFault) -> Body {
    do { return try JSONDecoder.github.decode(Body.self, from: Data(bytes)) } catch {
      throw WebhookFault(.malformed, "The body is not what the event's name promises.")
    }
  }
}

/// A member of an object, whatever it is.
private struct AnyMember: Decodable {}

struct RepositoryPart: Decodable {
  let fullName: String

  var name: RepositoryName? { RepositoryName(fullName) }
}

private struct PushMessage: Decodable {
  let ref: String
  let repository: RepositoryPart
}

private struct PullRequestMessage: Decodable {
  struct PullRequest: Decodable {
    let number: Int64
    let state: String
    let merged: Bool?
    let updatedAt: String
    let body: String?
  }
  struct Sender: Decodable { let login: String }

  let action: String
  let pullRequest: PullRequest
  let repository: RepositoryPart
  let sender: Sender?

  var change: PullRequestChange {
    PullRequestChange(
      repository: RepositoryName(repository.fullName), number: pullRequest.number,
      state: pullRequest.merged == true ? .merged : pullRequest.state == "open" ? .open : .closed,
      asOf: Timestamp(github: pullRequest.updatedAt),
      body: pullRequest.body ?? "", sender: sender?.login ?? "github")
  }
}
