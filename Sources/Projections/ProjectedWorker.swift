import Domain
import EventLog

/// A worker in the projector.
package struct ProjectedWorker: Equatable, Sendable {
  package let id: WorkerID
  package private(set) var state = WorkerState.absent
  /// Its delegation, and when that changed, from the streams of delegations.
  package var delegation: DelegationID?
  package var busySince: Timestamp?
  /// The reason why later events change nothing.
  package private(set) var corrupt: CorruptStream?

  init(_ id: WorkerID) { self.id = id }

  /// Applies an event. After an event that its state does not allow, no event changes it any more.
  mutating func take(_ event: WorkerEvent, at time: Timestamp) {
    guard corrupt == nil else { return }
    do throws(CorruptStream) {
      state = try state.evolve(event, at: time)
      busySince = nil
    } catch {
      corrupt = error
    }
  }

  mutating func quarantine(_ corrupt: CorruptStream) { self.corrupt = self.corrupt ?? corrupt }

  /// Clears the worker's delegation if it is this one.
  mutating func leave(_ id: DelegationID, at time: Timestamp) {
    guard delegation == id else { return }
    delegation = nil
    busySince = time
  }

  /// A delegation was assigned to it.
  mutating func enter(_ id: DelegationID, at time: Timestamp) {
    guard delegation != id else { return }
    delegation = id
    busySince = time
  }

  /// The row for lists; nil if the worker never registered.
  package var row: WorkerRow? { WorkerRow(self) }
}
