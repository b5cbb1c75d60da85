import Domain
import EventLog

/// A delegation as the projector keeps it: a value whose copies share one place until one of them
/// changes, so that a table of many is small and grows fast.
package struct ProjectedDelegation: Equatable, Sendable {
  private struct Content: Equatable {
    var state = DelegationState.absent
    var corrupt: CorruptStream?
    /// The last event that was taken in.
    var version: Int64 = 0
    var position: Int64 = 0
    var time = Timestamp(milliseconds: 0)
    /// Who has it or had it last.
    var worker: WorkerID?

    mutating func take(
      _ event: DelegationEvent, id: DelegationID, version: Int64, position: Int64, time: Timestamp
    ) -> LeaseMove? {
      guard corrupt == nil else { return nil }
      let movesLease = event.movesLease
      let old = movesLease ? state.workingLease : nil
      do throws(CorruptStream) {
        try state.take(event, id: id, at: time)
      } catch {
        corrupt = error
        return nil
      }
      (self.version, self.position, self.time) = (version, position, time)
      guard movesLease else { return nil }
      let new = state.workingLease
      if let new { worker = new.worker }
      let isSame = old?.worker == new?.worker && old?.token == new?.token
      return isSame ? nil : LeaseMove(old: old?.worker, new: new?.worker)
    }
  }

  private final class Place {
    var content: Content
    init(_ content: Content) { self.content = content }
  }

  // Written only where nobody else refers to it, as `own` sees to.
  nonisolated(unsafe) private var place = Place(Content())

  package static let absent = ProjectedDelegation()

  package static func == (a: Self, b: Self) -> Bool {
    a.place === b.place || a.place.content == b.place.content
  }

  package var state: DelegationState { _read { yield place.content.state } }
  /// Why its later events change nothing.
  package var corrupt: CorruptStream? { place.content.corrupt }

  /// What lists show of it; nil where it was never requested.
  package var row: DelegationRow? {
    let content = place.content
    return DelegationRow(
      state: content.state, worker: content.worker, version: content.version,
      position: content.position, time: content.time, quarantine: content.corrupt?.description)
  }

  /// The place, after it was made this value's own.
  private mutating func own() -> Place {
    if !isKnownUniquelyReferenced(&place) { place = Place(place.content) }
    return place
  }

  mutating func quarantine(_ corrupt: CorruptStream) { own().content.corrupt = corrupt }

  /// Takes an event in; after one that its state does not allow, none changes it any more.
  /// - Returns: who worked on it before and who does after; nil where that is the same.
  mutating func take(
    _ event: DelegationEvent, id: DelegationID, version: Int64, position: Int64, time: Timestamp
  ) -> LeaseMove? {
    own().content.take(event, id: id, version: version, position: position, time: time)
  }
}

/// A delegation was in one worker's hands, and is in another's or in none's.
struct LeaseMove {
  var old: WorkerID?
  var new: WorkerID?
}
