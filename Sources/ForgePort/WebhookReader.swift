import Domain

/// Reads the webhooks of one kind of forge.
package protocol WebhookReader: Sendable {
  /// The largest body that the forge sends, in bytes.
  var bodyBytesMax: Int { get }

  /// Whether the request claims to be authentic. A request that does not is refused before its body
  /// is read.
  /// - Parameter headers: by lowercase name.
  func mayBeAuthentic(headers: [String: String]) -> Bool

  /// Verifies that the forge sent the request, and reads it.
  /// - Parameter headers: by lowercase name.
  func read(headers: [String: String], body: [UInt8]) throws(WebhookFault) -> WebhookDelivery

  /// The fault of a request that is not authentic.
  var notAuthentic: WebhookFault { get }
}

/// A webhook request that was verified.
package struct WebhookDelivery: Equatable, Sendable {
  /// The forge's identifier of the delivery, the same if it is sent again; nil if it has none.
  package var id: String?
  package var event: WebhookEvent

  package init(id: String?, event: WebhookEvent) {
    self.id = id
    self.event = event
  }
}

/// What a webhook says.
package enum WebhookEvent: Equatable, Sendable {
  /// The forge tests whether webhooks arrive.
  case ping
  /// A pull request was closed, merged or reopened.
  case pullRequest(PullRequestChange)
  /// A branch moved.
  case push(repository: RepositoryName?, branch: String)
  /// Somebody said something on a pull request, or a check failed.
  case feedback(FeedbackReport)
  /// Nothing that AIPM acts on, and why.
  case ignored(String)
}

/// A pull request's new state.
package struct PullRequestChange: Equatable, Sendable {
  /// nil if its name cannot be read.
  package var repository: RepositoryName?
  package var number: Int64
  package var state: PullRequestState
  /// When it had that state; nil if the forge did not say.
  package var asOf: Timestamp?
  package var body: String
  /// The account that changed it.
  package var sender: String

  package init(
    repository: RepositoryName?, number: Int64, state: PullRequestState, asOf: Timestamp?,
    body: String, sender: String
  ) {
    self.repository = repository
    self.number = number
    self.state = state
    self.asOf = asOf
    self.body = body
    self.sender = sender
  }
}

/// Why a webhook request was not read.
package struct WebhookFault: Error, Equatable, Sendable {
  /// What is wrong with the request.
  package enum Kind: Equatable, Sendable {
    case notAuthentic
    /// The body has another media type than the reader takes.
    case wrongMediaType
    case malformed
  }

  package var kind: Kind
  package var message: String
  /// What a person can do.
  package var hint: String?

  package init(_ kind: Kind, _ message: String, hint: String? = nil) {
    self.kind = kind
    self.message = message
    self.hint = hint
  }
}
