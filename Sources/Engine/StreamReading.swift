// Reads streams from a store that may fail. A failed read is repeated with increasing waits. A
// stream that still cannot be read is quarantined: callers that wait for it get an error, other
// streams continue, and it is read again every minute.

import Domain
import EventLog
import Projections

/// The result of reading a stream whose first read failed.
package struct StreamReading: Equatable, Sendable {
  /// The result of a try.
  package enum Outcome: Equatable, Sendable {
    /// The read failed, and is tried again after this time.
    case failed(again: Milliseconds)
    /// It failed so often that the stream is quarantined.
    case quarantined
    /// A stream in quarantine was read.
    case recovered
  }
  package var stream: StreamName
  package var outcome: Outcome
  /// The store's message; empty for `recovered`.
  package var reason: String
}

extension Engine {
  /// The most tries before a stream is quarantined.
  struct ReadTries {
    var most: Int
    var backoff: Backoff

    /// Everything else waits for these tries.
    static let atStart = ReadTries(
      most: 3, backoff: Backoff(first: Milliseconds(200), maximum: .seconds(1)))
    static let whileServing = ReadTries(
      most: 6, backoff: Backoff(first: .seconds(2), maximum: .seconds(60)))
  }

  /// The wait before a quarantined stream is read again.
  static let readAgainAfter = Milliseconds.seconds(60)

  /// The quarantined streams and the reasons: they cannot be read, or their events do not follow
  /// from each other.
  package func quarantined() -> [StreamName: String] {
    var all = core.unreadable
    for (id, executor) in core.executors {
      if let corrupt = executor.corrupt { all[.delegation(id)] = corrupt.description }
    }
    return all
  }

  func events(
    of stream: StreamName, tries: ReadTries
  ) async -> Result<[RecordedEvent], StoreFault> {
    var number = 1
    while true {
      do throws(StoreFault) {
        return .success(try await store.read(stream))
      } catch {
        guard number < tries.most else { return .failure(error) }
        let wait = tries.backoff.delay(after: number, seed: "\(stream)")
        report(
          StreamReading(stream: stream, outcome: .failed(again: wait), reason: error.message))
        try? await clock.sleep(wait)
      }
      number += 1
    }
  }

  func quarantine(_ stream: StreamName, _ fault: StoreFault) {
    report(StreamReading(stream: stream, outcome: .quarantined, reason: fault.message))
    step(.unreadable(stream, reason: fault.message))
    guard rereading[stream] == nil else { return }
    rereading[stream] = Task { [clock, store, weak self] in
      while (try? await clock.sleep(Self.readAgainAfter)) != nil {
        guard let events = try? await store.read(stream) else { continue }
        await self?.recover(stream, events)
        return
      }
    }
  }

  private func recover(_ stream: StreamName, _ events: [RecordedEvent]) {
    rereading[stream] = nil
    report(StreamReading(stream: stream, outcome: .recovered, reason: ""))
    switch stream {
    case .delegation(let id): step(.loaded(id, events))
    case .worker(let id): step(.worker(id, .reloaded(events)))
    case .system: break
    }
  }
}

extension WorkerRow {
  /// Whether a start reads the worker's stream. A worker of another host that is stopped or
  /// lost, and has no delegation, is read when it registers.
  var mayComeBack: Bool {
    switch state {
    case .stopped, .lost: local || delegation != nil
    case .starting, .idle, .busy, .draining, .unhealthy, .parked: true
    }
  }
}
