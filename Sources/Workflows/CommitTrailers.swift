// Trailers, by which AIPM finds its own commits again.

import Domain

/// The trailers of a commit that AIPM made. Code appends them, so no template can lose them. They
/// are a separate last paragraph, and only that is parsed, so a title or body with such a line is
/// not mistaken for them.
package struct CommitTrailers: Equatable, Sendable {
  /// The purpose of a commit.
  package enum Kind: Equatable, Sendable {
    /// The commit of TASK.md: the position and the chain hash (hex) of its `branch-created` event.
    case task(logPosition: Int64, logHash: String)
    /// The generated commit of this attempt.
    case generated(attempt: Int)
  }

  package var delegation: DelegationID
  package var kind: Kind
  /// The delegation that a follow-up follows; only of a generated commit.
  package var follows: DelegationID?

  package init(delegation: DelegationID, kind: Kind) {
    self.delegation = delegation
    self.kind = kind
  }

  private static let delegationKey = "Aipm-Delegation"
  private static let logKey = "Aipm-Log"
  private static let attemptKey = "Aipm-Attempt"
  private static let followsKey = "Aipm-Follows"

  /// The trailers as a paragraph, without a final newline.
  package var paragraph: String {
    var first = "\(Self.delegationKey): \(delegation.rawValue)\n"
    if let follows { first += "\(Self.followsKey): \(follows.rawValue)\n" }
    switch kind {
    case .task(let position, let hash): return first + "\(Self.logKey): \(position):\(hash)"
    case .generated(let attempt): return first + "\(Self.attemptKey): \(attempt)"
    }
  }

  /// Parses a commit's message; nil unless its last paragraph is exactly what `paragraph` writes.
  package init?(message: String) {
    var lines = message.split(separator: "\n", omittingEmptySubsequences: false)
    while let last = lines.last, last.allSatisfy(\.isWhitespace) { lines.removeLast() }
    var follows: DelegationID?
    if lines.count >= 4, let id = Self.value(of: Self.followsKey, in: lines[lines.count - 2]),
      !id.isEmpty
    {
      follows = DelegationID(String(id))
      lines.remove(at: lines.count - 2)
    }
    guard lines.count >= 3, lines[lines.count - 3].allSatisfy(\.isWhitespace),
      let id = Self.value(of: Self.delegationKey, in: lines[lines.count - 2]), !id.isEmpty,
      let last = lines.last
    else { return nil }
    if let attempt = Self.value(of: Self.attemptKey, in: last).flatMap({ Int($0) }) {
      self.init(delegation: DelegationID(String(id)), kind: .generated(attempt: attempt))
      self.follows = follows
      return
    }
    let parts = Self.value(of: Self.logKey, in: last)?.split(separator: ":") ?? []
    guard follows == nil, parts.count == 2, let position = Int64(parts[0]) else { return nil }
    self.init(
      delegation: DelegationID(String(id)),
      kind: .task(logPosition: position, logHash: String(parts[1])))
  }

  private static func value(of key: String, in line: Substring) -> Substring? {
    let start = "\(key): "
    return line.hasPrefix(start) ? line.dropFirst(start.count) : nil
  }
}
