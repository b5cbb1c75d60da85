import Domain
import Engine
import EventLog
import ForgePort
import InMemoryEventStore
import LogStories
import Projections
import Randomness
import WorkerProtocol
import Workflows

/// The server's process: the real core, and around it what an adapter carries out.
final class MadeUpServer {
  /// Which of several servers it is.
  let index: Int
  var core: EngineCore?
  /// Which life it is; no other server has the same. What was asked for in a former one has nobody
  /// to come back to.
  var life = 0
  var epoch: Int64 = 0
  var isStarting = false
  var replies: [ReplyID: (World, CommandReply?) -> Void] = [:]
  /// Polls that wait: by worker, with the revision they know.
  var polls: [WorkerID: [Poll]] = [:]
  /// Commits whose packs were taken in: on the server's disk.
  var mirror: [ObjectID: MadeUpForge.Commit] = [:]
  private var lastReply: Int64 = 0
  private var lastPoll: Int64 = 0
  var nextWake: Timestamp?
  /// Stopped by SIGSTOP: what comes in waits.
  var isFrozen = false
  var held: [(World) -> Void] = []
  /// What it has to do with a shared database; nil if it has a log of its own.
  var member: Member?

  struct Poll {
    var number: Int64
    var incarnation: Int
    var answer: (World, WorkerAnswer) -> Void
  }

  init(index: Int = 0) { self.index = index }

  /// Whether its engine runs.
  var isUp: Bool { core != nil }

  func nextReply() -> ReplyID {
    lastReply += 1
    return ReplyID(lastReply)
  }

  func nextPoll() -> Int64 {
    lastPoll += 1
    return lastPoll
  }
}

extension World {
  // MARK: Life and death

  func startServer() {
    guard cluster == nil else { return startMember() }
    guard !server.isUp else { return }
    server.life = nextLife()
    server.isStarting = true
    let life = server.life
    // Opening the log, and the event `started`.
    after(random.draw(20...200)) { world in
      guard world.server.life == life else { return }
      let state = world.store.startingPointNow()
      world.server.epoch = max(world.server.epoch, state.epoch) + 1
      world.append(world.begun(world.store))
      world.takeUp(world.store)
    }
  }

  /// The event of a server's start.
  func begun(_ store: InMemoryEventStore<Seeded>) -> Append {
    Append(
      stream: .system, expectedVersion: Int64(store.readNow(.system).count),
      events: [.system(.started(epoch: server.epoch, version: "sim"))], actor: .system,
      correlation: "system", causation: nil)
  }

  /// Starts the engine on what the log says.
  func takeUp(_ store: InMemoryEventStore<Seeded>) {
    let state = store.startingPointNow()
    let leased = state.live.filter(\.hasLease).map(\.id)
    let start = EngineCore.Start(
      live: state.live, ended: state.ended,
      leased: Dictionary(
        uniqueKeysWithValues: leased.map { ($0, store.readNow(.delegation($0))) }),
      workers: Dictionary(
        uniqueKeysWithValues: state.workers.map { ($0, store.readNow(.worker($0))) }))
    let local = workers.filter { $0.home == server.index }.map { WorkerID($0.name) }
    var configuration = EngineCore.Configuration(localWorkers: local, epoch: server.epoch)
    // In every other life, delegations that wait have no executors.
    if random.chance(0.5) { configuration.residentsMax = 0 }
    server.core = EngineCore(
      configuration: configuration, workflows: [workflow.digest: workflow])
    server.isStarting = false
    server.nextWake = nil
    step(.started(start))
    ticking(server.life)
  }

  private func ticking(_ life: Int) {
    // Sometimes the whole process stands still for a while.
    let pause: Int64 = isTroubled && random.chance(0.01) ? random.draw(2000...40_000) : 1000
    after(pause) { world in
      guard world.server.life == life, world.server.isUp else { return }
      // A process that is stopped has its late tick when it goes on.
      if !world.server.isFrozen { world.step(.tick) }
      world.ticking(life)
    }
  }

  func crashServer() {
    guard server.isUp || server.isStarting else { return }
    report.serverCrashes += 1
    trace("the server dies")
    endServer()
    after(random.draw(100...8000)) { $0.startServer() }
  }

  /// Its process ends, and with it all that waits for it.
  func endServer() {
    server.core = nil
    server.isStarting = false
    server.life = nextLife()
    server.isFrozen = false
    server.held = []
    server.nextWake = nil
    let replies = server.replies
    server.replies = [:]
    let polls = server.polls
    server.polls = [:]
    for id in replies.keys.sorted(by: { $0.number < $1.number }) { replies[id]?(self, nil) }
    for id in polls.keys.sorted() {
      for poll in polls[id] ?? [] { refuse(poll) }
    }
  }

