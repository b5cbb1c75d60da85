import EventLog
import Projections
import SQLite
import SystemCalls

extension LogFile {
  /// Checks the file's structure, every hash, the views, the look-ups and the head file. A server
  /// may write at the same time.
  /// - Parameters:
  ///   - headPath: the file with the head; nil for a copy without such a file.
  ///   - onProgress: called with the number of folded events.
  /// - Throws: `StoreFault` if the file cannot be read to its end.
  package func verify(
    headPath: String?, onProgress: (_ events: Int) -> Void = { _ in }
  ) throws(StoreFault) -> Verification {
    // The head is read first, because it is written after its commit.
    let head = try headPath.map { path throws(StoreFault) in try Self.readHead(path) }
    let storage = try structureFaults()
    let lookUps = LookUpCheck(of: path)
    var fold = try fold(isChecking: true, onProgress: onProgress)
    let comparison = try compare(with: &fold, lookUps: lookUps)
    let headFault = try head.flatMap { head throws(StoreFault) in
      try fault(of: head, endingAt: fold.head)
    }
    return Verification(fold: fold, comparison: comparison, storage: storage, head: headFault)
  }

  private static func readHead(_ path: String) throws(StoreFault) -> HeadFile.Found {
    do throws(FileFault) {
      return try HeadFile.read(path: path)
    } catch {
      throw StoreFault(operation: "verify", message: error.description)
    }
  }
}

extension HeadFile.Found {
  /// Compares the log with the head file.
  func fault(of database: Database, endingAt head: LogHead) throws -> String? {
    try fault(endingAt: head, store: "aipm.db") { position in
      let s = try database.statement("SELECT hash FROM events WHERE position = ?")
      s.bind(position, at: 1)
      return try s.rows { $0.blob(0) }.first
    }
  }

  /// Compares a log with the head file.
  /// - Parameters:
  ///   - store: what an operator puts back.
  ///   - hash: the hash of the event at a position; nil if there is no such event.
  /// - Returns: the difference; nil if they agree.
  package func fault(
    endingAt head: LogHead, store: String, hash: (Int64) throws -> [UInt8]?
  ) rethrows -> String? {
    let advice = """
      Put the newer \(store) back; or go on with this one: `aipm serve --accept-restore`.
      """
    switch self {
    case .none: return nil
    case .unreadable:
      return "the file `head` is corrupt, so the end of the log cannot be checked. \(advice)"
    case .head(let known):
      if known.position > head.position {
        return """
          the log ends at position \(head.position), but it once reached \(known.position): it was \
          cut, or an older copy was put in its place. \(advice)
          """
      }
      guard known.position > 0 else { return nil }
      if try hash(known.position) == known.hash { return nil }
      return """
        the event at position \(known.position) is not the one that was written there: the log \
        was changed, or another was put in its place. \(advice)
        """
    }
  }
}
