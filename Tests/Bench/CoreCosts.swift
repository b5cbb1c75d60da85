import Domain
import Engine
import InstantWorld
import LogStories
import Workflows

/// What a step of the engine's core costs: no store, no threads, an instant world around it.
struct CoreCosts {
  let workflow: Workflow
  /// How many delegations go through for each figure.
  let delegations: Int
  /// Where a step takes so long that those would never be through, it is measured for this long.
  let spanMax: Duration
  static let inFlight = 16

  /// - Returns: microseconds a step, with delegations under way.
  func step(workers: Int = 16, beside standing: Standing? = nil) throws -> Double {
    let rig = try CoreRig(
      workflow: workflow,
      fleets: [
        CoreRig.Fleet("demo", workers, agents: ["demo"]),
        CoreRig.Fleet("held", 1, agents: [Growth.heldAgent]),
      ], standing: standing)
    rig.working = "demo"
    var made = 0
    func submit() {
      made += 1
      rig.submit(made, requester: "user-\(made % 128)", repository: "r\(made % 20)")
    }
    for _ in 0..<Self.inFlight { submit() }
    var pushed = 0
    while pushed < delegations, rig.span < spanMax, rig.settleOne() {
      while pushed < rig.pushed.count {
        pushed += 1
        submit()
      }
    }
    return rig.span / .microseconds(1) / Double(max(1, rig.steps))
  }

  /// - Returns: microseconds for a sign of life, and for a tick, while nothing is under way.
  func signsOfLife(workers: Int) throws -> (heartbeat: Double, tick: Double) {
    let fleet = CoreRig.Fleet("demo", workers, agents: ["demo"])
    let rig = try CoreRig(workflow: workflow, fleets: [fleet])
    func cost(_ rounds: Int, _ round: (Int) throws -> Void) rethrows -> Double {
      let (steps, span) = (rig.steps, rig.span)
      for n in 0..<rounds where rig.span - span < spanMax { try round(n) }
      return (rig.span - span) / .microseconds(1) / Double(max(1, rig.steps - steps))
    }
    let heartbeat = try cost(delegations * 10) { n in
      rig.feed(.heard(fleet.id(n % workers), agentSilence: nil))
      try rig.settle()
    }
    let tick = try cost(delegations) { _ in
      rig.feed(.tick)
      try rig.settle()
    }
    return (heartbeat, tick)
  }
}
