// Several servers on one database, with PostgreSQL made up: two machines that each have a log of
// what was committed (WAL), of which one is the primary and the other its synchronous standby.
//
// What the model keeps to, since the store and the election rely on it:
//
// - WAL is ordered. A standby has a prefix of its primary's, and a commit is answered when the
//   standby has it. Until then others do not see it, and its locks are held.
// - A wait for the standby that is cancelled ends with success and a warning: the commit is
//   visible, and may be lost with the primary. So it is after a restart of the primary alone.
// - A transaction that changes no row waits for nothing.
// - A promoted standby has what it received, and nothing else. The former primary may go on beside
//   it: it has no standby, so its commits are not answered, until it is made a standby itself.
// - Locks of sessions are not in WAL: a promoted standby has none.
//
// What happens: machines die, standbys are away or promoted, networks are cut, answers to COMMIT
// are lost, waits are cancelled, sessions are ended, servers die and are stopped for a while, and
// their clocks differ.
//
// What is checked: what a caller was given as written is in the log for ever, at its position and
// with its hash; positions are dense, and the chain and the views are those of a whole fold; no
// batch follows the claim of a later epoch, and epochs rise; no server writes to the forge that
// was replaced and whose hold was confirmed more than two seconds before. What `World` checks is
// checked too: nothing is done twice, and everything comes to an end.
//
// Each guard can be left out, and a test sees that a check fails then.

import Domain
import EventLog
import Projections

/// The times of the election.
enum HoldTimes {
  /// How often the active server beats.
  static let beatMs: Int64 = 500
  /// How long a confirmed beat lets it write to the forge, from when the beat was sent.
  static let confirmedMs: Int64 = 2000
  /// After how long without a beat it is replaced.
  static let silentMs: Int64 = 3000
  /// How often a follower looks for beats.
  static let lookMs: Int64 = 500
  /// How long a claim is waited for.
  static let claimMs: Int64 = 10_000
  /// When a network that is cut ends a session.
  static let deadPeerMs: Int64 = 2600
  /// When PostgreSQL ends a session that is silent within a transaction.
  static let idleTransactionMs: Int64 = 2000
  /// How long a server is looked for.
  static let patienceMs: Int64 = 30_000
}

/// What several servers share.
package final class Cluster {
  /// What keeps the log and the forge whole, and can be left out.
  package enum Guard: String, CaseIterable, Sendable {
    /// A batch is written only behind its own epoch and head.
    case fence
    /// A claim is waited for before its server acts.
    case claimBarrier
    /// The outcome of a commit is asked for with a synchronous commit.
    case settleBarrier
    /// That commit changes a row also if the epoch is another one, so that it is waited for.
    case changingBarrier
    /// Commits wait for the standby.
    case synchronousStandby
    /// Nothing is sent to the forge unless the hold was confirmed within two seconds.
    case forgeRule
  }

  package struct Settings: Sendable {
    package var servers: Int
    package var missing: Guard?
    /// The mean pause between faults that come together.
    package var badDaysMs: Int64 = 50_000
    package init(servers: Int = 2, without missing: Guard? = nil) {
      self.servers = max(1, servers)
      self.missing = missing
    }
  }

  let settings: Settings
  let nodes: [Node]
  /// Whether a beat is seen before the standby has it. Both are allowed.
  let beatsAreSeenAtOnce: Bool
  /// How long a commit is waited for before its callers are refused.
  let replicaPatienceMs: Int64
  /// The network between the machines of the database is cut until then.
  var standbyAwayUntil: Int64 = 0
  /// The packs of accepted commits, which the database has.
  var packs: [ObjectID: MadeUpForge.Commit] = [:]
  /// The newest epoch whose claim was answered.
  var claimedEpoch: Int64 = 0
  /// What callers were given as written, by position.
  var acknowledged: [Int64: [UInt8]] = [:]
  /// How much of WAL both machines have had: no promotion loses it.
  private(set) var safe = 0
  private(set) var log: [RecordedEvent] = []
  private(set) var digests: [ViewName: ViewDigest] = .empty
  private var safeClaim = Claim(epoch: 0, server: 0, life: 0)

  init(_ settings: Settings, seed: Int) {
    self.settings = settings
    nodes = (0..<2).map { Node($0, seed: seed) }
    nodes[0].isPrimary = true
    nodes[1].follows = 0
    beatsAreSeenAtOnce = seed % 2 == 0
    replicaPatienceMs = [500, 2000, 10_000][seed / 2 % 3]
  }

  func lacks(_ part: Guard) -> Bool { settings.missing == part }

  /// The log that both machines have.
  var whole: (events: [RecordedEvent], digests: [ViewName: ViewDigest]) { (log, digests) }

  /// Takes the next change that both machines have.
  /// - Returns: the events of the change, and what is wrong with it.
  func takeSafe(_ change: Change) -> (events: [RecordedEvent], wrong: String?) {
    safe += 1
    switch change {
    case .batch(let batch):
      log += batch.events
      digests = batch.digests
      return (batch.events, judge(batch))
    case .claim(let claim):
      defer { safeClaim = claim }
      let (next, last) = (claim.epoch, safeClaim.epoch)
      return ([], next > last ? nil : "epoch \(next) was claimed after \(last)")
    case .beat, .touch, .pack: return ([], nil)
    }
  }

  private func judge(_ batch: Batch) -> String? {
    if batch.epoch != safeClaim.epoch {
      return "epoch \(batch.epoch) wrote after the claim of epoch \(safeClaim.epoch)"
    }
    return batch.life == safeClaim.life ? nil : "two servers wrote as epoch \(batch.epoch)"
  }

  /// What was acknowledged and is not in `events`.
  func lost(from events: [RecordedEvent]) -> String? {
    for (position, hash) in acknowledged.sorted(by: { $0.key < $1.key }) {
      guard position <= events.count else {
        return "position \(position) was acknowledged, and the log ends at \(events.count)"
      }
      if events[Int(position) - 1].hash != hash {
        return "position \(position) was acknowledged with another hash"
      }
    }
    return nil
  }
}

/// What a transaction changes.
enum Change {
  case batch(Batch)
  case claim(Claim)
  case beat(epoch: Int64)
  /// Nothing that is seen: a synchronous commit after others.
  case touch
  case pack
}

struct Claim {
  var epoch: Int64
  var server: Int
  /// The life of the server.
  var life: Int
}

/// The events of one transaction.
struct Batch {
  var epoch: Int64
  var life: Int
  var old: LogHead
  var new: LogHead
  var events: [RecordedEvent]
  var digests: [ViewName: ViewDigest]
}
