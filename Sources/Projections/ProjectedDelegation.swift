import Domain
import EventLog

/// A delegation in the projector. Copies share their storage until one of them changes, so that a
/// large table is small and grows fast.
package struct ProjectedDelegation: Equatable, Sendable {
  private struct Content: Equatable {
    var state = DelegationState.absent
    var corrupt: CorruptStream?
    /// The last applied event.
    var version: Int64 = 0
    var position: Int64 = 0
    var time = Timestamp(milliseconds: 0)
    /// The current or last worker.
    var worker: WorkerID?

    /// - Throws: `CorruptStream` if the state does not allow the event; then nothing has changed.
    mutating func apply(
      _ event: DelegationEvent, id: DelegationID, _ place: EventPlace
    ) throws(CorruptStream) -> Taken {
      let movesLease = event.movesLease
      let old = movesLease ? state.workingLease : nil
      try state.take(event, id: id, at: place.time)
      (version, position, time) = (place.version, place.position, place.time)
      guard movesLease else { return Taken(move: nil) }
      let new = state.workingLease
      if let new { worker = new.worker }
      let isSame = old?.worker == new?.worker && old?.token == new?.token
      return Taken(move: isSame ? nil : LeaseMove(old: old?.worker, new: new?.worker))
    }

    mutating func take(
      _ event: DelegationEvent, id: DelegationID, _ place: EventPlace
    ) -> Taken? {
      guard corrupt == nil else { return nil }
      do throws(CorruptStream) {
        return try apply(event, id: id, place)
      } catch {
        corrupt = error
        return nil
      }
    }
  }

  private final class Storage {
    var content: Content
    init(_ content: Content) { self.content = content }
  }

  // Written only while it is uniquely referenced: see `ownStorage`.
  nonisolated(unsafe) private var storage = Storage(Content())

  package static let absent = ProjectedDelegation()

  package static func == (a: Self, b: Self) -> Bool {
    a.storage === b.storage || a.storage.content == b.storage.content
  }

  package var state: DelegationState { _read { yield storage.content.state } }
  package var delegation: Delegation? { storage.content.state.delegation }
  /// The reason why later events change nothing.
  package var corrupt: CorruptStream? { storage.content.corrupt }

  /// The row for lists; nil if the delegation was never requested.
  package var row: DelegationRow? {
    let content = storage.content
    return DelegationRow(
      state: content.state, worker: content.worker, version: content.version,
      position: content.position, time: content.time, quarantine: content.corrupt?.description)
  }

  /// The storage, copied if another value shares it.
  private mutating func ownStorage() -> Storage {
    if !isKnownUniquelyReferenced(&storage) { storage = Storage(storage.content) }
    return storage
  }

  mutating func quarantine(_ corrupt: CorruptStream) { ownStorage().content.corrupt = corrupt }

  /// Applies an event. After an event that its state does not allow, no event changes it any more.
  /// - Returns: nil if nothing changed, except that the delegation may be quarantined now.
  mutating func take(_ event: DelegationEvent, id: DelegationID, _ place: EventPlace) -> Taken? {
    ownStorage().content.take(event, id: id, place)
  }

  /// Applies an event to a delegation that is not in quarantine.
  /// - Throws: `CorruptStream` if its state does not allow the event; then nothing has changed.
  mutating func apply(
    _ event: DelegationEvent, id: DelegationID, _ place: EventPlace
  ) throws(CorruptStream) -> Taken {
    try ownStorage().content.apply(event, id: id, place)
  }
}

/// The place of an event in its stream and in the log.
struct EventPlace {
  var version: Int64
  var position: Int64
  var time: Timestamp
}

/// The changes of an event beside the delegation's own state.
struct Taken {
  /// nil if the worker did not change.
  var move: LeaseMove?
}

/// The worker of a delegation before and after an event.
struct LeaseMove {
  var old: WorkerID?
  var new: WorkerID?
}
