import Domain
import Testing
import WorkerProtocol

@testable import Worker

/// Hand-ins that do not go as they should: what the server has lost, what it wants no more, what
/// there is where an agent's time was over.
extension WorkerCoreTests {
  @Test("an attempt that the server wants although it was dropped here is given back")
  func givenBack() {
    var life = Life.committed()
    life.answer(.handIn, .superseded("no"))
    #expect(life.core.attempt == nil)
    // What was asked before may lag behind; what is asked after is meant.
    life.desire(Life.assignment, revision: 2)
    #expect(life.core.attempt == nil)
    life.wake()
    life.desire(Life.assignment, revision: 3)
    #expect(life.result?.outcome == .workerFault)
    life.answer(.handIn, .done)
    #expect(life.core.attempt == nil)
  }

  @Test("a pack that the server cannot take is this machine's fault, and ends the attempt at once")
  func packRefused() {
    var life = Life.committed()
    #expect(life.request(.handIn) == .pack(lease, commit: "c"))
    life.answer(.handIn, .refused("TASK.md is not as the base has it"))
    #expect(life.result?.outcome == .workerFault)
    #expect(life.result?.message?.contains("TASK.md is not as the base has it") ?? false)
    life.answer(.handIn, .done)
    #expect(life.core.attempt == nil)
  }

