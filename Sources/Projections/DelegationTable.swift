import Domain
import EventLog

/// Delegations by their ids. Each has a slot, so that a fold that knows the slot from an earlier
/// event does not look up the id.
package struct DelegationTable: Sendable, Sequence {
  private var slots: [DelegationID: Int] = [:]
  private var content: [ProjectedDelegation] = []
  /// Slots whose delegations were removed.
  private var free: [Int] = []
  /// The hashes of some of the delegations' rows, by slot.
  private var hashes: [RowHash?] = []

  init() {}

  /// The number of delegations.
  package var count: Int { slots.count }

  /// nil if the delegation is not known; setting nil removes it.
  package subscript(_ id: DelegationID) -> ProjectedDelegation? {
    get { slots[id].map { content[$0] } }
    set {
      if let newValue {
        let slot = slot(of: id)
        content[slot] = newValue
        forgetHash(at: slot)
      } else if let slot = slots.removeValue(forKey: id) {
        content[slot] = .absent
        forgetHash(at: slot)
        free.append(slot)
      }
    }
  }

  /// The delegation in a slot.
  subscript(slot slot: Int) -> ProjectedDelegation { content[slot] }

  /// The slot of a delegation; a new one if the delegation is not known yet.
  mutating func slot(of id: DelegationID) -> Int {
    if let slot = slots[id] { return slot }
    let slot = free.popLast() ?? content.count
    if slot == content.count { content.append(.absent) }
    slots[id] = slot
    return slot
  }

  /// Changes a delegation in place.
  mutating func change<T, Fault: Error>(
    at slot: Int, _ body: (inout ProjectedDelegation) throws(Fault) -> T
  ) throws(Fault) -> T {
    forgetHash(at: slot)
    return try body(&content[slot])
  }

  /// The hash of the row of the delegation as it is; nil if it was never requested.
  func hash(at slot: Int, _ hasher: inout RowHasher) -> RowHash? {
    if slot < hashes.count, let known = hashes[slot] { return known }
    return content[slot].row.map { hasher.rowHash(of: $0) }
  }

  /// Notes the hash of the row of the delegation as it is.
  mutating func note(_ hash: RowHash, at slot: Int) {
    while hashes.count < content.count { hashes.append(nil) }
    hashes[slot] = hash
  }

  private mutating func forgetHash(at slot: Int) {
    if slot < hashes.count { hashes[slot] = nil }
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
