import Domain
import Engine
import EventLog
import InMemoryEventStore
import LogStories
import Randomness

/// The thread of a server that writes to the log, as the store on PostgreSQL has it. What it knows
/// is the log as of its claim and what it wrote since.
final class Writer {
  typealias Result = Swift.Result<[RecordedEvent], AppendFault>
  typealias Answer = (World, Result) -> Void

  /// A batch under way.
  struct Flight {
    var batch: Batch
    var callers: [(answer: Answer, result: Result)]
  }

  /// What the head must be after a session that was lost.
  enum Expectation { case unchanged, either }

  let epoch: Int64
  let clock: HandClock
  private(set) var store: InMemoryEventStore<Seeded>
  var session: Session?
  var queue: [(append: Append, answer: Answer)] = []
  var flight: Flight?
  /// The callers were refused, and the outcome is looked for.
  var isWaiting = false
  var stopped: AppendFault?
  private let seed: UInt64
  private var rollbacks: UInt64 = 0

  init(epoch: Int64, _ session: Session, _ events: [RecordedEvent], seed: UInt64) {
    (self.epoch, self.session, self.seed) = (epoch, session, seed)
    let clock = HandClock(Timestamp(milliseconds: 0))
    self.clock = clock
    store = Self.store(events[...], clock, seed)
  }

  private static func store(
    _ events: ArraySlice<RecordedEvent>, _ clock: HandClock, _ seed: UInt64
  ) -> InMemoryEventStore<Seeded> {
    let store = InMemoryEventStore(
      clock: { clock.now }, random: Seeded(Int(truncatingIfNeeded: seed)))
    store.copyNow(events)
    return store
  }

  /// Forgets the last events: they are not in the log.
  func forget(_ batch: Batch) {
    let events = store.wholeNow().events.dropLast(batch.events.count)
    rollbacks += 1
    store = Self.store(events, clock, seed &+ rollbacks)
  }

  /// Whether the event of this start is in the log.
  var hasBegun: Bool {
    guard !isWaiting, case .system(.started(epoch, _)) = store.readNow(.system).last?.event else {
      return false
    }
    return true
  }

  var head: LogHead {
    let last = store.wholeNow().events.last
    return last.map { LogHead(position: $0.position, hash: $0.hash) } ?? .empty
  }
}

extension World {
  func write(_ append: Append, _ writer: Writer, _ answer: @escaping Writer.Answer) {
    if let stopped = writer.stopped { return later(1) { answer($0, .failure(stopped)) } }
    guard !writer.isWaiting else {
      return later(1) { answer($0, .failure(.unavailable("waits for its replica"))) }
    }
    writer.queue.append((append, answer))
    // What comes until then shares the commit.
    if writer.flight == nil, writer.queue.count == 1 {
      later(random.draw(0...2)) { $0.pump(writer) }
    }
  }

  private func pump(_ writer: Writer) {
    guard writer.flight == nil, writer.stopped == nil, !writer.queue.isEmpty else { return }
    let requests = writer.queue
    writer.queue = []
    writer.clock.set(moment.wall)
    let old = writer.head
    var callers: [(answer: Writer.Answer, result: Writer.Result)] = []
    var events: [RecordedEvent] = []
    for request in requests {
      let result = Result { () throws(AppendFault) in try writer.store.appendNow(request.append) }
      if case .failure(.corrupt(let found)) = result { fail("an append was refused: \(found)") }
      if case .success(let recorded) = result { events += recorded }
      callers.append((request.answer, result))
    }
    guard !events.isEmpty else {
      for caller in callers { caller.answer(self, caller.result) }
      return
    }
    let batch = Batch(
      epoch: writer.epoch, life: server.life, old: old, new: writer.head, events: events,
      digests: writer.store.wholeNow().digests)
    writer.flight = Writer.Flight(batch: batch, callers: callers)
    limitWait(writer)
    send(writer)
  }

  /// Callers are not kept waiting for a standby that is away.
  private func limitWait(_ writer: Writer) {
    guard let cluster, let member = server.member, let flight = writer.flight else { return }
    later(member.real(cluster.replicaPatienceMs)) { world in
      guard writer.flight?.batch.new == flight.batch.new, !writer.isWaiting else { return }
      world.count("appends unavailable")
      writer.isWaiting = true
      world.refuse(writer, .unavailable("waits for its replica"))
    }
  }

