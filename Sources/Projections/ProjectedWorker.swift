import Domain
import EventLog

/// A worker as the projector keeps it.
package struct ProjectedWorker: Equatable, Sendable {
  package let id: WorkerID
  package private(set) var state = WorkerState.absent
  /// What it works on, and since when: the streams of delegations tell it.
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

  /// It has let go of a delegation, if that was the one that it had.
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

  /// What lists show of it; nil where it never registered.
  package var row: WorkerRow? {
    guard let life = state.life, let name = state.name else { return nil }
    let isBusy = name == .idle && delegation != nil
    return WorkerRow(
      id: id, state: isBusy ? .busy : name, host: life.registration.host,
      agents: life.registration.agents, version: life.registration.version,
      incarnation: Int64(life.registration.incarnation), local: life.registration.local,
      delegation: delegation, since: max(life.since, busySince ?? life.since).milliseconds,
      restarts: Int64(life.restarts))
  }
}
