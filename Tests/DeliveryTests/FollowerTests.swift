import Domain
import EventLog
import Foundation
import InMemoryEventStore
import LogStories
import Logging
import Prometheus
import Randomness
import Synchronization
import Testing

@testable import Delivery

/// A receiver that answers as a test says.
final class ScriptedReceiver: DeliveryReceiver {
  let channel: DeliveryChannel
  let key: String
  let patience: DeliveryPatience
  private let answer: @Sendable (RecordedEvent, _ time: Int) -> DeliveryResult
  private let calls = Mutex<[(position: Int64, time: ContinuousClock.Instant)]>([])
  private let signal: AsyncStream<Int64>.Continuation
  let deliveries: AsyncStream<Int64>

  init(
    _ channel: DeliveryChannel = .webhook, key: String = "a", failing: Milliseconds = .seconds(60),
    refused: Milliseconds = Milliseconds(0),
    answer: @escaping @Sendable (RecordedEvent, Int) -> DeliveryResult = { _, _ in .accepted }
  ) {
    self.channel = channel
    self.key = key
    self.answer = answer
    patience = DeliveryPatience(
      settling: Milliseconds(0), failing: failing, refused: refused,
      backoff: Backoff(first: Milliseconds(2), maximum: Milliseconds(4)))
    (deliveries, signal) = AsyncStream.makeStream(of: Int64.self)
  }

  var name: String { "the receiver \(key)" }
  /// The positions that were delivered, one for each try.
  var positions: [Int64] { calls.withLock { $0.map(\.position) } }
  var times: [ContinuousClock.Instant] { calls.withLock { $0.map(\.time) } }

  func wants(_ type: EventType) -> Bool { [.pushed, .failed].contains(type) }

  func deliver(_ event: RecordedEvent) async throws(StoreFault) -> DeliveryResult {
    let time = calls.withLock { calls in
      calls.append((event.position, .now))
      return calls.count { $0.position == event.position }
    }
    let result = answer(event, time)
    signal.yield(event.position)
    return result
  }

  /// Returns after `count` tries.
  func wait(for count: Int) async {
    var left = count
    for await _ in deliveries {
      left -= 1
      if left == 0 { return }
    }
  }
}

/// A log, and a folder of positions.
struct DeliveryBench: ~Copyable {
  let folder: String
  let feed = LocalCommitFeed()
  let store: InMemoryEventStore<Seeded>
  let metrics = DeliveryMetrics()

  init() throws {
    folder = FileManager.default.temporaryDirectory.path + "/aipm-delivery-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    store = InMemoryEventStore(
      clock: { Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000)) },
      random: Seeded(1), onCommit: { [feed] in feed.observe($0) })
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  /// Appends a delegation that is pushed; returns the position of that event.
  @discardableResult func push(_ n: Int) async throws -> Int64 {
    let events = try await store.append(Story.append(Story.goodDay(n), to: n))
    return try #require(events.last).position
  }

  func prepare(
    _ receivers: ScriptedReceiver..., shared: InMemoryFiles? = nil
  ) async throws -> DeliveryService {
    try await DeliveryService.prepare(
      receivers, folder: folder, shared: shared, store: store, feed: feed, metrics: metrics,
      now: { Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000)) },
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
  }

  func position(of key: String) throws -> Int64? {
    try DeliveryPositions(folder: folder).read(key)
  }

  func lines(_ prefix: String) -> [String] {
    var exposition = Exposition(.text)
    metrics.write(to: &exposition)
    return exposition.text.split(separator: "\n").map(String.init).filter { $0.hasPrefix(prefix) }
  }
}

