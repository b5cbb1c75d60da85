import HTTPClient
import HTTPServing
import HTTPTypes
import Hummingbird
import NIOCore
import Projections

/// Passes requests of this server's clients to the active server, so that clients may talk to any
/// server. What it passes is not repeated once it may have arrived.
package struct ActiveProxy: Sendable {
  /// A longer body is not kept, so its request is tried once.
  private static let keptBodyMax = 1 << 20
  /// How long a request waits for a server that takes over.
  private static let patience: Duration = .seconds(5)
  /// What a connection needs for itself (RFC 9110, 7.6.1), and what this server adds.
  private static let dropped: Set<String> = [
    "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding",
    "upgrade", "expect", "content-length", "host", ServerMark.fieldName.lowercased(),
  ]

  let log: any FollowedLog
  private let mark: ServerMark
  private let link = ActiveLink()

  /// - Parameter secret: what the servers of one store have in common.
  package init(_ log: any FollowedLog, secret: String) {
    self.log = log
    mark = ServerMark(secret: secret)
  }

  /// Why the active server gave no response.
  enum Failure: Error {
    /// Nothing was sent.
    case unreachable
    /// It may have acted on the request; with the reason.
    case unanswered(String)
  }

  /// Passes a request on, and its response back.
  /// - Throws: `Failure`, or `Problem` for a body that is too slow or incomplete.
  func pass(_ request: Request, _ context: APIContext) async throws -> Response {
    let length = request.headers[.contentLength].flatMap { Int($0) }
    let hasBody = length ?? 0 > 0 || request.headers[.transferEncoding] != nil
    guard hasBody else { return try await send(request, context, .bytes([])) }
    if let length, length <= Self.keptBodyMax {
      let held = try await request.uncheckedBytes(limit: Self.keptBodyMax)
      return try await send(request, context, .bytes(held.bytes))
    }
    let upload = Upload(request.body, length: length)
    do {
      return try await once(request, context, .stream(upload.source), upload)
    } catch {
      await upload.end()
      throw error
    }
  }

  /// A body that is passed on while it comes.
  private struct Upload: Sendable {
    let source: HTTPBodySource
    private let room: AsyncStream<Void>.Continuation
    private let passing: Task<Void, Never>

    init(_ body: RequestBody, length: Int?) {
      let (rooms, room) = AsyncStream.makeStream(of: Void.self)
      let source = HTTPBodySource(length: length) { room.yield() }
      self.room = room
      self.source = source
      passing = Task {
        var rooms = rooms.makeAsyncIterator()
        do {
          for try await chunk in body {
            if !source.write(Array(chunk.readableBytesView)) { _ = await rooms.next() }
          }
          source.end()
        } catch {
          source.abort()
        }
      }
    }

    /// Drops what is left of the body. It has been read when this returns: the connection must not
    /// be used for anything else before.
    func end() async {
      source.abort()
      room.finish()
      await passing.value
    }
  }

  /// Sends a request whose body is kept. If the active server cannot be reached, it waits for the
  /// next one; so does a request that may be repeated, if it was not answered.
  private func send(
    _ request: Request, _ context: APIContext, _ body: ActiveLink.Body
  ) async throws -> Response {
    let deadline = ContinuousClock.now + Self.patience
    let mayRepeat = request.headers[.idempotencyKey] != nil
    while true {
      // A stream that was waited for with a time limit has ended.
      let changes = log.changes()
      do {
        return try await once(request, context, body)
      } catch Failure.unreachable where request.isWriting {
        guard await Self.isSignalled(changes, until: deadline) else { throw Failure.unreachable }
      } catch Failure.unanswered(let reason) where mayRepeat {
        guard await Self.isSignalled(changes, until: deadline) else {
          throw Failure.unanswered(reason)
        }
      }
    }
  }

  /// Waits for a change, and no longer than a moment: a server that has just taken over may not
  /// listen yet.
  /// - Returns: false if the time is over.
  private static func isSignalled(
    _ changes: AsyncStream<Void>, until deadline: ContinuousClock.Instant
  ) async -> Bool {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { for await _ in changes { return } }
      group.addTask { try? await Task.sleep(for: .milliseconds(200)) }
      await group.next()
      group.cancelAll()
    }
    return ContinuousClock.now < deadline && !Task.isCancelled
  }

  private func once(
    _ request: Request, _ context: APIContext, _ body: ActiveLink.Body, _ upload: Upload? = nil
  ) async throws -> Response {
    let active = log.active
    guard !active.address.isEmpty else { throw Failure.unreachable }
    let (method, url) = (request.method.rawValue, active.address + request.uri.string)
    let fields = fields(request, context)
    let stream = try await withThrowingTaskGroup(of: HTTPStream.self) { group in
      group.addTask {
        do throws(HTTPFault) {
          return try await link.send(method, url, fields, body)
        } catch {
          throw error.wasSent ? Failure.unanswered(error.detail) : Failure.unreachable
        }
      }
      // A server that is frozen would never answer.
      group.addTask {
        await log.end(of: active)
        throw Failure.unanswered("another server took over")
      }
      defer { group.cancelAll() }
      guard let stream = try await group.next() else { throw Failure.unreachable }
      return stream
    }
    // The other server follows too, and has done nothing.
    if stream.head.status == 421 { throw Failure.unreachable }
    return await response(stream, from: active, upload)
  }

  private func fields(_ request: Request, _ context: APIContext) -> [(String, String)] {
    var fields = request.headers.filter { !Self.dropped.contains($0.name.canonicalName) }
      .map { ($0.name.rawName, $0.value) }
    if let authority = request.head.authority { fields.append(("Host", authority)) }
    // A kept connection may end while a request is on its way, and then nobody knows whether it
    // has arrived.
    if request.isWriting { fields.append(("Connection", "close")) }
    fields.append((ServerMark.fieldName, mark.value(for: context)))
    return fields
  }

  private func response(
    _ stream: HTTPStream, from active: ActiveServer, _ upload: Upload?
  ) async -> Response {
    var headers = HTTPFields()
    var length: Int?
    for field in stream.head.headers.fields {
      let name = field.name.lowercased()
      if name == "content-length" { length = Int(field.value) }
      guard !Self.dropped.contains(name), name != "date", name != "server",
        let known = HTTPField.Name(field.name)
      else { continue }
      headers.append(HTTPField(name: known, value: field.value))
    }
    let status = HTTPResponse.Status(code: stream.head.status)
    let isBodiless = [204, 304].contains(stream.head.status)
    guard !isBodiless else {
      await upload?.end()
      return Response(status: status, headers: headers)
    }
    let body = ResponseBody(contentLength: length) { [log] writer in
      let watch = Task {
        await log.end(of: active)
        if !Task.isCancelled { stream.cancel() }
      }
      defer { watch.cancel() }
      do {
        for try await chunk in stream { try await writer.write(ByteBuffer(bytes: chunk)) }
      } catch {
        await upload?.end()
        throw error
      }
      await upload?.end()
      try await writer.finish(nil)
    }
    return Response(status: status, headers: headers, body: body)
  }
}

extension FollowedLog {
  /// Returns when another server has taken over, or the task is cancelled.
  func end(of known: ActiveServer) async {
    let changes = changes()
    guard active.epoch == known.epoch else { return }
    for await _ in changes where active.epoch != known.epoch { return }
  }
}
