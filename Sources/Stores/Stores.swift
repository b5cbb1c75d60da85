// Which kinds of stores there are.
//
// What it is for: the programs get a store from here by its location, and know nothing else of it.
// A new kind of store is a module that passes the conformance suite, and a case below.
//
// What it promises: no other file outside the stores' own modules imports one of them, which a test
// checks.
//
// How it fails: choosing a kind of store opens nothing, so it can't fail; the driver's calls throw.

import Projections
import SQLiteEventStore

/// The one place that knows which kinds of stores there are.
package enum StoreAccess {
  /// The store at a location.
  package static func driver(_ location: StoreLocation) -> any StoreDriver {
    switch location {
    case .folder(let path): SQLiteDriver(folder: path)
    }
  }

  /// A backup, which is a file that SQLite opens, whatever store it was taken of.
  /// - Throws: `StoreFault` if it is missing, no log, or of a newer program.
  package static func backup(_ path: String) throws -> any LogReader {
    try SQLiteReader(path: path)
  }
}