  /// Answers the callers of the batch that its outcome is unknown, or that it failed.
  private func refuse(_ writer: Writer, _ fault: AppendFault) {
    let callers = (writer.flight?.callers ?? []).map(\.answer) + writer.queue.map(\.answer)
    writer.flight?.callers = []
    writer.queue = []
    for answer in callers { answer(self, .failure(fault)) }
  }

  // MARK: Commits

  private func send(_ writer: Writer) {
    guard let flight = writer.flight, let session = writer.session else {
      return settle(writer, .unchanged)
    }
    ask(session, .begin(flight.batch)) { world, reply in
      guard case .done = reply else { return world.settle(writer, .unchanged) }
      world.ask(session, .commit(flight.batch)) { world, reply in
        switch reply {
        case .done: world.finish(writer, isCommitted: true)
        case .refused(let fault): world.finish(writer, isCommitted: false, fault)
        case .lost, .unconfirmed:
          world.count("commits unknown")
          world.settle(writer, .either)
        case .fenced, .claimed, .rows, .events: world.settle(writer, .either)
        }
      }
    }
  }

  private func finish(
    _ writer: Writer, isCommitted: Bool, _ fault: AppendFault = .unavailable("not written")
  ) {
    guard let flight = writer.flight else { return }
    writer.isWaiting = false
    if isCommitted {
      writer.flight = nil
      for event in flight.batch.events where !flight.callers.isEmpty {
        cluster?.acknowledged[event.position] = event.hash
      }
      for caller in flight.callers { caller.answer(self, caller.result) }
    } else {
      writer.forget(flight.batch)
      refuse(writer, fault)
      writer.flight = nil
    }
    pump(writer)
  }

  private func stop(_ writer: Writer, _ fault: AppendFault, _ why: String) {
    writer.stopped = fault
    leave(why)
  }

  // MARK: Unknown outcomes

  /// Finds out on another session what became of the batch.
  private func settle(_ writer: Writer, _ expected: Writer.Expectation, since began: Int64? = nil) {
    let began = began ?? clock
    close(writer.session)
    writer.session = nil
    guard clock - began < HoldTimes.patienceMs || writer.isWaiting else {
      switch expected {
      case .unchanged: return finish(writer, isCommitted: false)
      case .either: return stop(writer, .io("no server"), "outcome unknown")
      }
    }
    let again = { (world: World) in
      world.later(world.random.draw(20...500)) { $0.settle(writer, expected, since: began) }
    }
    connect { world, session in
      guard let session, let batch = writer.flight?.batch else { return again(world) }
      let new: LogHead? = expected == .either ? batch.new : nil
      let asked = world.ask(session, .barrier(epoch: writer.epoch, new: new)) { world, reply in
        guard case .rows(let rows, let hasNew) = reply else { return again(world) }
        writer.session = session
        world.judge(writer, expected, rows, hasNew)
      }
      world.leaveFormer(session, asked, again)
    }
  }

  /// A primary that was replaced may never answer.
  private func leaveFormer(
    _ session: Session, _ asked: PendingAnswer, _ again: @escaping (World) -> Void
  ) {
    later(2000) { world in
      guard !asked.isOver else { return }
      guard world.isOutdated(session) else { return world.leaveFormer(session, asked, again) }
      asked.giveUp()
      world.close(session)
      again(world)
    }
  }

  private func judge(
    _ writer: Writer, _ expected: Writer.Expectation, _ rows: Node.Rows, _ hasNew: Bool
  ) {
    guard let batch = writer.flight?.batch else { return }
    guard rows.epoch == writer.epoch else {
      // Whether the events are in the log does not depend on who writes now.
      if hasNew {
        count("commits found")
        finish(writer, isCommitted: true)
      }
      return stop(writer, .damaged("another server has taken over"), "fenced")
    }
    if expected == .either, rows.head == batch.new {
      count("commits found")
      return finish(writer, isCommitted: true)
    }
    guard rows.head == batch.old else {
      return stop(writer, .damaged("the log ends elsewhere"), "log behind")
    }
    if expected == .either { count("commits not found") }
    if writer.isWaiting { return finish(writer, isCommitted: false) }
    send(writer)
  }
}
