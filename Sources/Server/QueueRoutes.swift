import Access
import Domain
import Engine
import EventLog
import Hummingbird
import Projections
import SystemCalls
import Text

/// The place of a delegation in the queue, and when it is expected to get a worker.
struct QueuedPlace: Sendable {
  var place: Int
  var startsAt: Timestamp?

  var json: JSONValue {
    .object([
      "place": .integer(Int64(place)),
      "startsAt": startsAt.map { Render.time($0.milliseconds) } ?? .null,
    ])
  }
}

/// `GET /api/queue`: the delegations that wait for a worker, in their order.
struct QueueRoutes {
  let server: ServerContext

  func add(to router: APIRouter) {
    router.on(.listQueue) { _, context in
      let permitted = try context.identified().repositories
      let places = try await server.queue.places()
      return .json(
        .object([
          "items": .array(
            places.filter { permitted.permit($0.repository.description) }.map { place in
              .object([
                "id": .string(place.delegation.rawValue), "place": .integer(Int64(place.place)),
                "startsAt": place.startsAt.map { Render.time($0.milliseconds) } ?? .null,
              ])
            })
        ]))
    }
  }
}

/// The engine's forecast of the queue, from how long workers had the delegations of the last days.
/// It is made at most once a second for all requests, and takes at most a twentieth of the time.
actor QueueWatch {
  private let engine: Engine
  private var last: (places: [QueuePlace], until: ContinuousClock.Instant)?
  private var making: Task<[QueuePlace], any Error>?
  private var work: (spans: [String: WorkSpans], at: ContinuousClock.Instant)?

  /// Places beyond are not computed.
  private static let placesMax = 500
  private static let days: Int64 = 7
  /// An agent with fewer ended delegations is not known well enough.
  private static let samplesMin = 3
  private static let samplesMax = 2000

  init(_ engine: Engine) { self.engine = engine }

  func places() async throws -> [QueuePlace] {
    if let last, ContinuousClock.now < last.until { return last.places }
    if let making { return try await making.value }
    let task = Task {
      let begun = ContinuousClock.now
      let places = await engine.queueForecast(work: try await spans(), limit: Self.placesMax)
      let spent = ContinuousClock.now - begun
      last = (places, .now + max(.seconds(1), spent * 20))
      return places
    }
    making = task
    defer { making = nil }
    return try await task.value
  }

  /// The place of each delegation that has one.
  func byDelegation() async throws -> [DelegationID: QueuedPlace] {
    Dictionary(
      try await places().map {
        ($0.delegation, QueuedPlace(place: $0.place, startsAt: $0.startsAt))
      }, uniquingKeysWith: { a, _ in a })
  }

  /// How long workers had the delegations of each agent.
  private func spans() async throws -> [String: WorkSpans] {
    if let work, ContinuousClock.now - work.at < .seconds(10) { return work.spans }
    let since = Timestamp(milliseconds: Timestamp.now.milliseconds - Self.days * 86_400_000)
    let times = try await engine.store.workTimes(since: since, limit: Self.samplesMax)
    let spans = Dictionary(grouping: times, by: \.agent).compactMapValues { times in
      times.count < Self.samplesMin ? nil : WorkSpans(times.map(\.span))
    }
    work = (spans, .now)
    return spans
  }
}
