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

  /// Nothing is queued and nothing is being written.
  var isIdle: Bool { queue.isEmpty && appending == nil }

  mutating func enqueue(_ entry: Entry) { queue.append(entry) }
  /// Results of effects are recorded before further requests.
  mutating func enqueueFirst(_ entry: Entry) { queue.insert(entry, at: 0) }

  /// The next command to decide; nil while an append is in progress.
  mutating func next() -> Entry? {
    guard appending == nil, !queue.isEmpty else { return nil }
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

  /// The append is on disk.
  mutating func finish(_ events: [RecordedEvent]) -> Entry? {
    follow(events)
    let entry = appending
    appending = nil
    return entry
  }

  /// The append failed.
  mutating func abandon() -> Entry? {
    let entry = appending
    appending = nil
    return entry
  }

  /// Applies committed events.
  mutating func follow(_ events: [RecordedEvent]) {
    guard let last = events.last else { return }
    version = last.version
    lastEventID = last.id
  }
}
