import Randomness
import Testing
import WorkerProtocol

@testable import Worker

extension WorkerCoreTests {
  @Test("whatever happens in whatever order, no wake-up is asked for in the past for ever")
  func noSpinning() {
    var random = Seeded(1)
    for _ in 0..<300 {
      var life = Life()
      life.tell(.began(recovered: nil))
      var idle = 0
      for _ in 0..<200 {
        let before = life.now
        let actions = life.randomStep(&random)
        idle = life.now == before && actions.isEmpty ? idle + 1 : 0
        #expect(idle < 50)
        if actions.contains(where: { if case .exit = $0 { true } else { false } }) { break }
      }
    }
  }
}

extension CoreLife {
  /// Any answer to any call, any input of any adapter, or the next wake-up.
  mutating func randomStep(_ random: inout Seeded) -> [Action] {
    var assignment = CoreLife.assignment
    assignment.lease.attempt = Int.random(in: 1...2, using: &random)
    assignment.lease.token = Int64.random(in: 1...3, using: &random)
    let key = AttemptKey(assignment.lease)
    if Bool.random(using: &random),
      let slot = calls.keys.sorted(by: { $0.rawValue < $1.rawValue })
        .randomElement(using: &random)
    {
      if Bool.random(using: &random), let answer = randomAnswer(to: slot, assignment, &random) {
        return self.answer(slot, answer)
      }
      let common: [Common] = [.done, .superseded("x"), .refused("x")]
      return answer(slot, common.randomElement(using: &random) ?? .done)
    }
    let ends: [AgentEnd] = [.finished, .exited(1), .stopped, .lost("x")]
    let pickUps: [PickUp] = [.committed("c"), .noChanges, .unfit("x"), .fault("x")]
    switch Int.random(in: 0..<9, using: &random) {
    case 0: return tell(.checkedOut(key))
    case 1:
      return tell(
        .checkoutFailed(
          key, CheckoutFault(message: "x", isUnreachable: Bool.random(using: &random))))
    case 2: return tell(.agentStarted(key, CoreLife.agent))
    case 3: return tell(.agentSaid(key, bytes: Int.random(in: 0...100, using: &random)))
    case 4:
      return tell(.agentEnded(key, ends.randomElement(using: &random) ?? .stopped, CoreLife.output))
    case 5: return tell(.pickedUp(key, pickUps.randomElement(using: &random) ?? .noChanges))
    case _: return wake()
    }
  }

  private func randomAnswer(
    to slot: CallSlot, _ assignment: Assignment, _ random: inout Seeded
  ) -> CallAnswer? {
    var answers: [CallAnswer] = [.unknownLife, .unreachable("x")]
    switch request(slot) {
    case .poll:
      let desired = Desired(
        revision: Int64.random(in: 1...5, using: &random),
        assignment: Bool.random(using: &random) ? assignment : nil,
        cancel: Int.random(in: 0..<5, using: &random) == 0, drain: false)
      answers += [.desired(desired), .desired(desired), .desired(desired)]
    case .register:
      answers += [.registered(Registered(incarnation: 1, heartbeatMs: 2000, discard: []))]
    case .output: answers += [.outputEnd(Int.random(in: 0...100, using: &random))]
    case .agents, .heartbeat, .generating, .pack, .patch, .result, nil: break
    }
    return answers.randomElement(using: &random)
  }
}
