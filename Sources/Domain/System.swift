// Events of AIPM itself.

package enum SystemEvent: Equatable, Sendable {
  /// A server opened the log for writing. Each start takes the next epoch of tokens.
  case started(epoch: Int64, version: String)
  /// All work in progress was resumed.
  case recovered(inFlight: Int, duration: Milliseconds)
  /// An older backup was accepted in place of the log.
  case restored(lostAfter: Int64)
  /// The text of the event at `position` was redacted.
  case redacted(position: Int64, reason: String?)
  /// A complete workflow definition with its digest. A delegation keeps the definition that it
  /// began with.
  case workflowDefined(name: String, digest: String, source: String?)
}
