import Domain
import LogStories
import Worker
import WorkerProtocol
import Workflows

/// What the server answers a worker, as the worker's core understands it.
typealias WorkerAnswer = CallAnswer
/// What a worker asks of the server.
typealias WorkerRequest = Request

/// A worker's process: the real core, and around it a disk that outlives it, a network that may be
/// cut, and an agent.
struct MadeUpWorker {
  let name: String
  /// The server on whose machine it is, and which starts it; nil for one that somebody else starts.
  let home: Int?
  var core: WorkerCore?
  /// Which life it is. What was asked for in a former one has nobody to come back to.
  var life = 0
  /// On its disk.
  var journal: JournalRecord?
  var packs: [AttemptKey: MadeUpForge.Commit] = [:]
  var outputs: [AttemptKey: Int] = [:]
  /// Stopped by SIGSTOP: what comes in waits.
  var isFrozen = false
  var held: [Input] = []
  /// The network does not reach the server before this moment.
  var cutUntil: Int64 = 0
  /// Which checkout and which agent is under way; one that was called off has another number.
  var checkout = 0
  var agent = 0
  var wakeAt: Duration?

  var isUp: Bool { core != nil }
  var isLocal: Bool { home != nil }

  /// The pack of this attempt, as it lies on the disk.
  func pack(_ lease: LeaseReference) -> MadeUpForge.Commit? { packs[AttemptKey(lease)] }

  /// How long its agent's output is, in bytes.
  func outputLength(_ lease: LeaseReference) -> Int? { outputs[AttemptKey(lease)] }
}

extension World {
  // MARK: Life and death

  /// Starts the process, unless it runs: one that does is found by its lock.
  func startWorker(_ index: Int) {
    guard !workers[index].isUp else { return }
    workers[index].life += 1
    workers[index].held = []
    workers[index].isFrozen = false
    workers[index].wakeAt = nil
    let worker = workers[index]
    workers[index].core = WorkerCore(
      settings: .init(
        worker: worker.name, host: "host", version: "sim", agents: [AgentProfile.demo.name],
        local: worker.isLocal,
        desertedAfter: worker.isLocal ? .seconds(60) : nil))
    var recovered: JournalRecord?
    if let record = worker.journal, record.made != nil,
      worker.packs[AttemptKey(record.lease)] != nil
    {
      recovered = record
    }
    let kept = recovered.map { AttemptKey($0.lease) }
    workers[index].packs = worker.packs.filter { $0.key == kept }
    feed(index, .began(recovered: recovered))
  }

  func crashWorker(_ index: Int) {
    guard workers[index].isUp else { return }
    report.workerCrashes += 1
    trace("\(workers[index].name) dies")
    end(index, reason: "signal 9")
  }

  private func end(_ index: Int, reason: String) {
    workers[index].core = nil
    workers[index].life += 1
    workers[index].isFrozen = false
    workers[index].held = []
    guard workers[index].isLocal else {
      // Somebody's own supervision starts it again.
      return after(random.draw(500...20_000)) { $0.startWorker(index) }
    }
    after(random.draw(1...20)) { $0.tellEnded(index, reason: reason) }
  }

  /// The process is stopped for a while, past its lease or not.
  func freeze(_ index: Int) {
    guard workers[index].isUp, !workers[index].isFrozen else { return }
    workers[index].isFrozen = true
    trace("\(workers[index].name) freezes")
    let life = workers[index].life
    after(random.draw(500...90_000)) { world in
      guard world.workers[index].life == life else { return }
      world.workers[index].isFrozen = false
      let held = world.workers[index].held
      world.workers[index].held = []
      for input in held { world.deliver(index, life, input) }
      world.feed(index, .tick)
    }
  }

  /// The network between this worker and the server is cut for a while.
  func cut(_ index: Int) {
    workers[index].cutUntil = max(workers[index].cutUntil, now + random.draw(500...60_000))
  }

  private func isCut(_ index: Int) -> Bool { now < workers[index].cutUntil }

  // MARK: Steps

