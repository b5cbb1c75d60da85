import Domain
import EventLog
import Projections

/// The source of the events.
enum Source {
  case store(any LogReader)
  case export(ExportFile)

  /// The number of events; nil if it is unknown before they are read.
  func length() async throws -> Int64? {
    switch self {
    case .store(let log): try await log.head().position
    case .export: nil
    }
  }

  /// Folds the events in order.
  func replay(_ plan: ReplayPlan, onProgress: @escaping ReplayProgress) async throws -> ReplayedLog
  {
    switch self {
    case .store(let log): return try await log.replay(plan, onProgress: onProgress)
    case .export(let export):
      var fold = LogFold(isChecking: plan.isChecking)
      try export.scan { event in
        guard plan.end?.includes(event.position, event.time) ?? true else { return false }
        fold.take(event)
        onProgress(fold.events)
        return true
      }
      return ReplayedLog(fold: fold, comparison: nil)
    }
  }

  /// The events of a delegation, in order.
  func events(of delegation: DelegationID) async throws -> [StoredEvent] {
    switch self {
    case .store(let log): return try await log.events(of: .delegation(delegation))
    case .export(let export):
      var events: [StoredEvent] = []
      try export.scan {
        if $0.stream.name == .delegation(delegation) { events.append($0) }
        return true
      }
      return events
    }
  }
}
