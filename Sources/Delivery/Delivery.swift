// What the server sends by itself when something happened: traces and notifications.
//
// Purpose: the log is the queue. Each receiver has a position in the log, up to which everything
// was sent, and a follower that reads on from there. Nothing waits in memory but the event that is
// being sent, however long a receiver is down.
//
// Guarantees:
// - At least once. The position is written to disk after a receiver took an event, or after it was
//   given up; so a process that is killed at any moment loses none, and may send one again. What
//   is sent again has the same id.
// - If servers share files, they share the positions: after a takeover the next server goes on from
//   where the last one was, and that one stops when it finds that another server has the log.
// - Order: a receiver gets the events in the order of the log, the next one after the one before
//   was taken or given up.
// - Receivers do not wait for each other, and the engine waits for none of them.
// - A receiver that is new begins at the present head: it does not get the past.
// - No secret is in a log line, a file's name or a metric.
//
// Failures: a failed delivery is tried again with growing waits, for as long as the receiver's
// patience allows, and at least as long as its `Retry-After` asks within that time. Then it is
// given up with a line in the server's log and a count in `/metrics`. If the position cannot be
// written, the follower goes on; then a restart sends more events again.

import Domain
import EventLog

/// The ways in which something is sent. The raw values are labels of metrics.
package enum DeliveryChannel: String, CaseIterable, Sendable {
  case traces, webhook, slack, mail
}

/// What became of one try.
package enum DeliveryResult: Sendable {
  case accepted
  /// There is nothing to send for this event.
  case skipped
  /// It may work later.
  /// - Parameter after: how long the receiver asks to wait.
  case failed(reason: String, after: Milliseconds? = nil)
  /// The receiver does not want it as it is, so a repetition is unlikely to help.
  case refused(reason: String)
  /// The receiver wants nothing any more.
  case gone
}

/// How long a delivery is tried.
package struct DeliveryPatience: Sendable {
  /// How old an event is before the first try: what follows at once is sent with it.
  package var settling: Milliseconds
  /// How long a delivery that fails is tried again.
  package var failing: Milliseconds
  /// The same for one that is refused; 0: it is not tried again.
  package var refused: Milliseconds
  package var backoff: Backoff

  package init(
    settling: Milliseconds, failing: Milliseconds, refused: Milliseconds, backoff: Backoff
  ) {
    self.settling = settling
    self.failing = failing
    self.refused = refused
    self.backoff = backoff
  }
}

/// Something outside of AIPM that is sent events, one after the other.
package protocol DeliveryReceiver: Sendable {
  var channel: DeliveryChannel { get }
  /// For people, without a secret.
  var name: String { get }
  /// The same for the same receiver in each run, and other than that of all others; without a
  /// secret. Lower-case letters, digits and hyphens: the name of a file.
  var key: String { get }
  var patience: DeliveryPatience { get }

  /// Whether events of this type may be sent.
  func wants(_ type: EventType) -> Bool

  /// Tries to send an event, with a limit of time.
  /// - Throws: `StoreFault` if the log cannot be read.
  func deliver(_ event: RecordedEvent) async throws(StoreFault) -> DeliveryResult
}
