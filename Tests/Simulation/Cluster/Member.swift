import Domain
import Engine
import EventLog
import ForgePort
import InMemoryEventStore
import Randomness

/// What a server has to do with the database that it shares, and its machine.
final class Member {
  enum Role { case follower, claiming, active }

  /// Its clocks: how far the wall clock is off, and how fast the other one goes.
  let wallSkew: Int64
  private let perMille: Int64
  /// The nodes that it does not reach, until when.
  var cutUntil: [Int64] = [0, 0]
  var forgeCutUntil: Int64 = 0

  // This life.
  var isRunning = false
  /// It will end.
  var leaves = false
  var role = Role.follower
  /// The session with the advisory lock, or that waits for it.
  var hold: Session?
  /// The session that looks for beats.
  var watch: Session?
  /// Which server the database names.
  var knownHolder: Int?
  var newestTimeline: Int64 = 0
  /// What it saw last of the other's beats, and when it learned of that.
  var seen: (epoch: Int64, beats: Int64)?
  var seenAt: Int64 = 0
  /// When the last confirmed beat was sent.
  var confirmedAt: Int64 = 0
  var writer: Writer?
  /// Calls to the forge that wait for a confirmed beat.
  var waitingCalls: [(World) -> Void] = []
  /// Where it reads, while that session lasts.
  var reads: Session?

  init(wallSkew: Int64, perMille: Int64) { (self.wallSkew, self.perMille) = (wallSkew, perMille) }

  /// What its clock shows.
  func clock(_ now: Int64) -> Int64 { now * perMille / 1000 }

  /// How long a span of its clock lasts.
  func real(_ span: Int64) -> Int64 { span * 1000 / perMille + 1 }

  func begin() {
    isRunning = true
    leaves = false
    role = .follower
    (hold, watch, reads, knownHolder, seen) = (nil, nil, nil, nil, nil)
    newestTimeline = 0
    writer = nil
    waitingCalls = []
  }
}

extension World {
  /// Runs later in the process of this server.
  func later(_ delay: Int64, _ run: @escaping (World) -> Void) {
    let life = server.life
    after(delay) { $0.inProcess(of: $0.server, life, run) }
  }

  func count(_ what: String) {
    report.cluster[what, default: 0] += 1
    trace(what)
  }

  /// What the clock of this server shows.
  var clock: Int64 { server.member?.clock(now) ?? now }

  // MARK: Life and death

  func startMember() {
    let one = server
    let member =
      one.member
      ?? Member(wallSkew: random.draw(-1500...1500), perMille: random.draw(980...1020))
    one.member = member
    guard !member.isRunning else { return }
    one.life = nextLife()
    member.begin()
    later(random.draw(20...200)) { world in
      world.follow()
      world.look()
    }
  }

  /// The process of this server ends.
  func endMember() {
    guard let member = server.member, member.isRunning else { return }
    member.isRunning = false
    let sessions = (cluster?.nodes ?? []).flatMap(\.sessions)
    for session in sessions where session.life == server.life { close(session) }
    endServer()
    after(random.draw(100...8000)) { $0.startServer() }
  }

  func killServer() {
    guard server.member?.isRunning ?? false else { return }
    report.serverCrashes += 1
    trace("server \(server.index) dies")
    endMember()
  }

  /// It ends by itself, at once or a little later: it may not go on.
  func leave(_ why: String) {
    guard let member = server.member, !member.leaves else { return }
    member.leaves = true
    count("servers ended: \(why)")
    later(isTroubled && random.chance(0.3) ? random.draw(1...3000) : 0) { $0.endMember() }
  }

  // MARK: Sessions

  /// Whether a message between them arrives.
  func reaches(_ one: MadeUpServer, _ node: Node) -> Bool {
    now >= one.member?.cutUntil[node.index] ?? 0
  }

  /// The primary that this server finds: the newest one, and none that is older than one it knew.
  private var foundPrimary: Node? {
    guard let member = server.member else { return nil }
    let found = (cluster?.nodes ?? []).filter {
      $0.isUp && $0.isPrimary && reaches(server, $0) && $0.timeline >= member.newestTimeline
    }.max { $0.timeline < $1.timeline }
    if let found { member.newestTimeline = found.timeline }
    return found
  }

