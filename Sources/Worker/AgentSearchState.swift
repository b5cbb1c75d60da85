// Which agents this worker has. The server sends the agents of its workflows; each is checked
// before the worker registers and regularly after that, so an agent that was installed or signed in
// is noticed. The server learns of a change by a new registration, which an idle worker makes at
// once, a busy one after its attempt.

import WorkerProtocol

struct AgentSearchState: Sendable {
  /// By name; nil before the first search.
  private(set) var found: [String: AgentFinding]?
  /// The names and states of the last registration.
  var registered: [String: AgentFinding.State]?
  var isDue = true
  var isUnderWay = false
  var next: Duration = .zero
  /// When agents that are ready are checked again.
  var nextOfReady: Duration = .zero

  var findings: [AgentFinding]? { found?.values.sorted { $0.name < $1.name } }
  var states: [String: AgentFinding.State]? { found?.mapValues(\.state) }
  var ready: [String] { (findings ?? []).filter { $0.state == .ready }.map(\.name) }

  /// Adds the results of a search, of all agents or of some.
  mutating func take(_ findings: [AgentFinding]) {
    var all = found ?? [:]
    for finding in findings {
      // Earlier findings are kept while an agent is being checked again.
      if finding.state == .unknown, all[finding.name] != nil { continue }
      all[finding.name] = finding
    }
    found = all
    if !findings.contains(where: { $0.state == .unknown }) { isUnderWay = false }
  }

  /// Removes agents that no workflow contains any more.
  mutating func keep(_ names: Set<String>) { found = found?.filter { names.contains($0.key) } }
}

extension WorkerCore {
  /// Whether the agents to register are known.
  var mayRegister: Bool {
    if case .registered = membership { return true }
    return settings.agents != nil || search.found != nil
  }

  /// When the next search starts; nil if only another event can start one.
  var searchMoment: Duration? {
    guard settings.agents == nil, !search.isUnderWay, let moment = freeMoment(of: .agents) else {
      return nil
    }
    return search.isDue ? moment : max(moment, search.next)
  }

  /// Why an agent cannot work here; nil if it can, or if that is unknown.
  func missingAgent(_ name: String) -> String? {
    guard settings.agents == nil, let finding = search.found?[name] else { return nil }
    switch finding.state {
    case .ready, .unknown: return nil
    case .notInstalled, .notSignedIn, .failing: return "\(name): \(finding.detail)"
    }
  }

  mutating func driveSearch() {
    if let moment = searchMoment, now >= moment { send(.agents) }
    // A change is reported by a new registration, between two attempts.
    if case .registered = membership, attempt == nil, desired?.assignment == nil, !isDraining,
      settings.agents == nil, search.states != search.registered
    {
      leaveMembership()
      search.isDue = false
    }
  }

  mutating func lookForAgents(_ all: [AgentInquiry]) {
    search.keep(Set(all.map(\.name)))
    let isWhole = search.isDue || now >= search.nextOfReady
    let wanted = all.filter { isWhole || search.found?[$0.name]?.state != .ready }
    search.isDue = false
    search.next = now + settings.searchInterval
    if isWhole { search.nextOfReady = now + settings.recheckInterval }
    search.isUnderWay = true
    actions.append(.lookForAgents(wanted))
  }
}
