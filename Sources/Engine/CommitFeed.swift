import Domain
import EventLog
import Synchronization

/// Tells whoever waits that something was committed. It carries no events: a follower reads them
/// from the store, from the position that it has, so that a slow one costs nobody anything and
/// nothing is ever missed.
package final class CommitFeed: Sendable {
  private struct State {
    var head: Int64 = 0
    var next = 0
    var followers: [Int: (filter: DelegationID?, signal: AsyncStream<Int64>.Continuation)] = [:]
  }

  private let state = Mutex(State())

  package init() {}

  /// The position of the last commit that was told of; 0 before the first.
  package var head: Int64 { state.withLock { $0.head } }

  /// To be given to the store as its observer.
  package func observe(_ events: [RecordedEvent]) {
    guard let last = events.last else { return }
    var touched: Set<DelegationID> = []
    for event in events {
      if case .delegation(let id) = event.stream { touched.insert(id) }
    }
    let signals = state.withLock { state in
      state.head = max(state.head, last.position)
      return state.followers.values.filter { follower in
        follower.filter.map { touched.contains($0) } ?? true
      }.map(\.signal)
    }
    for signal in signals { signal.yield(last.position) }
  }

  /// Signals after each commit, or after each that touches `delegation`; those that come while the
  /// follower is busy are one. Subscribe first, then read: then nothing falls between.
  package func signals(of delegation: DelegationID? = nil) -> AsyncStream<Int64> {
    let (stream, signal) = AsyncStream.makeStream(
      of: Int64.self, bufferingPolicy: .bufferingNewest(1))
    let key = state.withLock { state in
      state.next += 1
      state.followers[state.next] = (delegation, signal)
      return state.next
    }
    signal.onTermination = { [weak self] _ in
      self?.state.withLock { _ = $0.followers.removeValue(forKey: key) }
    }
    return stream
  }
}
