import Domain
import Engine
import EventLog
import HTTPTypes
import Hummingbird
import Processes

/// The log itself: in pages, and as a stream that resumes without a gap.
struct LogRoutes {
  let server: ServerContext

  func add(to router: some RouterMethods<APIContext>) {
    router.get("api/events") { request, _ in try await page(request) }
    router.get("api/events/stream") { request, context in
      try await stream(request, context)
    }
  }

  private func page(_ request: Request) async throws -> Response {
    let after = try request.integer("after", in: 0...Int64.max) ?? 0
    let limit = Int(try request.integer("limit", in: 1...1000) ?? 100)
    let events = try await server.store.read(after: after, limit: limit)
    let next = events.count == limit ? events.last?.position : nil
    return .json(
      .object([
        "items": .array(events.map(\.json)), "next": next.map { .integer($0) } ?? .null,
      ]))
  }

  /// Events that are read at once for a stream, and what of them is sent at once, in bytes.
  private static let eventsAtOnce = 64
  private static let bytesAtOnce = 64 << 10

  /// Some of the events that follow, written. What waits for a reader that is slow is these bytes,
  /// and not the events.
  /// - Parameter position: after which; the last one's then.
  private func following(_ position: inout Int64) async throws -> ByteBuffer? {
    let after = position
    let batch = try await server.streamReads.withSlot {
      try await server.store.read(after: after, limit: Self.eventsAtOnce)
    }
    var bytes = ByteBuffer()
    for event in batch where bytes.readableBytes < Self.bytesAtOnce {
      EventWriter.append(
        id: String(event.position), type: event.event.name, line: event.json.canonicalText,
        to: &bytes)
      position = event.position
    }
    return batch.isEmpty ? nil : bytes
  }

  private func stream(_ request: Request, _ context: APIContext) async throws -> Response {
    let head = try await server.store.head().position
    var after = try request.integer("after", in: 0...Int64.max)
    if let text = request.headers[.lastEventID] {
      guard let n = Int64(text), n >= 0 else {
        throw Problem.field("Last-Event-ID", "write the position of an event")
      }
      after = n
    }
    let start = after ?? head
    guard start <= head else {
      throw Problem(
        .conflict, "Beyond the log", "The log ends at position \(head), before \(start).",
        hint: "This is another log than the one you followed, or an older backup of it.")
    }
    let server = server
    return try server.eventStream(context) { events, wakes in
      wakes.add(server.engine.feed.signals())
      var position = start
      try await events.begin(after: String(start))
      var isIdle = false
      while true {
        if let bytes = try await following(&position) {
          try await events.send(bytes)
          isIdle = false
        } else {
          if isIdle { try await events.beat() }
          try await wakes.next()
          isIdle = true
        }
      }
    }
  }
}
