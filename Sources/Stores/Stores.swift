// The kinds of stores.
//
// Purpose: the programs get a store from here by its location, and depend on no store module. A new
// kind of store is a module that passes the conformance suite, and a case below.
//
// Guarantees: no other file outside the stores' own modules imports one of them. A test checks
// this.
//
// Failures: choosing a kind of store opens nothing, so it cannot fail. The driver's calls throw. In
// a build without the package trait `PostgreSQL`, every call for such a store throws, and says how
// to get a build with it.

import Projections
import SQLiteEventStore

#if PostgreSQL
import PostgreSQLEventStore
#endif

/// Lists the kinds of stores.
package enum StoreAccess {
  /// The store at a location.
  package static func driver(_ location: StoreLocation) -> any StoreDriver {
    switch location {
    case .folder(let path): return SQLiteDriver(folder: path)
    case .postgreSQL(let address, let folder):
      #if PostgreSQL
      return PostgreSQLDriver(address: address, folder: folder)
      #else
      return AbsentDriver()
      #endif
    }
  }

  /// A backup, which is a SQLite file for every kind of store.
  /// - Throws: `StoreFault` if the file is missing, is not a log, or was made by a newer program.
  package static func backup(_ path: String) throws -> any LogReader {
    try SQLiteReader(path: path)
  }
}
