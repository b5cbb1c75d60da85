/// Why there is no complete response.
package struct HTTPFault: Error, Sendable, Equatable, CustomStringConvertible {
  /// The kind of failure, independent of whether the request was sent.
  package enum Kind: String, Sendable {
    /// No connection: name resolution, route, refusal, TLS, or the connect time-out.
    case unreachable
    /// The request was sent, and the connection ended before the response did.
    case noAnswer
    /// The time-out, total or idle, is over.
    case timedOut
    /// The response's body or head exceeds the limit.
    case tooLarge
    /// By the caller, or by the client's shutdown.
    case cancelled
    case invalidURL
    /// A method, a header or a body file that is invalid.
    case invalidRequest
    /// More concurrent transfers than the client allows.
    case overloaded
  }

  package let kind: Kind
  /// Whether a part of the request may have reached the server. False is certain; true means that
  /// the server may have acted on the request.
  package let wasSent: Bool
  /// A kept connection was closed before any byte of a response, usually because it was idle too
  /// long. A retry uses a new connection.
  package var wasStale = false
  /// For people; contains neither headers nor body.
  package let detail: String

  /// A fault before anything was sent.
  static func unsent(_ kind: Kind, _ detail: String) -> HTTPFault {
    HTTPFault(kind: kind, wasSent: false, detail: detail)
  }

  package var description: String {
    "\(kind.rawValue) (\(wasSent ? "may have been sent" : "not sent")): \(detail)"
  }
}
