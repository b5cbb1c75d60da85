import Dispatch
import Domain
import EventLog
import Projections
import SQLite
import Synchronization
import SystemCalls

/// Carries requests out in order, on two threads: one plans a batch of appends while the other
/// commits the batch before it. An append that comes alone is planned and committed on the first.
///
/// At most one batch is being committed. If that fails, what was planned on it is planned again.
final class AppendPipeline {
  /// The most appends in one commit.
  private static let batchMax = 256
  /// With more appends than this waiting, the first half is committed while the rest is planned.
  private static let undividedMax = 8

  let planner: AppendPlanner
  let writer: Writer
  private let committing: CommitThread
  private let queue: BoundedQueue<WriterRequest>
  /// Whether the other thread has a batch.
  private var isCommitting = false

  /// - Throws: `StoreFault` if no thread can be started.
  init(
    _ planner: AppendPlanner, _ writer: Writer, _ queue: BoundedQueue<WriterRequest>
  ) throws(StoreFault) {
    self.planner = planner
    self.writer = writer
    self.queue = queue
    committing = try CommitThread(writer, whenDone: { queue.wakeTaker() })
  }

  static func opening(
    directory: String, acceptsRestore: Bool, queue: BoundedQueue<WriterRequest>,
    clock: @escaping @Sendable () -> Timestamp, onViewBuild: (ViewBuild) -> Void,
    onGroupCommit: @escaping @Sendable (GroupCommit) -> Void, onCommit: @escaping CommitObserver
  ) throws(StoreFault) -> AppendPipeline {
    let log = try OpenedLog.open(
      directory: directory, acceptsRestore: acceptsRestore, onViewBuild: onViewBuild)
    let reading = try Readers.connect(directory + "/aipm.db")
    let planner = AppendPlanner(reading, last: log.last, digests: log.digests, clock: clock)
    do {
      let writer = try Writer(
        log, path: directory + "/aipm.db", onGroupCommit: onGroupCommit, onCommit: onCommit)
      do {
        if writer.stopped == nil { try planner.load() }
        return try AppendPipeline(planner, writer, queue)
      } catch {
        writer.close()
        throw error
      }
    } catch let fault as StoreFault {
      throw fault
    } catch {
      throw StoreFault(operation: "open \(directory)", message: "\(error)")
    }
  }

  /// Takes requests until the queue is closed and empty.
  func run() {
    while true {
      switch queue.take(timeoutMs: isCommitting ? nil : writer.waitMs, count: share) {
      case .items(let requests): carryOut(requests)
      case .nothingYet:
        if isCommitting { settle() } else { writer.workWhileIdle() }
      case .closed:
        settle()
        committing.stop()
        return writer.finish()
      }
    }
  }

  /// How many of the waiting requests make the next batch.
  private func share(of waiting: Int) -> Int {
    let isWhole = isCommitting || waiting <= Self.undividedMax
    return min(Self.batchMax, isWhole ? waiting : (waiting + 1) / 2)
  }

  /// Appends that follow each other share a commit.
  private func carryOut(_ requests: [WriterRequest]) {
    var appends: [AppendRequest] = []
    for request in requests {
      switch request {
      case .append(let append): appends.append(append)
      case .job(let job):
        if !appends.isEmpty { commit(appends) }
        appends = []
        settle()
        job(self)
      }
    }
    if !appends.isEmpty { commit(appends) }
  }

  private func commit(_ requests: [AppendRequest]) {
    if let stopped = writer.status.stopped { return answer(requests, stopped) }
    guard let batch = plan(requests) else { return }
    // What was planned on a batch that failed is planned again.
    guard settle() else { return commit(requests) }
    if queue.count == 0 || planner.isFull {
      commitHere(batch)
    } else {
      planner.hasBegun(batch)
      isCommitting = true
      committing.begin(batch)
    }
  }

  /// - Returns: nil if the database could not be read; then the callers have been answered.
  private func plan(_ requests: [AppendRequest]) -> PlannedBatch? {
    let before = planner.position
    do { return try planner.plan(requests) } catch {
      let position = settle() ? before : planner.position
      let fault = writer.stops(for: AppendFault(error))
      rollBack(to: position)
      answer(requests, fault)
      return nil
    }
  }

