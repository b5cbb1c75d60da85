import Domain
import EventLog
import InMemoryEventStore
import LogStories
import Randomness
import Testing

@testable import Server

/// The signals of commits to event streams.
@Suite(.timeLimit(.minutes(1))) struct StreamSignalsTests {
  private let feed = LocalCommitFeed()

  /// A commit.
  private func commit(_ n: Int) throws {
    let store = InMemoryEventStore(clock: { Story.start }, random: Seeded(1))
    feed.observe(try store.appendNow(Story.append(Story.goodDay(n, to: .requested), to: n)))
  }

  private func stream() -> (AsyncStream<Void>, AsyncStream<Void>.Continuation) {
    AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
  }

  @Test func everyStreamHearsOfEachCommitAfterItJoined() async throws {
    let signals = StreamSignals(feed, interval: .milliseconds(1))
    let (first, second) = (stream(), stream())
    let members = [signals.join(first.1), signals.join(second.1)]
    var (firstCalls, secondCalls) = (first.0.makeAsyncIterator(), second.0.makeAsyncIterator())
    for n in 1...20 {
      try commit(n)
      // Each was signalled before, so what comes now is of this commit.
      #expect(await firstCalls.next() != nil)
      #expect(await secondCalls.next() != nil)
    }
    withExtendedLifetime(members) {}
  }

  @Test func aStreamThatHasEndedIsSignalledNoMore() async throws {
    let signals = StreamSignals(feed, interval: .milliseconds(1))
    let (gone, other) = (stream(), stream())
    var member: StreamSignals.Membership? = signals.join(gone.1)
    let rest = signals.join(other.1)
    withExtendedLifetime(member) {}
    member = nil
    try commit(1)
    var calls = other.0.makeAsyncIterator()
    #expect(await calls.next() != nil)
    gone.1.finish()
    var late = gone.0.makeAsyncIterator()
    #expect(await late.next() == nil)
    withExtendedLifetime(rest) {}
  }

  /// What comes within the interval is signalled once.
  @Test func aBurstIsSignalledOnce() async throws {
    let signals = StreamSignals(feed, interval: .seconds(3600))
    let calls = stream()
    let member = signals.join(calls.1)
    var iterator = calls.0.makeAsyncIterator()
    try commit(1)
    #expect(await iterator.next() != nil)
    for n in 2...50 { try commit(n) }
    calls.1.finish()
    #expect(await iterator.next() == nil)
    withExtendedLifetime(member) {}
  }
}
