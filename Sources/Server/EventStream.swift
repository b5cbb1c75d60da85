import EventLog
import HTTPServing
import HTTPTypes
import Hummingbird
import NIOCore
import Synchronization
import Text

/// Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).
struct EventWriter: ~Copyable {
  private var writer: any ResponseBodyWriter

  init(_ writer: any ResponseBodyWriter) { self.writer = writer }

  /// Sends one event; `data` is written as one line of JSON.
  mutating func send(id: String?, type: String, data: JSONValue) async throws {
    try await send(id: id, type: type, line: data.canonicalText)
  }

  /// The same with JSON that is written already, in one line.
  mutating func send(id: String?, type: String, line: String) async throws {
    var event = ByteBuffer()
    Self.append(id: id, type: type, line: line, to: &event)
    try await writer.write(event)
  }

  /// Sends events that were written by `append`.
  mutating func send(_ events: ByteBuffer) async throws { try await writer.write(events) }

  /// Writes one event, with JSON in one line.
  static func append(id: String?, type: String, line: String, to buffer: inout ByteBuffer) {
    if let id { buffer.writeString("id: \(id)\n") }
    buffer.writeString("event: \(type)\ndata: ")
    buffer.writeString(line)
    buffer.writeString("\n\n")
  }

  /// Tells an id without an event: a client that is cut off before the first one resumes there.
  mutating func begin(after id: String) async throws {
    try await writer.write(ByteBuffer(string: "id: \(id)\n\n"))
  }

  /// A line that clients pass over: it shows both ends that the connection lives.
  mutating func beat() async throws { try await writer.write(ByteBuffer(string: ": alive\n\n")) }

  mutating func finish() async throws { try await writer.finish(nil) }
}

/// Tells one reader that something it waits for may have happened: several signals as one, and a
/// call every so often where none comes.
///
/// A stream of signals is over when the task that waits for its next one is cancelled, so each has
/// one task that waits for it for as long as the reader lives.
final class Wakes: Sendable {
  private let calls: AsyncStream<Void>
  private let call: AsyncStream<Void>.Continuation
  private let pumps = Mutex<[Task<Void, Never>]>([])

  /// - Parameter interval: between two calls of the clock; a stream of events sends a sign of life
  ///   then, which is also how it notices that its reader is gone.
  init(interval: Duration = .seconds(15)) {
    (calls, call) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    let call = call
    keep(
      Task {
        while (try? await Task.sleep(for: interval)) != nil { call.yield() }
      })
  }

  deinit {
    for pump in pumps.withLock({ $0 }) { pump.cancel() }
  }

  func add<Signal: Sendable>(_ signals: AsyncStream<Signal>) {
    let call = call
    keep(
      Task {
        for await _ in signals { call.yield() }
      })
  }

  /// Has the reader end when its connection does, rather than at its next write.
  func end(with channel: any Channel) {
    let call = call
    channel.closeFuture.whenComplete { _ in call.finish() }
  }

  private func keep(_ pump: Task<Void, Never>) { pumps.withLock { $0.append(pump) } }

  /// Waits for the next call; calls that came since the last one are one.
  /// - Throws: `CancellationError` where the reader's task was cancelled, or its connection ended.
  func next() async throws {
    for await _ in calls { return }
    throw CancellationError()
  }
}

extension ServerContext {
  /// A response that sends events for as long as `body` runs. A reader that takes nothing for half
  /// a minute is cut off by its connection, and goes on from the last id that it has seen.
  /// - Throws: `Problem` 429 where there are too many streams.
  func eventStream(
    _ context: APIContext,
    _ body: @escaping @Sendable (inout EventWriter, Wakes) async throws -> Void
  ) throws -> Response {
    let channel = context.channel
    guard let ticket = streams.open(on: channel) else {
      var problem = Problem(
        .tooManyRequests, "Too many streams", "Too many event streams are open.",
        hint: "Close one, or read pages: GET /api/events?after=POSITION.")
      problem.retryAfter = 5
      throw problem
    }
    return Response(
      status: .ok,
      headers: [.contentType: "text/event-stream", .cacheControl: "no-store"],
      body: ResponseBody { writer in
        defer { withExtendedLifetime(ticket) {} }
        var events = EventWriter(writer)
        let wakes = Wakes()
        wakes.end(with: channel)
        try await events.beat()
        try await body(&events, wakes)
        try await events.finish()
      })
  }
}
