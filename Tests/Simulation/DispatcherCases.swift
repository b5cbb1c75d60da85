import Domain
import Engine
import LogStories
import Randomness

/// Random teams, and what happens in them as far as it concerns the dispatcher: after each few
/// changes its choice is compared with that of `ScanningDispatcher`, to the pairing and in order.
package struct DispatcherCases {
  /// How a team differs from others.
  private struct Shape {
    var requesters: Int64
    var repositories: Int64
    var priorities: Int64
    var workers: Int
    var agents: [String?]
    var waitingMax: Int
    var repositoryLimits: [Int?]
    var requesterLimits: [Int?]
    /// Chance that a worker ends its work with a change.
    var finishes: Double
  }

  private let seed: Int
  private let shape: Shape
  private var random: Seeded
  private var dispatcher = Dispatcher()
  private var model = ScanningDispatcher()
  private var waiting: [Dispatcher.Candidate] = []
  private var workers: [Dispatcher.Worker] = []
  private var running: [WorkerID: Dispatcher.Running] = [:]
  private var made = 0
  /// Choices compared, and pairings in them.
  package private(set) var choices = 0
  package private(set) var pairings = 0
  /// Pairings with another worker than without a former one.
  package private(set) var formers = 0

  /// - Parameter isWide: with more requesters than turns are remembered of.
  package init(seed: Int, isWide: Bool) {
    self.seed = seed
    var random = Seeded(seed)
    let limits: [[Int?]] = [[nil], [1], [2], [nil, 1, 3], [1, 2]]
    let agents: [[String?]] = [
      ["demo"], ["demo", "claude"], ["demo", "claude", nil, "nowhere"],
      ["claude", "codex", "demo"],
    ]
    shape = Shape(
      requesters: isWide ? 3000 : random.draw(1...5), repositories: random.draw(1...4),
      priorities: random.draw(1...3), workers: Int(random.draw(1...6)),
      agents: agents[Int(random.draw(0...3))], waitingMax: Int(random.draw(3...24)),
      repositoryLimits: limits[Int(random.draw(0...4))],
      requesterLimits: limits[Int(random.draw(0...4))],
      finishes: isWide ? 0.6 : Double(random.draw(2...6)) / 10)
    self.random = random
    for n in 0..<shape.workers { change(worker: n) }
  }

  /// Makes some changes and compares a choice.
  /// - Returns: how they differ; nil where they do not.
  package mutating func next() -> String? {
    for _ in 0..<random.draw(1...4) { change() }
    choices += 1
    let free = workers.filter { $0.takesWork && running[$0.id] == nil }
    let found = Set(workers.filter(\.isPresent).flatMap(\.agents))
    var impartial = model
    let wanted = model.choose(
      ready: waiting, free: free, found: found, running: Array(running.values))
    // Who had a conversation before decides nothing about who is served, and in which order.
    let strangers = waiting.map { candidate in
      var candidate = candidate
      candidate.formerWorker = nil
      return candidate
    }
    let served = impartial.choose(
      ready: strangers, free: free, found: found, running: Array(running.values))
    guard served.map(\.delegation) == wanted.map(\.delegation) else {
      return "\(seed), choice \(choices): \(wanted), and without former workers \(served)"
    }
    formers += zip(served, wanted).count { $0.worker != $1.worker }
    let chosen = dispatcher.choose()
    pairings += wanted.count
    guard chosen == wanted else { return "\(seed), choice \(choices): \(chosen), not \(wanted)" }
    for pairing in wanted {
      guard let index = waiting.firstIndex(where: { $0.delegation == pairing.delegation }) else {
        return "\(seed), choice \(choices): \(pairing.delegation) was not ready"
      }
      let candidate = waiting.remove(at: index)
      running[pairing.worker] = Dispatcher.Running(
        repository: candidate.repository, requester: candidate.requester)
    }
    let open = Set(workers.filter(\.takesWork).flatMap(\.agents))
    return dispatcher.openAgents == open ? nil : "\(seed), choice \(choices): other open agents"
  }

  private mutating func change() {
    if random.chance(shape.finishes) { return finish() }
    switch random.draw(0...9) {
    case 0...5: if waiting.count < shape.waitingMax { add() }
    case 6: cancel()
    case 7: change(worker: Int(random.draw(0...Int64(shape.workers - 1))))
    case 8: occupy()
    default: tellAgain()
    }
  }

  private mutating func one<Element>(of all: [Element]) -> Element {
    all[Int(random.draw(0...Int64(all.count - 1)))]
  }

  private mutating func someRunning() -> Dispatcher.Running {
    Dispatcher.Running(
      repository: RepositoryName(
        owner: "acme", name: "r\(random.draw(1...shape.repositories))"),
      requester: "user\(random.draw(1...shape.requesters))")
  }

  private mutating func add() {
    made += 1
    let who = someRunning()
    // Some are as old as another, some older than those before them: a retry keeps its stamp.
    let age = random.chance(0.2) ? random.draw(0...Int64(made)) : Int64(made)
    let candidate = Dispatcher.Candidate(
      delegation: DelegationID("d\(Seeded.mixed(made))"), repository: who.repository,
      requester: who.requester, priority: Int(random.draw(1...shape.priorities)),
      stamp: Stamp(milliseconds: age), agent: one(of: shape.agents),
      repositoryLimit: one(of: shape.repositoryLimits),
      requesterLimit: one(of: shape.requesterLimits),
      formerWorker: random.chance(0.5)
        ? WorkerID("worker-\(random.draw(0...Int64(shape.workers)))") : nil)
    waiting.append(candidate)
    dispatcher.insert(candidate)
  }

  private mutating func cancel() {
    guard !waiting.isEmpty else { return }
    let index = Int(random.draw(0...Int64(waiting.count - 1)))
    dispatcher.remove(waiting.remove(at: index).delegation)
  }

  /// Says what it knows already.
  private mutating func tellAgain() {
    if !waiting.isEmpty { dispatcher.insert(one(of: waiting)) }
    dispatcher.remove(DelegationID("d-unknown"))
    let worker = one(of: workers)
    dispatcher.update(worker)
    dispatcher.occupy(worker.id, by: running[worker.id])
  }

  private mutating func change(worker n: Int) {
    let agents = ["claude", "codex", "demo"].filter { _ in random.chance(0.5) }
    let worker = Dispatcher.Worker(
      id: WorkerID("worker-\(n)"), incarnation: Int(random.draw(1...3)),
      agents: random.chance(0.1) ? agents + agents : agents, takesWork: random.chance(0.8),
      isPresent: random.chance(0.7))
    if n < workers.count, random.chance(0.2) { dispatcher.forget(workers[n].id) }
    if n < workers.count { workers[n] = worker } else { workers.append(worker) }
    dispatcher.update(worker)
  }

  /// A worker's work ends.
  private mutating func finish() {
    let worker = one(of: workers)
    running[worker.id] = nil
    dispatcher.occupy(worker.id, by: nil)
  }

  /// A worker turns out to have something, as at a start.
  private mutating func occupy() {
    let worker = one(of: workers)
    let has = someRunning()
    running[worker.id] = has
    dispatcher.occupy(worker.id, by: has)
  }
}

extension DispatcherCases {
  /// Compares so many choices, of as many teams as that takes.
  /// - Parameter first: the seed of the first team.
  /// - Returns: the first difference; nil where there is none.
  package static func compare(
    choices wanted: Int, first: Int = 1
  ) -> (difference: String?, choices: Int, pairings: Int, formers: Int) {
    var (choices, pairings, formers, seed) = (0, 0, 0, first)
    while choices < wanted {
      let isWide = seed % 25 == 0
      var cases = DispatcherCases(seed: seed, isWide: isWide)
      for _ in 0..<(isWide ? 3000 : 200) {
        if let difference = cases.next() { return (difference, choices, pairings, formers) }
      }
      choices += cases.choices
      pairings += cases.pairings
      formers += cases.formers
      seed += 1
    }
    return (nil, choices, pairings, formers)
  }
}

extension Seeded {
  /// The same number for the same `n`, in no order.
  fileprivate static func mixed(_ n: Int) -> UInt64 {
    var random = Seeded(n)
    return random.next() >> 40
  }
}