struct FollowerTests {
  /// The next server goes on where the last one was, and that one sends no more when it wakes up.
  @Test func theNextServerGoesOn() async throws {
    let bench = try DeliveryBench()
    let files = InMemoryFiles()
    let first = ScriptedReceiver()
    let deliveries = try await bench.prepare(first, shared: files)
    let second = try await bench.push(1)
    try await running(deliveries) { await first.wait(for: 1) }
    // Another machine, whose own position is an older one.
    try DeliveryPositions(folder: bench.folder).write(0, for: "a")
    let next = ScriptedReceiver()
    let others = try await bench.prepare(next, shared: files.takenOver())
    let third = try await bench.push(2)
    try await running(others) { await next.wait(for: 1) }
    #expect(first.positions == [second] && next.positions == [third])
    // The frozen one has the position of then, and sends one event again at most.
    let late = ScriptedReceiver()
    let woken = try await bench.prepare(late, shared: files)
    try await bench.push(3)
    try await bench.push(4)
    // It ends by itself.
    await woken.run()
    #expect(late.positions == [third + 9])
    // What is not configured any more is forgotten.
    _ = try await bench.prepare(ScriptedReceiver(key: "b"), shared: files.takenOver())
    #expect(try await files.names(in: "deliveries") == ["b"])
  }

  /// Runs the deliveries while `body` runs, and ends them in good order.
  private func running(
    _ deliveries: DeliveryService, _ body: () async throws -> Void
  ) async throws {
    let task = Task { await deliveries.run() }
    try await body()
    task.cancel()
    await task.value
  }

  @Test func aNewReceiverBeginsAtTheHeadAndGoesOnWhereItWas() async throws {
    let bench = try DeliveryBench()
    try await bench.push(1)
    let first = ScriptedReceiver()
    let deliveries = try await bench.prepare(first)
    // Appended before the follower runs, and not lost.
    let second = try await bench.push(2)
    try await running(deliveries) {
      await first.wait(for: 1)
      try await bench.push(3)
      await first.wait(for: 1)
    }
    let third = second + 9
    #expect(first.positions == [second, third])
    #expect(try bench.position(of: "a") == third)
    let fourth = try await bench.push(4)
    let again = ScriptedReceiver()
    try await running(try await bench.prepare(again)) { await again.wait(for: 1) }
    #expect(again.positions == [fourth])
    let other = ScriptedReceiver(key: "b")
    try await running(try await bench.prepare(other)) {}
    #expect(other.positions == [])
    // One that was not configured for a while begins at the head, too.
    #expect(try bench.position(of: "a") == nil)
  }

  @Test func whatFailsIsTriedAgainBeforeTheNext() async throws {
    let bench = try DeliveryBench()
    let receiver = ScriptedReceiver { event, time in
      time < 4 ? .failed(reason: "down") : .accepted
    }
    let deliveries = try await bench.prepare(receiver)
    let first = try await bench.push(1)
    let second = try await bench.push(2)
    try await running(deliveries) { await receiver.wait(for: 8) }
    #expect(receiver.positions == [first, second].flatMap { Array(repeating: $0, count: 4) })
    #expect(try bench.position(of: "a") == second)
    let total = #"aipm_deliveries_total{channel="webhook",outcome="#
    #expect(
      bench.lines(total) == [
        total + #""accepted"} 2"#, total + #""failed"} 6"#, total + #""given-up"} 0"#,
      ])
    #expect(
      bench.lines("aipm_delivery_receivers{").contains(
        #"aipm_delivery_receivers{channel="webhook",state="working"} 1"#))
  }

  @Test func aWaitThatTheReceiverAsksForIsKept() async throws {
    let bench = try DeliveryBench()
    let receiver = ScriptedReceiver { event, time in
      time == 1 ? .failed(reason: "busy", after: Milliseconds(300)) : .accepted
    }
    let deliveries = try await bench.prepare(receiver)
    try await bench.push(1)
    try await running(deliveries) {
      await receiver.wait(for: 2)
    }
    // Without it, the wait would be 4 ms at most.
    #expect(receiver.times[1] - receiver.times[0] >= .milliseconds(290))
  }

