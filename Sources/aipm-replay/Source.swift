import Domain
import EventLog
import Projections
import SQLiteEventStore

/// Where the events come from.
enum Source {
  case folder(LogFile)
  case export(ExportFile)

  /// How many events there are; nil where that is not known before they were read.
  func length() throws -> Int64? {
    switch self {
    case .folder(let file): try file.head().position
    case .export: nil
    }
  }

  /// Folds the events in order, up to `until`.
  /// - Parameter onProgress: told now and then how many there were.
  func fold(
    isChecking: Bool, until: Until?, onProgress: (_ events: Int) -> Void
  ) throws -> LogFold {
    func isWanted(_ position: Int64, _ time: Timestamp) -> Bool {
      until?.includes(position, time) ?? true
    }
    switch self {
    case .folder(let file):
      return try file.fold(
        isChecking: isChecking, while: isWanted, onProgress: onProgress)
    case .export(let export):
      var fold = LogFold(isChecking: isChecking)
      try export.scan { event in
        guard isWanted(event.position, event.time) else { return false }
        fold.take(event)
        if fold.events.isMultiple(of: Replay.eventsBetweenLooks) { onProgress(fold.events) }
        return true
      }
      return fold
    }
  }
}
