import Access
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
  /// Whether the reader is still accepted.
  private let isAccepted: @Sendable () -> Bool

  init(_ writer: any ResponseBodyWriter, isAccepted: @escaping @Sendable () -> Bool) {
    self.writer = writer
    self.isAccepted = isAccepted
  }

  /// - Throws: `CancellationError` if the reader's token is valid no longer.
  private mutating func write(_ bytes: ByteBuffer) async throws {
    guard isAccepted() else { throw CancellationError() }
    try await writer.write(bytes)
  }

  /// Sends one event; `data` is written as one line of JSON.
  mutating func send(id: String?, type: String, data: JSONValue) async throws {
    try await send(id: id, type: type, line: data.canonicalText)
  }

  /// Sends one event; `line` is JSON in one line.
  mutating func send(id: String?, type: String, line: String) async throws {
    var event = ByteBuffer()
    Self.append(id: id, type: type, line: line, to: &event)
    try await write(event)
  }

  /// Sends events that `append` wrote.
  mutating func send(_ events: ByteBuffer) async throws { try await write(events) }

  /// Writes one event with JSON in one line.
  static func append(id: String?, type: String, line: String, to buffer: inout ByteBuffer) {
    if let id { buffer.writeString("id: \(id)\n") }
    buffer.writeString("event: \(type)\ndata: ")
    buffer.writeString(line)
    buffer.writeString("\n\n")
  }

  /// Sends an id without an event: a client that is disconnected before the first event resumes
  /// there.
  mutating func begin(after id: String) async throws {
    try await write(ByteBuffer(string: "id: \(id)\n\n"))
  }

  /// Sends a comment, which clients ignore. It shows both sides that the connection is alive.
  mutating func beat() async throws { try await write(ByteBuffer(string: ": alive\n\n")) }

  mutating func finish() async throws { try await writer.finish(nil) }
}

/// Wakes one reader when an event it waits for may have happened, and at intervals. Several signals
/// become one.
///
/// A signal stream ends if the task that awaits its next element is cancelled. So each stream has
/// its own task, which lives as long as the reader.
final class Wakes: Sendable {
  private let calls: AsyncStream<Void>
  private let call: AsyncStream<Void>.Continuation
  private let pumps = Mutex<[Task<Void, Never>]>([])
  private let memberships = Mutex<[StreamSignals.Membership]>([])

  /// - Parameter interval: between two wake-ups by the clock. An event stream then sends a sign of
  ///   life, which also detects a closed connection.
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

  /// Wakes the reader after commits.
  func add(_ signals: StreamSignals) {
    let membership = signals.join(call)
    memberships.withLock { $0.append(membership) }
  }

  /// Ends the reader when its connection closes, instead of at its next write.
  func end(with channel: any Channel) {
    let call = call
    channel.closeFuture.whenComplete { _ in call.finish() }
  }

  private func keep(_ pump: Task<Void, Never>) { pumps.withLock { $0.append(pump) } }

  /// Waits for the next wake-up. Several since the last call count as one.
  /// - Throws: `CancellationError` if the reader's task was cancelled, or its connection closed.
  func next() async throws {
    for await _ in calls { return }
    throw CancellationError()
  }
}

extension ServerContext {
  /// A response that sends events until `body` returns. The connection of a reader that accepts
  /// nothing for half a minute is closed; the reader resumes after its last id.
  /// - Throws: `Problem` 429 if too many streams are open.
  func eventStream(
    _ context: APIContext,
    _ body: @escaping @Sendable (inout EventWriter, Wakes) async throws -> Void
  ) throws -> Response {
    let (channel, principal, access) = (context.channel, context.principal, access)
    guard
      let ticket = streams.open(
        on: channel, address: context.clientAddress, sender: principal?.provenName)
    else {
      var problem = Problem(
        .tooManyRequests, "Too many streams", "Too many event streams are open.",
        hint: "Close one, or read pages: GET /api/events?after=POSITION.")
      problem.retryAfter = 5
      throw problem
    }
    return Response(
      status: .ok,
      headers: [
        .contentType: "text/event-stream", .cacheControl: "no-store",
        // nginx passes each event on at once.
        .accelBuffering: "no",
      ],
      body: ResponseBody { writer in
        defer { withExtendedLifetime(ticket) {} }
        var events = EventWriter(writer) { access.isAccepted(principal) }
        let wakes = Wakes()
        if principal?.token != nil || principal?.session != nil { wakes.add(access.changes()) }
        wakes.end(with: channel)
        try await events.beat()
        try await body(&events, wakes)
        try await events.finish()
      })
  }
}

extension HTTPField.Name {
  fileprivate static let accelBuffering = Self("X-Accel-Buffering") ?? .server
}
