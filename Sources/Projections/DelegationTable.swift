import Domain
import EventLog

/// Delegations by their ids. Each has a slot, so that a fold that knows the slot from an earlier
/// event does not look up the id.
package struct DelegationTable: Sendable, Sequence {
  private var slots: [DelegationID: Int] = [:]
  private var content: [ProjectedDelegation] = []
  /// Slots whose delegations were removed.
  private var free: [Int] = []

  init() {}

  /// The number of delegations.
  package var count: Int { slots.count }

  /// nil if the delegation is not known; setting nil removes it.
  package subscript(_ id: DelegationID) -> ProjectedDelegation? {
    get { slots[id].map { content[$0] } }
    set {
      if let newValue {
        content[slot(of: id)] = newValue
      } else if let slot = slots.removeValue(forKey: id) {
        content[slot] = .absent
        free.append(slot)
      }
    }
  }

  /// The slot of a delegation; a new one if the delegation is not known yet.
  mutating func slot(of id: DelegationID) -> Int {
    if let slot = slots[id] { return slot }
    let slot = free.popLast() ?? content.count
    if slot == content.count { content.append(.absent) }
    slots[id] = slot
    return slot
  }

  /// Changes a delegation in place.
  mutating func change<T>(at slot: Int, _ body: (inout ProjectedDelegation) -> T) -> T {
    body(&content[slot])
  }

  /// All delegations, in no order.
  package var values: some Sequence<ProjectedDelegation> { lazy.map(\.value) }
  /// All ids, in no order.
  package var keys: some Sequence<DelegationID> { slots.keys }

  /// See `Sequence`.
  package func makeIterator() -> some IteratorProtocol<
    (key: DelegationID, value: ProjectedDelegation)
  > {
    slots.lazy.map { (key: $0.key, value: content[$0.value]) }.makeIterator()
  }
}
