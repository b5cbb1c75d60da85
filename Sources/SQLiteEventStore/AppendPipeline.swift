import Dispatch
import Domain
import EventLog
import Projections
import SQLite
import Synchronization
import SystemCalls

/// Carries requests out in order, on two threads. While one commits a batch of appends, the other
/// plans the next batch, which those that arrive meanwhile join, and which is committed as soon as
/// the first is. An append that comes alone is planned and committed on one thread.
///
/// At most one batch is being committed. If that fails, what was planned on it is planned again.
final class AppendPipeline {
  /// The most appends in one commit.
  private static let batchMax = 256
  /// With more appends than this waiting, the first half is committed while the rest is planned.
  private static let undividedMax = 8
  /// A smaller batch waits for those that already wait to be planned: a commit of its own would
  /// take longer.
  private static let batchMin = 4

  let planner: AppendPlanner
  let writer: Writer
  private let committing: CommitThread
  private let queue: BoundedQueue<WriterRequest>
  /// Whether the other thread has a batch.
  private var isCommitting = false
  /// What was taken and not yet carried out.
  private var waiting: ArraySlice<WriterRequest> = []
  /// What is committed next.
  private var planned: PlannedBatch?
  /// `planned` is committed when it has so many appends, and nothing else is being committed.
  private var share = 1
  /// The last batch that the other thread has committed. It is freed once that thread has the next
  /// one: hundreds of objects take as long as some appends.
  private var committed: PlannedBatch?

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
      if isCommitting, committing.isDone { settle() }
      beginIfDue()
      if let request = waiting.popFirst() {
        carryOut(request)
      } else if !take() {
        settle()
        commitPlanned()
        // What was planned on a batch that failed just now is planned again.
        guard waiting.isEmpty else { continue }
        committing.stop()
        return writer.finish()
      }
    }
  }

  /// Waits for requests, for the end of the commit on the other thread, or until there is other
  /// work.
  /// - Returns: false if the queue is closed and empty.
  private func take() -> Bool {
    // A slice keeps what was taken from it.
    waiting = []
    switch queue.take(max: Self.batchMax, timeoutMs: isCommitting ? nil : writer.waitMs) {
    case .items(let requests):
      waiting = requests[...]
      if !isCommitting {
        share = requests.count <= Self.undividedMax ? requests.count : (requests.count + 1) / 2
      }
    case .nothingYet:
      committed = nil
      writer.workWhileIdle()
    case .woken: break
    case .closed: return false
    }
    return true
  }

  private func carryOut(_ request: WriterRequest) {
    switch request {
    case .append(let append): plan(append)
    case .job(let job):
      if isCommitting {
        // If that fails, what was planned on it comes before the job.
        waiting = [request] + waiting
        settle()
        return
      }
      commitPlanned()
      committed = nil
      job(self)
      writer.workBetweenCommits()
    }
  }

  /// Plans an append for the next commit.
  private func plan(_ request: AppendRequest) {
    if let stopped = writer.status.stopped { return answer([request], stopped) }
    var batch = planned.take() ?? planner.newBatch()
    do {
      try planner.plan(request, in: &batch)
      planned = batch
    } catch {
      // The database cannot be read. If the batch before fails, the planner returns to before it.
      let before = settle() ? batch.before : planner.position
      let fault = writer.stops(for: AppendFault(error))
      rollBack(to: before)
      answer(batch.requests, fault)
    }
  }

  /// Commits the planned batch if it is large enough, or nothing else waits.
  private func beginIfDue() {
    guard let count = planned?.requests.count else { return }
    if isCommitting {
      guard count >= Self.batchMax else { return }
      settle()
      // If that failed, nothing is planned any more.
      guard planned != nil else { return }
    }
    let isLast = waiting.isEmpty && queue.count == 0
    guard isLast || count >= share else { return }
    // The callers of the batch before it are about to come again.
    let isAlone = isLast && committed == nil
    if isAlone || planner.isFull { commitPlanned() } else { handOver() }
    committed = nil
  }

  /// Commits the planned batch on the other thread, which has none.
  private func handOver() {
    guard var batch = planned.take() else { return }
    planner.close(&batch)
    planner.hasBegun(batch)
    isCommitting = true
    committing.begin(batch)
  }

  /// Commits the planned batch on this thread. The other one has none.
  private func commitPlanned() {
    guard var batch = planned.take() else { return }
    planner.close(&batch)
    let fault = writer.commit(batch)
    writer.workBetweenCommits()
    if let fault { return failed(batch, fault) }
    if planner.isFull { planner.trim() }
  }

  /// Waits for the batch that the other thread has. If it failed, its callers have been answered,
  /// and what was planned on it waits to be planned again.
  /// - Returns: whether it is committed, or there was none. If not, the planner is where it was
  ///   before it.
  @discardableResult private func settle() -> Bool {
    guard isCommitting else { return true }
    let (batch, fault) = committing.wait()
    isCommitting = false
    share = Self.batchMin
    if let fault {
      if let again = planned.take() { waiting = again.requests.map { .append($0) } + waiting }
      failed(batch, fault)
      return false
    }
    planner.hasCommitted()
    if planned != nil { committed = batch }
    return true
  }

  /// - Parameter batch: the last that was planned.
  private func failed(_ batch: PlannedBatch, _ fault: AppendFault) {
    rollBack(to: batch.before)
    guard case .full = fault, batch.requests.count > 1 else {
      return answer(batch.requests, fault)
    }
    // There may be space for some of them. A savepoint for each would find out at once, but would
    // cost every append a fifth of its time.
    for request in batch.requests {
      plan(request)
      commitPlanned()
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
    do {
      return (fold, try planner.replaceViews(digests))
    } catch {
      // The rows in memory are not those of the views any more.
      throw writer.stop(AppendFault(error))
    }
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

  /// How long it looks for the next batch before it sleeps. The thread that plans needs less than
  /// this to finish an append and hand over, and waking a thread takes far longer.
  private static let look = DispatchTimeInterval.microseconds(50)

  private let state = Mutex(State.idle)
  private let begun = DispatchSemaphore(value: 0)
  private let done = DispatchSemaphore(value: 0)

  /// - Parameters:
  ///   - writer: must live until `stop`.
  ///   - whenDone: called on the thread after each batch.
  /// - Throws: `StoreFault` if no thread can be started.
  init(_ writer: Writer, whenDone: @escaping @Sendable () -> Void) throws(StoreFault) {
    // Handed over with each batch; the semaphores order the uses. It is not kept alive, so that its
    // file is closed when the pipeline ends.
    nonisolated(unsafe) let writer = Unmanaged.passUnretained(writer)
    let isStarted = startThread { [self] in
      while true {
        awaitBatch()
        guard case .begun(let batch) = state.withLock({ $0 }) else { return }
        let fault = writer._withUnsafeGuaranteedRef { writer in
          let fault = writer.commit(batch)
          writer.workBetweenCommits()
          return fault
        }
        state.withLock { $0 = .done(batch, fault) }
        done.signal()
        whenDone()
      }
    }
    guard isStarted else {
      throw StoreFault(operation: "open", message: "no thread for commits could be started")
    }
  }

  /// Waits for a batch, or for the stop.
  private func awaitBatch() {
    let end = DispatchTime.now() + Self.look
    while DispatchTime.now() < end {
      if begun.wait(timeout: .now()) == .success { return }
    }
    begun.wait()
  }

  /// Whether the batch that was begun is committed or has failed, and `wait` returns at once.
  var isDone: Bool {
    state.withLock { if case .done = $0 { true } else { false } }
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
