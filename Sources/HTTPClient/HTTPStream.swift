import Synchronization

/// An answer whose body comes in chunks. One reader.
package struct HTTPStream: AsyncSequence, Sendable {
  package typealias Element = [UInt8]
  package typealias Failure = HTTPFault

  package let head: HTTPHead
  private let lifetime: StreamLifetime

  init(head: HTTPHead, channel: StreamChannel, client: HTTPClient) {
    self.head = head
    self.lifetime = StreamLifetime(channel: channel, client: client)
  }

  /// Ends the transfer; a reader gets what is buffered, then `cancelled`.
  package func cancel() { lifetime.channel.cancel() }

  /// An iterator that waits for chunks as they come.
  package func makeAsyncIterator() -> Iterator { Iterator(lifetime: lifetime) }

  /// Reads the body; all iterators of a stream share it.
  package struct Iterator: AsyncIteratorProtocol {
    fileprivate let lifetime: StreamLifetime

    /// The next chunk, nil at the end of the body; throws where the body ended too early.
    package mutating func next() async throws(HTTPFault) -> [UInt8]? {
      try await lifetime.channel.next().get()
    }

    /// The same, on the actor that asks.
    package mutating func next(
      isolation actor: isolated (any Actor)?
    ) async throws(HTTPFault) -> [UInt8]? {
      try await lifetime.channel.next().get()
    }
  }
}

/// Ends the transfer when nobody can read it any more, and keeps the client until then.
private final class StreamLifetime: Sendable {
  let channel: StreamChannel
  private let client: HTTPClient

  init(channel: StreamChannel, client: HTTPClient) {
    self.channel = channel
    self.client = client
  }

  deinit { channel.cancel() }
}

/// Between the thread that receives and the task that reads. It holds a bounded number of bytes:
/// over the mark the thread is told to stop receiving, and to go on when the reader has taken all.
final class StreamChannel: Sendable {
  private static let mark = 256 << 10

  private struct State {
    var head: Result<HTTPHead, HTTPFault>?
    var headWaiter: CheckedContinuation<Result<HTTPHead, HTTPFault>, Never>?
    var chunks: [[UInt8]] = []
    var bufferedBytes = 0
    var isPaused = false
    var end: Result<[UInt8]?, HTTPFault>?
    var waiter: CheckedContinuation<Result<[UInt8]?, HTTPFault>, Never>?

    mutating func takeChunks() -> [UInt8] {
      // One chunk for all that waits: the reader catches up in one go.
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

  // For the reader.

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

  // For the thread.

  func deliver(_ head: HTTPHead) {
    let waiter = state.withLock { state in
      state.head = .success(head)
      defer { state.headWaiter = nil }
      return state.headWaiter
    }
    waiter?.resume(returning: .success(head))
  }

  /// Takes bytes in; false where there is no room, and then `resume` will be posted.
  func offer(_ bytes: UnsafeRawBufferPointer) -> Bool {
    let chunk = [UInt8](bytes)
    let (taken, waiter) = state.withLock {
      state -> (Bool, CheckedContinuation<Result<[UInt8]?, HTTPFault>, Never>?) in
      if let waiter = state.waiter {
        state.waiter = nil
        return (true, waiter)
      }
      if state.bufferedBytes >= Self.mark {
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

  /// The body is complete (nil), or will never be.
  func end(_ fault: HTTPFault?) {
    let result: Result<[UInt8]?, HTTPFault> = fault.map { .failure($0) } ?? .success(nil)
    let missingHead = HTTPFault(kind: .noAnswer, wasSent: true, detail: "no answer")
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
