import Domain
import EventLog
import HTTPClient
import Logging
import Projections
import Synchronization
import Telemetry
import Text

/// A collector of OpenTelemetry, which gets the trace of each delegation that has ended, and again
/// after what follows an end: notices on the pull request, and a retry.
package struct TraceReceiver: DeliveryReceiver {
  private let settings: TelemetrySettings
  private let resource: TelemetryResource
  private let store: any LogReader
  private let http: HTTPClient
  private let now: @Sendable () -> Timestamp
  private let logger: Logger
  private let sent = SentTraces()

  package let patience: DeliveryPatience

  /// - Parameter patience: nil for the usual one: a trace that no collector takes for five minutes
  ///   is dropped.
  package init(
    _ settings: TelemetrySettings, resource: TelemetryResource, store: any LogReader,
    http: HTTPClient, patience: DeliveryPatience? = nil,
    now: @escaping @Sendable () -> Timestamp, logger: Logger
  ) {
    self.settings = settings
    self.resource = resource
    self.store = store
    self.http = http
    self.now = now
    self.logger = logger
    self.patience =
      patience
      ?? DeliveryPatience(
        // A notice usually follows within it, and then it is in the same export.
        settling: .seconds(1), failing: .seconds(300), refused: Milliseconds(0),
        backoff: Backoff(first: .seconds(1), maximum: .seconds(30)))
  }

  package var channel: DeliveryChannel { .traces }
  package var name: String { "the collector of traces at \(settings.endpoint.host)" }
  /// There is one at most, and another address continues where the former one was.
  package var key: String { "traces" }

  /// See `DeliveryReceiver`.
  package func wants(_ type: EventType) -> Bool {
    [.pushed, .failed, .actionDone].contains(type)
  }

  /// See `DeliveryReceiver`.
  package func deliver(_ event: RecordedEvent) async throws(StoreFault) -> DeliveryResult {
    guard case .delegation(let id) = event.stream, !sent.contains(id, event.position) else {
      return .skipped
    }
    guard let events = try await store.sound(event.stream), let last = events.last,
      let trace = DelegationTrace(id, events: events),
      trace.isComplete
    else { return .skipped }
    let result = await post(trace)
    if case .accepted = result { sent.note(id, last.position) }
    return result
  }

  private func post(_ trace: DelegationTrace) async -> DeliveryResult {
    var request = HTTPRequest(
      method: "POST", url: settings.endpoint.description,
      headers: settings.headers.map { ($0.name, $0.value) }
        + [("Content-Type", "application/json")],
      body: .bytes(trace.otlp(resource).canonical), timeout: settings.timeout,
      responseLimit: 1 << 20)
    request.connectTimeout = min(request.connectTimeout, settings.timeout)
    let response: HTTPResponse
    do throws(HTTPFault) {
      response = try await http.send(request)
    } catch { return DeliveryResult(error) }
    guard (200..<300).contains(response.status) else {
      // https://opentelemetry.io/docs/specs/otlp/#retryable-response-codes
      return .status(
        of: response, isTemporary: [429, 502, 503, 504].contains(response.status), now: now())
    }
    // Spans that a collector refuses are not sent again, as OTLP requires.
    let partial = (try? JSONValue(parsing: response.body))?["partialSuccess"] ?? .null
    let rejected = partial["rejectedSpans"]
    if let count = rejected.integerValue ?? rejected.stringValue.flatMap({ Int64($0) }), count > 0 {
      logger.warning("\(name) refused \(count) spans of a trace")
    }
    return .accepted
  }
}

/// How far the delegations' traces were sent, for events that were in a trace already.
private final class SentTraces: Sendable {
  private let positions = Mutex<[DelegationID: Int64]>([:])

  /// Whether a trace with the event at `position` was sent. The follower's position only rises, so
  /// what is behind it is forgotten.
  func contains(_ id: DelegationID, _ position: Int64) -> Bool {
    positions.withLock { positions in
      positions = positions.filter { $0.value >= position }
      return positions[id] != nil
    }
  }

  func note(_ id: DelegationID, _ position: Int64) {
    positions.withLock { $0[id] = position }
  }
}
