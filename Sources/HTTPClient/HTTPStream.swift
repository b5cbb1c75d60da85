import Synchronization

/// A response whose body arrives in chunks. One reader.
package struct HTTPStream: AsyncSequence, Sendable {
  package typealias Element = [UInt8]
  package typealias Failure = HTTPFault

  package let head: HTTPHead
  private let lifetime: StreamLifetime

  init(head: HTTPHead, channel: StreamChannel, client: HTTPClient) {
    self.head = head
    self.lifetime = StreamLifetime(channel: channel, client: client)
  }

  /// Ends the transfer; the reader gets the buffered chunks, then `cancelled`.
  package func cancel() { lifetime.channel.cancel() }

  /// An iterator over the chunks as they arrive.
  package func makeAsyncIterator() -> Iterator { Iterator(lifetime: lifetime) }

  /// Reads the body; all iterators of a stream share it.
  package struct Iterator: AsyncIteratorProtocol {
    fileprivate let lifetime: StreamLifetime

    /// The next chunk; nil at the end of the body; throws if the body is incomplete.
    package mutating func next() async throws(HTTPFault) -> [UInt8]? {
      try await lifetime.channel.next().get()
    }

    /// The same, on the caller's actor.
    package mutating func next(
      isolation actor: isolated (any Actor)?
    ) async throws(HTTPFault) -> [UInt8]? {
      try await lifetime.channel.next().get()
    }
  }
}

/// Ends the transfer when no reader is left, and keeps the client until then.
private final class StreamLifetime: Sendable {
  let channel: StreamChannel
  private let client: HTTPClient

  init(channel: StreamChannel, client: HTTPClient) {
    self.channel = channel
    self.client = client
  }

  deinit { channel.cancel() }
}

/// Connects the receiving thread to the reading task with a bounded buffer. Above the limit the
/// thread pauses, and continues when the reader has taken everything.
final class StreamChannel: Sendable {
  private static let bufferedMax = 256 << 10

  private struct State {
    var head: Result<HTTPHead, HTTPFault>?
    var headWaiter: CheckedContinuation<Result<HTTPHead, HTTPFault>, Never>?
    var chunks: [[UInt8]] = []
    var bufferedBytes = 0
    var isPaused = false
    var end: Result<[UInt8]?, HTTPFault>?
    var waiter: CheckedContinuation<Result<[UInt8]?, HTTPFault>, Never>?

    mutating func takeChunks() -> [UInt8] {
      // One chunk for everything buffered, so that the reader catches up at once.
      let all = chunks.dropFirst().reduce(into: chunks[0]) { $0 += $1 }
      chunks = []
      bufferedBytes = 0
      return all
    }
  }

  private let id: UInt64
  private let inbox: Inbox
  private let state = Mutex(State())

  init(id: UInt64, inbox: Inbox) {
    self.id = id
    self.inbox = inbox
  }

  // MARK: For the reader

  func head() async -> Result<HTTPHead, HTTPFault> {
    await withCheckedContinuation { continuation in
      let known: Result<HTTPHead, HTTPFault>? = state.withLock { state in
        if state.head == nil { state.headWaiter = continuation }
        return state.head
      }
      if let known { continuation.resume(returning: known) }
      if Task.isCancelled { cancel() }
    }
  }

  func next() async -> Result<[UInt8]?, HTTPFault> {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        take(continuation)
        if Task.isCancelled { cancel() }
      }
    } onCancel: {
      cancel()
    }
  }

  private func take(_ continuation: CheckedContinuation<Result<[UInt8]?, HTTPFault>, Never>) {
    let (known, resumes): (Result<[UInt8]?, HTTPFault>?, Bool) = state.withLock { state in
      if !state.chunks.isEmpty {
        let chunk = state.takeChunks()
        let resumes = state.isPaused
        state.isPaused = false
        return (.success(chunk), resumes)
      }
      if let end = state.end { return (end, false) }
      state.waiter = continuation
      return (nil, false)
    }
    if resumes { inbox.post(.resume(id)) }
    if let known { continuation.resume(returning: known) }
  }

  func cancel() { inbox.post(.cancel(id)) }

  // MARK: For the client's thread

  func deliver(_ head: HTTPHead) {
    let waiter = state.withLock { state in
      state.head = .success(head)
      defer { state.headWaiter = nil }
      return state.headWaiter
    }
    waiter?.resume(returning: .success(head))
  }

  /// Buffers bytes; false if the buffer is full. `resume` is then posted later.
  func offer(_ bytes: UnsafeRawBufferPointer) -> Bool {
    let chunk = [UInt8](bytes)
    let (taken, waiter) = state.withLock {
      state -> (Bool, CheckedContinuation<Result<[UInt8]?, HTTPFault>, Never>?) in
      if let waiter = state.waiter {
        state.waiter = nil
        return (true, waiter)
      }
      if state.bufferedBytes >= Self.bufferedMax {
        state.isPaused = true
        return (false, nil)
      }
      state.chunks.append(chunk)
      state.bufferedBytes += chunk.count
      return (true, nil)
    }
    waiter?.resume(returning: .success(chunk))
    return taken
  }

  /// Ends the body, with a fault if it is incomplete.
  func end(_ fault: HTTPFault?) {
    let result: Result<[UInt8]?, HTTPFault> = fault.map { .failure($0) } ?? .success(nil)
    let missingHead = HTTPFault(kind: .noAnswer, wasSent: true, detail: "no response")
    let (headWaiter, waiter) = state.withLock { state in
      defer {
        state.headWaiter = nil
        state.waiter = nil
      }
      state.end = result
      if state.head == nil { state.head = .failure(fault ?? missingHead) }
      return (state.headWaiter, state.waiter)
    }
    headWaiter?.resume(returning: .failure(fault ?? missingHead))
    waiter?.resume(returning: result)
  }
}
