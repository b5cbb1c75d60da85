// The delegations that wait for a worker, in the order in which they get one.
//
// The rules are the dispatcher's: priority, then the requester with the least under way, then the
// one served longest ago, then age; and limits for each repository and requester. To find the next
// one without a look at the rest, those of one repository and share stand in one lane by age, the
// lanes of one requester, priority and agent in one share by the age of their oldest, and the
// shares of an agent in one order. A change of a requester's count moves its shares, and nothing of
// anybody else's.
//
// What stands at a limit is parked when it is met, and put back when that limit's counter falls: a
// share by its requester's limit, a lane by its repository's. So it costs nothing while others
// work, and a counter that falls costs as much as shares or lanes wait for it, however long each
// is: for a repository that is one for each requester who waits for it, not one for each
// delegation.

import Domain

struct ReadyOrder: Sendable {
  typealias Candidate = Dispatcher.Candidate

  /// Older is less. No two delegations are of the same age.
  struct Age: Comparable, Sendable {
    var stamp: Stamp
    var delegation: DelegationID

    static func < (a: Self, b: Self) -> Bool {
      a.stamp != b.stamp ? a.stamp < b.stamp : a.delegation < b.delegation
    }
  }

  /// What decides between shares: less comes first.
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
    /// nil: no limit.
    var requesterLimit: Int?
  }

  private struct LaneKey: Hashable, Sendable {
    var share: ShareKey
    var repository: RepositoryName
    /// nil: no limit.
    var repositoryLimit: Int?

    init(_ candidate: Candidate) {
      share = ShareKey(
        agent: candidate.agent, priority: candidate.priority, requester: candidate.requester,
        requesterLimit: candidate.requesterLimit)
      repository = candidate.repository
      repositoryLimit = candidate.repositoryLimit
    }
  }

  private struct Lane: Sendable {
    var waiting = KeyedHeap<DelegationID, Age>()
    /// Its repository is at its limit; it is in no share.
    var isParked = false
  }

  private struct Share: Sendable {
    /// Those lanes that are not parked.
    var lanes = KeyedHeap<LaneKey, Age>()
    /// Its requester is at the limit; it is in no order.
    var isParked = false
  }

  private struct Requester: Sendable {
    var underWay = 0
    var waiting = 0
    /// The turn at which it was served last; 0 where that is not remembered.
    var servedAt: Int64 = 0
    /// Its shares that stand in an order.
    var shares: Set<ShareKey> = []
    /// Shares that wait for its count to fall.
    var parked: Set<ShareKey> = []
  }

  private struct Repository: Sendable {
    var underWay = 0
    /// Lanes that wait for its count to fall.
    var parked: Set<LaneKey> = []
  }

  private var candidates: [DelegationID: Candidate] = [:]
  private var lanes: [LaneKey: Lane] = [:]
  private var shares: [ShareKey: Share] = [:]
  private var orders: [String?: KeyedHeap<ShareKey, Rank>] = [:]
  private var requesters: [String: Requester] = [:]
  private var repositories: [RepositoryName: Repository] = [:]
  private var turn: Int64 = 0
  /// How many requesters have a turn that is remembered, and which of them have nothing waiting or
  /// under way.
  private var remembered = 0
  private var idle: Set<String> = []

  /// More turns than these are remembered only of those who have something waiting or under way.
  private static let rememberedMax = 1000

  var isEmpty: Bool { candidates.isEmpty }

  /// The agents that somebody waits for whose limits have not been found reached.
  var agents: [String?] { Array(orders.keys) }

  // MARK: What waits

  mutating func insert(_ candidate: Candidate) {
    if let known = candidates[candidate.delegation] {
      guard known != candidate else { return }
      remove(candidate.delegation)
    }
    candidates[candidate.delegation] = candidate
    let key = LaneKey(candidate)
    lanes[key, default: Lane()].waiting.set(
      candidate.delegation, to: Age(stamp: candidate.stamp, delegation: candidate.delegation))
    requesters[candidate.requester, default: Requester()].waiting += 1
    idle.remove(candidate.requester)
    arrange(key)
  }

  /// - Returns: what waited; nil where that delegation did not.
  @discardableResult
  mutating func remove(_ delegation: DelegationID) -> Candidate? {
    guard let candidate = candidates.removeValue(forKey: delegation) else { return nil }
    let key = LaneKey(candidate)
    lanes[key]?.waiting.remove(delegation)
    if lanes[key]?.waiting.isEmpty ?? true {
      lanes[key] = nil
      repositories[candidate.repository]?.parked.remove(key)
    }
    arrange(key)
    requesters[candidate.requester]?.waiting -= 1
    forgetIfIdle(candidate.requester)
    return candidate
  }

  /// Puts the lane where the age of its oldest delegation belongs.
  private mutating func arrange(_ key: LaneKey) {
    if let lane = lanes[key], !lane.isParked, let oldest = lane.waiting.first {
      shares[key.share, default: Share()].lanes.set(key, to: oldest.rank)
    } else {
      shares[key.share]?.lanes.remove(key)
    }
    arrange(key.share)
  }

  /// Puts the share where its requester's turn belongs.
  private mutating func arrange(_ key: ShareKey) {
    if let share = shares[key], !share.isParked, let oldest = share.lanes.first?.rank,
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
    if shares[key]?.lanes.isEmpty ?? false {
      shares[key] = nil
      requesters[key.requester]?.parked.remove(key)
    }
  }

  // MARK: Whose turn it is

  /// The rank of the next delegation that asks for `agent` and is below its limits.
  mutating func first(for agent: String?) -> Rank? {
    while let (share, rank) = orders[agent]?.first, let lane = shares[share]?.lanes.first?.key {
      if isAtLimit(share) {
        park(share)
      } else if isAtLimit(lane) {
        park(lane)
      } else {
        return rank
      }
    }
    return nil
  }

  /// Takes a delegation out because it was given to a worker.
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

  /// Turns are remembered only of those who have something waiting or under way, where they are
  /// many.
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

  /// Counts what a worker has, or is kept free for.
  mutating func began(_ running: Dispatcher.Running) {
    repositories[running.repository, default: Repository()].underWay += 1
    requesters[running.requester, default: Requester()].underWay += 1
    requesterChanged(running.requester)
  }

  mutating func ended(_ running: Dispatcher.Running) {
    repositories[running.repository]?.underWay -= 1
    for lane in repositories[running.repository]?.parked ?? [] where !isAtLimit(lane) {
      repositories[running.repository]?.parked.remove(lane)
      lanes[lane]?.isParked = false
      arrange(lane)
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

  private mutating func park(_ key: LaneKey) {
    repositories[key.repository]?.parked.insert(key)
    lanes[key]?.isParked = true
    arrange(key)
  }

  private func isAtLimit(_ key: ShareKey) -> Bool {
    guard let limit = key.requesterLimit else { return false }
    return requesters[key.requester]?.underWay ?? 0 >= limit
  }

  private func isAtLimit(_ key: LaneKey) -> Bool {
    guard let limit = key.repositoryLimit else { return false }
    return repositories[key.repository]?.underWay ?? 0 >= limit
  }
}
