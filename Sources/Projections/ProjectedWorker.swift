import Domain
import EventLog

/// A worker as the projector keeps it.
package struct ProjectedWorker: Equatable, Sendable {
  package let id: WorkerID
  package private(set) var state = WorkerState.absent
  /// What it works on, and when that changed, from the streams of delegations.
  package var delegation: DelegationID?
  package var busySince: Timestamp?
  /// Why its later events change nothing.
  package private(set) var corrupt: CorruptStream?

  init(_ id: WorkerID) { self.id = id }

  /// Takes an event in; after one that its state does not allow, none changes it any more.
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

  /// It has no longer this delegation, if that was the one that it had.
  mutating func leave(_ id: DelegationID, at time: Timestamp) {
    guard delegation == id else { return }
    delegation = nil
    busySince = time
  }

  /// It was given a delegation.
  mutating func enter(_ id: DelegationID, at time: Timestamp) {
    guard delegation != id else { return }
    delegation = id
    busySince = time
  }

  /// What lists show of it; nil if it never registered.
  package var row: WorkerRow? { WorkerRow(self) }
}