  @Test("what an agent had made at its limit is sent before the result, and kept back by nothing")
  func salvaged() {
    var life = Life.generating()
    life.pass(.seconds(61))
    #expect(
      life.tell(.agentEnded(key, .stopped, Life.output)).deeds == [.salvage(Life.assignment)])
    life.tell(.salvaged(key, hasPatch: true))
    #expect(life.request(.handIn) == .patch(lease))
    life.answer(.handIn, .refused("no room"))
    #expect(life.result?.outcome == .agentTimeout)
    // Nobody waits for what a cancelled agent had made.
    life = Life.generating()
    life.desire(Life.assignment, revision: 2, cancel: true)
    #expect(
      !life.tell(.agentEnded(key, .stopped, Life.output)).deeds.contains(.salvage(Life.assignment)))
    #expect(life.result?.outcome == .stopped)
  }

  @Test(
    "what an attempt without a commit had made is sent before its result",
    arguments: [
      (AgentEnd.exited(3), ResultReport.Outcome.agentFailed), (.signalled(9), .agentFailed),
      (.exceeded("x"), .agentFailed), (.unverified("x"), .verifyFailed),
      (.finished, .refused), (.limited("x", AgentLimitReport()), .agentFailed),
    ])
  func salvagedFailures(end: AgentEnd, outcome: ResultReport.Outcome) {
    func ended() -> Life {
      var life = Life.generating()
      var deeds = life.tell(.agentEnded(key, end, Life.output)).deeds
      if case .finished = end {
        deeds = life.tell(.pickedUp(key, .refused(message: "a key", hint: "y"))).deeds
      }
      #expect(deeds.contains(.salvage(Life.assignment)))
      #expect(life.request(.handIn) == nil)
      return life
    }
    var life = ended()
    life.tell(.salvaged(key, hasPatch: true))
    #expect(life.request(.handIn) == .patch(lease))
    life.answer(.handIn, .done)
    #expect(life.result?.outcome == outcome)
    if case .limited = end { #expect(life.result?.limit == AgentLimitReport()) }
    // A worker that is to stop hands it in; a cancelled attempt is one that was stopped.
    life = ended()
    life.desire(Life.assignment, revision: 2, cancel: true)
    life.tell(.salvaged(key, hasPatch: true))
    #expect(life.result?.outcome == .stopped)
    // Nobody waits for one that was superseded.
    life = ended()
    life.desire(nil, revision: 2)
    life.tell(.salvaged(key, hasPatch: true))
    #expect(life.core.attempt == nil)
  }

  @Test(
    "an agent that could not start has made nothing",
    arguments: [
      AgentEnd.notFound("x"), .notStarted("x"), .unprepared("x"), .lost("x"),
    ])
  func nothingToSalvage(end: AgentEnd) {
    var life = Life.generating()
    #expect(
      !life.tell(.agentEnded(key, end, Life.output)).deeds.contains(.salvage(Life.assignment)))
    #expect(life.result != nil)
  }

  @Test("a pack that the server has not seen is sent before the result again")
  func packMissing() {
    var life = Life.committed()
    life.answer(.handIn, .done)
    #expect(life.result?.outcome == .committed)
    life.answer(.handIn, .packMissing)
    #expect(life.request(.handIn) == .pack(lease, commit: "c"))
    life.answer(.handIn, .done)
    #expect(life.result?.outcome == .committed)
  }

  @Test("a commit of a former life is handed in under the token of this one")
  func recovered() {
    var life = Life()
    var record = JournalRecord(lease: lease, repository: "o/r")
    record.made = .init(commit: "c", head: "h", durationMs: 5, outputBytes: 3, outputDigest: "d")
    life.tell(.began(recovered: record))
    guard case .register(let registration)? = life.request(.session) else {
      Issue.record("no registration")
      return
    }
    #expect(registration.journal == [JournalEntry(lease: lease, commit: "c")])
    life.answer(
      .session, .registered(Registered(incarnation: 2, heartbeatMs: 2000, discard: [])))
    var renewed = Life.assignment
    renewed.lease.token = 9
    #expect(!life.desire(renewed).deeds.contains(.checkOut(renewed)))
    #expect(life.request(.output) == .output(renewed.lease, .text, offset: 0))
    life.answer(.output, .outputEnd(3))
    guard case .generating(let report)? = life.request(.generating) else {
      Issue.record("not announced")
      return
    }
    // What the commit stands on, whatever the branch's head is by now.
    #expect(report.lease == renewed.lease && report.head == "h")
    #expect(life.request(.handIn) == nil)
    life.answer(.generating, .done)
    #expect(life.request(.handIn) == .pack(renewed.lease, commit: "c"))
  }

  @Test("records are at the server before the result, which says what the agent used")
  func recordsAndUsage() {
    var life = Life.generating()
    life.tell(
      .agentEnded(
        key, .finished,
        OutputSummary(bytes: 0, digest: "d", lastLines: "", records: 50, usage: Self.used)))
    let made = life.tell(.pickedUp(key, .committed("c"))).deeds
    guard case .writeJournal(let record?)? = made.first else {
      Issue.record("nothing is written down: \(made)")
      return
    }
    #expect(record.made?.recordBytes == 50 && record.used == Self.used)
    #expect(life.request(.records) == .output(lease, .records, offset: 0))
    life.answer(.records, .outputEnd(20))
    #expect(life.request(.handIn) == nil)
    life.pass(.seconds(1))
    #expect(life.request(.records) == .output(lease, .records, offset: 20))
    life.answer(.records, .outputEnd(50))
    #expect(life.request(.handIn) == .pack(lease, commit: "c", used: Self.used))
    life.answer(.handIn, .done)
    #expect(life.result?.used == Self.used)
    // A server that takes none of them does not hold the result up.
    life = Life.generating()
    life.tell(
      .agentEnded(
        key, .exited(1), OutputSummary(bytes: 0, digest: "d", lastLines: "", records: 50)))
    life.tell(.salvaged(key, hasPatch: false))
    #expect(life.result == nil)
    life.answer(.records, .refused("no"))
    #expect(life.result?.outcome == .agentFailed)
  }

  private static let used = AgentUsage([.inputTokens: 1200, .cost: 12_345])

  @Test("every way to end an attempt reports what its agent used")
  func usageOfEveryEnd() {
    let output = OutputSummary(bytes: 0, digest: "d", lastLines: "", usage: Self.used)
    for end in [AgentEnd.failed("x"), .exited(1), .signalled(9), .unverified("x"), .lost("x")] {
      var life = Life.generating()
      life.tell(.agentEnded(key, end, output))
      life.tell(.salvaged(key, hasPatch: false))
      #expect(life.result?.used == Self.used)
    }
    var life = Life.generating()
    life.desire(Life.assignment, revision: 2, cancel: true)
    life.tell(.agentEnded(key, .stopped, output))
    #expect(life.result?.outcome == .stopped && life.result?.used == Self.used)
    life = Life.generating()
    life.pass(.seconds(61))
    life.tell(.agentEnded(key, .stopped, output))
    life.tell(.salvaged(key, hasPatch: false))
    #expect(life.result?.outcome == .agentTimeout && life.result?.used == Self.used)
    life = Life.generating()
    life.tell(.halt)
    life.tell(.agentEnded(key, .stopped, output))
    #expect(life.result?.outcome == .drained && life.result?.used == Self.used)
  }

  @Test("what an agent has used so far is in heartbeats, in the journal, and in the next life")
  func usageOfALostLife() {
    var life = Life.generating()
    let written = life.tell(.agentSaid(key, bytes: 1, usage: Self.used)).deeds
    guard case .writeJournal(let record?)? = written.first else {
      Issue.record("nothing is written down: \(written)")
      return
    }
    #expect(record.used == Self.used && record.made == nil)
    // Not with every line that an agent writes.
    let more = AgentUsage([.inputTokens: 1300])
    #expect(life.tell(.agentSaid(key, bytes: 2, usage: more)).deeds.isEmpty)
    life.now += .seconds(1)
    #expect(!life.tell(.agentSaid(key, bytes: 3, usage: more)).deeds.isEmpty)
    life.pass(.seconds(2))
    guard case .heartbeat(let beat)? = life.request(.heartbeat) else {
      Issue.record("no heartbeat")
      return
    }
    let both = AgentUsage([.inputTokens: 1300, .cost: 12_345])
    #expect(beat.used == LeaseUsage(lease: lease, usage: both))

    life = CoreLife()
    life.tell(.began(recovered: record))
    guard case .register(let registration)? = life.request(.session) else {
      Issue.record("no registration")
      return
    }
    #expect(registration.journal == [JournalEntry(lease: lease, commit: nil, used: Self.used)])
    #expect(life.core.attempt == nil)
  }
}
