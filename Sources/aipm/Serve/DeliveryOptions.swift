import Delivery
import EventLog
import HTTPClient
import Logging
import Projections
import Telemetry

/// What the server sends by itself: traces.
struct DeliveryOptions {
  /// nil: no traces are exported.
  var telemetry: TelemetrySettings?
  /// What all traces have in common.
  var resource: TelemetryResource

  /// - Throws: `Settings.Fault` with a remedy.
  init(_ settings: Settings) throws {
    do throws(TelemetrySettings.Fault) {
      telemetry = try TelemetrySettings.read(settings.secret)
      resource = try TelemetrySettings.resource(
        version: ServerProcess.version, settings.secret)
    } catch { throw Settings.Fault(description: error.description) }
  }

  /// The values that no text may contain.
  var secrets: [String] { telemetry?.headers.map(\.value) ?? [] }

  /// The receivers with their positions in the log.
  /// - Throws: `Failure` if a position cannot be read or written.
  func prepare(
    _ store: any RunningStore, _ folder: DataFolder, _ authoritiesFile: String?,
    _ metrics: DeliveryMetrics, _ logger: Logger
  ) async throws -> DeliveryService {
    var receivers: [any DeliveryReceiver] = []
    if let telemetry {
      receivers.append(
        TraceReceiver(
          telemetry, resource: resource, store: store,
          http: Self.http(telemetry.authoritiesFile ?? authoritiesFile), now: SystemClock.wall,
          logger: logger))
    }
    do {
      return try await DeliveryService.prepare(
        receivers, folder: "\(folder.path)/deliveries", store: store, feed: store.feed,
        metrics: metrics, now: SystemClock.wall, logger: logger)
    } catch let fault as DeliveryFault {
      throw Failure("what is to be sent cannot be followed: \(fault)")
    }
  }

  private static func http(_ authoritiesFile: String?) -> HTTPClient {
    HTTPClient(
      configuration: .init(
        userAgent: "aipm/\(ServerProcess.version)", authoritiesFile: authoritiesFile,
        maxConnectionsPerHost: 2, maxTransfers: 16))
  }
}