  /// A local worker's process has ended, and its parent hears of it.
  func tellEnded(_ index: Int, reason: String) {
    let parent = servers[workers[index].home ?? 0]
    guard parent.isUp else { return }
    inProcess(of: parent, parent.life) {
      $0.step(.process(WorkerID($0.workers[index].name), .ended(reason: reason)))
    }
  }

  // MARK: Steps

  func step(_ input: EngineCore.Input) {
    guard !server.isFrozen else { return server.held.append { $0.step(input) } }
    guard let actions = server.core?.step(input, now: moment) else { return }
    for action in actions { perform(action) }
    arm()
  }

  private func arm() {
    guard let due = server.core?.nextWake, due != server.nextWake else { return }
    server.nextWake = due
    let life = server.life
    after(max(0, (due - moment.wall).count)) { world in
      guard world.server.life == life, world.server.isUp, world.server.nextWake == due else {
        return
      }
      world.server.nextWake = nil
      world.step(.wake)
    }
  }

  private func perform(_ action: EngineCore.Action) {
    let life = server.life
    /// Comes back to the life that asked.
    func back(_ delay: Int64, _ input: @escaping (World) -> EngineCore.Input) {
      after(delay) { world in
        guard world.server.life == life, world.server.isUp else { return }
        world.step(input(world))
      }
    }
    switch action {
    case .append(let append): write(append.stream, append, life)
    case .call(let id, let ticket, let calls): call(id, ticket, calls, life)
    case .read(let stream, let loads): read(stream, loads: loads, life)
    case .reply(let id, let reply): server.replies.removeValue(forKey: id)?(self, reply)
    case .progress: break
    case .startProcess(let id):
      back(random.draw(10...100)) { world in
        if let index = world.workers.firstIndex(where: { $0.name == id.rawValue }) {
          world.startWorker(index)
        }
        return .process(id, .started)
      }
    case .planChanged(let id): answerPolls(of: id)
    }
  }

  // MARK: The disk

  private func read(_ stream: StreamName, loads: Bool, _ life: Int) {
    after(random.draw(1...10)) { world in
      guard world.server.life == life, world.server.isUp else { return }
      guard let events = world.read(stream) else {
        // The database does not answer, and is asked again.
        return world.after(500) { $0.read(stream, loads: loads, life) }
      }
      switch stream {
      case .delegation(let id):
        world.step(loads ? .loaded(id, events) : .delegation(id, .reloaded(events)))
      case .worker(let id): world.step(.worker(id, .reloaded(events)))
      case .system: break
      }
    }
  }

  /// Nil if the database cannot be reached.
  private func read(_ stream: StreamName) -> [RecordedEvent]? {
    cluster == nil ? store.readNow(stream) : readDatabase()?.readNow(stream)
  }

  /// An append of the server's: durable at one moment, answered at a later one, so that a crash can
  /// fall between the two.
  private func write(_ stream: StreamName, _ append: Append, _ life: Int) {
    if let writer = server.member?.writer {
      return write(append, writer) { $0.deliver($1, of: stream) }
    }
    after(random.draw(1...4)) { world in
      // What was handed to the disk may still be written by a process that dies at this moment.
      guard world.server.life == life || world.random.chance(0.3) else { return }
      var result: Result<[RecordedEvent], AppendFault>
      if world.isTroubled, world.random.chance(0.01) {
        result = .failure(world.random.chance(0.5) ? .full : .overloaded)
      } else {
        result = world.append(append)
      }
      world.after(world.random.draw(0...3)) { world in
        guard world.server.life == life, world.server.isUp else { return }
        world.deliver(result, of: stream)
      }
    }
  }

  @discardableResult
  func append(_ append: Append) -> Result<[RecordedEvent], AppendFault> {
    let result = Result { () throws(AppendFault) in try store.appendNow(append) }
    if case .success(let events) = result { wrote(events) }
    if case .failure(.corrupt(let found)) = result { fail("an append was refused: \(found)") }
    return result
  }

  private func deliver(_ result: Result<[RecordedEvent], AppendFault>, of stream: StreamName) {
    switch (stream, result) {
    case (.delegation(let id), .success(let events)): step(.delegation(id, .recorded(events)))
    case (.delegation(let id), .failure(let fault)): step(.delegation(id, .notRecorded(fault)))
    case (.worker(let id), .success(let events)): step(.worker(id, .recorded(events)))
    case (.worker(let id), .failure(let fault)): step(.worker(id, .notRecorded(fault)))
    case (.system, _): break
    }
  }