  /// Hands an input to the life that waits for it.
  func deliver(_ index: Int, _ life: Int, _ input: Input) {
    guard workers[index].life == life else { return }
    if workers[index].isFrozen {
      workers[index].held.append(input)
    } else {
      feed(index, input)
    }
  }

  private func feed(_ index: Int, _ input: Input) {
    if case .tick = input {} else { trace("\(workers[index].name) < \(input)") }
    let life = workers[index].life
    guard let actions = workers[index].core?.step(input, now: .milliseconds(now)) else { return }
    for action in actions {
      // It may die between any two of them.
      if isTroubled, random.chance(0.0005) { crashWorker(index) }
      guard workers[index].life == life else { return }
      perform(action, index, life)
    }
    arm(index, life)
  }

  private func arm(_ index: Int, _ life: Int) {
    guard let moment = workers[index].core?.wakeAt, moment != workers[index].wakeAt else { return }
    workers[index].wakeAt = moment
    let span = moment.components
    let at = span.seconds * 1000 + span.attoseconds / 1_000_000_000_000_000 + 1
    after(at - now) { world in
      guard world.workers[index].life == life, world.workers[index].wakeAt == moment else { return }
      world.workers[index].wakeAt = nil
      world.deliver(index, life, .tick)
    }
  }

  private func perform(_ action: Action, _ index: Int, _ life: Int) {
    trace("\(workers[index].name) > \(action)")
    switch action {
    case .send(let id, let request): send(id, request, index, life)
    case .abandon: break
    case .lookForAgents: deliver(index, life, .lookedForAgents([]))
    case .checkOut(let assignment): checkOut(assignment, index, life)
    case .stopCheckout(let key):
      workers[index].checkout += 1
      after(random.draw(1...50)) {
        let stopped = CheckoutFault(message: "stopped", isUnreachable: false)
        $0.deliver(index, life, .checkoutFailed(key, stopped))
      }
    case .startAgent(let assignment): startAgent(assignment, index, life)
    case .stopAgent(let key): stopAgent(key, index, life)
    case .pickUp(let assignment): pickUp(assignment, index, life)
    case .salvage(let assignment):
      after(random.draw(10...200)) { world in
        let hasPatch = world.random.chance(0.5)
        world.deliver(index, life, .salvaged(AttemptKey(assignment.lease), hasPatch: hasPatch))
      }
    // It may have ended already, or end now.
    case .stopPickUp: break
    case .drop(let key, _, _): workers[index].packs[key] = nil
    case .writeJournal(let record):
      // A disk that takes nothing more ends the process.
      if isTroubled, random.chance(0.001) { return crashWorker(index) }
      workers[index].journal = record
    case .exit: end(index, reason: "exit 0")
    }
  }

  // MARK: The network

  /// A request and its answer travel; either may be lost, late, or come twice.
  private func send(_ id: CallID, _ request: Request, _ index: Int, _ life: Int) {
    let isLost = isTroubled && random.chance(0.02)
    let isDoubled = isTroubled && random.chance(0.02)
    let answerIsLost = isTroubled && random.chance(0.03)
    let limit: Int64 = if case .poll = request { 40_000 } else { 30_000 }
    let arrives: (World) -> Void = { world in
      guard !world.isCut(index) else { return }
      world.serve(request, from: index) { world, answer in
        guard !answerIsLost else { return }
        world.after(world.travel) { world in
          guard !world.isCut(index) else { return }
          world.deliver(index, life, .answered(id, answer))
        }
      }
    }
    if !isLost { after(travel, arrives) }
    if isDoubled { after(random.draw(1...20_000), arrives) }
    // An answer that has not come by then is not waited for; the core passes over a second one.
    after(limit) { $0.deliver(index, life, .answered(id, .failed(.unreachable("no answer")))) }
    if isCut(index) || !hasServer {
      // Refused at once, or nothing at all.
      after(random.draw(1...5000)) {
        $0.deliver(index, life, .answered(id, .failed(.unreachable("refused"))))
      }
    }
  }

