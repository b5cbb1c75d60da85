// The delegations that wait for a worker, in the order in which they get one.
//
// The rules are the dispatcher's: priority, then the requester with the fewest running delegations,
// then the one served longest ago, then age; with limits for each repository and requester.
//
// The next delegation is found without reading the others. Delegations of one repository and share
// form a queue by age. Queues of one requester, priority and agent form a share by the age of their
// oldest delegation. The shares of an agent form one order. A change of a requester's count moves
// only that requester's shares.
//
// A share or queue at its limit is parked when the search meets it, and returns when the limit's
// count falls: a share for its requester's limit, a queue for its repository's. So it costs nothing
// while it is parked. A falling count costs as much as shares or queues wait for it, whatever their
// length.

import Domain

struct ReadyOrder: Sendable {
  typealias Candidate = Dispatcher.Candidate

  /// Older is less. No two delegations have the same age.
  struct Age: Comparable, Sendable {
    var stamp: Stamp
    var delegation: DelegationID

    static func < (a: Self, b: Self) -> Bool {
      a.stamp != b.stamp ? a.stamp < b.stamp : a.delegation < b.delegation
    }
  }

  /// The order of shares: less comes first.
  struct Rank: Comparable, Sendable {
    var priority: Int
    var underWay: Int
    var servedAt: Int64
    var oldest: Age

    static func < (a: Self, b: Self) -> Bool {
      if a.priority != b.priority { return a.priority > b.priority }
      if a.underWay != b.underWay { return a.underWay < b.underWay }
      if a.servedAt != b.servedAt { return a.servedAt < b.servedAt }
      return a.oldest < b.oldest
    }
  }

  private struct ShareKey: Hashable, Sendable {
    var agent: String?
    var priority: Int
    var requester: String
    /// nil for no limit.
    var requesterLimit: Int?
  }

  private struct QueueKey: Hashable, Sendable {
    var share: ShareKey
    var repository: RepositoryName
    /// nil for no limit.
    var repositoryLimit: Int?

    init(_ candidate: Candidate) {
      share = ShareKey(
        agent: candidate.agent, priority: candidate.priority, requester: candidate.requester,
        requesterLimit: candidate.requesterLimit)
      repository = candidate.repository
      repositoryLimit = candidate.repositoryLimit
    }
  }

  private struct Queue: Sendable {
    var waiting = KeyedHeap<DelegationID, Age>()
    /// Whether its repository is at its limit; then it is in no share.
    var isParked = false
  }

  private struct Share: Sendable {
    /// Those queues that are not parked.
    var queues = KeyedHeap<QueueKey, Age>()
    /// Whether its requester is at the limit; then it is in no order.
    var isParked = false
  }

  private struct Requester: Sendable {
    var underWay = 0
    var waiting = 0
    /// The turn at which it was served last; 0 if that was forgotten.
    var servedAt: Int64 = 0
    /// Its shares that are in an order.
    var shares: Set<ShareKey> = []
    /// Shares that wait for its count to fall.
    var parked: Set<ShareKey> = []
  }

  private struct Repository: Sendable {
    var underWay = 0
    /// Queues that wait for its count to fall.
    var parked: Set<QueueKey> = []
  }

  private var candidates: [DelegationID: Candidate] = [:]
  private var queues: [QueueKey: Queue] = [:]
  private var shares: [ShareKey: Share] = [:]
  private var orders: [String?: KeyedHeap<ShareKey, Rank>] = [:]
  private var requesters: [String: Requester] = [:]
  private var repositories: [RepositoryName: Repository] = [:]
  private var turn: Int64 = 0
  /// The number of requesters with a remembered turn, and those of them without waiting or running
  /// delegations.
  private var remembered = 0
  private var idle: Set<String> = []

  /// Above this number, turns are remembered only of requesters with waiting or running
  /// delegations.
  private static let rememberedMax = 1000

  var isEmpty: Bool { candidates.isEmpty }

  /// The agents with waiting delegations that are not known to be at a limit.
  var agents: [String?] { Array(orders.keys) }

  func candidate(_ delegation: DelegationID) -> Candidate? { candidates[delegation] }

  // MARK: Waiting delegations

  func waiting(for agent: String) -> [DelegationID] {
    candidates.values.filter { $0.agent == agent }.map(\.delegation)
  }

  mutating func insert(_ candidate: Candidate) {
    if let known = candidates[candidate.delegation] {
      guard known != candidate else { return }
      remove(candidate.delegation)
    }
    candidates[candidate.delegation] = candidate
    let key = QueueKey(candidate)
    queues[key, default: Queue()].waiting.set(
      candidate.delegation, to: Age(stamp: candidate.stamp, delegation: candidate.delegation))
    requesters[candidate.requester, default: Requester()].waiting += 1
    idle.remove(candidate.requester)
    arrange(key)
  }

