import Domain
import EventLog
import Workflows

/// The effect that is in progress, and what becomes of its outcome.
extension Executor {
  mutating func run(
    _ effect: (any Effect)?, _ now: Timestamp, _ actions: inout [Action]
  ) {
    guard var effect else { return }
    ticket += 1
    let first = effect.start()
    self.effect = effect
    effectBegunAt = now
    follow(first, now, &actions)
  }

  mutating func follow(
    _ step: EffectStep, _ now: Timestamp, _ actions: inout [Action]
  ) {
    switch step {
    case .calls(let calls): actions.append(.call(id, ticket: ticket, calls))
    case .pause(let span):
      pausedUntil = now + span
      wakeAt = pausedUntil
    case .done(let outcome):
      effect = nil
      settle(outcome, now)
    }
  }

  mutating func settle(_ outcome: Outcome, _ now: Timestamp) {
    switch outcome {
    case .record(.recordFound) where state.lease != nil:
      // The commit was found during the assignment: the lease ends, and `PRCreated` adopts it.
      guard let lease = state.lease else { return }
      record(
        .endAttempt(
          AttemptEnd(
            attempt: lease.attempt, token: lease.token, outcome: .released(.commitStale),
            message: "the branch holds a generated commit already")))
    case .record(let command): record(command)
    case .prepared(let start):
      prepared = (start, now)
      if start.costMax != nil || state.lease == nil { costMax = start.costMax }
    case .requested(let round): requestedRounds.insert(round)
    case .absent: record(.settleCancellation)
    case .fault(let fault): record(.failStep(fault, workflow?.retry ?? .never))
    }
  }

  mutating func endPause(_ now: Timestamp, _ actions: inout [Action]) {
    guard let until = pausedUntil, until <= now else {
      wakeAt = pausedUntil
      return
    }
    pausedUntil = nil
    if let step = effect?.resume([]) { follow(step, now, &actions) }
  }

  mutating func record(_ command: DelegationCommand) {
    writer.enqueueFirst(.init(command: command, actor: .system, reply: nil))
  }
}
