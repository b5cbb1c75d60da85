import Domain
import EventLog
import Glibc
import Projections
import SQLite
import Synchronization
import SystemCalls

/// Builds the views again from the log, beside the live ones, and swaps them in.
///
/// It folds and compares on the calling thread, and writes through `write`, in short steps, so that
/// appends on the same connection do not wait long.
struct Rebuilding {
  /// The most rows that one step writes.
  private static let stepLength = 1000
  /// The last step folds the events that were appended since. It begins when about this number is
  /// left.
  private static let tailLength: Int64 = 1000
  private static let catchUpsMax = 20

  /// Runs a step in its own transaction on the writing connection.
  typealias Write = (_ step: @escaping @Sendable (Database) throws -> Void) throws -> Void
  /// Runs the last step: it folds the rest and swaps. It returns the fold, and the digests of the
  /// views that were replaced.
  typealias Swap = (_ fold: LogFold) throws -> (fold: LogFold, replaced: [ViewName: ViewDigest])

  let file: LogFile
  let write: Write
  let swap: Swap
  /// The number of threads that may read beside this one.
  let readersMax: Int
  let onProgress: (_ events: Int) -> Void

  func run() throws -> Rebuild {
    var fold = try file.fold(isChecking: true, readersMax: readersMax, onProgress: onProgress)
    try catchUp(&fold)
    let comparison = compare(&fold)
    if let fault = fold.faults.first { throw StoreFault.corruptLog(fault) }
    try write { try ShadowViews($0).create() }
    do {
      let rows = fold.projector.rows(of: allViews)
      for start in stride(from: 0, to: rows.count, by: Self.stepLength) {
        let part = Array(rows[start..<min(start + Self.stepLength, rows.count)])
        try write { try ShadowViews($0).fill(part) }
      }
      let swapped = try swap(fold)
      return Rebuild(
        events: swapped.fold.events, head: swapped.fold.head,
        rebuilt: swapped.fold.projector.digests, replaced: swapped.replaced,
        comparison: comparison)
    } catch {
      try? write { try ShadowViews($0).drop() }
      throw error
    }
  }

  /// Views that cannot be read are rebuilt without a comparison.
  private func compare(_ fold: inout LogFold) -> Comparison {
    do throws(StoreFault) {
      return try file.compare(with: &fold)
    } catch {
      var comparison = Comparison()
      comparison.faults.append("the views could not be read: \(error)")
      return comparison
    }
  }

  /// Folds until little is left, while others continue to write.
  private func catchUp(_ fold: inout LogFold) throws {
    for _ in 0..<Self.catchUpsMax {
      try file.scan(after: fold.head.position) { stored in
        fold.take(stored)
        onProgress(fold.events)
        return true
      }
      if try file.head().position - fold.head.position <= Self.tailLength { return }
    }
  }
}

extension SQLiteEventStore {
  /// See `ReadModels`.
  package func rebuild() async throws(StoreFault) -> Rebuild {
    guard
      rebuilding.withLock({ isUnderWay in
        defer { isUnderWay = true }
        return !isUnderWay
      })
    else {
      throw StoreFault(operation: "rebuild", message: "another rebuild is under way")
    }
    defer { rebuilding.withLock { $0 = false } }
    let result = await withCheckedContinuation {
      (caller: CheckedContinuation<Result<Rebuild, StoreFault>, Never>) in
      let isStarted = startThread { caller.resume(returning: self.rebuildBlocking()) }
      if !isStarted {
        caller.resume(
          returning: .failure(
            StoreFault(operation: "rebuild", message: "no thread could be started")))
      }
    }
    return try result.get()
  }

  private func rebuildBlocking() -> Result<Rebuild, StoreFault> {
    Result { () throws(StoreFault) in
      let file = try LogFile(path: path)
      do {
        return try Rebuilding(
          file: file,
          write: { step in try self.onWriterBlocking { try $0.writer.transaction(step) } },
          swap: { fold in try self.onWriterBlocking { try $0.swapViews(fold) } },
          readersMax: 1, onProgress: { _ in }
        ).run()
      } catch let fault as StoreFault {
        throw fault
      } catch {
        throw StoreFault(operation: "rebuild", message: "\(error)")
      }
    }
  }
}

/// Maintenance of a log that no server has open.
package enum LogAtRest {
  /// Rebuilds everything that is derived from the log: the views and the look-up tables. The caller
  /// holds the folder's `FolderLock`.
  /// - Parameter onProgress: called with the number of folded events.
  /// - Throws: `StoreFault` if there is no log or it is corrupt; then nothing is changed.
  package static func rebuild(
    directory: String, onProgress: @escaping (_ events: Int) -> Void
  ) throws(StoreFault) -> Rebuild {
    guard access(directory + "/aipm.db", F_OK) == 0 else {
      throw StoreFault(operation: "rebuild", message: "there is no log in \(directory)")
    }
    let log = try OpenedLog.open(directory: directory)
    if let damage = log.damage { throw StoreFault(operation: "rebuild", message: damage) }
    let file = try LogFile(path: directory + "/aipm.db")
    do {
      let rebuild = try Rebuilding(
        file: file,
        write: { step in try log.database.transaction { try step(log.database) } },
        swap: { fold in
          var fold = fold
          _ = try log.database.transaction { try ShadowViews(log.database).swap(&fold) }
          return (fold, log.digests)
        }, readersMax: LogFile.readersMax, onProgress: onProgress
      ).run()
      try log.database.transaction { try LookUps.rebuild(in: log.database) }
      _ = try log.database.checkpoint(.truncate)
      return rebuild
    } catch let fault as StoreFault {
      throw fault
    } catch {
      throw StoreFault(operation: "rebuild", message: "\(error)")
    }
  }
}
