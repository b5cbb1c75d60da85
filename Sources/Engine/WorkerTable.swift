import Domain
import EventLog

/// The keepers of all workers, and what is to be looked at when, so that nothing ever looks at each
/// of them: which have changed since the last step, which are to be started again, and of which a
/// silence is to be judged.
struct WorkerTable: Sendable {
  private(set) var keepers: [WorkerID: WorkerKeeper] = [:]
  /// Those whose plan, freedom or silence may have changed.
  private var changed: Set<WorkerID> = []
  /// Local workers that wait for their next start.
  private var restarts = KeyedHeap<WorkerID, Timestamp>()
  /// Not before which moment of the monotonic clock a silence is to be judged. A sign of life moves
  /// no entry: one that comes due is set anew by what was heard meanwhile.
  private var silences = KeyedHeap<WorkerID, Milliseconds>()
  /// When all of them counted as heard from, because this process stood still.
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

  /// Changes a worker in its place; every change but a sign of life goes through here.
  /// - Returns: nil where there is no such worker.
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

  /// Takes note of a sign of life, which changes nothing else.
  /// - Returns: whether the worker was unhealthy.
  mutating func hear(
    _ id: WorkerID, at now: Moment, agentSilence: Milliseconds?, used: EngineCore.LeaseUse?
  ) -> Bool {
    guard let index = keepers.index(forKey: id) else { return false }
    return keepers.values[index].hear(at: now, agentSilence: agentSilence, used: used)
  }

  /// What the worker has to do may have changed.
  mutating func touch(_ id: WorkerID) { changed.insert(id) }

  /// Those that have changed, in the order of their names.
  var touched: [WorkerID] { changed.sorted() }

  mutating func forgetTouched() { changed.removeAll(keepingCapacity: true) }

  // MARK: Starts

  /// When the first local worker is to be started again.
  var nextRestart: Timestamp? { restarts.first?.rank }

  /// Takes those whose next start is due.
  mutating func takeRestarts(at now: Timestamp) -> [WorkerID] {
    restarts.take(through: now).sorted()
  }

  // MARK: Silences

  mutating func hearAll(at now: Milliseconds) { allHeardAt = now }

  /// How long ago the worker was heard from.
  func silence(of keeper: WorkerKeeper, at now: Milliseconds) -> Milliseconds {
    now - max(keeper.lastHeard, allHeardAt ?? keeper.lastHeard)
  }

  /// Has the worker's silence judged in time, where a silence would mean something.
  mutating func watch(_ id: WorkerID, isOccupied: Bool, _ policy: LeasePolicy) {
    guard let keeper = keepers[id], keeper.isMissed(whileOccupied: isOccupied) else { return }
    let due = keeper.lastHeard + policy.unhealthyAfter
    if let set = silences.rank(of: id), set <= due { return }
    silences.set(id, to: due)
  }

  /// Takes those whose silence has become too long, as far as that can be told without a look at
  /// each; the caller has those watched that it has judged.
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