  private func commitHere(_ batch: PlannedBatch) {
    if let fault = writer.commit(batch) { return failed(batch, fault) }
    writer.workBetweenCommits()
    if planner.isFull { planner.trim() }
  }

  /// Waits for the batch that the other thread has.
  /// - Returns: whether it is committed, or there was none. If it failed, its callers have been
  ///   answered, and the planner is where it was before it.
  @discardableResult private func settle() -> Bool {
    guard isCommitting else { return true }
    let (batch, fault) = committing.wait()
    isCommitting = false
    queue.forgetWake()
    if let fault {
      failed(batch, fault)
      return false
    }
    planner.hasCommitted()
    return true
  }

  private func failed(_ batch: PlannedBatch, _ fault: AppendFault) {
    rollBack(to: batch.before)
    guard case .full = fault, batch.requests.count > 1 else {
      return answer(batch.requests, fault)
    }
    // There may be space for some of them. A savepoint for each would find out at once, but would
    // cost every append a fifth of its time.
    for request in batch.requests {
      if let stopped = writer.stopped {
        answer([request], stopped)
      } else if let batch = plan([request]) {
        commitHere(batch)
      }
    }
  }

  func rollBack(to position: AppendPlanner.Position) {
    guard writer.stopped == nil else { return }
    do { try planner.rollBack(to: position) } catch { writer.stop(AppendFault(error)) }
  }

  private func answer(_ requests: [AppendRequest], _ fault: AppendFault) {
    for request in requests { request.caller.resume(returning: .failure(fault)) }
  }

  // MARK: Jobs

  /// Replaces the live views with the rebuilt ones.
  /// - Parameter fold: a fold up to near the head; the returned one is up to the head.
  func swapViews(
    _ fold: LogFold
  ) throws -> (fold: LogFold, replaced: [ViewName: ViewDigest]) {
    var fold = fold
    let digests = try writer.transaction { try ShadowViews($0).swap(&fold) }
    return (fold, try planner.replaceViews(digests))
  }
}

/// A thread that commits one batch at a time. While it does, nobody else uses the writer.
private final class CommitThread: Sendable {
  private enum State {
    case idle
    case begun(PlannedBatch)
    case done(PlannedBatch, AppendFault?)
    case stopped
  }

  private let state = Mutex(State.idle)
  private let begun = DispatchSemaphore(value: 0)
  private let done = DispatchSemaphore(value: 0)

  /// - Parameters:
  ///   - writer: must live until `stop`.
  ///   - whenDone: called on the thread after each batch, before `wait` returns.
  /// - Throws: `StoreFault` if no thread can be started.
  init(_ writer: Writer, whenDone: @escaping @Sendable () -> Void) throws(StoreFault) {
    // Handed over with each batch; the semaphores order the uses. It is not kept alive, so that its
    // file is closed when the pipeline ends.
    nonisolated(unsafe) let writer = Unmanaged.passUnretained(writer)
    let isStarted = startThread { [self] in
      while true {
        begun.wait()
        guard case .begun(let batch) = state.withLock({ $0 }) else { return }
        let fault = writer._withUnsafeGuaranteedRef { writer in
          let fault = writer.commit(batch)
          if fault == nil { writer.workBetweenCommits() }
          return fault
        }
        state.withLock { $0 = .done(batch, fault) }
        whenDone()
        done.signal()
      }
    }
    guard isStarted else {
      throw StoreFault(operation: "open", message: "no thread for commits could be started")
    }
  }

  func begin(_ batch: PlannedBatch) {
    state.withLock { $0 = .begun(batch) }
    begun.signal()
  }

  /// Waits for the batch that was begun.
  func wait() -> (PlannedBatch, AppendFault?) {
    while true {
      done.wait()
      let result = state.withLock { state -> (PlannedBatch, AppendFault?)? in
        guard case .done(let batch, let fault) = state else { return nil }
        state = .idle
        return (batch, fault)
      }
      if let result { return result }
    }
  }

  /// Ends the thread, which has no batch.
  func stop() {
    state.withLock { $0 = .stopped }
    begun.signal()
  }
}
