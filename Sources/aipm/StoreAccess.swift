import EventLog
import Projections
import SQLiteEventStore

/// The one place of this program that knows which kinds of stores there are.
enum StoreAccess {
  /// The store at a location.
  static func driver(_ location: StoreLocation) -> any StoreDriver {
    switch location {
    case .folder(let path): SQLiteDriver(folder: path)
    }
  }

  /// A backup, which is a file that SQLite opens, whatever store it was taken of.
  /// - Throws: `StoreFault` if it is missing, no log, or of a newer program.
  static func backup(_ path: String) throws -> any LogReader { try SQLiteReader(path: path) }
}
