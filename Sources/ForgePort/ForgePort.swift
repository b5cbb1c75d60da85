// The port to a forge: what AIPM needs of the service that hosts repositories and pull requests.
//
// Purpose: the engine, the server, the mirrors and `aipm doctor` work with a forge through
// these types. An adapter, such as the module ForgeGitHub, implements them for one kind of forge.
// A new kind of forge is a new adapter: one folder that conforms to `ForgeAdapter`.
//
// Guarantees: nothing here is specific to one forge. A call is an operation, not a
// request. A fault says what it means, not which status or text the forge answered with. Rules for
// names, optional features, webhooks, and the user name that git needs are asked of the adapter.
//
// Guarantees of an adapter:
// - A call ends within its own time limit, with a reply or a fault. A lost answer is never reported
//   as a refusal: the engine must know whether a write may have happened.
// - It does not repeat writes. The engine does, because it knows how to find what it wrote.
// - It obeys the forge's limits for the whole credential: until a limit ends it sends nothing.
// - Credentials appear in no message, URL or argument list.
//
// Failures: `ForgeFault` and `WebhookFault`. Both carry a message and, if a person can do
// something about it, a hint.

import Domain

/// One kind of forge, configured with its address and credential.
package protocol ForgeAdapter: Sendable {
  /// Carries out calls.
  var client: any ForgeClient { get }
  /// Gives git access to the forge's repositories.
  var gitCredential: any GitCredential { get }
  /// The optional features that the forge has.
  var capabilities: ForgeCapabilities { get }
  /// The names that the forge allows.
  var names: any RepositoryRules { get }
  /// The forge's address, for people.
  var address: String { get }
  /// The address under which people and git find `OWNER/REPO`.
  var repositoriesAddress: String { get }

  /// Reads the forge's webhooks.
  /// - Parameter secret: what the forge signs them with.
  func webhooks(secret: String) -> any WebhookReader

  /// Checks the forge, the credential, and its rights on `repository`. It changes nothing.
  func examine(_ repository: RepositoryName?) async -> [Finding]
}

/// Optional features of a forge.
package struct ForgeCapabilities: Equatable, Sendable {
  /// Without it pull requests are opened as ordinary ones.
  package var draftPullRequests: Bool
  /// Without it only users are asked for a review.
  package var teamReviewers: Bool

  package init(draftPullRequests: Bool = true, teamReviewers: Bool = true) {
    self.draftPullRequests = draftPullRequests
    self.teamReviewers = teamReviewers
  }
}

/// Carries out calls to the forge.
package protocol ForgeClient: Sendable {
  /// Carries out one call, within its own time limit.
  func perform(_ call: ForgeCall) async -> ForgeAnswer

  /// What is known about limits and outages.
  var condition: ForgeCondition { get }

  /// Returns when no limit forbids a call. It waits for a limit that ends soon. The mirrors call it
  /// before git connects to the forge, because git does not use this client.
  /// - Throws: `ForgeFault` with the end of a limit that does not end soon.
  func pass() async throws(ForgeFault)

  /// Records that the forge asked git to wait for `span`.
  /// - Returns: when calls are allowed again; nil if the client keeps no limits.
  func noteLimit(_ span: Milliseconds) -> Timestamp?
}

extension ForgeClient {
  package var condition: ForgeCondition { ForgeCondition() }
  /// A client without limits forbids nothing.
  package func pass() async throws(ForgeFault) {}
  /// A client without limits records nothing.
  package func noteLimit(_ span: Milliseconds) -> Timestamp? { nil }
}

package typealias ForgeAnswer = Result<ForgeReply, ForgeFault>

/// What a client knows about limits and outages of its forge.
package struct ForgeCondition: Equatable, Sendable {
  /// The calls that the credential has left, from the last answer; nil if the forge did not say.
  package var allowance: ForgeAllowance?
  /// No call is sent before this time because of a limit.
  package var limitedUntil: Timestamp?
  /// No call is sent before this time because the forge keeps failing.
  package var downUntil: Timestamp?
  /// Calls since the start, and the connections that were opened for them.
  package var calls: Int64 = 0
  package var connections: Int64 = 0

  package init() {}
}

/// How many calls a credential has left.
package struct ForgeAllowance: Equatable, Sendable {
  package var limit: Int
  package var remaining: Int
  /// When `remaining` becomes `limit` again.
  package var resetAt: Timestamp

  package init(limit: Int, remaining: Int, resetAt: Timestamp) {
    self.limit = limit
    self.remaining = remaining
    self.resetAt = resetAt
  }
}