  /// - Returns: the removed delegation; nil if it did not wait.
  @discardableResult
  mutating func remove(_ delegation: DelegationID) -> Candidate? {
    guard let candidate = candidates.removeValue(forKey: delegation) else { return nil }
    let key = QueueKey(candidate)
    queues[key]?.waiting.remove(delegation)
    if queues[key]?.waiting.isEmpty ?? true {
      queues[key] = nil
      repositories[candidate.repository]?.parked.remove(key)
    }
    arrange(key)
    requesters[candidate.requester]?.waiting -= 1
    forgetIfIdle(candidate.requester)
    return candidate
  }

  /// Moves the queue to the age of its oldest delegation.
  private mutating func arrange(_ key: QueueKey) {
    if let queue = queues[key], !queue.isParked, let oldest = queue.waiting.first {
      shares[key.share, default: Share()].queues.set(key, to: oldest.rank)
    } else {
      shares[key.share]?.queues.remove(key)
    }
    arrange(key.share)
  }

  /// Moves the share to its requester's rank.
  private mutating func arrange(_ key: ShareKey) {
    if let share = shares[key], !share.isParked, let oldest = share.queues.first?.rank,
      let requester = requesters[key.requester]
    {
      let rank = Rank(
        priority: key.priority, underWay: requester.underWay, servedAt: requester.servedAt,
        oldest: oldest)
      orders[key.agent, default: .init()].set(key, to: rank)
      requesters[key.requester]?.shares.insert(key)
      return
    }
    orders[key.agent]?.remove(key)
    if orders[key.agent]?.isEmpty ?? false { orders[key.agent] = nil }
    requesters[key.requester]?.shares.remove(key)
    if shares[key]?.queues.isEmpty ?? false {
      shares[key] = nil
      requesters[key.requester]?.parked.remove(key)
    }
  }

  // MARK: Order

  /// The rank of the next delegation for `agent` that is below its limits.
  mutating func first(for agent: String?) -> Rank? {
    while let (share, rank) = orders[agent]?.first, let queue = shares[share]?.queues.first?.key {
      if isAtLimit(share) {
        park(share)
      } else if isAtLimit(queue) {
        park(queue)
      } else {
        return rank
      }
    }
    return nil
  }

  /// Removes a delegation because it was assigned to a worker.
  mutating func serve(_ delegation: DelegationID) -> Candidate? {
    guard let candidate = remove(delegation) else { return nil }
    turn += 1
    var requester = requesters[candidate.requester] ?? Requester()
    if requester.servedAt == 0 { remembered += 1 }
    requester.servedAt = turn
    requesters[candidate.requester] = requester
    forgetIfIdle(candidate.requester)
    for share in requester.shares { arrange(share) }
    return candidate
  }

  /// Forgets the turns of requesters without waiting or running delegations, if there are many.
  mutating func forgetIdleRequesters() {
    guard remembered > Self.rememberedMax else { return }
    remembered -= idle.count
    for name in idle { requesters[name] = nil }
    idle = []
  }

  private mutating func forgetIfIdle(_ name: String) {
    guard let requester = requesters[name] else { return }
    if requester.waiting > 0 || requester.underWay > 0 {
      idle.remove(name)
    } else if requester.servedAt == 0 {
      requesters[name] = nil
    } else {
      idle.insert(name)
    }
  }

  // MARK: Limits

  /// Counts a delegation that a worker has or is reserved for.
  mutating func began(_ running: Dispatcher.Running) {
    repositories[running.repository, default: Repository()].underWay += 1
    requesters[running.requester, default: Requester()].underWay += 1
    requesterChanged(running.requester)
  }

  mutating func ended(_ running: Dispatcher.Running) {
    repositories[running.repository]?.underWay -= 1
    for queue in repositories[running.repository]?.parked ?? [] where !isAtLimit(queue) {
      repositories[running.repository]?.parked.remove(queue)
      queues[queue]?.isParked = false
      arrange(queue)
    }
    if let repository = repositories[running.repository], repository.underWay == 0,
      repository.parked.isEmpty
    {
      repositories[running.repository] = nil
    }
    requesters[running.requester]?.underWay -= 1
    for share in requesters[running.requester]?.parked ?? [] where !isAtLimit(share) {
      requesters[running.requester]?.parked.remove(share)
      shares[share]?.isParked = false
      arrange(share)
    }
    requesterChanged(running.requester)
  }

  private mutating func requesterChanged(_ name: String) {
    for share in requesters[name]?.shares ?? [] { arrange(share) }
    forgetIfIdle(name)
  }

  private mutating func park(_ key: ShareKey) {
    requesters[key.requester]?.parked.insert(key)
    shares[key]?.isParked = true
    arrange(key)
  }

  private mutating func park(_ key: QueueKey) {
    repositories[key.repository]?.parked.insert(key)
    queues[key]?.isParked = true
    arrange(key)
  }

  private func isAtLimit(_ key: ShareKey) -> Bool {
    guard let limit = key.requesterLimit else { return false }
    return requesters[key.requester]?.underWay ?? 0 >= limit
  }

  private func isAtLimit(_ key: QueueKey) -> Bool {
    guard let limit = key.repositoryLimit else { return false }
    return repositories[key.repository]?.underWay ?? 0 >= limit
  }
}