  private var travel: Int64 {
    isTroubled && random.chance(0.03) ? random.draw(100...15_000) : random.draw(1...5)
  }

  // MARK: What runs on its machine

  private func checkOut(_ assignment: Assignment, _ index: Int, _ life: Int) {
    workers[index].checkout += 1
    let (number, key) = (workers[index].checkout, AttemptKey(assignment.lease))
    let fails = isTroubled && random.chance(0.03)
    after(random.draw(20...400)) { world in
      guard world.workers[index].checkout == number else { return }
      if world.isCut(index) || !world.hasServer {
        let fault = CheckoutFault(message: "cut", isUnreachable: true)
        world.deliver(index, life, .checkoutFailed(key, fault))
      } else if fails {
        let fault = CheckoutFault(message: "disk", isUnreachable: false)
        world.deliver(index, life, .checkoutFailed(key, fault))
      } else {
        world.deliver(index, life, .checkedOut(key))
      }
    }
  }

  private func startAgent(_ assignment: Assignment, _ index: Int, _ life: Int) {
    workers[index].agent += 1
    let (number, key) = (workers[index].agent, AttemptKey(assignment.lease))
    let identity = AgentIdentity(processID: Int32(number), startTicks: UInt64(now))
    workers[index].outputs[key] = 0
    /// Comes about unless the agent was stopped, or its worker has died and taken it along.
    func later(_ delay: Int64, _ run: @escaping (World) -> Void) {
      after(delay) { world in
        guard world.workers[index].agent == number, world.workers[index].life == life else {
          return
        }
        run(world)
      }
    }
    later(random.draw(5...60)) { $0.deliver(index, life, .agentStarted(key, identity)) }
    let fate = isTroubled ? random.draw(0...99) : 99
    if fate < 3 { return }  // It never ends by itself.
    let lasts = random.draw(200...(fate < 20 ? 90_000 : 8000))
    later(lasts / 2) { world in
      world.workers[index].outputs[key] = 100
      world.deliver(index, life, .agentSaid(key, bytes: 100))
    }
    later(max(lasts, 100)) { world in
      let end: AgentEnd =
        switch fate {
        case ..<10: .exited(1)
        case ..<12: .signalled(9)
        case ..<15:
          .limited("limit", AgentLimitReport(resetInMs: world.random.draw(0...60_000)))
        case _: .finished
        }
      world.endAgent(key, end, index, life)
    }
  }

  private func endAgent(_ key: AttemptKey, _ end: AgentEnd, _ index: Int, _ life: Int) {
    workers[index].agent += 1
    workers[index].outputs[key] = 200
    let output = OutputSummary(bytes: 200, digest: "d", lastLines: "said")
    deliver(index, life, .agentEnded(key, end, output))
  }

  private func stopAgent(_ key: AttemptKey, _ index: Int, _ life: Int) {
    let number = workers[index].agent
    after(random.draw(1...2500)) { world in
      guard world.workers[index].agent == number, world.workers[index].life == life else { return }
      // Now and then it comes to its own end at just that moment.
      world.endAgent(key, world.random.chance(0.1) ? .finished : .stopped, index, life)
    }
  }

  private func pickUp(_ assignment: Assignment, _ index: Int, _ life: Int) {
    let key = AttemptKey(assignment.lease)
    after(random.draw(10...200)) { world in
      guard world.workers[index].life == life else { return }
      let fate = world.isTroubled ? world.random.draw(0...99) : 99
      if fate < 3 { return world.deliver(index, life, .pickedUp(key, .noChanges)) }
      if fate < 5 { return world.deliver(index, life, .pickedUp(key, .fault("disk"))) }
      let sha = world.forge.newSHA("generated")
      world.workers[index].packs[key] = MadeUpForge.Commit(
        sha: sha, parents: (assignment.parents ?? [assignment.head]).map { ObjectID($0) },
        message: assignment.commitMessage)
      world.deliver(index, life, .pickedUp(key, .committed(sha.rawValue)))
    }
  }
}
