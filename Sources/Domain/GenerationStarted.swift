/// The agent started.
package struct GenerationStarted: Equatable, Sendable {
  package var attempt: Int
  package var token: FencingToken
  package var agent: String
  /// The agent's own name of the session, if it has one.
  package var session: String?
  /// The head that it works on; the push expects the branch at this commit.
  package var head: ObjectID
  /// The merge that it completes; nil if it works on the head itself.
  package var merge: BaseMerge?
  /// The delegation whose conversation the agent continues; nil if it began a new one.
  package var continues: DelegationID?
  package init(
    attempt: Int, token: FencingToken, agent: String, session: String?, head: ObjectID,
    merge: BaseMerge? = nil, continues: DelegationID? = nil
  ) {
    self.merge = merge
    self.continues = continues
    self.attempt = attempt
    self.token = token
    self.agent = agent
    self.session = session
    self.head = head
  }
}
