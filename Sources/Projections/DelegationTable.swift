import Domain
import EventLog

/// Delegations by their ids. Each stands in a place of its own, so that a fold which knows the
/// place from an event before need not look the id up.
package struct DelegationTable: Sendable, Sequence {
  private var places: [DelegationID: Int] = [:]
  private var content: [ProjectedDelegation] = []
  /// Places whose delegations were let go.
  private var free: [Int] = []

  init() {}

  /// How many there are.
  package var count: Int { places.count }

  /// nil where the delegation is not known; what is set to nil is let go.
  package subscript(_ id: DelegationID) -> ProjectedDelegation? {
    get { places[id].map { content[$0] } }
    set {
      if let newValue {
        content[place(of: id)] = newValue
      } else if let place = places.removeValue(forKey: id) {
        content[place] = .absent
        free.append(place)
      }
    }
  }

  /// Where a delegation stands; one that is not known yet gets a place.
  mutating func place(of id: DelegationID) -> Int {
    if let place = places[id] { return place }
    let place = free.popLast() ?? content.count
    if place == content.count { content.append(.absent) }
    places[id] = place
    return place
  }

  /// Changes a delegation where it stands.
  mutating func change<T>(at place: Int, _ body: (inout ProjectedDelegation) -> T) -> T {
    body(&content[place])
  }

  /// All of them, in no order.
  package var values: some Sequence<ProjectedDelegation> { lazy.map(\.value) }
  /// All ids, in no order.
  package var keys: some Sequence<DelegationID> { places.keys }

  /// See `Sequence`.
  package func makeIterator() -> some IteratorProtocol<
    (key: DelegationID, value: ProjectedDelegation)
  > {
    places.lazy.map { (key: $0.key, value: content[$0.value]) }.makeIterator()
  }
}
