import Domain

/// Why a call has no reply.
package struct ForgeFault: Error, Equatable, Sendable {
  /// What the fault means. Callers decide by this alone.
  package enum Kind: Equatable, Sendable {
    /// The request was not sent: the connection failed.
    case unreachable
    /// The request was sent, and no complete answer came. It may have been carried out.
    case noAnswer
    /// The forge failed, or something else answered in its place. The call may have been carried
    /// out.
    case unavailable
    /// A limit of the forge. Nothing is sent before `until`.
    case limited(until: Timestamp)
    /// The request was not sent because the forge keeps failing. Nothing is sent before `until`.
    case down(until: Timestamp)
    /// The forge does not accept the credential.
    case unauthorized
    /// The credential lacks a right.
    case forbidden
    /// What the call names does not exist, or the credential cannot see it.
    case notFound
    /// Something changed meanwhile: the file is not the one to be replaced.
    case conflict
    /// What the call makes exists already.
    case exists
    /// The branch was not made. Its name may clash with another branch, as `a/b` does with `a`, or
    /// the forge failed for a moment.
    case possibleNameClash
    /// The forge does not see the branch's commits yet.
    case notYetVisible
    /// The repository has no commit.
    case empty
    /// The repository does not allow draft pull requests.
    case draftsUnsupported
    /// The forge refuses the call for another reason, and would refuse it again.
    case refused
  }

  package var kind: Kind
  /// What the forge said or what went wrong, without credentials.
  package var message: String
  /// What a person can do.
  package var hint: String?
  /// The forge's identifier of the request.
  package var requestID: String?

  package init(kind: Kind, message: String, hint: String? = nil, requestID: String? = nil) {
    self.kind = kind
    self.message = message
    self.hint = hint
    self.requestID = requestID
  }
}
