import EventLog

/// Reads a log for a copy of it in another store.
package enum LogCopy {
  private static let chunkLength = 2000

  /// Passes every event to `take`, in order, a part at a time. It ends when there is nothing more,
  /// so the copy is the log as it was at one moment: a text that was redacted before it was read
  /// has its redaction further on.
  /// - Parameter onProgress: called with the number of events that were taken.
  package static func run(
    from source: any LogReader, onProgress: ReplayProgress,
    take: (_ events: [StoredEvent]) async throws(StoreFault) -> Void
  ) async throws(StoreFault) {
    var next: Int64 = 0
    var count = 0
    while true {
      let events = try await source.read(after: next, limit: chunkLength)
      guard let last = events.last else { return }
      try await take(events)
      next = last.position
      count += events.count
      onProgress(count)
    }
  }

  /// Compares a copy with its source.
  /// - Returns: the difference; nil if the copy's end is an event of the source with the same hash.
  package static func difference(
    of copy: LogHead, from source: any LogReader
  ) async throws(StoreFault) -> String? {
    guard copy.position > 0 else {
      return try await source.head().position == 0 ? nil : "the copy is empty"
    }
    let event = try await source.read(after: copy.position - 1, limit: 1).first
    guard event?.position == copy.position, event?.hash == copy.hash else {
      return "the copy's last event, \(copy.position), is not that of the source"
    }
    return nil
  }
}
