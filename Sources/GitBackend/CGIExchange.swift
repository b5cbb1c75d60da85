// One CGI call: writes the request's body to the program and reads the response's head and body.
//
// The program runs in its own task, because Hummingbird needs the head of the response before it
// writes the body. The exchange owns the program: if the response is dropped before it is written,
// the exchange is deinitialized and the program is ended.

import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import Processes

final class CGIExchange: Sendable {
  private let heads: AsyncThrowingStream<CGIHead, any Error>
  private let body: RequestBody
  private let running: Task<Void, any Error>

  init(
    command: Command, request: RequestBody, requestLimit: Int, logger: Logger,
    onEnd: @escaping @Sendable (Bool) async -> Void
  ) {
    let (heads, head) = AsyncThrowingStream<CGIHead, any Error>.makeStream()
    // This stream applies back-pressure while the client is slow.
    let (body, source) = RequestBody.makeStream()
    self.heads = heads
    self.body = body
    running = Task {
      do {
        let succeeded = try await Self.converse(
          command, request: request, limit: requestLimit, head: head, source: source,
          logger: logger)
        await onEnd(succeeded)
        head.finish(throwing: CGIFault.noHead)
        source.finish()
      } catch {
        await onEnd(false)
        head.finish(throwing: error)
        source.finish(error)
        throw error
      }
    }
  }

  deinit { running.cancel() }

  /// The head of the response, as soon as the program has written it.
  func head() async throws -> CGIHead {
    try await withTaskCancellationHandler {
      for try await head in heads { return head }
      throw CGIFault.noHead
    } onCancel: {
      running.cancel()
    }
  }

  /// Writes the body of the response; the program has ended when this returns or throws.
  func writeBody(to writer: inout any ResponseBodyWriter) async throws {
    do {
      for try await buffer in body { try await writer.write(buffer) }
      try Task.checkCancellation()
    } catch {
      running.cancel()
      _ = await running.result
      throw error
    }
    try await running.value
  }

  private static func converse(
    _ command: Command, request: RequestBody, limit: Int,
    head: AsyncThrowingStream<CGIHead, any Error>.Continuation, source: RequestBody.Source,
    logger: Logger
  ) async throws -> Bool {
    let (value, result) = try await command.converse { input, output in
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await feed(request, to: input, limit: limit) }
        group.addTask { try await pass(output, head: head, source: source) }
        try await group.waitForAll()
      }
    }
    try value.get()
    if !result.succeeded {
      // git has sent the reason to its client, in the response itself.
      logger.debug(
        "git http-backend ended with an error",
        metadata: ["exit": "\(result.exit)", "stderr": "\(Credentials.masked(result.errorText))"])
    }
    if case .signalled(let signal) = result.exit { throw CGIFault.signalled(signal) }
    return result.succeeded
  }

  private static func feed(_ request: RequestBody, to input: ProcessInput, limit: Int) async throws
  {
    var count = 0
    for try await buffer in request {
      count += buffer.readableBytes
      guard count <= limit else { throw CGIFault.requestTooLarge }
      // A program that stops reading says why in its response.
      guard await input.write(Array(buffer.readableBytesView)) else { return }
    }
    await input.finish()
  }

  private static func pass(
    _ output: ProcessOutput, head: AsyncThrowingStream<CGIHead, any Error>.Continuation,
    source: RequestBody.Source
  ) async throws {
    var parser: CGIHead.Parser? = CGIHead.Parser()
    for try await chunk in output {
      guard parser != nil else {
        await source.yield(ByteBuffer(bytes: chunk))
        continue
      }
      if let (parsed, rest) = try parser?.parse(chunk) {
        parser = nil
        head.yield(parsed)
        if !rest.isEmpty { await source.yield(ByteBuffer(bytes: rest)) }
      }
    }
  }
}

enum CGIFault: Error, Equatable {
  case noHead
  case malformedHead(String)
  case headTooLarge
  case requestTooLarge
  case signalled(Int32)
}
