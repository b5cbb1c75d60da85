import Dispatch
import Domain
import EventLog
import Projections
import Synchronization

/// A replay on several threads: whoever reads the log hands the events over, one thread folds them
/// into the views, and another checks them. Each sees all events in their order, so what comes out
/// is what `LogFold` comes to.
package final class ParallelFold {
  /// How many events are handed over at once, and how many such batches may wait: enough that no
  /// thread waits for a neighbour's hiccup, and no more memory than some megabytes.
  private static let batchLength = 512
  private static let batchesMax = 16

  private typealias Batch = [StoredEvent]

  private let folding: Station<Projector>
  private let checking: Station<LogCheck>?
  private var batch: Batch = []
  private var head = LogHead.empty
  private var time = Timestamp(milliseconds: 0)

  /// How many events were taken.
  package private(set) var events = 0

  /// - Parameter isChecking: whether hashes and versions are checked.
  /// - Throws: `StoreFault` where the system has no thread left.
  package init(isChecking: Bool) throws(StoreFault) {
    folding = try Station(Projector(), capacity: Self.batchesMax) { $0.absorb($1) }
    checking =
      isChecking ? try Station(LogCheck(), capacity: Self.batchesMax) { $0.take($1) } : nil
    batch.reserveCapacity(Self.batchLength)
  }

  deinit { _ = stop() }

  /// Takes the next event; waits where the other threads are far behind.
  package func take(_ stored: consuming StoredEvent) {
    events += 1
    head = LogHead(position: stored.position, hash: stored.hash)
    time = stored.time
    batch.append(stored)
    if batch.count == Self.batchLength { pass() }
  }

  /// What came of all events; no more may be taken.
  package func finish() -> LogFold {
    let (projector, check) = stop()
    return LogFold(projector: projector, check: check, events: events, head: head, time: time)
  }

  private func stop() -> (Projector, LogCheck?) {
    pass()
    return (folding.finish(), checking?.finish())
  }

  private func pass() {
    guard !batch.isEmpty else { return }
    folding.put(batch)
    checking?.put(batch)
    batch.removeAll(keepingCapacity: false)
    batch.reserveCapacity(Self.batchLength)
  }
}

/// A value that a thread of its own brings up to date, batch by batch.
private final class Station<Value: Sendable>: Sendable {
  private struct Line {
    var batches: [[StoredEvent]?] = []
    var value: Value
    var isFinished = false
  }

  private let line: Mutex<Line>
  private let room: DispatchSemaphore
  private let isThere = DispatchSemaphore(value: 0)
  private let isDone = DispatchSemaphore(value: 0)

  init(
    _ value: Value, capacity: Int, _ take: @escaping @Sendable (inout Value, StoredEvent) -> Void
  ) throws(StoreFault) {
    line = Mutex(Line(value: value))
    room = DispatchSemaphore(value: capacity)
    let isStarted = startThread { [self] in
      var value = value
      while let batch = next() {
        // By its place: an iterator would copy each event, which has many parts.
        for index in batch.indices { take(&value, batch[index]) }
      }
      line.withLock { $0.value = value }
      isDone.signal()
    }
    guard isStarted else {
      throw StoreFault(operation: "fold", message: "no thread could be started")
    }
  }

  func put(_ batch: [StoredEvent]) {
    room.wait()
    line.withLock { $0.batches.append(batch) }
    isThere.signal()
  }

  private func next() -> [StoredEvent]? {
    isThere.wait()
    defer { room.signal() }
    return line.withLock { $0.batches.removeFirst() }
  }

  /// Waits until all batches were taken; the value stays as it then is.
  func finish() -> Value {
    let isFirst = line.withLock { line in
      defer { line.isFinished = true }
      return !line.isFinished
    }
    if isFirst {
      room.wait()
      line.withLock { $0.batches.append(nil) }
      isThere.signal()
      isDone.wait()
    }
    return line.withLock { $0.value }
  }
}
