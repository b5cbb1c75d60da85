import EventLog
import HTTPClient
import Terminal

/// One server-sent event (https://html.spec.whatwg.org/multipage/server-sent-events.html).
struct ServerEvent: Equatable {
  var id: String?
  var type: String
  var data: String
}

/// Splits a stream of bytes into server-sent events.
struct ServerEventParser {
  private var line: [UInt8] = []
  private var id: String?
  private var type = ""
  private var data: [String] = []

  /// Appends the next bytes.
  /// - Returns: the completed events.
  mutating func take(_ bytes: [UInt8]) -> [ServerEvent] {
    var events: [ServerEvent] = []
    for byte in bytes {
      guard byte == UInt8(ascii: "\n") else {
        line.append(byte)
        continue
      }
      if line.last == UInt8(ascii: "\r") { line.removeLast() }
      if let event = end(String(decoding: line, as: UTF8.self)) { events.append(event) }
      line.removeAll(keepingCapacity: true)
    }
    return events
  }

  private mutating func end(_ line: String) -> ServerEvent? {
    if line.isEmpty {
      defer {
        type = ""
        data = []
      }
      guard !data.isEmpty else { return nil }
      return ServerEvent(
        id: id, type: type.isEmpty ? "message" : type, data: data.joined(separator: "\n"))
    }
    let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty else { return nil }
    let value = String(parts[1].first == " " ? parts[1].dropFirst() : parts[1])
    switch parts[0] {
    case "id": id = value
    case "event": type = value
    case "data": data.append(value)
    case _: break
    }
    return nil
  }
}

/// Reads a stream of server-sent events without end: if the connection closes, it connects again
/// and resumes after the last received event.
struct ServerEventFollower {
  /// How long the server may be unreachable.
  private static let patience = Duration.seconds(60)
  private static let pause = Duration.milliseconds(500)

  let api: ServerAPI
  let path: String
  let query: [(String, String?)]
  /// Called when the connection is lost (false) and when it is open again (true).
  let onLink: nonisolated(nonsending) (Bool) async -> Void

  /// - Parameter body: returns false to stop.
  /// - Throws: `Failure` if the server refuses, or was unreachable for a minute.
  nonisolated(nonsending) func run(
    _ body: nonisolated(nonsending) (ServerEvent) async throws -> Bool
  ) async throws {
    var last: String?
    var goodAt = ContinuousClock.now
    while true {
      do {
        let resume = last.map { [("Last-Event-ID", $0)] } ?? []
        let stream = try await api.stream(path, query: query, headers: resume)
        await onLink(true)
        goodAt = .now
        if try await read(stream, &last, &goodAt, body) { return }
      } catch let failure as Failure {
        let isAway = ContinuousClock.now - goodAt > Self.patience
        guard failure.code == .notReached, !isAway else { throw failure }
      }
      await onLink(false)
      try await Task.sleep(for: Self.pause)
    }
  }

  /// - Returns: true if `body` stopped; false if the connection closed.
  nonisolated(nonsending) private func read(
    _ stream: HTTPStream, _ last: inout String?, _ goodAt: inout ContinuousClock.Instant,
    _ body: nonisolated(nonsending) (ServerEvent) async throws -> Bool
  ) async throws -> Bool {
    var parser = ServerEventParser()
    var chunks = stream.makeAsyncIterator()
    while let chunk = try? await chunks.next() {
      goodAt = .now
      for event in parser.take(chunk) {
        let goesOn = try await body(event)
        last = event.id ?? last
        if !goesOn { return true }
      }
    }
    return false
  }
}
