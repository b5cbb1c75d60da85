import EventLog
import Glibc
import Projections
import SQLite
import SystemCalls

/// Copies of the log.
package enum LogBackup {
  /// Copies the log of a folder into one file, whether or not a server writes to it. The copy is
  /// one state of the log, is checked completely, and gets its name once it is on disk.
  /// - Parameter onProgress: called with the number of checked events.
  /// - Returns: the result of the check.
  /// - Throws: `StoreFault`, also if `path` exists or the copy is corrupt; then the copy is
  ///   removed.
  package static func make(
    of directory: String, to path: String, onProgress: (_ events: Int) -> Void = { _ in }
  ) throws(StoreFault) -> Verification {
    try checkTarget(path)
    let temporary = path + ".part"
    removeCopy(temporary)
    do {
      try copy(directory + "/aipm.db", to: temporary)
      return try finish(path, onProgress: onProgress)
    } catch {
      removeCopy(temporary)
      throw StoreFault(operation: "back up", error)
    }
  }

  /// - Throws: `StoreFault` if the file exists, or cannot be made.
  static func checkTarget(_ path: String) throws(StoreFault) {
    guard access(path, F_OK) != 0 else {
      throw StoreFault(operation: "back up", message: "\(path) is there already: name another file")
    }
    let parent = parent(of: path)
    guard access(parent, W_OK | X_OK) == 0 else {
      throw StoreFault(
        operation: "back up",
        message: access(parent, F_OK) == 0
          ? "\(parent) cannot be written: name a file elsewhere"
          : "there is no folder \(parent): make it, or name a file elsewhere")
    }
  }

  /// Checks the copy in `path` with `.part`, which is on disk, and gives it its name.
  /// - Throws: `StoreFault` if the copy is corrupt; then it is removed.
  static func finish(
    _ path: String, onProgress: (_ events: Int) -> Void
  ) throws(StoreFault) -> Verification {
    let temporary = path + ".part"
    do {
      let verification = try LogFile(path: temporary).verify(
        headPath: nil, onProgress: onProgress)
      guard verification.isSound else {
        let first = verification.faults.first ?? "a row of a view is not the log's"
        throw StoreFault(
          operation: "back up",
          message:
            "the copy is corrupt and was removed: \(first). `aipm verify` reports all faults.")
      }
      guard rename(temporary, path) == 0 else { throw StoreFault.system("rename \(temporary)") }
      removeCopy(temporary)
      try DurableFile.syncFolder(of: path)
      return verification
    } catch {
      removeCopy(temporary)
      throw StoreFault(operation: "back up", error)
    }
  }

  /// Replaces a folder's log by a copy. The caller holds the folder's `FolderLock`. The old log
  /// stays beside it as `aipm.db.replaced`. The separate head file stays unchanged, so the next
  /// start notices that this log is older. A backup of an older schema is migrated.
  /// - Returns: the result of the check.
  /// - Throws: `StoreFault`, also if the copy is corrupt; then the folder is unchanged.
  package static func restore(
    _ path: String, to directory: String, onProgress: (_ events: Int) -> Void = { _ in }
  ) throws(StoreFault) -> Verification {
    let target = directory + "/aipm.db"
    let temporary = directory + "/aipm.db.part"
    do {
      removeCopy(temporary)
      try copy(path, to: temporary)
      try bringUpToDate(temporary)
      let verification = try LogFile(path: temporary).verify(
        headPath: nil, onProgress: onProgress)
      guard verification.isSound else {
        let first = verification.faults.first ?? "a row of a view is not the log's"
        throw StoreFault(
          operation: "restore", message: "\(path) is damaged, so nothing was changed: \(first)")
      }
      if access(target, F_OK) == 0 {
        try checkpoint(target)
        removeCopy(target + ".replaced")
        guard rename(target, target + ".replaced") == 0 else {
          throw StoreFault.system("rename \(target)")
        }
      }
      // The write-ahead log belongs to the replaced database.
      unlink(target + "-wal")
      unlink(target + "-shm")
      guard rename(temporary, target) == 0 else { throw StoreFault.system("rename \(temporary)") }
      removeCopy(temporary)
      try DurableFile.syncFolder(directory)
      return verification
    } catch {
      removeCopy(temporary)
      throw StoreFault(operation: "restore", error)
    }
  }

  /// Copies one state of a database into a new file, which is on disk when this returns.
  private static func copy(_ source: String, to target: String) throws {
    do {
      // Read-only, but without `query_only`, with which SQLite makes no copy.
      let database = try Database(path: source, mode: .readOnly)
      database.setBusyTimeout(milliseconds: OpenedLog.busyTimeoutMs)
      try database.run("VACUUM INTO ?", .text(target))
    }
    let file = open(target, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw StoreFault.system("open \(target)") }
    defer { close(file) }
    guard fchmod(file, 0o600) == 0, fsync(file) == 0 else {
      throw StoreFault.system("sync \(target)")
    }
  }

  /// A backup may be older than this program.
  private static func bringUpToDate(_ path: String) throws {
    let database = try Database(path: path, mode: .readWriteCreate)
    let found = try Schema.inspect(database)
    if let refusal = Schema.refusal(of: found, path: path) {
      throw StoreFault(operation: "restore", message: refusal)
    }
    guard case .log(let version) = found else {
      throw StoreFault(operation: "restore", message: "it holds no log")
    }
    try Schema.migrate(database, from: version)
    try OutdatedViews(path: path, database: database).build { _ in }
  }

  /// Moves the content of the write-ahead log into the file that is put aside. A file that is not a
  /// valid database is put aside unchanged.
  private static func checkpoint(_ path: String) throws {
    guard let database = try? Database(path: path, mode: .readWriteCreate) else { return }
    _ = try? database.checkpoint(.truncate)
  }

  static func removeCopy(_ path: String) {
    for end in ["", "-wal", "-shm", "-journal"] { unlink(path + end) }
  }

  private static func parent(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }
}

extension StoreFault {
  /// The error of the last system call.
  package static func system(_ operation: String) -> StoreFault {
    StoreFault(operation: operation, message: String(cString: strerror(errno)))
  }

  /// Converts any error.
  package init(operation: String, _ error: any Error) {
    self = error as? StoreFault ?? StoreFault(operation: operation, message: "\(error)")
  }
}
