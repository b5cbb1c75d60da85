import Domain
import EventLog
import InMemoryEventStore
import LogStories
import Randomness

/// A machine with PostgreSQL.
final class Node {
  /// The rows that are seen. The events are apart.
  struct Rows {
    var epoch: Int64 = 0
    /// Which server claimed it.
    var server: Int?
    var head = LogHead.empty
    var beats: Int64 = 0
  }

  /// A commit that waits for the standby.
  struct Wait {
    /// The length of WAL with it.
    var end: Int
    var session: Session
    var change: Change
    var then: (World, Bool) -> Void
  }

  let index: Int
  var isUp = true
  var isPrimary = false
  /// The node whose standby it is.
  var follows: Int?
  var timeline: Int64 = 1
  /// Another number after each start.
  var life = 1
  var wal: [Change] = []
  private(set) var rows = Rows()
  private(set) var events: [RecordedEvent] = []
  private var store: InMemoryEventStore<Seeded>
  private var stored = 0
  private let seed: Int

  var sessions: [Session] = []
  /// Who has the advisory lock, and who waits for it.
  var lockHolder: Session?
  var lockQueue: [(session: Session, answer: PendingAnswer)] = []
  /// Who has the row of the head, and who waits for it.
  var headHolder: Session?
  var headQueue: [(session: Session, run: (World) -> Void)] = []
  var waits: [Wait] = []

  init(_ index: Int, seed: Int) {
    self.index = index
    self.seed = seed
    store = Self.emptyStore(seed)
  }

  static func emptyStore(_ seed: Int) -> InMemoryEventStore<Seeded> {
    let clock = HandClock(Timestamp(milliseconds: 0))
    return InMemoryEventStore(clock: { clock.now }, random: Seeded(seed))
  }

  /// The log and the views, as a reader sees them.
  var view: InMemoryEventStore<Seeded> {
    store.copyNow(events[stored...])
    stored = events.count
    return store
  }

  func show(_ change: Change) {
    switch change {
    case .batch(let batch):
      rows.head = batch.new
      events += batch.events
    case .claim(let claim): (rows.epoch, rows.server, rows.beats) = (claim.epoch, claim.server, 0)
    case .beat(let epoch): if rows.epoch == epoch { rows.beats += 1 }
    case .touch, .pack: break
    }
  }

  /// Shows all of WAL, as after a start.
  func showAll() {
    (rows, events, stored) = (Rows(), [], 0)
    store = Self.emptyStore(seed)
    for change in wal { show(change) }
  }

  /// Whether the log that is seen has this head, at its end or before.
  func has(_ head: LogHead) -> Bool {
    head.position == 0
      || (head.position <= events.count && events[Int(head.position) - 1].hash == head.hash)
  }
}
