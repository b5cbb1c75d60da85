import EventLog
import Synchronization

/// Passes the signals of commits on to all event streams.
///
/// Commits come in bursts: a submission makes five within a few milliseconds. The first of a burst
/// is passed on at once, the later ones together, `interval` after the one before. So a burst wakes
/// each stream twice, however many commits it has. The thread that commits signals once, whether
/// there is one stream or a thousand.
///
/// The more streams there are, the longer is the pause: to wake them takes processor time that
/// others wait for.
final class StreamSignals: Sendable {
  typealias Signal = AsyncStream<Void>.Continuation

  /// Ends a stream's part when it is released.
  final class Membership: Sendable {
    private let members: Members
    private let number: Int

    fileprivate init(_ members: Members, _ number: Int) {
      self.members = members
      self.number = number
    }

    deinit { members.remove(number) }
  }

  fileprivate final class Members: Sendable {
    private let state = Mutex<(next: Int, signals: [Int: Signal])>((0, [:]))

    func add(_ signal: Signal) -> Int {
      state.withLock { state in
        state.next += 1
        state.signals[state.next] = signal
        return state.next
      }
    }

    func remove(_ number: Int) { state.withLock { _ = $0.signals.removeValue(forKey: number) } }

    func signalAll() {
      for signal in state.withLock({ Array($0.signals.values) }) { signal.yield() }
    }

    var count: Int { state.withLock { $0.signals.count } }
  }

  /// About what it takes to wake a stream and to write to its connection, several times over.
  private static let pauseOfStream = Duration.microseconds(35)

  private let members = Members()
  private let passing: Task<Void, Never>

  /// - Parameter interval: the least time between two signals.
  init(_ feed: any CommitFeed, interval: Duration = .milliseconds(15)) {
    let signals = feed.signals()
    passing = Task { [members] in
      for await _ in signals {
        members.signalAll()
        let pause = max(interval, Self.pauseOfStream * members.count)
        guard (try? await Task.sleep(for: pause)) != nil else { return }
      }
    }
  }

  deinit { passing.cancel() }

  /// Adds a stream. A commit after this call is signalled to it.
  func join(_ signal: Signal) -> Membership { Membership(members, members.add(signal)) }
}
