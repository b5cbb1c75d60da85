import Domain
import EventLog

/// Identifies a caller that waits for the result of its command.
package struct ReplyID: Hashable, Sendable {
  package let number: Int64
  package init(_ number: Int64) { self.number = number }
}

/// The result of a command.
package enum CommandReply: Equatable, Sendable {
  /// The command is done and on disk. `changed` is false if it was done before.
  case done(changed: Bool)
  case rejected(Rejection)
  case failed(AppendFault)
}

/// The commands of one stream, one append at a time: each is decided on the state after the one
/// before it was stored.
struct StreamWriter<Command: Sendable>: Sendable {
  struct Entry: Sendable {
    var command: Command
    var actor: Actor
    var reply: ReplyID?
  }

  private(set) var version: Int64 = 0
  private(set) var lastEventID: String?
  private(set) var queue: [Entry] = []
  private(set) var appending: Entry?
  /// Whether an append without events is in progress.
  private(set) var isProbing = false

  /// Nothing is queued and nothing is being written.
  var isIdle: Bool { queue.isEmpty && !isBusy }

  /// An append is in progress.
  var isBusy: Bool { appending != nil || isProbing }

  mutating func enqueue(_ entry: Entry) { queue.append(entry) }
  /// Results of effects are recorded before further requests.
  mutating func enqueueFirst(_ entry: Entry) { queue.insert(entry, at: 0) }

  /// The next command to decide; nil while an append is in progress.
  mutating func next() -> Entry? {
    guard !isBusy, !queue.isEmpty else { return nil }
    return queue.removeFirst()
  }

  /// `entry` led to `events`. Returns the append to make.
  mutating func begin(
    _ entry: Entry, stream: StreamName, events: [Event], correlation: String
  ) -> Append {
    appending = entry
    return Append(
      stream: stream, expectedVersion: version, events: events, actor: entry.actor,
      correlation: correlation, causation: lastEventID)
  }

  /// Finds out whether an earlier append, whose outcome is unknown, is in the log: an append
  /// without events is a conflict then.
  mutating func probe(stream: StreamName, correlation: String) -> Append {
    isProbing = true
    return Append(
      stream: stream, expectedVersion: version, events: [], actor: .system,
      correlation: correlation, causation: nil)
  }

  /// The append is on disk.
  mutating func finish(_ events: [RecordedEvent]) -> Entry? {
    follow(events)
    return abandon()
  }

  /// The append failed.
  mutating func abandon() -> Entry? {
    let entry = appending
    appending = nil
    isProbing = false
    return entry
  }

  /// Applies committed events.
  mutating func follow(_ events: [RecordedEvent]) {
    guard let last = events.last else { return }
    version = last.version
    lastEventID = last.id
  }
}