  @Test func whatIsRefusedOrFailsForTooLongIsGivenUp() async throws {
    let bench = try DeliveryBench()
    let receiver = ScriptedReceiver(failing: Milliseconds(500)) { event, time in
      event.stream == .delegation(Story.id(1))
        ? .refused(reason: "no")
        : event.stream == .delegation(Story.id(2))
          ? .failed(reason: "down") : .accepted
    }
    let deliveries = try await bench.prepare(receiver)
    let first = try await bench.push(1)
    let second = try await bench.push(2)
    let third = try await bench.push(3)
    try await running(deliveries) {
      for await position in receiver.deliveries where position == third { break }
    }
    #expect(receiver.positions.count { $0 == first } == 1)
    #expect(receiver.positions.count { $0 == second } > 1)
    #expect(try bench.position(of: "a") == third)
    #expect(
      bench.lines("aipm_deliveries_total").contains(
        #"aipm_deliveries_total{channel="webhook",outcome="given-up"} 2"#))
  }

  @Test func aReceiverThatIsGoneGetsNothingUntilTheNextStart() async throws {
    let bench = try DeliveryBench()
    let receiver = ScriptedReceiver { _, _ in .gone }
    let deliveries = try await bench.prepare(receiver)
    let before = try #require(try bench.position(of: "a"))
    let first = try await bench.push(1)
    try await bench.push(2)
    // Ends by itself.
    await deliveries.run()
    #expect(receiver.positions == [first])
    #expect(try bench.position(of: "a") == before)
    #expect(
      bench.lines("aipm_delivery_receivers{").contains(
        #"aipm_delivery_receivers{channel="webhook",state="disabled"} 1"#))
    let again = ScriptedReceiver()
    try await running(try await bench.prepare(again)) { await again.wait(for: 2) }
    #expect(again.positions.first == first)
  }

  @Test func aDeadReceiverDelaysNoOther() async throws {
    let bench = try DeliveryBench()
    let dead = ScriptedReceiver { _, _ in .failed(reason: "down") }
    let alive = ScriptedReceiver(.slack, key: "b")
    let deliveries = try await bench.prepare(dead, alive)
    let first = try await bench.push(1)
    let second = try await bench.push(2)
    try await running(deliveries) {
      await alive.wait(for: 2)
      await dead.wait(for: 2)
    }
    #expect(alive.positions == [first, second])
    #expect(Set(dead.positions) == [first])
    // Nothing of it was lost: the next start sends it again.
    let healed = ScriptedReceiver()
    try await running(try await bench.prepare(healed, alive)) { await healed.wait(for: 2) }
    #expect(healed.positions == [first, second])
  }

  @Test func anInvalidPositionDoesNotKeepTheServerFromStarting() async throws {
    let bench = try DeliveryBench()
    try await bench.push(1)
    try "no number\n".write(toFile: bench.folder + "/a", atomically: true, encoding: .utf8)
    let receiver = ScriptedReceiver()
    let deliveries = try await bench.prepare(receiver)
    let second = try await bench.push(2)
    try await running(deliveries) { await receiver.wait(for: 1) }
    #expect(receiver.positions == [second])
    #expect(try bench.position(of: "a") == second)
  }

  @Test func aRestoredLogMayBeShorter() async throws {
    let bench = try DeliveryBench()
    try "99".write(toFile: bench.folder + "/a", atomically: true, encoding: .utf8)
    _ = try await bench.prepare(ScriptedReceiver())
    #expect(try bench.position(of: "a") == 0)
  }

  /// A receiver that asks for more time than there is gets one more try at the end.
  @Test func aLongWaitEndsWithThePatience() async throws {
    let bench = try DeliveryBench()
    let receiver = ScriptedReceiver(failing: Milliseconds(400)) { _, time in
      time == 1 ? .failed(reason: "busy", after: .seconds(3600)) : .accepted
    }
    let deliveries = try await bench.prepare(receiver)
    let first = try await bench.push(1)
    try await running(deliveries) { await receiver.wait(for: 2) }
    #expect(receiver.positions == [first, first])
    #expect(receiver.times[1] - receiver.times[0] >= .milliseconds(200))
  }

  @Test func retryAfterIsATimeOrASpan() {
    let now = Timestamp(milliseconds: 784_111_777_000)
    #expect(RetryAfter.read("120", now: now) == .seconds(120))
    #expect(RetryAfter.read("Sun, 06 Nov 1994 08:50:37 GMT", now: now) == .seconds(60))
    #expect(RetryAfter.read("Sun, 06 Nov 1994 08:48:37 GMT", now: now) == Milliseconds(0))
    for wrong in ["", "-1", "soon", "1.5", "Sun, 06 Nov 1994 08:50:37", "Sun, 6 Nov 1994 8:50 GMT"]
    {
      #expect(RetryAfter.read(wrong, now: now) == nil)
    }
  }
}
