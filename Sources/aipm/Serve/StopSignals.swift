import Dispatch
import Glibc
import Synchronization

/// SIGTERM and SIGINT as a stream. The first one requests an orderly stop, the second one an
/// immediate stop.
enum StopSignals {
  /// From now on SIGTERM and SIGINT do not end this process; each is an element.
  static func stream() -> AsyncStream<Void> {
    let (stream, signal) = AsyncStream.makeStream(of: Void.self)
    let sources = [SIGTERM, SIGINT].map { number in
      Glibc.signal(number, SIG_IGN)
      return DispatchSource.makeSignalSource(signal: number, queue: .global())
    }
    for source in sources {
      source.setEventHandler {
        // The handler retains its source for the life of the process.
        withExtendedLifetime(source) {}
        signal.yield()
      }
      source.resume()
    }
    // A closed pipe or connection is an error of the write, not the end of the process.
    Glibc.signal(SIGPIPE, SIG_IGN)
    return stream
  }
}

/// The request of a person or of the service manager that this process stops.
struct StopRequest: Sendable {
  /// Ends with the first signal.
  let first: Task<Void, Never>
  private let signals: AsyncStream<Void>
  private let flag = Flag()

  private final class Flag: Sendable {
    private let isSet = Mutex(false)
    var value: Bool { isSet.withLock { $0 } }
    func set() { isSet.withLock { $0 = true } }
  }

  /// From now on, SIGTERM and SIGINT do not end this process.
  init() {
    let signals = StopSignals.stream()
    self.signals = signals
    first = Task { [flag] in
      for await _ in signals { break }
      flag.set()
    }
  }

  /// Whether the first signal has come.
  var hasCome: Bool { flag.value }

  /// Waits for the first signal. From then on, a second one ends the process at once.
  func wait() async {
    await first.value
    Task {
      for await _ in signals { _exit(1) }
    }
  }
}
