// Sends webhooks as GitHub does.
//
// Guarantees: a call takes at most ten seconds, at most eight are in flight, and at most a thousand
// wait: then the oldest is dropped and counted. A delivery that fails is not repeated, as on
// GitHub: it is recorded, and can be repeated by a call. What waits when the process ends is lost.

import Cryptography
import FoundationEssentials
import HTTPClient
import Logging
import Synchronization
import Text

/// A receiver of the events of all repositories, configured when the forge starts. Its deliveries
/// are not recorded.
package struct ForgeHook: Sendable {
  /// `http` or `https`.
  package var url: String
  package var secret: String
  /// The events that it gets; nil for all.
  package var events: Set<String>?

  /// - Parameters:
  ///   - url: where events are sent.
  ///   - secret: the key of `X-Hub-Signature-256`.
  ///   - events: as `X-GitHub-Event` names them; nil for all.
  package init(url: String, secret: String, events: Set<String>? = nil) {
    self.url = url
    self.secret = secret
    self.events = events
  }

  func takes(_ event: String) -> Bool { events?.contains(event) ?? true }
}

/// One event for one receiver.
struct WebhookCall: Sendable {
  /// The repository's webhook; nil for one of the configuration.
  var hook: Int64?
  var url: String
  var secret: String?
  /// `json` or `form`.
  var contentType = "json"
  var event: String
  var action: String?
  /// The same for a redelivery.
  var guid: String
  var isRedelivery = false
  var repository: Int64
  /// JSON.
  var payload: [UInt8]
}

final class WebhookSender: Sendable {
  private static let waitingMax = 1000
  private static let inFlightMax = 8
  /// GitHub sends no larger payload
  /// (https://docs.github.com/webhooks/webhook-events-and-payloads#payload-cap).
  static let payloadMax = 25 << 20
  /// How much of an answer is recorded.
  private static let responseMax = 64 << 10

  /// The receivers of all repositories.
  private let hooks: Mutex<[ForgeHook]>
  private let store: ForgeStore
  private let timeout: Duration
  private let client: HTTPClient
  private let waiting: AsyncStream<WebhookCall>
  private let queue: AsyncStream<WebhookCall>.Continuation
  private let lost = Atomic<Int>(0)
  private let logger: Logger

  /// - Parameter timeout: of one delivery; GitHub's is ten seconds.
  init(
    configured: [ForgeHook], store: ForgeStore, timeout: Duration = .seconds(10), logger: Logger
  ) {
    hooks = Mutex(configured)
    self.timeout = timeout
    self.store = store
    self.logger = logger
    client = HTTPClient(
      configuration: .init(
        userAgent: "GitHub-Hookshot/aipm",
        authoritiesFile: HTTPClient.Configuration.authoritiesOfEnvironment))
    (waiting, queue) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(Self.waitingMax))
  }

  /// The receivers of the events of all repositories.
  var configured: [ForgeHook] { hooks.withLock { $0 } }

  /// Adds a receiver of the events of all repositories.
  func add(_ hook: ForgeHook) { hooks.withLock { $0.append(hook) } }

  /// How many deliveries were dropped because too many waited.
  var dropped: Int { lost.load(ordering: .relaxed) }

  /// Adds a call to the queue.
  func send(_ call: WebhookCall) {
    guard case .dropped = queue.yield(call) else { return }
    let count = lost.add(1, ordering: .relaxed).newValue
    // Each power of two, so that a receiver that is away does not fill the log.
    guard count.nonzeroBitCount == 1 else { return }
    logger.warning("webhooks were dropped: too many wait", metadata: ["dropped": "\(count)"])
  }

  /// Sends what is queued until the task is cancelled.
  func run() async {
    await withTaskGroup(of: Void.self) { group in
      var inFlight = 0
      for await call in waiting {
        if inFlight == Self.inFlightMax {
          await group.next()
          inFlight -= 1
        }
        // A cancelled stream still gives what it holds.
        if Task.isCancelled { break }
        inFlight += 1
        group.addTask { await self.deliver(call) }
      }
      group.cancelAll()
    }
  }

  private func deliver(_ call: WebhookCall) async {
    let body =
      call.contentType == "form"
      ? Array("payload=".utf8) + Percent.encode(call.payload) : call.payload
    let headers = Self.headers(of: call, body: body)
    var record = DeliveryRecord(
      guid: call.guid, event: call.event, action: call.action, isRedelivery: call.isRedelivery,
      deliveredAt: Int64(Date().timeIntervalSince1970 * 1000), payload: call.payload)
    let started = ContinuousClock.now
    do throws(HTTPFault) {
      let response = try await client.send(
        HTTPRequest(
          method: "POST", url: call.url, headers: headers, body: .bytes(body),
          timeout: timeout, responseLimit: 1 << 20))
      record.code = Int64(response.status)
      record.status = (200..<300).contains(response.status) ? "OK" : "Invalid HTTP Response"
      record.response = String(decoding: response.body.prefix(Self.responseMax), as: UTF8.self)
      record.responseHeaders = Self.json(response.headers.fields.map { ($0.name, $0.value) })
    } catch {
      record.status = error.kind == .timedOut ? "timed out" : "failed to connect to host"
    }
    let time = ContinuousClock.now - started
    record.duration = Int64(time / .milliseconds(1))
    record.requestHeaders = Self.json(headers)
    if !(200..<300).contains(record.code) {
      logger.notice(
        "a webhook was not delivered",
        metadata: ["event": "\(call.event)", "status": "\(record.code) \(record.status)"])
    }
    guard let hook = call.hook, !Task.isCancelled else { return }
    do { try await store.add(record, to: hook) } catch {
      logger.error("a webhook's delivery was not recorded", metadata: ["error": "\(error)"])
    }
  }

  /// https://docs.github.com/webhooks/webhook-events-and-payloads#delivery-headers
  private static func headers(of call: WebhookCall, body: [UInt8]) -> [(String, String)] {
    let type =
      call.contentType == "form" ? "application/x-www-form-urlencoded" : "application/json"
    var headers = [
      ("Accept", "*/*"), ("Content-Type", type), ("X-GitHub-Event", call.event),
      ("X-GitHub-Delivery", call.guid), ("X-GitHub-Hook-ID", String(call.hook ?? 0)),
      ("X-GitHub-Hook-Installation-Target-ID", String(call.repository)),
      ("X-GitHub-Hook-Installation-Target-Type", "repository"),
    ]
    if let secret = call.secret, !secret.isEmpty {
      let code = HMACSHA256.code(for: body, key: Array(secret.utf8))
      headers.append(("X-Hub-Signature-256", "sha256=\(Hex.encode(code))"))
    }
    return headers
  }

  private static func json(_ fields: [(String, String)]) -> String {
    JSONValue.object(Dictionary(fields.map { ($0.0, .string($0.1)) }) { _, last in last })
      .canonicalText
  }
}
