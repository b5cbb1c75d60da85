import Domain
import Engine
import EventLog
import HTTPTypes
import Hummingbird
import Projections
import Text

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
        if let piece = try await server.encodedLog.piece(after: position) {
          try await events.send(piece.bytes)
          position = piece.end
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
