import Testing
import WorkerProtocol

@testable import Worker

/// What the core makes of an agent that may continue a conversation.
@Suite("Core: conversations") struct ConversationCoreTests {
  private typealias Life = CoreLife
  private let key = CoreLife.key

  private func started() -> CoreLife {
    var life = CoreLife.assigned()
    life.tell(.checkedOut(key))
    life.tell(.agentStarted(key, CoreLife.agent, mayContinue: true))
    return life
  }

  @Test("the start is announced when it is known whether the agent continues")
  func announced() {
    for continues in ["d0", nil] {
      var life = started()
      #expect(life.request(.generating) == nil)
      // Its time runs meanwhile.
      #expect(life.core.wakeAt == .seconds(2))
      life.tell(.agentSaid(key, bytes: 4))
      life.tell(.conversationSettled(key, session: "s", continues: continues))
      guard case .generating(let report)? = life.request(.generating) else {
        Issue.record("not announced")
        return
      }
      #expect(report.session == "s" && report.continues == continues)
      // The first word counts.
      life.tell(.conversationSettled(key, session: "x", continues: "other"))
      #expect(life.core.attempt?.continues == continues)
    }
  }

  @Test("an agent that ends before is announced all the same, before its result")
  func endsBefore() {
    var life = started()
    life.tell(.agentEnded(key, .exited(1), CoreLife.output))
    guard case .generating(let report)? = life.request(.generating) else {
      Issue.record("not announced")
      return
    }
    #expect(report.continues == nil && life.request(.handIn) == nil)
    life.answer(.generating, .done)
    life.tell(.salvaged(key, hasPatch: false))
    #expect(life.result?.outcome == .agentFailed)
  }

  @Test("under a new token it is announced as before, also in the next life")
  func again() {
    var life = started()
    life.tell(.conversationSettled(key, session: nil, continues: "d0"))
    life.answer(.generating, .done)
    life.tell(.agentEnded(key, .finished, CoreLife.output))
    let actions = life.tell(.pickedUp(key, .committed("c")))
    guard case .writeJournal(let record?)? = actions.deeds.last else {
      Issue.record("not in the journal")
      return
    }
    #expect(record.continues == "d0")
    var next = CoreLife()
    next.tell(.began(recovered: record))
    next.answer(
      .session, .registered(Registered(incarnation: 4, heartbeatMs: 2000, discard: [])))
    var renewed = CoreLife.assignment
    renewed.lease.token = 2
    next.desire(renewed)
    next.wake()
    guard case .generating(let report)? = next.request(.generating) else {
      Issue.record("not announced")
      return
    }
    #expect(report.continues == "d0")
  }

  private func drop(_ actions: [Action]) -> Bool? {
    for case .drop(_, _, let keepsSession) in actions { return keepsSession }
    return nil
  }

  @Test("a conversation is kept if the server took the result of an agent that came to its end")
  func kept() {
    var life = CoreLife.committed()
    life.answer(.handIn, .done)
    #expect(drop(life.answer(.handIn, .done)) == true)
    life = CoreLife.committed()
    life.answer(.handIn, .done)
    #expect(drop(life.answer(.handIn, .superseded("x"))) == false)
    for words in ["nothing to do", nil] {
      life = CoreLife.generating()
      var output = CoreLife.output
      output.words = words
      life.tell(.agentEnded(key, .finished, output))
      life.tell(.pickedUp(key, .noChanges))
      #expect(drop(life.answer(.handIn, .done)) == (words != nil))
    }
    life = CoreLife.generating()
    life.tell(.agentEnded(key, .exited(1), CoreLife.output))
    life.tell(.salvaged(key, hasPatch: false))
    #expect(drop(life.answer(.handIn, .done)) == false)
  }

  @Test("the order that follows a result does not overtake its answer")
  func overtaken() {
    func handedIn() -> CoreLife {
      var life = CoreLife.committed()
      life.answer(.handIn, .done)
      #expect(life.result != nil)
      return life
    }
    var life = handedIn()
    #expect(life.desire(nil, revision: 2).deeds == [])
    #expect(drop(life.answer(.handIn, .done)) == true)
    #expect(life.core.attempt == nil)
    // The next order came meanwhile.
    var other = CoreLife.assignment
    other.lease.delegation = "d2"
    life = handedIn()
    #expect(life.desire(other, revision: 2).deeds == [])
    let actions = life.answer(.handIn, .superseded("x"))
    #expect(drop(actions) == false && actions.contains { $0 == .checkOut(other) })
    // Without an answer, nobody waits for it.
    life = handedIn()
    life.desire(other, revision: 2)
    let last = life.answer(.handIn, .unreachable("gone"))
    #expect(drop(last) == false && last.contains { $0 == .checkOut(other) })
  }
}
