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
  case tokenCreated(TokenCreated)
  /// The token is valid no longer.
  case tokenRevoked(TokenRevoked)
}

/// A token was made, by which programs and workers are known.
package struct TokenCreated: Equatable, Sendable {
  /// Chosen by the operator: the actor of what is done with it.
  package var name: String
  /// Derived from the text of the token, which is in no event.
  package var id: String
  package var role: String
  /// Patterns of the repositories that it is limited to; empty: all.
  package var repositories: [String]
  /// When it was made, which may be before the event: without a server there is nobody to append.
  package var created: Timestamp
  package var expires: Timestamp?

  package init(
    name: String, id: String, role: String, repositories: [String], created: Timestamp,
    expires: Timestamp?
  ) {
    self.name = name
    self.id = id
    self.role = role
    self.repositories = repositories
    self.created = created
    self.expires = expires
  }
}

/// A token was revoked.
package struct TokenRevoked: Equatable, Sendable {
  package var name: String
  package var id: String
  package var revoked: Timestamp

  package init(name: String, id: String, revoked: Timestamp) {
    self.name = name
    self.id = id
    self.revoked = revoked
  }
}
