import Domain
import EventLog
import LogStories
import Randomness
import Text

/// Events as a store would write them.
enum Sealed {
  /// A log of these events, a second apart, each in the stream that it belongs to.
  static func log(_ events: [Event], seed: Int = 1) -> [RecordedEvent] {
    var sealer = EventSealer(last: nil, random: Seeded(seed))
    var versions: [StreamName: Int64] = [:]
    var now = Story.start
    return events.flatMap { event -> [RecordedEvent] in
      let stream: StreamName =
        switch event {
        case .delegation: .delegation(Story.id(1))
        case .worker: .worker(Story.worker)
        case .system: .system
        }
      let append = Append(
        stream: stream, expectedVersion: versions[stream] ?? 0, events: [event],
        actor: Story.user, correlation: nil, causation: nil)
      versions[stream, default: 0] += 1
      now = now + .seconds(1)
      return sealer.seal(append, at: now)?.map(\.recorded) ?? []
    }
  }

  static let goodDay = log(Story.goodDay(1).map { .delegation($0) })

  static func stored(_ events: [RecordedEvent]) throws -> [StoredEvent] {
    try events.map { try StoredEvent(exported: $0.json.canonical) }
  }
}
