import EventLog
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

  /// Hands the events to `body` in order, until it returns false.
  /// - Parameter hasWords: whether they have to come with their words.
  func scan(hasWords: Bool, _ body: (StoredEvent) throws -> Bool) throws {
    switch self {
    case .folder(let file): try file.scan(after: 0, hasWords: hasWords, body)
    case .export(let export): try export.scan(body)
    }
  }
}
