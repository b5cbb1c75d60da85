import Access
import Domain
import Engine
import EventLog
import HTTPTypes
import Hummingbird
import Projections
import Text

/// The log: in pages, and as a stream that resumes without a gap.
struct LogRoutes {
  let server: ServerContext

  func add(to router: APIRouter) {
    router.on(.listEvents) { request, context in try await page(request, context) }
    router.on(.streamEvents) { request, context in
      try await stream(request, context)
    }
  }

  private func page(_ request: Request, _ context: APIContext) async throws -> Response {
    let after = request.integer("after") ?? 0
    let limit = Int(request.integer("limit") ?? 100)
    let events = try await server.store.read(after: after, limit: limit)
    let next = events.count == limit ? events.last?.position : nil
    var view = LogView(server.store, try context.identified())
    var items: [JSONValue] = []
    for event in events where try await view.includes(event.stream.name) {
      items.append(event.json)
    }
    return .json(
      .object([
        "items": .array(items), "next": next.map { .integer($0) } ?? .null,
      ]))
  }

  private func stream(_ request: Request, _ context: APIContext) async throws -> Response {
    let head = try await server.store.head().position
    let last = request.headers[.lastEventID].flatMap { Int64($0) }
    let start = last ?? request.integer("after") ?? head
    guard try await server.isInLog(start) else {
      throw Problem(
        .conflict, "Beyond the log", "The log ends at position \(head), before \(start).",
        hint: "This is another log than the one you followed, or an older backup of it.")
    }
    let server = server
    let principal = try context.identified()
    return try server.eventStream(context) { events, wakes in
      wakes.add(server.streamSignals)
      var position = start
      var view = LogView(server.store, principal)
      try await events.begin(after: String(start))
      var isIdle = false
      while true {
        if let piece = try await server.encodedLog.piece(after: position) {
          if view.isWhole {
            try await events.send(piece.bytes)
          } else {
            try await events.send(try await piece.bytes { try await view.includes($0) })
          }
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

extension ServerContext {
  /// Whether the log has so many events. They may be those of a commit that this server has not
  /// heard of yet: another server has written it, or its own has not been answered.
  func isInLog(_ position: Int64) async throws(StoreFault) -> Bool {
    if try await position <= store.head().position { return true }
    return try await !store.read(after: position - 1, limit: 1).isEmpty
  }
}
