import EventLog
import Projections
import SystemCalls

/// The store in a data folder: the database `aipm.db`, its head in `head`, and the folder's lock.
package struct SQLiteDriver: StoreDriver {
  private let folder: String

  package init(folder: String) { self.folder = folder }

  /// The path of the database.
  package var description: String { folder + "/aipm.db" }

  /// See `StoreDriver`.
  package func lock() throws -> any StoreLock {
    do {
      return SQLiteLock(lock: try FolderLock("\(folder)/lock"))
    } catch let held as FolderLock.Held {
      throw StoreInUse(description: "\(held); stop that one, or name another folder")
    } catch let fault as FileFault {
      throw StoreFault(operation: "\(fault.operation) \(fault.path)", message: fault.reason)
    }
  }

  /// See `StoreDriver`.
  package func open(_ options: StoreOptions) throws(StoreFault) -> any RunningStore {
    try SQLiteEventStore.open(
      directory: folder, clock: options.clock, acceptsRestore: options.acceptsRestore,
      mask: options.mask, onViewBuild: options.onViewBuild, onGroupCommit: options.onGroupCommit,
      onCommit: options.onCommit)
  }

  /// See `StoreDriver`.
  package func reader() throws -> any LogReader {
    guard try LogFile.find(directory: folder) != nil else {
      throw NoLog(description: "there is no log in \(folder): no file aipm.db")
    }
    return try SQLiteReader(path: description, headPath: folder + "/head")
  }

  /// See `StoreDriver`.
  package func backUp(
    to path: String, onProgress: @escaping ReplayProgress
  ) async throws(StoreFault) -> Verification {
    let folder = folder
    return try await onThread("back up") {
      try LogBackup.make(of: folder, to: path, onProgress: onProgress)
    }
  }

  /// See `StoreDriver`.
  package func restore(
    from path: String, onProgress: @escaping ReplayProgress
  ) async throws(StoreFault) -> Verification {
    let folder = folder
    return try await onThread("restore") {
      try LogBackup.restore(path, to: folder, onProgress: onProgress)
    }
  }

  /// See `StoreDriver`.
  package func copy(
    from source: any LogReader, onProgress: @escaping ReplayProgress
  ) async throws(StoreFault) -> Verification {
    try await SQLiteImporting.run(from: source, to: description, onProgress: onProgress)
  }

  /// See `StoreDriver`.
  package func rebuildViews(
    onProgress: @escaping ReplayProgress
  ) async throws(StoreFault) -> Rebuild {
    let folder = folder
    return try await onThread("rebuild") {
      try LogAtRest.rebuild(directory: folder, onProgress: onProgress)
    }
  }
}

private struct SQLiteLock: StoreLock {
  let lock: FolderLock
  func note(_ text: String) { lock.note(text) }
}
