import Dispatch
import Domain
import EventLog
import Glibc
import Projections
import SQLite
import Synchronization
import SystemCalls

extension LogFile {
  /// The number of events of one stretch.
  package static let stretchLength: Int64 = 2048
  /// More threads would only wait for the one that folds.
  package static let readersMax = 8

  /// Folds the log up to its current end.
  ///
  /// Hashes can be checked and rows decoded in any order; only folding needs the log's order. So
  /// several threads read, decode and check stretches of the log, each with its own connection, and
  /// this thread folds them in order.
  /// - Parameters:
  ///   - isChecking: whether hashes and versions are checked.
  ///   - readersMax: the number of threads that may read beside this one; if 1, this one reads.
  ///   - stretchLength: the number of events that are read at once.
  ///   - isWanted: whether to fold an event; the fold stops at the first one that is not wanted.
  ///   - onProgress: called from time to time with the number of folded events.
  /// - Throws: `StoreFault` if the log cannot be read, or no thread can be started.
  package func fold(
    isChecking: Bool, readersMax: Int = readersMax, stretchLength: Int64 = stretchLength,
    while isWanted: (_ position: Int64, _ time: Timestamp) -> Bool = { _, _ in true },
    onProgress: (_ events: Int) -> Void
  ) throws(StoreFault) -> LogFold {
    let end = try head().position
    // Positions that the file cannot contain mean that the log is corrupt. Reading them by number
    // would not end.
    guard try end <= mostEvents() else {
      return try foldInOrder(isChecking: isChecking, through: end, while: isWanted, onProgress)
    }
    let count = Int((max(end, 0) + stretchLength - 1) / stretchLength)
    let plan = StretchPlan(isChecking: isChecking, length: stretchLength, end: end)
    var fold = LogFold(isChecking: isChecking)
    let readers = min(count, max(sysconf(Int32(_SC_NPROCESSORS_ONLN)), 1), readersMax)
    if readers > 1 {
      let line = StretchLine(count: count, readers: readers)
      defer { line.end() }
      for _ in 0..<readers {
        line.startReader { [path] () throws(StoreFault) in
          let file = try LogFile(path: path)
          return { index throws(StoreFault) in try file.stretch(index, of: plan) }
        }
      }
      guard line.hasReaders else {
        throw StoreFault(operation: "fold", message: "no thread could be started")
      }
      for _ in 0..<count {
        guard fold.take(try line.next().get(), while: isWanted) else { break }
        onProgress(fold.events)
      }
    } else {
      for index in 0..<count {
        guard fold.take(try stretch(index, of: plan), while: isWanted) else { break }
        onProgress(fold.events)
      }
    }
    fold.stand(at: try head(at: fold.head.position))
    return fold
  }

  /// Reads the same events one by one.
  private func foldInOrder(
    isChecking: Bool, through end: Int64,
    while isWanted: (_ position: Int64, _ time: Timestamp) -> Bool,
    _ onProgress: (_ events: Int) -> Void
  ) throws(StoreFault) -> LogFold {
    var fold = LogFold(isChecking: isChecking)
    try scan(after: 0, through: end) { stored in
      guard isWanted(stored.position, stored.time) else { return false }
      fold.take(stored)
      onProgress(fold.events)
      return true
    }
    return fold
  }

  /// Reads one stretch, in its own snapshot.
  private func stretch(_ index: Int, of plan: StretchPlan) throws(StoreFault) -> LogStretch {
    let first = Int64(index) * plan.length
    return try stretch(
      after: first, through: min(first + plan.length, plan.end), plan.isChecking)
  }
}

/// How a log is divided into stretches.
private struct StretchPlan: Sendable {
  var isChecking: Bool
  var length: Int64
  /// The last position.
  var end: Int64
}

/// Passes stretches that several threads read to the fold, in the log's order. It is bounded: at
/// most as many stretches wait as there are slots.
private final class StretchLine: Sendable {
  /// Reads the stretch of this number; used on one thread.
  typealias Reader = (_ index: Int) throws(StoreFault) -> LogStretch

  private struct State {
    /// The next stretch to begin, and the next one to take.
    var begun = 0
    var taken = 0
    var readers = 0
  }

  private final class Slot: Sendable {
    let content = Mutex<Result<LogStretch, StoreFault>?>(nil)
    let isFilled = DispatchSemaphore(value: 0)
  }

  private let count: Int
  private let state = Mutex(State())
  private let slots: [Slot]
  private let isFree = DispatchSemaphore(value: 0)
  private let hasEnded = DispatchSemaphore(value: 0)

  init(count: Int, readers: Int) {
    self.count = count
    slots = (0..<(2 * readers)).map { _ in Slot() }
    for _ in slots { isFree.signal() }
  }

  /// Starts a thread that reads stretches until all are read. Its faults are passed on in order.
  func startReader(_ make: @escaping @Sendable () throws(StoreFault) -> Reader) {
    let isStarted = startThread { [self] in
      let reader = Result { () throws(StoreFault) in try make() }
      while let index = begin() {
        let slot = slots[index % slots.count]
        let made = Result { () throws(StoreFault) in try reader.get()(index) }
        slot.content.withLock { $0 = made }
        slot.isFilled.signal()
      }
      hasEnded.signal()
    }
    if isStarted { state.withLock { $0.readers += 1 } }
  }

  /// Whether any thread reads stretches.
  var hasReaders: Bool { state.withLock { $0.readers > 0 } }

  /// - Returns: the stretch to read next, once a slot is free; nil after the last stretch.
  private func begin() -> Int? {
    isFree.wait()
    return state.withLock { state in
      guard state.begun < count else { return nil }
      defer { state.begun += 1 }
      return state.begun
    }
  }

  /// Waits for the next stretch.
  func next() -> Result<LogStretch, StoreFault> {
    let index = state.withLock { state in
      defer { state.taken += 1 }
      return state.taken
    }
    let slot = slots[index % slots.count]
    slot.isFilled.wait()
    let made = slot.content.withLock { content in
      defer { content = nil }
      return content
    }
    isFree.signal()
    return made ?? .failure(StoreFault(operation: "fold", message: "a stretch was lost"))
  }

  /// Starts no further stretch, and waits for the threads to end.
  func end() {
    let readers = state.withLock { state in
      state.begun = count
      return state.readers
    }
    for _ in 0..<readers { isFree.signal() }
    for _ in 0..<readers { hasEnded.wait() }
  }
}
