import Domain
import EventLog

/// The keepers of all workers, with indexes so that no step iterates over all of them: which
/// workers have changed since the last step, which are to be started again, and whose silence is
/// due.
struct WorkerTable: Sendable {
  private(set) var keepers: [WorkerID: WorkerKeeper] = [:]
  /// Workers whose plan, availability or silence may have changed.
  private var changed: Set<WorkerID> = []
  /// Local workers that wait for their next start.
  private var restarts = KeyedHeap<WorkerID, Timestamp>()
  /// The earliest time on the monotonic clock to judge a silence. A heartbeat moves no entry: an
  /// entry that comes due is moved to the time that follows from the last heartbeat.
  private var silences = KeyedHeap<WorkerID, Milliseconds>()
  /// When all workers counted as heard from, because this process was stopped.
  private var allHeardAt: Milliseconds?

  // MARK: Changes

  mutating func insert(_ keeper: WorkerKeeper) {
    keepers[keeper.id] = keeper
    follow(keeper.id, keeper.process)
  }

  mutating func remove(_ id: WorkerID) {
    keepers[id] = nil
    restarts.remove(id)
    silences.remove(id)
  }

  /// Changes a worker in place. Every change except a heartbeat uses this.
  /// - Returns: nil if there is no such worker.
  @discardableResult
  mutating func update<Value>(
    _ id: WorkerID, _ body: (inout WorkerKeeper) -> Value
  ) -> Value? {
    guard let index = keepers.index(forKey: id) else { return nil }
    func apply(to keeper: inout WorkerKeeper) -> (Value, WorkerKeeper.Process) {
      let result = body(&keeper)
      return (result, keeper.process)
    }
    let (result, process) = apply(to: &keepers.values[index])
    follow(id, process)
    return result
  }

  private mutating func follow(_ id: WorkerID, _ process: WorkerKeeper.Process) {
    changed.insert(id)
    if case .waiting(let moment) = process {
      restarts.set(id, to: moment)
    } else {
      restarts.remove(id)
    }
  }

  /// Records a heartbeat, which changes nothing else if it is not the first one.
  /// - Returns: whether the worker was unhealthy.
  mutating func hear(
    _ id: WorkerID, at now: Moment, agentSilence: Milliseconds?, used: EngineCore.LeaseUse?
  ) -> Bool {
    guard let index = keepers.index(forKey: id) else { return false }
    if keepers.values[index].lastHeardAt == nil { changed.insert(id) }
    return keepers.values[index].hear(at: now, agentSilence: agentSilence, used: used)
  }

  /// Marks the worker's plan as possibly changed.
  mutating func touch(_ id: WorkerID) { changed.insert(id) }

  /// The changed workers, in the order of their names.
  var touched: [WorkerID] { changed.sorted() }

  mutating func forgetTouched() { changed.removeAll(keepingCapacity: true) }

  // MARK: Starts

  /// When the next local worker is to be started again.
  var nextRestart: Timestamp? { restarts.first?.rank }

  /// Removes and returns the workers whose next start is due.
  mutating func takeRestarts(at now: Timestamp) -> [WorkerID] {
    restarts.take(through: now).sorted()
  }

  // MARK: Silences

  mutating func hearAll(at now: Milliseconds) { allHeardAt = now }

  /// The time since the worker was heard from.
  func silence(of keeper: WorkerKeeper, at now: Milliseconds) -> Milliseconds {
    now - max(keeper.lastHeard, allHeardAt ?? keeper.lastHeard)
  }

  /// Schedules the judgement of the worker's silence, if a silence matters.
  mutating func watch(_ id: WorkerID, isOccupied: Bool, _ policy: LeasePolicy) {
    guard let keeper = keepers[id], keeper.isMissed(whileOccupied: isOccupied) else { return }
    let due = keeper.lastHeard + policy.unhealthyAfter
    if let set = silences.rank(of: id), set <= due { return }
    silences.set(id, to: due)
  }

  /// Removes and returns the workers whose silence may be too long. The caller schedules those that
  /// it has judged again.
  mutating func takeSilent(at now: Milliseconds, _ policy: LeasePolicy) -> [WorkerID] {
    silences.take(through: now).filter { id in
      guard let keeper = keepers[id] else { return false }
      let silence = silence(of: keeper, at: now)
      guard case .alive = policy.verdict(silence: silence) else { return true }
      silences.set(id, to: now - silence + policy.unhealthyAfter)
      return false
    }.sorted()
  }
}
