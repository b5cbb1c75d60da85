import Dispatch
import Glibc

/// SIGTERM and SIGINT as they come. The first asks for a stop in good order, the second for one at
/// once.
struct StopSignals {
  let stream: AsyncStream<Void>
  private let sources: [any DispatchSourceSignal]

  init() {
    let (stream, signal) = AsyncStream.makeStream(of: Void.self)
    self.stream = stream
    sources = [SIGTERM, SIGINT].map { number in
      Glibc.signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler { signal.yield() }
      source.resume()
      return source
    }
    // A reader that goes away is an error of that write, not the end of the process.
    Glibc.signal(SIGPIPE, SIG_IGN)
  }
}
