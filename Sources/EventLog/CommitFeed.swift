import Domain
import Synchronization

/// Signals commits to a log. A signal carries no events: a follower reads them from the store,
/// after the position that it has. So a slow follower delays nobody and misses nothing.
///
/// A store with several writing processes signals the commits of all of them.
package protocol CommitFeed: Sendable {
  /// The position of the last commit that was signalled; 0 before the first.
  var head: Int64 { get }

  /// Signals the log's position after each commit, or after each that touches `delegation`. Signals
  /// that come while the follower is busy are merged into one. Subscribe first and read then, so
  /// that no commit falls between.
  func signals(of delegation: DelegationID?) -> AsyncStream<Int64>
}

extension CommitFeed {
  /// Signals the log's position after each commit.
  package func signals() -> AsyncStream<Int64> { signals(of: nil) }
}

/// The feed of a store that only this process writes to.
package final class LocalCommitFeed: CommitFeed {
  private struct State {
    var head: Int64 = 0
    var next = 0
    var followers: [Int: (filter: DelegationID?, signal: AsyncStream<Int64>.Continuation)] = [:]
  }

  private let state = Mutex(State())

  package init() {}

  /// See `CommitFeed`.
  package var head: Int64 { state.withLock { $0.head } }

  /// Signals a commit. It does not block, so it can be a store's `CommitObserver`.
  package func observe(_ events: [RecordedEvent]) {
    guard let last = events.last else { return }
    signal(last.position, touching: events.map(\.stream))
  }

  /// Signals a commit of another process. It does not block.
  /// - Parameter streams: the streams with new events.
  package func signal(_ position: Int64, touching streams: [StreamName]) {
    var touched: Set<DelegationID> = []
    for case .delegation(let id) in streams { touched.insert(id) }
    let signals = state.withLock { state in
      state.head = max(state.head, position)
      return state.followers.values.filter { follower in
        follower.filter.map { touched.contains($0) } ?? true
      }.map(\.signal)
    }
    for signal in signals { signal.yield(position) }
  }

  /// See `CommitFeed`.
  package func signals(of delegation: DelegationID?) -> AsyncStream<Int64> {
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
