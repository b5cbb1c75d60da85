// Policies about time: when to retry, when a silent worker counts as lost, when a crashing worker
// is parked. All are functions of (state, now); none reads a clock.

import Text

/// The waits between tries of a step.
package struct RetryPolicy: Equatable, Sendable {
  /// The wait after the first failure.
  package var firstDelay: Milliseconds
  /// The longest wait, except for a wait that the forge asked for.
  package var maximumDelay: Milliseconds
  /// The most tries of a step; the fault of the last one ends the delegation.
  package var triesMax: Int

  package init(firstDelay: Milliseconds, maximumDelay: Milliseconds, triesMax: Int) {
    self.firstDelay = firstDelay
    self.maximumDelay = maximumDelay
    self.triesMax = triesMax
  }

  /// The wait after failed try number `attempted`, from 1.
  package func delay(after attempted: Int, of id: DelegationID, step: Step) -> Milliseconds {
    Backoff(first: firstDelay, maximum: maximumDelay).delay(
      after: attempted, seed: "\(id.rawValue)/\(step.rawValue)")
  }
}

/// The waits between tries. Each is twice as long as the one before it, up to a maximum. Its upper
/// half is spread, so that many who failed together don't return together.
package struct Backoff: Equatable, Sendable {
  /// The longest wait after the first failure.
  package var first: Milliseconds
  package var maximum: Milliseconds

  package init(first: Milliseconds, maximum: Milliseconds) {
    self.first = first
    self.maximum = maximum
  }

  /// The wait after failure number `failures`, from 1. The same seed and number give the same wait,
  /// so a replay computes the same waits.
  package func delay(after failures: Int, seed: String) -> Milliseconds {
    let doublings = Int64(min(max(failures - 1, 0), 20))
    let doubled = first.count.multipliedReportingOverflow(by: 1 << doublings)
    let full = doubled.overflow ? maximum.count : min(doubled.partialValue, maximum.count)
    let half = full / 2
    let draw = Jitter.draw("\(seed)/\(failures)")
    return Milliseconds(half + Int64(draw % UInt64(max(full - half, 0) + 1)))
  }
}

/// Reproducible randomness: FNV-1a over a text, followed by a mixer, so that similar texts get very
/// different numbers.
package enum Jitter {
  /// The same number for the same text, evenly spread over 64 bits.
  package static func draw(_ text: String) -> UInt64 {
    var hash = FNV1a.hash(text)
    hash = (hash ^ (hash >> 33)) &* 0xff51_afd7_ed55_8ccd
    return hash ^ (hash >> 33)
  }
}

/// How often a worker or a server may die during one delegation, or a commit be given up, before
/// the delegation is given up.
package let infrastructureFailuresMax = 20

/// How often a delegation may fail because of the worker's disk or git before it is given up.
/// Running the agent again would not repair the machine.
package let machineFaultsMax = 3

/// How often a delegation waits for its agent's provider before it fails. What an agent writes
/// decides whether it waits, so the number has a limit.
package let agentLimitsMax = 20

/// The wait for an agent whose provider's limit was met.
package enum AgentLimitWait {
  /// If the provider says no time: it doubles with each wait.
  private static let unknown = Backoff(first: .seconds(15 * 60), maximum: .seconds(2 * 3600))
  private static let shortest = Milliseconds.seconds(5)
  /// A provider's longest period is a week.
  private static let longest = Milliseconds.seconds(8 * 86_400)
  /// Other delegations trust it no longer: an agent that obeys a hostile repository could say it.
  package static let sharedMax = Milliseconds.seconds(3600)

  /// - Parameters:
  ///   - reset: when the provider's limit ends; nil if it did not say.
  ///   - waits: the number of waits, this one included.
  static func end(
    _ reset: Timestamp?, waits: Int, of id: DelegationID, at now: Timestamp
  ) -> Timestamp {
    let due = reset ?? now + unknown.delay(after: waits, seed: "\(id.rawValue)/limit")
    return min(max(due, now + shortest), now + longest)
  }
}

