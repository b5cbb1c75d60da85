import Dispatch
import Glibc

/// SIGTERM and SIGINT as they come. The first asks for a stop in good order, the second for one at
/// once.
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
        // The handler holds its source, which so lives as long as the process.
        withExtendedLifetime(source) {}
        signal.yield()
      }
      source.resume()
    }
    // A reader that goes away is an error of that write, not the end of the process.
    Glibc.signal(SIGPIPE, SIG_IGN)
    return stream
  }
}
