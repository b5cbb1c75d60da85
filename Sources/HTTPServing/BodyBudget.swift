import Hummingbird
import NIOCore
import Synchronization

/// A memory budget for bodies of unauthenticated senders, shared by the whole process. If a body
/// does not fit, the largest other body is dropped if it is larger than this one; otherwise this
/// one is. So small bodies, which nearly all legitimate ones are, fit in beside any number of large
/// ones.
package final class BodyBudget: Sendable {
  /// Why a body was refused.
  package enum Fault: Error, Equatable {
    /// It has more bytes than its route accepts.
    case tooLarge
    /// The budget is used up; the client may retry.
    case overBudget
    /// It was not complete in time.
    case tooSlow
    /// Its connection was closed.
    case incomplete
  }

  /// A complete body, which counts against the budget until it is released.
  package final class Held: Sendable {
    package let bytes: [UInt8]
    private let account: Account

    fileprivate init(_ bytes: [UInt8], _ account: Account) {
      self.bytes = bytes
      self.account = account
    }
  }

  /// One body's share of the budget, returned on release.
  fileprivate final class Account: Sendable {
    let budget: BodyBudget
    let number: Int
    let evictions: AsyncStream<Void>

    init(_ budget: BodyBudget, _ number: Int, _ evictions: AsyncStream<Void>) {
      self.budget = budget
      self.number = number
      self.evictions = evictions
    }

    func grow(by count: Int) -> Bool { budget.grow(number, by: count) }

    deinit { budget.close(number) }
  }

  private struct State {
    var last = 0
    var total = 0
    var bodies: [Int: (bytes: Int, evict: AsyncStream<Void>.Continuation)] = [:]
  }

  /// The process's budget. A payload of a GitHub webhook has up to 25 MiB, and GitHub waits ten
  /// seconds (https://docs.github.com/webhooks/webhook-events-and-payloads#payload-cap,
  /// https://docs.github.com/webhooks/using-webhooks/best-practices-for-using-webhooks).
  package static let process = BodyBudget(bytesMax: 27 << 20, timeout: .seconds(10))

  private static let largeBytes = 1 << 20

  private let bytesMax: Int
  private let timeout: Duration
  private let state = Mutex(State())

  /// - Parameters:
  ///   - bytesMax: for all bodies together.
  ///   - timeout: for one body, from its first byte to its last.
  package init(bytesMax: Int, timeout: Duration) {
    self.bytesMax = bytesMax
    self.timeout = timeout
  }

  /// The current total, in bytes.
  package var total: Int { state.withLock { $0.total } }

  /// Reads a body to its end.
  /// - Parameters:
  ///   - limit: the most bytes that its route accepts.
  ///   - length: its `Content-Length`.
  package func collect(
    _ body: RequestBody, limit: Int, length: Int? = nil
  ) async throws(Fault) -> Held {
    let account = open()
    let timeout = timeout
    let result = await withTaskGroup(of: Result<[UInt8], Fault>?.self) { group in
      group.addTask { await Self.read(body, account, limit: limit, length: length) }
      group.addTask {
        do { try await Task.sleep(for: timeout) } catch { return nil }
        return .failure(.tooSlow)
      }
      group.addTask {
        for await _ in account.evictions { return .failure(.overBudget) }
        return nil
      }
      defer { group.cancelAll() }
      for await result in group { if let result { return result } }
      return .failure(.incomplete)
    }
    return Held(try result.get(), account)
  }

  private static func read(
    _ body: RequestBody, _ account: Account, limit: Int, length: Int?
  ) async -> Result<[UInt8], Fault>? {
    var bytes: [UInt8] = []
    do {
      for try await chunk in body {
        guard bytes.count + chunk.readableBytes <= limit else { return .failure(.tooLarge) }
        guard account.grow(by: chunk.readableBytes) else { return .failure(.overBudget) }
        let isLarge = bytes.count < largeBytes && bytes.count + chunk.readableBytes >= largeBytes
        // Memory is not reserved for an announced length until much of it came; growing costs
        // double.
        if isLarge, let length { bytes.reserveCapacity(min(length, limit)) }
        bytes.append(contentsOf: chunk.readableBytesView)
      }
    } catch { return .failure(.incomplete) }
    // Another task of the group cancelled this one, and returns the reason.
    return Task.isCancelled ? nil : .success(bytes)
  }

  private func open() -> Account {
    let (evictions, evict) = AsyncStream.makeStream(
      of: Void.self, bufferingPolicy: .bufferingNewest(1))
    let number = state.withLock { state in
      state.last += 1
      state.bodies[state.last] = (0, evict)
      return state.last
    }
    return Account(self, number, evictions)
  }

  /// - Returns: false if the budget is used up, or this body was dropped.
  private func grow(_ number: Int, by count: Int) -> Bool {
    let (isTaken, evicted) = state.withLock { state in
      var evicted: [AsyncStream<Void>.Continuation] = []
      guard let mine = state.bodies[number]?.bytes else { return (false, evicted) }
      while state.total + count > bytesMax {
        let others = state.bodies.filter { $0.key != number }
        guard let largest = others.max(by: { $0.value.bytes < $1.value.bytes }),
          largest.value.bytes > mine + count
        else { return (false, evicted) }
        state.total -= largest.value.bytes
        state.bodies[largest.key] = nil
        evicted.append(largest.value.evict)
      }
      state.total += count
      state.bodies[number]?.bytes = mine + count
      return (true, evicted)
    }
    for body in evicted { body.yield() }
    return isTaken
  }

  private func close(_ number: Int) {
    state.withLock { state in
      guard let body = state.bodies.removeValue(forKey: number) else { return }
      state.total -= body.bytes
    }
  }
}
