/// Why there is no whole answer.
package struct HTTPFault: Error, Sendable, Equatable, CustomStringConvertible {
  /// What went wrong; whether the request was sent is told apart from it.
  package enum Kind: String, Sendable, CaseIterable {
    /// No connection: name, route, refusal, TLS, or the time for connecting is over.
    case unreachable
    /// The request went out, and the connection ended before the answer did.
    case noAnswer
    /// The time-out, whole or idle, is over.
    case timedOut
    /// The answer's body or head is over the limit.
    case tooLarge
    /// By the caller, or by the client's shutdown.
    case cancelled
    case invalidURL
    /// A method, a header or a body file that cannot be sent.
    case invalidRequest
    /// More transfers at once than the client was configured for.
    case overloaded
  }

  package let kind: Kind
  /// Whether any part of the request may have reached the server. False is certain; true means
  /// that what the request asks for may have happened.
  package let wasSent: Bool
  /// A kept connection was closed before any byte of an answer came: the usual end of one that was
  /// not used for a while. Another try has a new connection.
  package var wasStale = false
  /// For people; holds neither headers nor body.
  package let detail: String

  package init(kind: Kind, wasSent: Bool, detail: String) {
    self.kind = kind
    self.wasSent = wasSent
    self.detail = detail
  }

  package var description: String {
    "\(kind.rawValue) (\(wasSent ? "may have been sent" : "not sent")): \(detail)"
  }
}
