import Domain
import EventLog

extension PlainModel {
  struct TaskFacts: Hashable {
    var first: DelegationID
    var newest: DelegationID
    var rounds: Int64 = 0
    var attempts: Int64 = 0
    var linesAdded: Int64 = 0
    var linesRemoved: Int64 = 0
    var cost: Int64?
    var withoutCost: Int64 = 0
    var worked: Int64 = 0
    var isWorking = false
  }

  /// The delegations and their follow-ups: what is known of them together.
  func tasks() -> Set<TaskFacts> {
    var members: [DelegationID: [(id: DelegationID, stamp: Int64)]] = [:]
    var taskOf: [StreamName: DelegationID] = [:]
    for recorded in log {
      guard case .delegation(.requested(let request)) = recorded.event,
        case .delegation(let id) = recorded.stream
      else { continue }
      var first = id
      if case .followUp(let followUp) = request.kind { first = followUp.first }
      taskOf[recorded.stream] = first
      members[first, default: []].append((id, request.stamp.milliseconds))
    }
    var found: Set<TaskFacts> = []
    for (first, all) in members {
      guard let newest = all.max(by: { $0.stamp < $1.stamp }) else { continue }
      var facts = TaskFacts(first: first, newest: newest.id, rounds: Int64(all.count))
      var since: Int64?
      for recorded in log where taskOf[recorded.stream] == first {
        guard case .delegation(let event) = recorded.event else { continue }
        let now = recorded.time.milliseconds
        if case .dispatched = event, since == nil {
          facts.attempts += 1
          since = now
        }
        if case .generated(let made) = event {
          facts.linesAdded += Int64(made.figures?.insertions ?? 0)
          facts.linesRemoved += Int64(made.figures?.deletions ?? 0)
        }
        guard let usage = event.usage else { continue }
        if let cost = usage[.cost] { facts.cost = (facts.cost ?? 0) + cost }
        if let began = since {
          facts.worked += max(0, now - began)
          facts.withoutCost += usage[.cost] == nil ? 1 : 0
        }
        since = nil
      }
      facts.isWorking = since != nil
      found.insert(facts)
    }
    return found
  }
}
