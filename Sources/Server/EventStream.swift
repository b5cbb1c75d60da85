import EventLog
import HTTPTypes
import Hummingbird
import NIOCore

/// Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).
struct EventWriter: ~Copyable {
  private var writer: any ResponseBodyWriter

  init(_ writer: any ResponseBodyWriter) { self.writer = writer }

  /// Sends one event; `data` is written as one line of JSON.
  mutating func send(id: String?, type: String, data: JSONValue) async throws {
    var text = ""
    if let id { text += "id: \(id)\n" }
    text += "event: \(type)\ndata: \(data.canonicalText)\n\n"
    try await writer.write(ByteBuffer(string: text))
  }

  /// Tells an id without an event: a client that is cut off before the first one resumes there.
  mutating func begin(after id: String) async throws {
    try await writer.write(ByteBuffer(string: "id: \(id)\n\n"))
  }

  /// A line that clients pass over: it shows both ends that the connection lives.
  mutating func beat() async throws { try await writer.write(ByteBuffer(string: ": alive\n\n")) }

  /// Waits until one of two streams gives a signal; sends a sign of life every 15 s meanwhile.
  mutating func wait<A: Sendable, B: Sendable>(
    for first: AsyncStream<A>, or second: AsyncStream<B>
  ) async throws {
    while true {
      let isSignal = await withTaskGroup(of: Bool?.self) { group in
        group.addTask {
          for await _ in first { return true }; return nil
        }
        group.addTask {
          for await _ in second { return true }; return nil
        }
        group.addTask {
          try? await Task.sleep(for: .seconds(15))
          return false
        }
        let first = await group.next() ?? nil
        group.cancelAll()
        return first
      }
      switch isSignal {
      case true?: return
      case false?:
        try Task.checkCancellation()
        try await beat()
      case nil: throw CancellationError()
      }
    }
  }

  mutating func finish() async throws { try await writer.finish(nil) }
}

extension Response {
  /// A response that sends events for as long as `body` runs.
  static func eventStream(
    _ body: @escaping @Sendable (inout EventWriter) async throws -> Void
  ) -> Response {
    Response(
      status: .ok,
      headers: [.contentType: "text/event-stream", .cacheControl: "no-store"],
      body: ResponseBody { writer in
        var events = EventWriter(writer)
        try await events.beat()
        try await body(&events)
        try await events.finish()
      })
  }
}