/// What a worker's silence means.
package struct LeasePolicy: Equatable, Sendable {
  /// The time between a worker's heartbeats.
  package var heartbeatInterval: Milliseconds
  /// After a longer silence a worker is shown as unhealthy and gets no work.
  package var unhealthyAfter: Milliseconds
  /// After a longer silence a worker counts as lost, and its lease is released.
  package var lostAfter: Milliseconds

  package init(
    heartbeatInterval: Milliseconds = .seconds(2), unhealthyAfter: Milliseconds = .seconds(10),
    lostAfter: Milliseconds = .seconds(30)
  ) {
    self.heartbeatInterval = heartbeatInterval
    self.unhealthyAfter = unhealthyAfter
    self.lostAfter = lostAfter
  }

  /// The state that a silence suggests.
  package enum Verdict: Equatable, Sendable { case alive, unhealthy, lost }

  /// - Parameter silence: the time since the worker's last message, on a monotonic clock.
  package func verdict(silence: Milliseconds) -> Verdict {
    if silence > lostAfter { return .lost }
    if silence > unhealthyAfter { return .unhealthy }
    return .alive
  }
}

/// Whether a running agent makes progress. A stall is shown. It ends the generation only if the
/// workflow sets a limit.
package struct ProgressPolicy: Equatable, Sendable {
  package var stalledAfter: Milliseconds
  package init(stalledAfter: Milliseconds = .seconds(120)) { self.stalledAfter = stalledAfter }

  /// - Parameter silence: the time since the agent's last output.
  package func isStalled(silence: Milliseconds) -> Bool { silence > stalledAfter }
}

/// When a local worker that ended is started again.
package struct RestartPolicy: Equatable, Sendable {
  /// At once the first time, then with growing waits; the last one repeats.
  package var delays: [Milliseconds]
  /// This number of ends within `window` parks the worker.
  package var endsMax: Int
  package var window: Milliseconds

  package init(
    delays: [Milliseconds] = [
      Milliseconds(0), .seconds(1), .seconds(2), .seconds(5), .seconds(10),
    ],
    endsMax: Int = 6, window: Milliseconds = .seconds(60)
  ) {
    self.delays = delays
    self.endsMax = endsMax
    self.window = window
  }

  /// What happens after a worker ended.
  package enum Verdict: Equatable, Sendable {
    case restart(after: Milliseconds)
    case park
  }

  /// - Parameter ends: the times at which the worker ended, oldest first, the current end last.
  package func verdict(ends: [Timestamp]) -> Verdict {
    guard let now = ends.last else { return .restart(after: Milliseconds(0)) }
    let recent = ends.count { now - $0 <= window }
    if recent >= endsMax { return .park }
    guard let longest = delays.last else { return .restart(after: Milliseconds(0)) }
    return .restart(after: recent <= delays.count ? delays[recent - 1] : longest)
  }
}

/// How long a delegation may be in a state before a person should look at it.
package struct StuckPolicy: Equatable, Sendable {
  /// For a step on the forge, after any wait that the forge asked for.
  package var forgeStep = Milliseconds.seconds(60)
  /// In the queue for a worker.
  package var queue = Milliseconds.seconds(600)
  /// From the assignment to the agent's start.
  package var dispatch = Milliseconds.seconds(60)
  /// The agent's limit and the push.
  package var generation = Milliseconds.seconds(660)

  package init() {}

  /// nil if a delegation may stay in the state without limit.
  package func limit(of state: DelegationStateName) -> Milliseconds? {
    switch state {
    case .requested, .branchCreated, .taskCommitted: forgeStep
    case .pullRequestCreated: queue
    case .dispatched: dispatch
    case .generating: generation
    case .pushed, .failed: nil
    }
  }

  /// - Parameter due: when a failed step is retried; the limit counts from that time.
  package func isStuck(
    _ state: DelegationStateName, since: Timestamp, due: Timestamp?, at now: Timestamp
  ) -> Bool {
    guard let limit = limit(of: state) else { return false }
    return now > max(since, due ?? since) + limit
  }
}
