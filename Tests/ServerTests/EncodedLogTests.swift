import Domain
import Engine
import EventLog
import InMemoryEventStore
import LogStories
import NIOCore
import Projections
import Randomness
import Synchronization
import Testing
import Text

@testable import Server

/// Streams of events share what was read and encoded, and none misses an event.
struct EncodedLogTests {
  /// A log that grows, and how often it was read.
  private final class Source: Sendable {
    let feed = LocalCommitFeed()
    let store: InMemoryEventStore<Seeded>
    let log: EncodedLog
    private let reads: Counter

    final class Counter: Sendable {
      let count = Atomic<Int>(0)
    }

    init() {
      let (feed, clock, reads) = (feed, HandClock(), Counter())
      let store = InMemoryEventStore(
        clock: { clock.now }, random: Seeded(1), onCommit: { feed.observe($0) })
      self.store = store
      self.reads = reads
      log = EncodedLog(lifetime: .seconds(3_600)) { after, limit in
        reads.count.add(1, ordering: .relaxed)
        return try await store.read(after: after, limit: limit)
      }
    }

    var readCount: Int { reads.count.load(ordering: .relaxed) }
  }

  /// The positions that a client gets up to `last`, as the route asks for them.
  private static func follow(_ source: Source, to last: Int64) async throws -> [Int64] {
    var positions: [Int64] = []
    var after: Int64 = 0
    let signals = source.feed.signals()
    var wakes = signals.makeAsyncIterator()
    while after < last {
      if let piece = try await source.log.piece(after: after) {
        for line in String(decoding: piece.bytes.readableBytesView, as: UTF8.self).split(
          separator: "\n") where line.hasPrefix("id: ")
        { positions.append(Int64(line.dropFirst(4)) ?? -1) }
        after = piece.end
      } else {
        guard await wakes.next() != nil else { break }
      }
    }
    return positions
  }

  @Test func everyClientGetsEveryEventInOrder() async throws {
    let source = Source()
    let delegations = 60
    let events = delegations * Story.goodDay(0).count
    try await withThrowingTaskGroup(of: [Int64].self) { group in
      for _ in 0..<200 {
        group.addTask { try await Self.follow(source, to: Int64(events)) }
      }
      for n in 0..<delegations {
        for (version, event) in Story.goodDay(n).enumerated() {
          _ = try await source.store.append(
            Story.append([event], to: n, after: Int64(version)))
          if version % 3 == 0 { await Task.yield() }
        }
      }
      for try await positions in group {
        #expect(positions == Array(1...Int64(events)))
      }
    }
    // Two hundred clients that each read for themselves would have read more often than once for
    // each event.
    #expect(source.readCount < events * 3, "\(source.readCount) reads of \(events) events")
  }

  /// An event that cannot be decoded is sent as one that says so, and those after it are sent.
  @Test func anUnreadableEventEndsNoStream() async throws {
    let store = InMemoryEventStore(clock: { HandClock().now }, random: Seeded(1))
    _ = try await store.append(Story.append(Story.goodDay(1), to: 1))
    let log = EncodedLog { after, limit in
      try await store.read(after: after, limit: limit).map { event in
        var event = event
        if event.position == 2 { event.type = 9999 }
        return event
      }
    }
    let piece = try #require(try await log.piece(after: 0))
    let lines = String(decoding: piece.bytes.readableBytesView, as: UTF8.self).split(
      separator: "\n")
    let types = lines.filter { $0.hasPrefix("event: ") }.map { $0.dropFirst(7) }
    #expect(types.prefix(3) == ["delegation.requested", "unreadable", "delegation.branch-created"])
    #expect(types.count == Story.goodDay(1).count)
    let data = try #require(lines.filter { $0.hasPrefix("data: ") }.dropFirst().first)
    let envelope = try JSONValue(json: Array(data.dropFirst(6).utf8))
    #expect(envelope["data"] == .null && envelope["unreadable"]["type"] == .integer(9999))
  }

  @Test func clientsAtOnePositionShareOneRead() async throws {
    let source = Source()
    _ = try await source.store.append(Story.append(Story.goodDay(1), to: 1))
    let first = try #require(try await source.log.piece(after: 0))
    for _ in 0..<100 {
      let next = try #require(try await source.log.piece(after: 0))
      #expect(next.bytes == first.bytes && next.end == first.end)
    }
    #expect(source.readCount == 1)
    source.log.clear()
    _ = try await source.log.piece(after: 0)
    #expect(source.readCount == 2)
  }

  /// An empty answer is not remembered: the next event may be there at once.
  @Test func theEndOfTheLogIsNotRemembered() async throws {
    let source = Source()
    #expect(try await source.log.piece(after: 0) == nil)
    _ = try await source.store.append(Story.append(Story.goodDay(1), to: 1))
    #expect(try await source.log.piece(after: 0)?.end == Int64(Story.goodDay(1).count))
  }

  @Test func aFailureIsNotRemembered() async throws {
    struct Failure: Error {}
    let fails = Mutex(true)
    let log = EncodedLog { _, _ in
      if fails.withLock({ $0 }) { throw Failure() }
      return []
    }
    await #expect(throws: Failure.self) { try await log.piece(after: 0) }
    fails.withLock { $0 = false }
    #expect(try await log.piece(after: 0) == nil)
  }
}
