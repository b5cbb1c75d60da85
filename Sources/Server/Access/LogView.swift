import Access
import Domain
import EventLog
import Projections

/// The part of the log that a principal may read: all of it, or the events of the delegations of
/// permitted repositories.
struct LogView {
  /// All events are included.
  let isWhole: Bool
  private let store: any ReadModels
  private let principal: Principal
  /// The delegations that were looked up. Their repositories never change.
  private var known: [DelegationID: Bool] = [:]
  private static let knownMax = 4096

  init(_ store: any ReadModels, _ principal: Principal) {
    isWhole = principal.refusal(of: .readLog) == nil
    self.store = store
    self.principal = principal
  }

  /// Whether the events of a stream are included.
  /// - Parameter stream: nil if its name is invalid.
  mutating func includes(_ stream: StreamName?) async throws(StoreFault) -> Bool {
    guard !isWhole else { return true }
    guard case .delegation(let id) = stream else { return false }
    if let known = known[id] { return known }
    let row = try await store.delegation(.id(id))?.row
    let isIncluded = row.map { principal.isPermitted($0.repository) } ?? false
    if known.count >= Self.knownMax { known = [:] }
    known[id] = isIncluded
    return isIncluded
  }
}
