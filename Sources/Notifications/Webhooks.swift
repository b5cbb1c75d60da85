import Cryptography
import Domain
import FoundationEssentials
import Text

/// A secret of Standard Webhooks: `whsec_` and 24 to 64 bytes in base64.
package struct WebhookSecret: Sendable {
  package static let prefix = "whsec_"
  package static let form =
    "write whsec_ and 24 to 64 random bytes in base64, as in "
    + "whsec_$(openssl rand -base64 32)"

  private let key: [UInt8]

  /// - Returns: nil if the text has another form.
  package init?(_ text: String) {
    guard text.hasPrefix(Self.prefix),
      let key = Data(base64Encoded: String(text.dropFirst(Self.prefix.count))),
      (24...64).contains(key.count)
    else { return nil }
    self.key = Array(key)
  }

  /// The signature of a message, with its version.
  package func signature(id: String, seconds: Int64, body: [UInt8]) -> String {
    let code = HMACSHA256.code(for: Array("\(id).\(seconds).".utf8) + body, key: key)
    return "v1,\(Data(code).base64EncodedString())"
  }
}

/// The call of a webhook.
package struct WebhookMessage: Sendable {
  package let headers: [(name: String, value: String)]
  package let body: [UInt8]

  /// - Parameters:
  ///   - secrets: one signature is made with each, so that a secret can be replaced.
  ///   - now: the time of the call: a receiver refuses messages that are old.
  package init(
    _ notification: DelegationNotification, secrets: [WebhookSecret], now: Timestamp
  ) {
    body = notification.webhook.canonical
    let seconds = now.milliseconds / 1000
    let (id, body) = (notification.id, body)
    headers = [
      ("Content-Type", "application/json"), ("webhook-id", id),
      ("webhook-timestamp", String(seconds)),
      (
        "webhook-signature",
        secrets.map { $0.signature(id: id, seconds: seconds, body: body) }.joined(separator: " ")
      ),
    ]
  }
}

extension DelegationNotification {
  /// The body of a webhook.
  package var webhook: JSONValue {
    let failure = failure.map { failed -> JSONValue in
      .object([
        "step": .string(failed.step.rawValue), "code": .string(failed.code.rawValue),
        "retryable": .bool(failed.retryable), "message": JSONValue(failed.message),
        "hint": JSONValue(failed.hint),
      ])
    }
    let pullRequest = pullRequest.map { known -> JSONValue in
      .object(["number": .integer(Int64(known.number)), "html_url": .string(known.url)])
    }
    return .object([
      "type": .string(type), "timestamp": .string(time.iso8601),
      "data": .object([
        "id": .string(delegation.rawValue), "position": .integer(position),
        "confirmationCode": .string(request.stamp.confirmationCode),
        "state": .string(state.rawValue),
        "repository": .object([
          "owner": .string(request.repository.owner), "repo": .string(request.repository.name),
        ]),
        "branchName": .string(request.branch), "taskTitle": JSONValue(request.text?.title),
        "requester": .string(request.requester), "agent": .string(request.agent),
        "workflow": .string(request.workflow.name), "attempt": .integer(Int64(attempt)),
        "pullRequest": pullRequest ?? .null, "commitSHA": JSONValue(commit?.rawValue),
        "failure": failure ?? .null,
      ]),
    ])
  }
}
