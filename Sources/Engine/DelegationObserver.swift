import Domain
import EventLog
import Projections

/// Follows the delegations while the engine records their events, for measurements. It must not
/// block.
package protocol DelegationObserver: Sendable {
  /// Called once at the start, before any event.
  /// - Parameter live: the number of delegations that have not ended, in each state.
  func begin(_ live: [DelegationStateName: Int])

  /// Called for each recorded event, in order for each delegation.
  /// - Parameters:
  ///   - time: the time of the event.
  ///   - before: the state before the event.
  ///   - after: the state after it.
  func observe(
    _ event: DelegationEvent, at time: Timestamp, from before: DelegationState,
    to after: DelegationState)
}

extension Engine {
  /// Passes the states of live delegations to the observer.
  func beginObserving(_ live: [LiveDelegation]) {
    guard let observer else { return }
    var states: [DelegationStateName: Int] = [:]
    for one in live { states[one.state, default: 0] += 1 }
    observer.begin(states)
  }

  /// Passes events to the observer that the core has not folded yet.
  func observe(_ events: [RecordedEvent], of id: DelegationID) {
    guard let observer else { return }
    var state = core.executors[id]?.state ?? .absent
    for recorded in events {
      guard case .delegation(let event) = recorded.event else { continue }
      let before = state
      do throws(CorruptStream) {
        try state.take(event, id: id, at: recorded.time)
      } catch {
        // The core quarantines the stream.
        return
      }
      observer.observe(event, at: recorded.time, from: before, to: state)
    }
  }
}
