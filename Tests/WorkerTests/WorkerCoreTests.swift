import Testing
import WorkerProtocol

@testable import Worker

/// The requests of the core for given events.
@Suite("Worker core") struct WorkerCoreTests {
  typealias Life = CoreLife
  let key = CoreLife.key
  let lease = CoreLife.assignment.lease

  @Test("registers, then polls and gives signs of life")
  func begins() {
    var life = Life()
    #expect(life.tell(.tick).isEmpty)
    life.tell(.began(recovered: nil))
    guard case .register(let registration)? = life.request(.session) else {
      Issue.record("no registration")
      return
    }
    #expect(registration.worker == "w1" && registration.journal.isEmpty)
    life.answer(
      .session, .registered(Registered(incarnation: 3, heartbeatMs: 2000, discard: [])))
    #expect(
      life.request(.session)
        == .poll(DesiredPoll(worker: "w1", incarnation: 3, revision: 0, waitMs: 25_000)))
    #expect(life.core.wakeAt == .seconds(2))
    life.wake()
    let beat = Heartbeat(worker: "w1", incarnation: 3, agentSilentMs: nil)
    #expect(life.request(.heartbeat) == .heartbeat(beat))
    life.answer(.heartbeat, .done)
    #expect(life.core.wakeAt == .seconds(4))
  }

  @Test("a good attempt, from the assignment to the last answer")
  func goodAttempt() {
    var life = Life.registered()
    let record = JournalRecord(lease: lease, repository: "o/r")
    #expect(
      life.desire(Life.assignment).deeds == [.writeJournal(record), .checkOut(Life.assignment)])
    #expect(life.tell(.checkedOut(key)).deeds == [.startAgent(Life.assignment)])
    var running = record
    running.agent = Life.agent
    #expect(life.tell(.agentStarted(key, Life.agent)).deeds == [.writeJournal(running)])
    guard case .generating? = life.request(.generating) else {
      Issue.record("not announced")
      return
    }
    life.answer(.generating, .done)
    life.tell(.agentSaid(key, bytes: 10))
    #expect(life.request(.output) == .output(lease, .text, offset: 0))
    life.pass(.seconds(3))
    let output = OutputSummary(bytes: 10, digest: "d", lastLines: "")
    #expect(
      life.tell(.agentEnded(key, .finished, output)).deeds == [.pickUp(Life.assignment)])
    var made = record
    made.made = .init(
      commit: "c", head: "h", durationMs: 3000, outputBytes: 10, outputDigest: "d", recordBytes: 0)
    #expect(life.tell(.pickedUp(key, .committed("c"))).deeds == [.writeJournal(made)])
    // The output goes first.
    #expect(life.request(.handIn) == nil)
    life.answer(.output, .outputEnd(10))
    #expect(life.request(.handIn) == .pack(lease, commit: "c"))
    life.answer(.handIn, .done)
    #expect(life.result?.outcome == .committed && life.result?.commit == "c")
    #expect(life.result?.durationMs == 3000 && life.result?.outputDigest == "d")
    #expect(
      life.answer(.handIn, .done).deeds
        == [.drop(key, repository: "o/r", keepsSession: true), .writeJournal(nil)])
    #expect(life.core.attempt == nil)
  }

  @Test("an attempt that is over does not begin again, whatever the server still says")
  func overIsOver() {
    var life = Life.committed()
    life.answer(.handIn, .done)
    life.answer(.handIn, .done)
    #expect(life.desire(Life.assignment, revision: 2).deeds.isEmpty)
    var next = Life.assignment
    next.lease.attempt = 2
    life.wake()
    #expect(life.desire(next, revision: 3).deeds.contains(.checkOut(next)))
  }

  @Test("an answer that comes twice changes nothing")
  func doubled() {
    var life = Life.committed()
    let call = life.calls[.handIn]
    life.answer(.handIn, .done)
    let attempt = life.core.attempt?.stage
    if let call { #expect(life.tell(.answered(call.id, .pack(.over))).isEmpty) }
    #expect(life.core.attempt?.stage == attempt)
    #expect(life.tell(.checkedOut(key)).isEmpty)
    #expect(life.tell(.agentEnded(key, .exited(1), Life.output)).isEmpty)
    #expect(life.tell(.pickedUp(key, .noChanges)).isEmpty)
  }

  @Test(
    "how an agent ends decides the outcome",
    arguments: [
      (AgentEnd.exited(1), ResultReport.Outcome.agentFailed, "exit code 1; it said: last words"),
      (.failed("it says no"), .agentFailed, "it says no; it said: last words"),
      (.signalled(11), .agentFailed, "signal 11"), (.notFound("no x"), .agentNotFound, "no x"),
      (.notStarted("too long"), .agentFailed, "too long"), (.lost("disk"), .workerFault, "disk"),
    ])
  func ends(end: AgentEnd, outcome: ResultReport.Outcome, message: String) {
    var life = Life.generating()
    life.tell(.agentEnded(key, end, Life.output))
    life.tell(.salvaged(key, hasPatch: false))
    #expect(life.result?.outcome == outcome)
    #expect(life.result?.message?.contains(message) == true)
    #expect(life.result?.commit == nil)
  }

  @Test(
    "what the tree holds decides the outcome",
    arguments: [
      (PickUp.noChanges, ResultReport.Outcome.noChanges), (.unfit("x"), .agentFailed),
      (.refused(message: "x", hint: "y"), .refused), (.fault("x"), .workerFault),
    ])
  func pickUps(pickUp: PickUp, outcome: ResultReport.Outcome) {
    var life = Life.generating()
    life.tell(.agentEnded(key, .finished, Life.output))
    #expect(!life.tell(.pickedUp(key, pickUp)).deeds.contains { $0 == .writeJournal(nil) })
    life.tell(.salvaged(key, hasPatch: false))
    #expect(life.result?.outcome == outcome)
  }

  @Test("the limit and silence end the agent once, and are told apart")
  func limits() {
    var life = Life.generating()
    #expect(life.core.wakeAt == .seconds(2) && life.pass(.seconds(19)).deeds.isEmpty)
    life.tell(.agentSaid(key, bytes: 1))
    #expect(life.pass(.seconds(19)).deeds.isEmpty)
    #expect(life.pass(.seconds(1)).deeds == [.stopAgent(key)])
    #expect(life.pass(.seconds(1)).deeds.isEmpty)
    life.tell(.agentEnded(key, .stopped, Life.output))
    life.tell(.salvaged(key, hasPatch: false))
    life.answer(.output, .outputEnd(1))
    #expect(life.result?.outcome == .agentTimeout)
    #expect(life.result?.message == "the agent said nothing for 20 s")

    life = Life.generating()
    for bytes in 1...5 {
      life.pass(.seconds(11))
      life.tell(.agentSaid(key, bytes: bytes))
    }
    #expect(life.pass(.seconds(5)).deeds == [.stopAgent(key)])
    life.answer(.output, .outputEnd(5))
    life.tell(.agentEnded(key, .stopped, Life.output))
    life.tell(.salvaged(key, hasPatch: false))
    #expect(life.result?.message == "the agent did not end within 60 s")
  }

  @Test("another assignment, or none, ends the one in hand and drops it unreported")
  func superseded() {
    var other = Life.assignment
    other.lease.delegation = "d2"
    for wanted in [other, nil] {
      var life = Life.generating()
      #expect(life.desire(wanted, revision: 2).deeds == [.stopAgent(key)])
      let actions = life.tell(.agentEnded(key, .stopped, Life.output)).deeds
      #expect(actions.prefix(2) == [.drop(key, repository: "o/r"), .writeJournal(nil)])
      #expect(actions.contains { $0 == .checkOut(other) } == (wanted != nil))
      #expect(life.request(.handIn) == nil)
    }
  }

  @Test("cancel ends whatever is under way and is confirmed")
  func cancelled() {
    var life = Life.assigned()
    #expect(
      life.desire(Life.assignment, revision: 2, cancel: true).deeds == [.stopCheckout(key)])
    life.tell(.checkoutFailed(key, CheckoutFault(message: "cancelled", isUnreachable: false)))
    #expect(life.result?.outcome == .stopped)

    life = Life.generating()
    #expect(life.desire(Life.assignment, revision: 2, cancel: true).deeds == [.stopAgent(key)])
    life.tell(.agentEnded(key, .stopped, Life.output))
    #expect(life.result?.outcome == .stopped)

    // The pack was on its way, the result was not: the cancel wins.
    life = Life.committed()
    life.desire(Life.assignment, revision: 2, cancel: true)
    #expect(life.result?.outcome == .stopped && life.result?.commit == nil)

    // The result was on its way: the server's answer decides.
    life = Life.committed()
    life.answer(.handIn, .done)
    life.desire(Life.assignment, revision: 2, cancel: true)
    #expect(life.result?.outcome == .committed)

    life = Life.registered()
    #expect(life.desire(Life.assignment, cancel: true).deeds.isEmpty)
    #expect(life.result?.outcome == .stopped)
  }

  @Test("while the server is away the agent goes on, and the hand-in comes again and again")
  func serverAway() {
    var life = Life.generating()
    life.answer(.session, .unreachable("x"))
    for _ in 0..<200 {
      #expect(life.wake().deeds.isEmpty)
      for slot in CallSlot.allCases { life.answer(slot, .unreachable("x")) }
      if life.now > .seconds(15) { break }
    }
    life.tell(.agentEnded(key, .finished, Life.output))
    life.tell(.pickedUp(key, .committed("c")))
    var tries = 0
    for _ in 0..<500 {
      life.wake()
      if life.calls[.handIn] != nil { tries += 1 }
      for slot in CallSlot.allCases { life.answer(slot, .unreachable("x")) }
    }
    #expect(tries > 50)
    #expect(life.core.attempt?.commit == "c")
    while life.request(.handIn) == nil { life.wake() }
    life.answer(.handIn, .done)
    life.answer(.handIn, .done)
    #expect(life.core.attempt == nil)
    // The next poll wants an answer at once: it may be another server.
    while life.request(.session) == nil { life.wake() }
    guard case .poll(let poll)? = life.request(.session) else {
      Issue.record("no poll")
      return
    }
    #expect(poll.revision == 0)
  }

  @Test("waits between tries grow, stay under the limit, and none is without one")
  func backoff() {
    let core = Life().core
    let waits = (0..<12).map { core.backoff(after: $0, .session, atMost: .seconds(3)) }
    #expect(waits.allSatisfy { $0 >= .milliseconds(50) && $0 <= .seconds(3) })
    #expect(waits[11] >= .milliseconds(1500) && waits[0] < .milliseconds(101))
  }

  @Test("409 drops the attempt, and 410 has the worker register with what it holds")
  func refusals() {
    var life = Life.committed()
    #expect(
      life.answer(.handIn, .superseded("x")).deeds == [
        .drop(key, repository: "o/r"), .writeJournal(nil),
      ])
    life = Life.committed()
    life.answer(.handIn, .unknownLife)
    while life.request(.session) == nil { life.wake() }
    guard case .register(let registration)? = life.request(.session) else {
      Issue.record("no registration")
      return
    }
    #expect(registration.journal == [JournalEntry(lease: lease, commit: "c")])
    // Nothing is handed in before the server has confirmed the attempt, with its new token.
    life.answer(
      .session, .registered(Registered(incarnation: 4, heartbeatMs: 2000, discard: [])))
    #expect(life.request(.handIn) == nil)
    var renewed = Life.assignment
    renewed.lease.token = 2
    let actions = life.desire(renewed, revision: 1)
    guard case .writeJournal(let record?)? = actions.deeds.first else {
      Issue.record("not in the journal")
      return
    }
    #expect(record.lease == renewed.lease && record.made?.commit == "c")
    // The log starts the attempt again under the new token, so it is announced again.
    life.wake()
    #expect(life.request(.handIn) == nil)
    life.answer(.generating, .done)
    #expect(life.request(.handIn) == .pack(renewed.lease, commit: "c"))
  }

  @Test("an attempt that the server wants no more is dropped on registration")
  func discarded() {
    var life = Life.generating()
    life.answer(.session, .unknownLife)
    while life.request(.session) == nil { life.wake() }
    let actions = life.answer(
      .session, .registered(Registered(incarnation: 4, heartbeatMs: 2000, discard: [lease])))
    #expect(actions.deeds == [.stopAgent(key)])
    life.desire(Life.assignment)
    #expect(
      life.tell(.agentEnded(key, .stopped, Life.output)).deeds == [
        .drop(key, repository: "o/r"), .writeJournal(nil),
      ])
  }

  @Test("a checkout that fails is tried again; a server that is away does not count")
  func checkouts() {
    var life = Life.assigned()
    for _ in 0..<10 {
      life.tell(.checkoutFailed(key, CheckoutFault(message: "away", isUnreachable: true)))
      var actions: [Action] = []
      while !actions.deeds.contains(.checkOut(Life.assignment)) { actions = life.wake() }
    }
    life.tell(.checkoutFailed(key, CheckoutFault(message: "broken", isUnreachable: false)))
    #expect(life.result == nil)
    var actions: [Action] = []
    while !actions.deeds.contains(.checkOut(Life.assignment)) { actions = life.wake() }
    life.tell(.checkoutFailed(key, CheckoutFault(message: "broken", isUnreachable: false)))
    #expect(life.result?.outcome == .workerFault && life.result?.message == "broken")
  }

  @Test("a worker that drains while it registers hears the answer first, and says that it goes")
  func drainWhileRegistering() {
    var life = Life()
    life.tell(.began(recovered: nil))
    #expect(life.tell(.drain).deeds.isEmpty)
    let registered = Registered(incarnation: 3, heartbeatMs: 2000, discard: [])
    #expect(life.answer(.session, .registered(registered)).deeds == [.exit(.drained)])
    #expect(life.core.membership == .registered(incarnation: 3))
    life = Life()
    life.tell(.began(recovered: nil))
    #expect(life.tell(.drain).deeds.isEmpty)
    #expect(life.answer(.session, .unreachable("x")).deeds == [.exit(.drained)])
  }

  @Test("drain ends an idle worker at once and a busy one when its work is handed in")
  func drain() {
    var life = Life.registered()
    #expect(life.tell(.drain).deeds == [.exit(.drained)])
    life = Life.generating()
    #expect(life.tell(.drain).deeds.isEmpty)
    life.tell(.agentEnded(key, .finished, Life.output))
    life.tell(.pickedUp(key, .committed("c")))
    life.answer(.handIn, .done)
    #expect(life.answer(.handIn, .done).deeds.last == .exit(.drained))
    life = Life.registered()
    #expect(life.desire(nil, drain: true).deeds == [.exit(.drained)])
  }

  @Test("halt stops the agent and gives the attempt back, and waits for no server")
  func halt() {
    var life = Life.generating()
    #expect(life.tell(.halt).deeds == [.stopAgent(key)])
    life.tell(.agentEnded(key, .stopped, Life.output))
    #expect(life.result?.outcome == .drained)
    #expect(life.answer(.handIn, .done).deeds.last == .exit(.halted))

    life = Life.committed()
    #expect(life.tell(.halt).deeds.isEmpty)
    life.answer(.handIn, .unreachable("x"))
    // The commit stays in the journal.
    #expect(life.pass(.seconds(5)).deeds == [.exit(.halted)])
  }

  @Test("a local worker ends when its server is gone, but not with work in hand")
  func deserted() {
    var life = Life.registered(local: true)
    life.answer(.session, .unreachable("x"))
    var actions: [Action] = []
    for _ in 0..<100 where actions.deeds.isEmpty {
      actions = life.wake()
      for slot in CallSlot.allCases where actions.deeds.isEmpty {
        actions = life.answer(slot, .unreachable("x"))
      }
    }
    #expect(actions.deeds == [.exit(.deserted)])
    #expect(life.now == .seconds(10))

    life = Life.registered(local: true)
    life.answer(.session, .unreachable("x"))
    life.pass(.seconds(9))
    life.answer(
      .session, .desired(Desired(revision: 1, assignment: nil, cancel: false, drain: false)))
    #expect(life.pass(.seconds(9)).deeds.isEmpty)
  }

  @Test("a token that the server never knew ends a worker that has nothing in hand")
  func unauthorized() {
    var life = Life()
    life.tell(.began(recovered: nil))
    #expect(life.answer(.session, .unauthorized("no")).deeds == [.exit(.unauthorized("no"))])
    life = Life.registered()
    #expect(life.answer(.session, .unauthorized("no")).deeds.isEmpty)
  }

  @Test("a token that was revoked ends the worker, and its agent before it")
  func revoked() {
    var life = Life.registered()
    #expect(life.answer(.session, .revoked("no")).deeds == [.exit(.unauthorized("no"))])
    life = Life.generating()
    #expect(life.answer(.session, .revoked("no")).deeds.contains(.stopAgent(key)))
    #expect(life.pass(.seconds(2)).deeds.contains(.exit(.unauthorized("no"))))
  }

  @Test("output that the server does not take holds nothing up")
  func outputRefused() {
    for answer in [CallAnswer.output(.refused("x")), .outputEnd(0)] {
      var life = Life.generating()
      life.tell(.agentSaid(key, bytes: 10))
      life.tell(.agentEnded(key, .exited(1), Life.output))
      life.tell(.salvaged(key, hasPatch: false))
      for _ in 0..<100 where life.result == nil {
        life.answer(.output, answer)
        life.wake()
      }
      #expect(life.result?.outcome == .agentFailed)
    }
  }
}
