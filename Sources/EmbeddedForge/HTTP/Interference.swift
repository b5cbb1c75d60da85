// What lies between a client and a real forge: distance, limits, and connections that break.

import FoundationEssentials
import HTTPTypes
import Hummingbird
import NIOCore
import Synchronization
import Text

/// Knows the connection, so that it can be closed in the middle of anything.
struct ForgeContext: RequestContext {
  var coreContext: CoreRequestContextStorage
  let channel: any Channel

  init(source: ApplicationRequestContextSource) {
    coreContext = .init(source: source)
    channel = source.channel
  }
}

struct Interference: Sendable {
  /// How long each call of the API takes in all, the forge's own work included; one that takes
  /// longer by itself takes no longer for it.
  var latency: Duration?
  let faults: FaultPlan

  /// Answers a call of the API as the network would let the client see it.
  func around(_ answer: () async throws -> Response) async throws -> Response {
    guard let latency else { return try await answer() }
    let due = ContinuousClock.now + latency
    let response = try await answer()
    try await Task.sleep(until: due)
    return response
  }

  /// Answers a call, of the API or of git, with what goes wrong with it.
  func disturb(
    _ request: Request, _ context: ForgeContext, _ answer: () async throws -> Response
  ) async throws -> Response {
    let path = (request.head.path ?? "/").prefix { $0 != "?" }
    switch faults.action(request.method.rawValue, String(path)) {
    case nil: return try await answer()
    case .slow(let time):
      try await Task.sleep(for: time)
      return try await answer()
    case .slowBody(let time): return try await slowly(try await answer(), time, context)
    case .truncate: return try await slowly(try await answer(), nil, context)
    case .limit(let limit): return Self.refusal(limit)
    case .answer(let status, let headers, let body):
      return Self.response(status, headers, body)
    case .drop: return try await close(context)
    case .dropAnswer:
      // What git does is done when its answer has been read to the end.
      _ = try await Whole.read(try await answer())
      return try await close(context)
    }
  }

  private func close(_ context: ForgeContext) async throws -> Response {
    try await context.channel.close()
    return Response(status: .noContent)
  }

  /// Sends the first half of an answer, and the rest after `time`; nil: never.
  private func slowly(
    _ response: Response, _ time: Duration?, _ context: ForgeContext
  ) async throws -> Response {
    let bytes = try await Whole.read(response)
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
    for (name, value) in headers {
      if let name = HTTPField.Name(name) { fields[name] = value }
    }
    return Response(
      status: .init(code: status), headers: fields,
      body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
  }
}

/// The body of an answer, kept from the client.
final class Whole: ResponseBodyWriter {
  private let buffer = Mutex(ByteBuffer())

  static func read(_ response: Response) async throws -> ByteBuffer {
    let whole = Whole()
    try await response.body.write(whole)
    return whole.buffer.withLock { $0 }
  }

  func write(_ bytes: ByteBuffer) async throws {
    buffer.withLock { _ = $0.writeImmutableBuffer(bytes) }
  }

  func finish(_ trailingHeaders: HTTPFields?) async throws {}
}
