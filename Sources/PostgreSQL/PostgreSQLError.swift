#if PostgreSQL

/// An error of the server or of the connection to it.
package struct PostgreSQLError: Error, Equatable, CustomStringConvertible {
  /// The SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html); empty for an
  /// error of the connection.
  package let code: String
  package let message: String
  /// The SQL, or the name of the call.
  package let operation: String
  /// Whether the session has ended, or its state is unknown.
  package let isLost: Bool

  package init(code: String = "", message: String, operation: String, isLost: Bool = false) {
    self.code = code
    self.message = message
    self.operation = operation
    self.isLost = isLost
  }

  /// What a caller can do about an error.
  package enum Kind: Equatable, Sendable {
    /// The session has ended: the next one may reach a server that works.
    case lost
    /// The disk is full, or a quota is used up.
    case full
    /// A lock was not obtained in time, or the server has too little of something for now.
    case busy
    /// The statement ran longer than it may.
    case tooLong
    /// This server accepts no writes: it is a standby, or was made one.
    case readOnly
    case other
  }

  package var kind: Kind {
    if isLost { return .lost }
    switch code {
    case "53100", "53400": return .full
    case "55P03", "40P01", "40001", "53000", "53200", "53300": return .busy
    case "57014": return .tooLong
    case "25006": return .readOnly
    case _: return .other
    }
  }

  package var description: String {
    switch kind {
    case .lost: "the connection to PostgreSQL was lost: \(message)"
    case .full: "the disk of PostgreSQL is full: \(message)"
    case .tooLong: "the statement took too long and was stopped"
    case .busy, .readOnly, .other:
      "PostgreSQL refused: \(message)\(code.isEmpty ? "" : " (code \(code))")"
    }
  }
}

#endif