  private func makeSession() -> Session? {
    guard let node = foundPrimary else { return nil }
    let session = Session(server, node)
    node.sessions.append(session)
    return session
  }

  /// Begins a session; nil if no primary can be reached.
  func connect(_ then: @escaping (World, Session?) -> Void) {
    later(pace) { then($0, $0.makeSession()) }
  }

  /// Whether a newer primary than that of the session can be reached.
  func isOutdated(_ session: Session) -> Bool {
    (foundPrimary?.timeline ?? 0) > session.node.timeline
  }

  /// What the database shows this server now; nil if it cannot be read.
  func readDatabase() -> InMemoryEventStore<Seeded>? {
    guard let member = server.member else { return nil }
    if let reads = member.reads, reads.isOpen, reaches(server, reads.node) {
      return reads.node.view
    }
    member.reads = makeSession()
    return member.reads?.node.view
  }

  // MARK: Followers

  /// Waits for the lock, and claims the log with it.
  private func follow() {
    guard let member = server.member, member.role == .follower else { return }
    connect { world, session in
      guard let session else { return world.later(300) { $0.follow() } }
      member.hold = session
      world.ask(session, .lock) { world, reply in
        guard case .done = reply, member.hold === session else { return world.followAgain() }
        world.claim(with: session)
      }
    }
  }

  private func followAgain() {
    guard let member = server.member, member.role != .active else { return }
    member.role = .follower
    close(member.hold)
    member.hold = nil
    later(random.draw(50...300)) { $0.follow() }
  }

  private func claim(with hold: Session) {
    guard let member = server.member else { return }
    member.role = .claiming
    connect { world, session in
      guard let session else { return world.followAgain() }
      let sent = world.clock
      let asked = world.ask(session, .claim) { world, reply in
        guard case .claimed(let epoch) = reply else {
          world.count("claims unconfirmed")
          world.close(session)
          return world.followAgain()
        }
        // What is read now was there before the claim, whose answer covers it.
        world.ask(session, .events) { world, reply in
          guard case .events(let events) = reply else { return world.followAgain() }
          world.drive(epoch, session, events, since: sent)
        }
      }
      world.later(member.real(HoldTimes.claimMs)) { world in
        guard !asked.isOver else { return }
        world.count("claims given up")
        asked.giveUp()
        world.close(session)
        world.followAgain()
      }
    }
  }

  /// Looks for the other's beats, and ends its hold if there are none.
  private func look() {
    guard let member = server.member, member.role != .active else { return }
    let next = { (world: World) in world.later(member.real(HoldTimes.lookMs)) { $0.look() } }
    guard let session = member.watch, session.isOpen, !isOutdated(session) else {
      return connect { world, session in
        world.close(member.watch)
        member.watch = session
        (member.seen, member.seenAt) = (nil, world.clock)
        next(world)
      }
    }
    if let hold = member.hold, member.role == .follower, isOutdated(hold) {
      // Its host was replaced.
      followAgain()
    }
    let sent = clock
    ask(session, .look) { world, reply in
      defer { next(world) }
      guard case .rows(let rows, _) = reply else { return member.watch = nil }
      member.knownHolder = rows.server
      guard let seen = member.seen, seen == (rows.epoch, rows.beats) else {
        (member.seen, member.seenAt) = ((rows.epoch, rows.beats), world.clock)
        return
      }
      guard sent - member.seenAt >= HoldTimes.silentMs, member.role == .follower else { return }
      world.count("silent holders ended")
      member.seenAt = world.clock
      world.ask(session, .endHolder) { _, _ in }
    }
  }

  // MARK: The active server

  private func drive(
    _ epoch: Int64, _ session: Session, _ events: [RecordedEvent], since sent: Int64
  ) {
    guard let cluster, let member = server.member else { return }
    count("takeovers")
    trace("server \(server.index) drives as epoch \(epoch)")
    cluster.claimedEpoch = max(cluster.claimedEpoch, epoch)
    member.role = .active
    member.knownHolder = server.index
    member.confirmedAt = sent
    server.epoch = epoch
    let writer = Writer(epoch: epoch, session, events, seed: random.next())
    member.writer = writer
    beat()
    guard cluster.lacks(.claimBarrier) else { return record(begun(writer.store), writer) }
    write(begun(writer.store), writer) { _, _ in }
    takeUp(writer.store)
  }

