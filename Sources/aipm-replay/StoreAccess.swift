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
}
