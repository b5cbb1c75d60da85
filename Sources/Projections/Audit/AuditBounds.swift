import Domain
import Text

extension AuditQuery {
  /// The id of an event is made at its time, or a little after.
  private static let idDriftMs: Int64 = 10_000

  /// The conditions that are not negated.
  package var positive: [Condition] { terms.filter { !$0.isNegated }.map(\.condition) }

  /// The positions of the events that can match.
  /// - Parameters:
  ///   - all: the positions of the log, or a part of them from its start.
  ///   - isDelegation: whether the log has a delegation with this id.
  ///   - time: the time of the event at a position, in milliseconds since 1970; nil if there is no
  ///     such event.
  /// - Returns: nil if no event can match.
  /// - Throws: errors of `isDelegation` and `time`.
  package func bounds(
    in all: ClosedRange<Int64>, isDelegation: (_ id: String) throws -> Bool,
    time: (_ position: Int64) throws -> Int64?
  ) rethrows -> ClosedRange<Int64>? {
    var (lower, upper) = (all.lowerBound, all.upperBound)
    // The first position whose time is `moment` or later: the log's time never falls.
    func first(at moment: Int64) throws -> Int64 {
      var (low, high) = (Int64(1), all.upperBound + 1)
      while low < high {
        let middle = low + (high - low) / 2
        if try time(middle) ?? .max < moment { low = middle + 1 } else { high = middle }
      }
      return low
    }
    func narrow(_ span: Span) throws {
      if let from = span.lower { lower = max(lower, try first(at: from)) }
      if let to = span.upper, to < .max { upper = min(upper, try first(at: to + 1) - 1) }
    }
    for condition in positive {
      switch condition {
      case .position(let span):
        lower = max(lower, span.lower ?? lower)
        upper = min(upper, span.upper ?? upper)
      case .time(let span): try narrow(span)
      case .id(let id):
        guard try !isDelegation(id) else { continue }
        guard let bytes = UUIDText.decode(id), bytes[6] >> 4 == 7 else { return nil }
        let time = bytes[..<6].reduce(0) { $0 << 8 | Int64($1) }
        try narrow(.init(lower: time - Self.idDriftMs, upper: time))
      case .repository, .pullRequest, .stamp, .branch, .type, .actor, .worker, .agent, .sha,
        .refused, .follows, .state, .age, .stuck, .words:
        break
      }
    }
    return lower <= upper ? lower...upper : nil
  }
}
