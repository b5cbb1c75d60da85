import Hummingbird
import NIOCore
import NIOEmbedded
import Testing

@testable import HTTPServing

/// Bodies that anybody sends, and streams that anybody opens: both have one budget for all.
struct BudgetTests {
  /// A body that the test controls.
  private struct Sender {
    let body: RequestBody
    private let source: AsyncStream<ByteBuffer>.Continuation

    init() {
      let (stream, source) = AsyncStream<ByteBuffer>.makeStream()
      body = RequestBody(asyncSequence: stream)
      self.source = source
    }

    func send(_ count: Int) { source.yield(ByteBuffer(repeating: 7, count: count)) }
    func finish() { source.finish() }
  }

  private func reaches(_ total: Int, _ budget: BodyBudget) async {
    while budget.total != total { await Task.yield() }
  }

  @Test func aBodyCountsUntilItIsReleased() async throws {
    let budget = BodyBudget(bytesMax: 100, timeout: .seconds(60))
    let sender = Sender()
    sender.send(30)
    sender.send(30)
    sender.finish()
    var held: BodyBudget.Held? = try await budget.collect(sender.body, limit: 100, length: 60)
    #expect(held?.bytes.count == 60)
    #expect(budget.total == 60)
    held = nil
    #expect(budget.total == 0)
  }

