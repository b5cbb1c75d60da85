// Simulates a real network and forge: latency, limits, and broken connections.

import FoundationEssentials
import HTTPTypes
import Hummingbird
import NIOCore
import Synchronization
import Text

/// Includes the connection, so that it can be closed at any time.
struct ForgeContext: RequestContext {
  var coreContext: CoreRequestContextStorage
  let channel: any Channel

  init(source: ApplicationRequestContextSource) {
    coreContext = .init(source: source)
    channel = source.channel
  }
}

struct Interference: Sendable {
  /// The minimum time of each API call, including the forge's own work.
  var latency: Duration?
  let faults: FaultPlan

  /// Runs an API call with the minimum latency.
  func delayed(_ respond: () async throws -> Response) async throws -> Response {
    guard let latency else { return try await respond() }
    let due = ContinuousClock.now + latency
    let response = try await respond()
    try await Task.sleep(until: due)
    return response
  }

  /// Runs a call, of the API or of git, with its injected fault.
  func applied(
    to request: Request, _ context: ForgeContext, _ respond: () async throws -> Response
  ) async throws -> Response {
    let path = (request.head.path ?? "/").prefix { $0 != "?" }
    switch faults.action(request.method.rawValue, String(path)) {
    case nil: return try await respond()
    case .slow(let time):
      try await Task.sleep(for: time)
      return try await respond()
    case .slowBody(let time): return try await slowly(try await respond(), time, context)
    case .truncate: return try await slowly(try await respond(), nil, context)
    case .limit(let limit): return Self.refusal(limit)
    case .answer(let status, let headers, let body):
      return Self.response(status, headers, body)
    case .drop: return try await close(context)
    case .dropAnswer:
      // git's work is complete when its response was read to the end.
      _ = try await BufferedBody.read(try await respond())
      return try await close(context)
    }
  }

  private func close(_ context: ForgeContext) async throws -> Response {
    try await context.channel.close()
    return Response(status: .noContent)
  }

  /// Sends the first half of a response, and the rest after `time`; nil for never.
  private func slowly(
    _ response: Response, _ time: Duration?, _ context: ForgeContext
  ) async throws -> Response {
    let bytes = try await BufferedBody.read(response)
    let half = bytes.readableBytes / 2
    var response = response
    response.headers[.contentLength] = String(bytes.readableBytes)
    response.body = ResponseBody { writer in
      var rest = bytes
      if let first = rest.readSlice(length: half) { try await writer.write(first) }
      guard let time else { return try await context.channel.close() }
      try await Task.sleep(for: time)
      try await writer.write(rest)
      try await writer.finish(nil)
    }
    return response
  }

  private static func refusal(_ limit: FaultAction.Limit) -> Response {
    let secondary =
      "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
    func body(_ message: String) -> [UInt8] {
      let json: JSONValue = ["message": .string(message)]
      return json.canonical
    }
    switch limit {
    case .retryAfter(let seconds):
      return response(429, ["Retry-After": String(seconds)], body(secondary))
    case .reset(let seconds):
      let moment = Int64(Date().timeIntervalSince1970.rounded(.up)) + seconds
      return response(
        403, ["X-RateLimit-Remaining": "0", "X-RateLimit-Reset": String(moment)],
        body("API rate limit exceeded for user."))
    case .secondary: return response(403, [:], body(secondary))
    }
  }

  private static func response(
    _ status: Int, _ headers: [String: String], _ body: [UInt8]
  ) -> Response {
    var fields: HTTPFields = [.contentType: "application/json; charset=utf-8"]
    for (name, value) in headers { fields[name] = value }
    return Response(.init(code: status), fields, body)
  }
}

/// Reads the body of a response instead of sending it.
final class BufferedBody: ResponseBodyWriter {
  private let buffer = Mutex(ByteBuffer())

  static func read(_ response: Response) async throws -> ByteBuffer {
    let body = BufferedBody()
    try await response.body.write(body)
    return body.buffer.withLock { $0 }
  }

  func write(_ bytes: ByteBuffer) async throws {
    buffer.withLock { _ = $0.writeImmutableBuffer(bytes) }
  }

  func finish(_ trailingHeaders: HTTPFields?) async throws {}
}