  /// Writes the event of the start; then the engine starts.
  private func record(_ append: Append, _ writer: Writer) {
    write(append, writer) { world, result in
      switch result {
      case .success: world.takeUp(writer.store)
      case .failure:
        guard writer.stopped == nil else { return }
        world.later(500) { world in
          // It may have been written after all.
          if writer.hasBegun { return world.takeUp(writer.store) }
          world.record(world.begun(writer.store), writer)
        }
      }
    }
  }

  private func beat() {
    guard let member = server.member, member.role == .active, !member.leaves,
      let hold = member.hold
    else { return }
    let sent = clock
    ask(hold, .beat(epoch: server.epoch)) { world, reply in
      switch reply {
      case .done:
        member.confirmedAt = sent
        let calls = member.waitingCalls
        member.waitingCalls = []
        for call in calls { call(world) }
      case .lost: return world.leave("lock lost")
      case .fenced: return world.leave("epoch replaced")
      case .unconfirmed, .refused, .claimed, .rows, .events: break
      }
      let next = member.real(sent + HoldTimes.beatMs - world.clock)
      world.later(max(1, next)) { $0.beat() }
    }
  }

  // MARK: The forge

  /// Whether another server has claimed the log since this one did.
  var isReplaced: Bool { (cluster?.claimedEpoch ?? 0) > server.epoch }

  /// Sends a call to the forge, if the hold was confirmed a moment ago; later if not.
  func send(
    _ call: Call, of id: DelegationID, _ then: @escaping (World, Answer) -> Void
  ) {
    guard let cluster, let member = server.member, call.leavesServer else {
      return carryOut(call, then)
    }
    let age = clock - member.confirmedAt
    guard age <= HoldTimes.confirmedMs || cluster.lacks(.forgeRule) else {
      count("calls held back")
      return member.waitingCalls.append { $0.send(call, of: id, then) }
    }
    if call.changesForge, judge.state(of: id) == nil {
      fail("server \(server.index) wrote to the forge for \(id), whose request may be lost")
    }
    if call.changesForge, isReplaced {
      count("writes of a replaced server")
      if age > HoldTimes.confirmedMs {
        fail("server \(server.index) was replaced, and wrote to the forge \(age) ms after its beat")
      }
    }
    guard !isCutFromForge(server) else {
      return after(random.draw(1...3000)) { then($0, .failing(call, .unreachable)) }
    }
    carryOut(call, then)
  }

  func isCutFromForge(_ one: MadeUpServer) -> Bool { now < one.member?.forgeCutUntil ?? 0 }

  // MARK: Requests

  var hasServer: Bool { servers.contains(where: \.isUp) }

  /// The server that answers a request: the active one, behind whichever got it.
  /// - Parameter index: the worker that asks.
  func route(from index: Int? = nil) -> MadeUpServer? {
    guard cluster != nil else { return server.isUp ? server : nil }
    let last = Int64(servers.count - 1)
    let entry = servers[index.flatMap { workers[$0].home } ?? Int(random.draw(0...last))]
    guard let member = entry.member, member.isRunning else { return nil }
    if entry.isUp { return entry }
    guard !entry.isFrozen, let holder = member.knownHolder, servers[holder].isUp else { return nil }
    return servers[holder]
  }

  /// Keeps the pack of a commit where every server finds it.
  func keep(_ commit: MadeUpForge.Commit, _ then: @escaping (World, Bool) -> Void) {
    guard let cluster else {
      server.mirror[commit.sha] = commit
      return then(self, true)
    }
    guard let hold = server.member?.hold else { return then(self, false) }
    ask(hold, .pack) { world, reply in
      guard case .done = reply else { return then(world, false) }
      cluster.packs[commit.sha] = commit
      then(world, true)
    }
  }
}

extension Call {
  /// Whether it goes to the forge.
  fileprivate var leavesServer: Bool {
    switch self {
    case .forge, .git(.fetch), .git(.push): true
    case .git(.merge), .round, .monthCost: false
    }
  }

  /// Whether it may change something there.
  fileprivate var changesForge: Bool {
    switch self {
    case .git(.push): true
    case .forge(let call): call.writes
    case .git, .round, .monthCost: false
    }
  }
}