  // MARK: The world outside

  private func call(_ id: DelegationID, _ ticket: Int, _ calls: [Call], _ life: Int) {
    let answers = Answers(count: calls.count)
    for (index, call) in calls.enumerated() {
      send(call, of: id) { world, answer in
        answers.put(answer, at: index)
        guard let all = answers.whole, world.server.life == life, world.server.isUp else { return }
        world.step(.delegation(id, .answered(ticket: ticket, all)))
      }
    }
  }

  private final class Answers {
    private var parts: [Answer?]
    init(count: Int) { parts = Array(repeating: nil, count: count) }
    func put(_ answer: Answer, at index: Int) { parts[index] = answer }
    var whole: [Answer]? {
      let known = parts.compactMap { $0 }
      return known.count == parts.count ? known : nil
    }
  }

  /// A call is sent, carried out, and answered at three moments; each may not come.
  func carryOut(_ call: Call, _ then: @escaping (World, Answer) -> Void) {
    let fate: Double = isTroubled ? Double(random.draw(0...999)) / 1000 : 1
    if fate < 0.03 {
      return after(random.draw(1...2000)) { then($0, .failing(call, .unreachable)) }
    }
    if fate < 0.06 {
      return after(random.draw(100...10_000)) { then($0, .failing(call, .noAnswer)) }
    }
    if fate < 0.08 {
      return after(random.draw(10...200)) { then($0, .failing(call, .unavailable)) }
    }
    if fate < 0.10, case .forge = call {
      return after(random.draw(10...200)) { world in
        let until = world.moment.wall + Milliseconds(world.random.draw(100...20_000))
        then(world, .failing(call, .limited(until: until)))
      }
    }
    // A slow one may take effect long after its sender has died.
    let slow = isTroubled && random.chance(0.05)
    let life = server.life
    after(random.draw(20...(slow ? 15_000 : 300))) { world in
      if world.server.life != life || world.isReplaced { world.noteLate(call) }
      let answer = world.effect(of: call)
      let loses = fate < 0.16
      world.after(world.random.draw(1...(loses ? 5000 : 100))) { world in
        guard loses else { return then(world, answer) }
        then(world, .failing(call, world.random.chance(0.5) ? .noAnswer : .unavailable))
      }
    }
  }

  /// A text that arrives after its sender has died may be there twice: no forge refuses it.
  private func noteLate(_ call: Call) {
    switch call {
    case .forge(.comment(_, _, let body)), .forge(.reply(_, _, _, let body)):
      if let marker = MadeUpForge.marker(in: body) { forge.late.insert(marker) }
    case .forge, .git, .round, .monthCost: break
    }
  }

  private func effect(of call: Call) -> Answer {
    switch call {
    case .forge(let call):
      let answer = forge.perform(call, now: now, staleReads: isTroubled)
      switch call {
      case .putFile(let name, let file): checkForge(name, file.branch)
      case .openPullRequest(let name, let wanted): checkForge(name, wanted.head)
      case .repository, .branchHead, .fileBlob, .tree, .createBranch, .branch, .compare,
        .pullRequests, .pullRequest, .comments, .comment, .deleteComment, .account, .addLabels,
        .requestReviewers, .mayPush,
        .feedback, .reviewComments, .reply, .openPullRequests, .checks, .checkReport, .changedHead,
        .changedPullRequest, .issue, .repositories:
        break
      }
      return .forge(answer)
    case .monthCost: return .monthCost(MonthCost())
    case .round(let round, let first): return .round(request(round: round, of: first))
    case .git(.fetch(let name, let branch, let base)):
      return .git(forge.fetch(name, branch, after: base))
    case .git(.merge(let name, let merging)):
      let made = forge.merge(name, merging)
      if let commit = made?.commit {
        server.mirror[commit.sha] = commit
        cluster?.packs[commit.sha] = commit
      }
      return .git(.success(.merged(made?.merge)))
    case .git(.push(let name, let branch, let sha, let expected)):
      guard let commit = server.mirror[sha] ?? cluster?.packs[sha] else {
        return .git(.failure(MirrorFault(kind: .objectMissing, message: "no object \(sha)")))
      }
      let answer = forge.push(name, branch, commit, expected: expected)
      checkForge(name, branch)
      return .git(answer)
    }
  }
}
