import Domain
import EventLog

/// The log as it is stored, read in order and checked. An event that this program cannot decode is
/// read like any other. Reading stops no writer.
package protocol LogReader: Sendable {
  /// The current end of the log.
  func head() async throws(StoreFault) -> LogHead

  /// Up to `limit` events after `position`, in order, with their texts.
  func read(after position: Int64, limit: Int) async throws(StoreFault) -> [StoredEvent]

  /// All events of a stream in order, with their texts; empty if there is no such stream.
  func events(of stream: StreamName) async throws(StoreFault) -> [StoredEvent]

  /// The last event of a stream, with its text; nil if there is no such stream.
  func last(of stream: StreamName) async throws(StoreFault) -> StoredEvent?

  /// Folds the log from its first event on.
  /// - Parameter onProgress: called from time to time with the number of folded events.
  func replay(
    _ plan: ReplayPlan, onProgress: @escaping ReplayProgress
  ) async throws(StoreFault) -> ReplayedLog

  /// Checks everything: the storage, each hash, the views, the look-ups, and the separate head.
  /// - Throws: `StoreFault` if the log cannot be read to its end.
  func verify(onProgress: @escaping ReplayProgress) async throws(StoreFault) -> Verification

  /// The streams of workers and of delegations with pending work that cannot be decoded, or whose
  /// events do not follow from each other.
  func unfitStreams() async throws(StoreFault) -> [UnfitStream]
}

/// Called with a number of events, on any thread.
package typealias ReplayProgress = @Sendable (_ events: Int) -> Void

/// The last event to fold.
package enum LogBound: Equatable, Sendable {
  case position(Int64)
  case time(Timestamp)

  /// Whether the event with this position and this time is within the bound.
  package func includes(_ position: Int64, _ time: Timestamp) -> Bool {
    switch self {
    case .position(let last): position <= last
    case .time(let last): time <= last
    }
  }
}

/// The options of a replay.
package struct ReplayPlan: Equatable, Sendable {
  /// Whether hashes and versions are checked.
  package var isChecking: Bool
  /// nil for the current head.
  package var end: LogBound?
  /// Whether the views are compared with the fold. Then there is no `end`.
  package var comparesViews: Bool

  package init(isChecking: Bool = true, end: LogBound? = nil, comparesViews: Bool = false) {
    self.isChecking = isChecking
    self.end = end
    self.comparesViews = comparesViews
  }
}

/// The result of a replay.
package struct ReplayedLog: Sendable {
  package var fold: LogFold
  /// nil if nothing was compared.
  package var comparison: Comparison?

  package init(fold: LogFold, comparison: Comparison?) {
    self.fold = fold
    self.comparison = comparison
  }
}

/// The result of checking a log and its views.
package struct Verification: Sendable {
  package var events: Int
  package var head: LogHead
  package var digests: [ViewName: ViewDigest]
  package var comparison: Comparison
  /// The faults, without the rows that differ: those are in `comparison`.
  package var faults: [String]
  package var isSound: Bool { faults.isEmpty && comparison.differing == 0 }

  /// - Parameters:
  ///   - fold: a checking fold of the whole log.
  ///   - comparison: the comparison of the views with the fold.
  ///   - faults: other faults, of the storage and of the separate head.
  package init(
    fold: LogFold, comparison: Comparison, storage: [String] = [], head: String? = nil
  ) {
    events = fold.events
    self.head = fold.head
    digests = fold.projector.digests
    self.comparison = comparison
    let redactions = fold.unexplainedRedactions.map {
      "the text of event \($0) is gone, and no event of the log says why"
    }
    faults = storage + fold.faults + redactions + (head.map { [$0] } ?? []) + comparison.faults
  }
}

/// A stream whose processing has stopped.
package struct UnfitStream: Equatable, Sendable {
  package var stream: StreamName
  package var reason: String

  package init(stream: StreamName, reason: String) {
    self.stream = stream
    self.reason = reason
  }
}
