// SIGTERM and SIGINT as a stream.

import Dispatch
import Glibc
import Synchronization

package enum WorkerSignals {
  /// From now on SIGTERM and SIGINT do not end this process: the first one, of either, is `.drain`,
  /// later ones are `.halt`.
  package static func terminations() -> AsyncStream<WorkerSignal> {
    let (stream, continuation) = AsyncStream.makeStream(
      of: WorkerSignal.self, bufferingPolicy: .bufferingOldest(2))
    let queue = DispatchQueue(label: "aipm.worker.signals")
    let sources = [SIGTERM, SIGINT].map { number in
      signal(number, SIG_IGN)
      return DispatchSource.makeSignalSource(signal: number, queue: queue)
    }
    let first = FirstTime()
    for source in sources {
      source.setEventHandler {
        // The handler retains its source, which thus lives as long as the process.
        withExtendedLifetime(source) {}
        continuation.yield(first.claim() ? .drain : .halt)
      }
      source.resume()
    }
    return stream
  }
}

private final class FirstTime: Sendable {
  private let isClaimed = Atomic(false)

  /// True for the first call.
  func claim() -> Bool { !isClaimed.exchange(true, ordering: .relaxed) }
}
