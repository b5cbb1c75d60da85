#if !PostgreSQL

import EventLog
import Projections

/// The store on PostgreSQL in a program that was built without it.
struct AbsentDriver: StoreDriver {
  let description = "a PostgreSQL database"

  private var fault: StoreFault {
    StoreFault(
      operation: "open the store",
      message: "this program was built without PostgreSQL. Build one with it: install libpq-dev, "
        + "and run `swift build -c release --traits PostgreSQL --product aipm`")
  }

  func lock() throws -> any StoreLock { throw fault }
  func open(_ options: StoreOptions) throws(StoreFault) -> any RunningStore { throw fault }
  func reader() throws -> any LogReader { throw fault }

  func backUp(
    to path: String, onProgress: @escaping ReplayProgress
  ) async throws(StoreFault) -> Verification { throw fault }

  func restore(
    from path: String, onProgress: @escaping ReplayProgress
  ) async throws(StoreFault) -> Verification { throw fault }

  func copy(
    from source: any LogReader, onProgress: @escaping ReplayProgress
  ) async throws(StoreFault) -> Verification { throw fault }

  func rebuildViews(
    onProgress: @escaping ReplayProgress
  ) async throws(StoreFault) -> Rebuild { throw fault }
}

#endif
