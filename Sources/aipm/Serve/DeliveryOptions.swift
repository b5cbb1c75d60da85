import Delivery
import EventLog
import HTTPClient
import Logging
import Projections
import Telemetry
import Workflows

/// What the server sends by itself: traces and notifications.
struct DeliveryOptions {
  /// nil: no traces are exported.
  var telemetry: TelemetrySettings?
  /// What all traces have in common.
  var resource: TelemetryResource
  var notifications: NotificationSettings
  private let authoritiesFile: String?

  /// - Parameter authoritiesFile: a PEM file of trusted authorities, instead of the system's.
  /// - Throws: `Settings.Fault` with a remedy.
  init(_ settings: Settings, authoritiesFile: String?) throws {
    self.authoritiesFile = authoritiesFile
    notifications = try NotificationSettings(settings, authoritiesFile: authoritiesFile)
    do throws(TelemetrySettings.Fault) {
      telemetry = try TelemetrySettings.read(settings.secret)
      resource = try TelemetrySettings.resource(
        version: ServerProcess.version, settings.secret)
    } catch { throw Settings.Fault(description: error.description) }
  }

  /// The values that no text may contain.
  var secrets: [String] { (telemetry?.secrets ?? []) + notifications.secrets }

  /// The receivers with their positions in the log.
  /// - Parameter workflows: all that delegations have.
  /// - Throws: `Failure` if a position cannot be read or written.
  func prepare(
    _ store: any RunningStore, _ folder: DataFolder, _ workflows: [Workflow],
    _ metrics: DeliveryMetrics, _ logger: Logger
  ) async throws -> DeliveryService {
    let source = NotificationSource(
      states: notifications.states, store: store, workflows: workflows,
      patience: notifications.patience, now: SystemClock.wall)
    var receivers = notifications.receivers(source, Self.http(authoritiesFile))
    if let telemetry {
      receivers.append(
        TraceReceiver(
          telemetry, resource: resource, store: store,
          http: Self.http(telemetry.authoritiesFile ?? authoritiesFile), now: SystemClock.wall,
          logger: logger))
    }
    do {
      return try await DeliveryService.prepare(
        receivers, folder: "\(folder.path)/deliveries", shared: store.files, store: store,
        feed: store.feed, metrics: metrics, now: SystemClock.wall, logger: logger)
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
