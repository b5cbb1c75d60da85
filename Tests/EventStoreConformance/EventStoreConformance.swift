// What every event store must do, told once. A store's own tests run each check on a store
// of theirs that is empty; a store that passes them all can take another's place.
//
// The checks know the contracts `EventStore`, `ReadModels` and `LogReader` and nothing else. What
// only one store has, such as files, is for the tests of that store. `compare` compares a store
// with another one that is its model, over random logs and random queries.

import Domain
import EventLog
import LogStories
import Projections
import Synchronization
import Testing

/// A store that is being looked at, and what it was made with.
package struct StoreUnderTest: Sendable {
  package let store: any EventStore & ReadModels & LogReader
  package let clock: HandClock
  package let heard: Heard

  /// - Parameters:
  ///   - store: an empty one, made with this clock and this observer.
  ///   - heard: has taken in what the store told its observer.
  package init(
    store: any EventStore & ReadModels & LogReader, clock: HandClock, heard: Heard
  ) {
    self.store = store
    self.clock = clock
    self.heard = heard
  }

  /// What a store tells its observer.
  package final class Heard: Sendable {
    private let all = Mutex<[RecordedEvent]>([])
    package init() {}
    package var events: [RecordedEvent] { all.withLock { $0 } }
    package func take(_ events: [RecordedEvent]) { all.withLock { $0 += events } }
  }

  /// Appends a good day's events one by one, a second apart.
  @discardableResult
  func tell(
    _ n: Int, to end: Story.Milestone = .pushed, request: Requested? = nil, number: Int? = nil
  ) async throws -> [RecordedEvent] {
    try await tell(Story.goodDay(n, to: end, request: request, number: number), to: n)
  }

  @discardableResult
  func tell(
    _ events: [DelegationEvent], to n: Int, after version: Int64 = 0
  ) async throws -> [RecordedEvent] {
    var recorded: [RecordedEvent] = []
    for (index, event) in events.enumerated() {
      clock.step(1000)
      recorded += try await store.append(
        Story.append([event], to: n, after: version + Int64(index)))
    }
    return recorded
  }

  /// The whole log.
  func log() async throws -> [RecordedEvent] { try await stored().map { try $0.recorded() } }

  /// The whole log as it is stored.
  func stored() async throws -> [StoredEvent] {
    try await store.read(after: 0, limit: 1_000_000)
  }

  /// Why this append is refused; nil where it is not.
  func refusal(of append: Append) async -> AppendFault? {
    do throws(AppendFault) {
      _ = try await store.append(append)
      return nil
    } catch {
      return error
    }
  }

  /// Whether log and views are what they were.
  func isUnchanged(by body: () async throws -> Void) async throws -> Bool {
    let before = (try await log(), try await store.digests())
    try await body()
    let after = (try await log(), try await store.digests())
    return before.0 == after.0 && before.1.position == after.1.position
      && before.1.digests == after.1.digests
  }
}

/// One thing that a store must do.
package struct ConformanceCheck: Sendable, CustomTestStringConvertible {
  package let name: String
  /// Looks at an empty store; records an issue for what is not as it should be.
  package let run: @Sendable (StoreUnderTest) async throws -> Void

  init(_ name: String, _ run: @escaping @Sendable (StoreUnderTest) async throws -> Void) {
    self.name = name
    self.run = run
  }

  package var testDescription: String { name }
}

package enum EventStoreConformance {
  /// All of them, in the order in which a new store is best made to pass them.
  package static let checks =
    appends + refusals + reads + queries + tasks + audits + proofs + redactions
    + logReads
}
