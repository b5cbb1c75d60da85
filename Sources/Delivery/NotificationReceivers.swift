import Cryptography
import Domain
import EventLog
import HTTPClient
import Notifications
import Projections
import Text
import Workflows

/// What all receivers of notifications have in common.
package struct NotificationSource: Sendable {
  private let states: Set<DelegationStateName>
  private let store: any LogReader
  /// By digest.
  private let texts: [String: NotificationTexts]
  let patience: DeliveryPatience
  let now: @Sendable () -> Timestamp

  /// A refused delivery is tried for so long, if the patience is longer.
  private static let refusedMax = Milliseconds.seconds(900)

  /// - Parameters:
  ///   - states: the states whose beginning is sent.
  ///   - workflows: all that delegations have.
  ///   - patience: how long a delivery that fails is tried again.
  package init(
    states: Set<DelegationStateName>, store: any LogReader, workflows: [Workflow],
    patience: Milliseconds, now: @escaping @Sendable () -> Timestamp
  ) {
    self.states = states
    self.store = store
    texts = Dictionary(workflows.map { ($0.digest, $0.notifications) }) { first, _ in first }
    self.patience = DeliveryPatience(
      settling: Milliseconds(0), failing: patience, refused: min(patience, Self.refusedMax),
      backoff: Backoff(first: .seconds(1), maximum: .seconds(600)))
    self.now = now
  }

  func wants(_ type: EventType) -> Bool {
    DelegationNotification.state(after: type).map(states.contains) ?? false
  }

  /// nil if the event is none of a sound delegation.
  func notification(
    _ event: RecordedEvent
  ) async throws(StoreFault) -> (DelegationNotification, NotificationTexts?)? {
    guard let events = try await store.sound(event.stream),
      let notification = DelegationNotification(event, in: events)
    else { return nil }
    return (notification, texts[notification.request.workflow.digest])
  }
}

/// The limit of one call over HTTP.
private let callTimeout = Duration.seconds(15)

extension HTTPClient {
  /// Posts a notification. Redirects are not followed.
  fileprivate func post(
    _ body: [UInt8], to url: WebURL, headers: [(String, String)], now: Timestamp
  ) async -> DeliveryResult {
    let request = HTTPRequest(
      method: "POST", url: url.description, headers: headers, body: .bytes(body),
      timeout: callTimeout, responseLimit: 1 << 20)
    let response: HTTPResponse
    do throws(HTTPFault) {
      response = try await send(request)
    } catch { return DeliveryResult(error) }
    switch response.status {
    case 200..<300: return .accepted
    case 410: return .gone
    case 300..<400:
      return .refused(reason: "it answered \(response.status), and redirects are not followed")
    case let status:
      let isTemporary = status >= 500 || [408, 425, 429].contains(status)
      return .status(of: response, isTemporary: isTemporary, now: now)
    }
  }
}

/// A program that is called with signed webhooks.
package struct WebhookReceiver: DeliveryReceiver {
  private let url: WebURL
  private let secrets: [WebhookSecret]
  private let source: NotificationSource
  private let http: HTTPClient

  /// - Parameter secrets: at least one.
  package init(
    _ url: WebURL, secrets: [WebhookSecret], source: NotificationSource, http: HTTPClient
  ) {
    self.url = url
    self.secrets = secrets
    self.source = source
    self.http = http
  }

  package var channel: DeliveryChannel { .webhook }
  package var name: String { "the webhook at \(url.host)" }
  package var key: String { "webhook-" + SHA256.hex(url.description.utf8).prefix(16) }
  package var patience: DeliveryPatience { source.patience }

  /// See `DeliveryReceiver`.
  package func wants(_ type: EventType) -> Bool { source.wants(type) }

  /// See `DeliveryReceiver`.
  package func deliver(_ event: RecordedEvent) async throws(StoreFault) -> DeliveryResult {
    guard let (notification, _) = try await source.notification(event) else { return .skipped }
    let now = source.now()
    let message = WebhookMessage(notification, secrets: secrets, now: now)
    return await http.post(
      message.body, to: url, headers: message.headers.map { ($0.name, $0.value) }, now: now)
  }
}

/// A channel of Slack, by the address of an incoming webhook, which is a secret.
package struct SlackReceiver: DeliveryReceiver {
  private let url: WebURL
  private let source: NotificationSource
  private let http: HTTPClient

  package init(_ url: WebURL, source: NotificationSource, http: HTTPClient) {
    self.url = url
    self.source = source
    self.http = http
  }

  package var channel: DeliveryChannel { .slack }
  package var name: String { "Slack" }
  /// There is one at most, and another address continues where the former one was.
  package var key: String { "slack" }
  package var patience: DeliveryPatience { source.patience }

  /// See `DeliveryReceiver`.
  package func wants(_ type: EventType) -> Bool { source.wants(type) }

  /// See `DeliveryReceiver`.
  package func deliver(_ event: RecordedEvent) async throws(StoreFault) -> DeliveryResult {
    guard let (notification, texts) = try await source.notification(event) else {
      return .skipped
    }
    return await http.post(
      SlackMessage.body(notification, texts), to: url,
      headers: [("Content-Type", "application/json")], now: source.now())
  }
}

/// People, by mail.
package struct MailReceiver: DeliveryReceiver {
  private let client: MailClient
  private let from: MailAddress
  private let to: [MailAddress]
  private let includesRequester: Bool
  private let source: NotificationSource

  /// - Parameter includesRequester: whether the requester is sent a mail too, if the name is an
  ///   address.
  package init(
    _ client: MailClient, from: MailAddress, to: [MailAddress], includesRequester: Bool,
    source: NotificationSource
  ) {
    self.client = client
    self.from = from
    self.to = to
    self.includesRequester = includesRequester
    self.source = source
  }

  package var channel: DeliveryChannel { .mail }
  package var name: String { "the mail server" }
  /// There is one at most, and another address continues where the former one was.
  package var key: String { "mail" }
  package var patience: DeliveryPatience { source.patience }

  /// See `DeliveryReceiver`.
  package func wants(_ type: EventType) -> Bool { source.wants(type) }

  /// See `DeliveryReceiver`.
  package func deliver(_ event: RecordedEvent) async throws(StoreFault) -> DeliveryResult {
    guard let (notification, texts) = try await source.notification(event) else {
      return .skipped
    }
    var recipients = to
    if includesRequester, let requester = MailAddress(notification.request.requester),
      !recipients.contains(requester)
    {
      recipients.append(requester)
    }
    guard !recipients.isEmpty else { return .skipped }
    let message = MailMessage(notification, texts, from: from, to: recipients)
    do throws(MailClient.Fault) {
      try await client.send(
        message.bytes, from: from.description, to: recipients.map(\.description))
      return .accepted
    } catch {
      return error.isPermanent
        ? .refused(reason: error.description) : .failed(reason: error.description)
    }
  }
}
