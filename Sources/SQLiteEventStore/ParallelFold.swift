import Dispatch
import EventLog
import Projections
import Synchronization

extension LogFile {
  /// Folds the log up to where it ends now, on this thread, and checks it meanwhile on another.
  ///
  /// Each reads the log for itself, on a connection of its own: what two threads share of an event
  /// they would wait for each other with, at each count of each text.
  /// - Parameters:
  ///   - isChecking: whether hashes and versions are checked.
  ///   - isWanted: whether an event is to be taken; after one that is not, none is.
  ///   - onProgress: told now and then how many events are done.
  /// - Throws: `StoreFault` where the log cannot be read, or the system has no thread left.
  package func fold(
    isChecking: Bool, while isWanted: @escaping @Sendable (StoredEvent) -> Bool = { _ in true },
    onProgress: (_ events: Int) -> Void
  ) throws(StoreFault) -> LogFold {
    let end = try head().position
    let check = isChecking ? try BackgroundCheck(path: path, through: end, while: isWanted) : nil
    var fold = LogFold(isChecking: false)
    var read: Result<Void, StoreFault> = .success(())
    do throws(StoreFault) {
      try scan(after: 0, through: end, hasWords: false) { event in
        guard isWanted(event) else { return false }
        fold.take(event)
        if fold.events.isMultiple(of: eventsBetweenLooks) {
          onProgress(min(fold.events, check?.events ?? fold.events))
        }
        return true
      }
    } catch {
      read = .failure(error)
    }
    let checked = try check?.finish(onProgress: onProgress)
    try read.get()
    return LogFold(
      projector: fold.projector, check: checked, events: fold.events, head: fold.head,
      time: fold.time)
  }
}

private let eventsBetweenLooks = 4096

/// A check of a log on a thread of its own.
private final class BackgroundCheck: Sendable {
  private let result = Mutex<Result<LogCheck, StoreFault>?>(nil)
  private let isDone = DispatchSemaphore(value: 0)
  private let taken = Mutex(0)

  /// About how many events were checked.
  var events: Int { taken.withLock { $0 } }

  init(
    path: String, through end: Int64, while isWanted: @escaping @Sendable (StoredEvent) -> Bool
  ) throws(StoreFault) {
    let isStarted = startThread { [self] in
      let found = Result { () throws(StoreFault) in
        var check = LogCheck()
        var count = 0
        try LogFile(path: path).scan(after: 0, through: end) { event in
          guard isWanted(event) else { return false }
          check.take(event)
          count += 1
          if count.isMultiple(of: eventsBetweenLooks) { taken.withLock { $0 = count } }
          return true
        }
        return check
      }
      result.withLock { $0 = found }
      isDone.signal()
    }
    guard isStarted else {
      throw StoreFault(operation: "check", message: "no thread could be started")
    }
  }

  /// Waits for its end.
  func finish(onProgress: (_ events: Int) -> Void) throws(StoreFault) -> LogCheck {
    while isDone.wait(timeout: .now() + .milliseconds(100)) == .timedOut { onProgress(events) }
    guard let found = result.withLock({ $0 }) else {
      throw StoreFault(operation: "check", message: "it ended without a result")
    }
    return try found.get()
  }
}