  @Test func aRoutesLimitIsEnforced() async throws {
    let budget = BodyBudget(bytesMax: 1000, timeout: .seconds(60))
    let sender = Sender()
    sender.send(11)
    await #expect(throws: BodyBudget.Fault.tooLarge) {
      _ = try await budget.collect(sender.body, limit: 10)
    }
    #expect(budget.total == 0)
  }

  @Test func aBodyThatDoesNotComeTimesOut() async throws {
    let budget = BodyBudget(bytesMax: 1000, timeout: .milliseconds(50))
    let sender = Sender()
    sender.send(10)
    await #expect(throws: BodyBudget.Fault.tooSlow) {
      _ = try await budget.collect(sender.body, limit: 100)
    }
    #expect(budget.total == 0)
  }

  /// The largest, which waits for more, makes room for a small one.
  @Test func theLargestGivesWay() async throws {
    let budget = BodyBudget(bytesMax: 100, timeout: .seconds(60))
    let (large, middle, small) = (Sender(), Sender(), Sender())
    async let first = Result { try await budget.collect(large.body, limit: 100) }
    async let second = Result { try await budget.collect(middle.body, limit: 100) }
    large.send(60)
    await reaches(60, budget)
    middle.send(30)
    await reaches(90, budget)
    small.send(20)
    small.finish()
    let held = try await budget.collect(small.body, limit: 100)
    #expect(budget.total == 50)
    let refused = await first
    #expect(throws: BodyBudget.Fault.overBudget) { try refused.get() }
    middle.finish()
    let kept = try await second.get()
    #expect(kept.bytes.count == 30)
    #expect(budget.total == 50)
    withExtendedLifetime((held, kept)) {}
  }

  @Test func theLargestOfAllIsRefused() async throws {
    let budget = BodyBudget(bytesMax: 100, timeout: .seconds(60))
    let (small, large) = (Sender(), Sender())
    small.send(50)
    small.finish()
    let held = try await budget.collect(small.body, limit: 100)
    large.send(60)
    await #expect(throws: BodyBudget.Fault.overBudget) {
      _ = try await budget.collect(large.body, limit: 100)
    }
    #expect(budget.total == 50)
    withExtendedLifetime(held) {}
  }

  @Test func neverMoreThanTheBudget() async throws {
    let budget = BodyBudget(bytesMax: 10_000, timeout: .seconds(60))
    await withTaskGroup(of: Void.self) { group in
      for number in 0..<200 {
        group.addTask {
          let sender = Sender()
          for _ in 0..<(1 + number % 40) { sender.send(100) }
          sender.finish()
          let held = try? await budget.collect(sender.body, limit: 10_000)
          #expect(budget.total <= 10_000)
          withExtendedLifetime(held) {}
        }
      }
    }
    #expect(budget.total == 0)
  }

  // MARK: Streams

  @Test func streamsHaveALimit() throws {
    var limits = ServingLimits()
    limits.streamsMax = 2
    let slots = StreamSlots(limits)
    let channels = (0..<4).map { _ in EmbeddedChannel() }
    var first = slots.open(on: channels[0])
    let second = slots.open(on: channels[1])
    #expect(first != nil && second != nil)
    #expect(slots.open(on: channels[2]) == nil)
    first = nil
    let third = slots.open(on: channels[2])
    #expect(third != nil)
    #expect(slots.open(on: channels[3]) == nil)
    #expect(slots.count == 2)
    withExtendedLifetime((second, third)) {}
  }

  /// A stream that nobody reads is closed for a new one.
  @Test func anUnreadStreamGivesWay() throws {
    var limits = ServingLimits()
    limits.streamsMax = 2
    let slots = StreamSlots(limits)
    let channels = (0..<3).map { _ in EmbeddedChannel() }
    let tickets = channels[..<2].map { slots.open(on: $0) }
    channels[1].isWritable = false
    let third = slots.open(on: channels[2])
    #expect(third != nil)
    channels[1].embeddedEventLoop.run()
    #expect(throws: Never.self) { try channels[1].closeFuture.wait() }
    #expect(slots.count == 2)
    withExtendedLifetime((tickets, third)) {}
  }

  /// A client over its limit replaces its own connections, never another client's.
  @Test func oneClientGetsAShareOfConnections() throws {
    var limits = ServingLimits()
    limits.connectionsMax = 100
    limits.connectionsPerClientMax = 2
    let connections = Connections(limits)
    func admit(_ address: String) throws -> (EmbeddedChannel, Connections.Seat?) {
      let channel = EmbeddedChannel()
      try channel.connect(to: SocketAddress(ipAddress: address, port: 1)).wait()
      return (channel, connections.admit(channel, at: .now()))
    }
    let other = try admit("10.0.0.2")
    let greedy = try (0..<3).map { _ in try admit("10.0.0.1") }
    #expect(connections.count == 3)
    for (channel, _) in greedy { channel.embeddedEventLoop.run() }
    #expect(greedy.filter { $0.0.isActive }.count == 2 && greedy[2].0.isActive)
    #expect(other.0.isActive)
    // Of an IPv6 network it is all its addresses together.
    let network = try ["2001:db8::1", "2001:db8::2", "2001:db8::3"].map { try admit($0) }
    for (channel, _) in network { channel.embeddedEventLoop.run() }
    #expect(network.filter { $0.0.isActive }.count == 2)
    // Those that are being answered do not give way.
    for (_, seat) in greedy { seat?.standing = Standing(.answering, since: .now(), bodyBytes: 0) }
    let refused = try admit("10.0.0.1")
    #expect(refused.1 == nil)
    // A reverse proxy connects for many clients.
    let near = try (0..<5).map { _ in try admit("127.0.0.1") }
    #expect(near.allSatisfy { $0.1 != nil && $0.0.isActive })
    withExtendedLifetime((other, greedy, network, near)) {}
  }

  @Test func oneClientGetsAShare() throws {
    var limits = ServingLimits()
    limits.streamsMax = 100
    limits.streamsPerClientMax = 2
    let slots = StreamSlots(limits)
    func channel(_ address: String) throws -> EmbeddedChannel {
      let channel = EmbeddedChannel()
      try channel.connect(to: SocketAddress(ipAddress: address, port: 1)).wait()
      return channel
    }
    var tickets = try (0..<2).map { _ in slots.open(on: try channel("10.0.0.1")) }
    #expect(slots.open(on: try channel("10.0.0.1")) == nil)
    tickets.append(slots.open(on: try channel("10.0.0.2")))
    for _ in 0..<5 { tickets.append(slots.open(on: try channel("127.0.0.1"))) }
    #expect(tickets.allSatisfy { $0 != nil })
    // Behind a proxy it is the address that the proxy names.
    for n in 0..<3 {
      let ticket = slots.open(on: try channel("127.0.0.1"), address: "10.0.0.3")
      #expect((ticket != nil) == (n < 2))
      tickets.append(ticket)
    }
    // A sender with a name has its limit at all addresses together.
    for n in 0..<3 {
      let ticket = slots.open(on: try channel("127.0.0.1"), address: "10.0.1.\(n)", sender: "ann")
      #expect((ticket != nil) == (n < 2))
      tickets.append(ticket)
    }
    tickets.append(slots.open(on: try channel("127.0.0.1"), sender: "bob"))
    #expect(tickets.last != nil)
  }
}

extension Result where Failure == any Error {
  fileprivate init(_ body: () async throws -> Success) async {
    do { self = .success(try await body()) } catch { self = .failure(error) }
  }
}
