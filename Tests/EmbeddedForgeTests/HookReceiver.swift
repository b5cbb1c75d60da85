import FoundationEssentials
import RawSockets

/// A receiver of webhooks on this machine.
final class HookReceiver: Sendable {
  struct Event: Sendable {
    var name: String
    var delivery: String
    var signature: String
    var body: [UInt8]

    var payload: Value {
      (try? JSONDecoder().decode(Value.self, from: Data(body))) ?? .null
    }

    /// Such as `pull_request.closed`.
    var title: String {
      let action = payload["action"].text
      return action.isEmpty ? name : "\(name).\(action)"
    }
  }

  let server: RawServer
  /// For one reader at a time.
  let all: AsyncStream<Event>

  /// - Parameter answers: whether it answers at all.
  init(answers: Bool = true) throws {
    let (events, found) = AsyncStream.makeStream(of: Event.self)
    all = events
    server = try RawServer { connection in
      while let request = connection.readRequest() {
        found.yield(
          Event(
            name: request.header("x-github-event") ?? "",
            delivery: request.header("x-github-delivery") ?? "",
            signature: request.header("x-hub-signature-256") ?? "", body: request.body))
        guard answers else {
          _ = connection.peerCloses(within: 60_000)
          return
        }
        connection.answer("ok")
      }
    }
  }

  deinit { server.stop() }

  var url: String { "\(server.url)/hook" }

  /// The next events until all of these titles came; those that differ are left out.
  func expect(_ titles: String...) async -> [Event] {
    var found: [String: Event] = [:]
    for await event in all {
      if titles.contains(event.title) { found[event.title] = event }
      if found.count == Set(titles).count { break }
    }
    return titles.compactMap { found[$0] }
  }
}
