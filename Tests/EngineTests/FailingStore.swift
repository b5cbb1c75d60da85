import Domain
import Engine
import EventLog
import InMemoryEventStore
import Projections
import Randomness
import Synchronization

/// A store some of whose streams cannot be read, and some of whose appends are slow to return.
/// Everything else is that of the one in memory.
final class FailingStore: EventStore, ReadModels, LogReader {
  let whole: InMemoryEventStore<Seeded>
  /// How often each stream fails from now on.
  private let failures = Mutex<[StreamName: Int]>([:])
  /// Which events are committed some time before the engine hears it, and that time.
  private let hold = Mutex<
    (isMeant: @Sendable (RecordedEvent) -> Bool, body: @Sendable () async -> Void)?
  >(nil)

  init(_ whole: InMemoryEventStore<Seeded>) { self.whole = whole }

  /// Lets the next reads of a stream fail.
  func fail(_ stream: StreamName, times: Int = .max) {
    failures.withLock { $0[stream] = times == 0 ? nil : times }
  }

  /// Runs `body` after events that `isMeant` selects are in the log and before their append
  /// returns.
  func hold(
    _ isMeant: @escaping @Sendable (RecordedEvent) -> Bool,
    while body: @escaping @Sendable () async -> Void
  ) {
    hold.withLock { $0 = (isMeant, body) }
  }

  func read(_ stream: StreamName) async throws(StoreFault) -> [RecordedEvent] {
    let fails = failures.withLock { failures in
      guard let left = failures[stream] else { return false }
      failures[stream] = left > 1 ? left - 1 : nil
      return true
    }
    if fails { throw StoreFault(operation: "read \(stream)", message: "the disk failed") }
    return try await whole.read(stream)
  }

  func append(_ append: Append) async throws(AppendFault) -> [RecordedEvent] {
    let events = try await whole.append(append)
    if let hold = hold.withLock({ $0 }), events.contains(where: hold.isMeant) {
      await hold.body()
    }
    return events
  }

  // MARK: Unchanged

  func redact(
    _ positions: [Int64], reason: String, by actor: Actor
  ) async throws(RedactionFault) -> [RecordedEvent] {
    try await whole.redact(positions, reason: reason, by: actor)
  }
  func read(
    _ stream: StreamName, types: [EventType]
  ) async throws(StoreFault) -> [RecordedEvent] { try await whole.read(stream, types: types) }
  func last(of stream: StreamName) async throws(StoreFault) -> StoredEvent? {
    try await whole.last(of: stream)
  }
  func read(
    after position: Int64, limit: Int
  ) async throws(StoreFault) -> [StoredEvent] {
    try await whole.read(after: position, limit: limit)
  }
  func events(of stream: StreamName) async throws(StoreFault) -> [StoredEvent] {
    try await whole.events(of: stream)
  }
  func replay(
    _ plan: ReplayPlan, onProgress: @escaping ReplayProgress
  ) async throws(StoreFault) -> ReplayedLog {
    try await whole.replay(plan, onProgress: onProgress)
  }
  func verify(
    onProgress: @escaping ReplayProgress
  ) async throws(StoreFault) -> Verification { try await whole.verify(onProgress: onProgress) }
  func unfitStreams() async throws(StoreFault) -> [UnfitStream] { try await whole.unfitStreams() }
  func head() async throws(StoreFault) -> LogHead { try await whole.head() }
  func delegation(
    _ reference: DelegationReference
  ) async throws(StoreFault) -> DelegationDetail? { try await whole.delegation(reference) }
  func isKnown(key: String) async throws(StoreFault) -> Bool { try await whole.isKnown(key: key) }
  func delegations(
    _ filter: DelegationFilter, before: Stamp?, limit: Int
  ) async throws(StoreFault) -> [DelegationDetail] {
    try await whole.delegations(filter, before: before, limit: limit)
  }
  func tasks(
    _ filter: TaskFilter, before: Stamp?, limit: Int
  ) async throws(StoreFault) -> [TaskDetail] {
    try await whole.tasks(filter, before: before, limit: limit)
  }
  func task(of id: DelegationID) async throws(StoreFault) -> TaskDetail? {
    try await whole.task(of: id)
  }
  func taskCounts(_ filter: TaskFilter) async throws(StoreFault) -> [TaskPhase: Int] {
    try await whole.taskCounts(filter)
  }
  func workTimes(since: Timestamp, limit: Int) async throws(StoreFault) -> [WorkTime] {
    try await whole.workTimes(since: since, limit: limit)
  }
  func liveDelegations() async throws(StoreFault) -> [DelegationRow] {
    try await whole.liveDelegations()
  }
  func liveDelegations(branch: String) async throws(StoreFault) -> [DelegationRow] {
    try await whole.liveDelegations(branch: branch)
  }
  func liveFigures() async throws(StoreFault) -> LiveFigures { try await whole.liveFigures() }
  func workerCounts() async throws(StoreFault) -> [WorkerStateName: Int] {
    try await whole.workerCounts()
  }

  func repositoryUsage() async throws(StoreFault) -> [RepositoryUsage] {
    try await whole.repositoryUsage()
  }
  func usage(
    from first: String?, through last: String?
  ) async throws(StoreFault) -> [UsageRow] {
    try await whole.usage(from: first, through: last)
  }
  func endedDelegationsWithWork() async throws(StoreFault) -> [DelegationRow] {
    try await whole.endedDelegationsWithWork()
  }
  func ended(since: Timestamp, limit: Int) async throws(StoreFault) -> [EndedDelegation] {
    try await whole.ended(since: since, limit: limit)
  }
  func texts(endedBefore time: Timestamp, limit: Int) async throws(StoreFault) -> [Int64] {
    try await whole.texts(endedBefore: time, limit: limit)
  }
  func pullRequests(
    in repositories: [RepositoryPattern], limit: Int
  ) async throws(StoreFault) -> [(row: PullRequestRow, title: String?)] {
    try await whole.pullRequests(in: repositories, limit: limit)
  }
  func workers() async throws(StoreFault) -> [WorkerRow] { try await whole.workers() }
  func audit(
    _ query: AuditQuery, before: Int64?, limit: Int
  ) async throws(StoreFault) -> [StoredEvent] {
    try await whole.audit(query, before: before, limit: limit)
  }
  func digests() async throws(StoreFault) -> (
    position: Int64, digests: [ViewName: ViewDigest]
  ) { try await whole.digests() }
  func rebuild() async throws(StoreFault) -> Rebuild { try await whole.rebuild() }
  func marks() async throws(StoreFault) -> (stamp: Int64, epoch: Int64) {
    try await whole.marks()
  }
}
