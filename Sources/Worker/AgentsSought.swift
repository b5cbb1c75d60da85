// Which agents this worker has. The server names those that there might be; each is looked for
// before the worker registers and from time to time after, so that one that was installed, or
// signed in, is noticed. The server hears of a change by a new registration, which an idle worker
// makes at once and a busy one when it is done.

import WorkerProtocol

struct AgentsSought: Sendable {
  /// By name; nil before the first were found.
  private(set) var found: [String: AgentFinding]?
  /// Names and states as the server was told last.
  var told: [String: AgentFinding.State]?
  /// To be looked for at the next occasion.
  var isDue = true
  /// Being looked for.
  var isUnderWay = false
  var next: Duration = .zero
  /// When those that are ready are checked again.
  var nextOfReady: Duration = .zero

  var findings: [AgentFinding]? { found?.values.sorted { $0.name < $1.name } }
  var states: [String: AgentFinding.State]? { found?.mapValues(\.state) }
  var ready: [String] { (findings ?? []).filter { $0.state == .ready }.map(\.name) }

  /// Takes in what came of a search, of all agents or of some.
  mutating func take(_ findings: [AgentFinding]) {
    var all = found ?? [:]
    for finding in findings {
      // What was known is not forgotten while it is being checked again.
      if finding.state == .unknown, all[finding.name] != nil { continue }
      all[finding.name] = finding
    }
    found = all
    if !findings.contains(where: { $0.state == .unknown }) { isUnderWay = false }
  }

  /// Forgets agents that no workflow knows any more.
  mutating func keep(_ names: Set<String>) { found = found?.filter { names.contains($0.key) } }
}

extension WorkerCore {
  /// Whether it is known what to register with.
  var mayRegister: Bool {
    if case .registered = membership { return true }
    return settings.agents != nil || search.found != nil
  }

  /// When the search wants to be looked at again; nil: by something that happens.
  var searchMoment: Duration? {
    guard settings.agents == nil, !search.isUnderWay, let moment = freeMoment(of: .agents) else {
      return nil
    }
    return search.isDue ? moment : max(moment, search.next)
  }

  /// Why an agent cannot work here, for people; nil where it can, or where that is not known.
  func missingAgent(_ name: String) -> String? {
    guard settings.agents == nil, let finding = search.found?[name] else { return nil }
    switch finding.state {
    case .ready, .unknown: return nil
    case .notInstalled, .notSignedIn, .failing: return "\(name): \(finding.detail)"
    }
  }

  mutating func driveSearch(now: Duration, _ actions: inout [Action]) {
    if let moment = searchMoment, now >= moment { send(.agents, now: now, &actions) }
    // A change is told by a new registration, between two attempts.
    if case .registered = membership, attempt == nil, desired?.assignment == nil, !isDraining,
      settings.agents == nil, search.states != search.told
    {
      leaveMembership(&actions)
      search.isDue = false
    }
  }

  mutating func lookForAgents(
    _ all: [AgentInquiry], now: Duration, _ actions: inout [Action]
  ) {
    search.keep(Set(all.map(\.name)))
    let isWhole = search.isDue || now >= search.nextOfReady
    let wanted = all.filter { isWhole || search.found?[$0.name]?.state != .ready }
    search.isDue = false
    search.next = now + settings.searchInterval
    if isWhole { search.nextOfReady = now + settings.recheckInterval }
    search.isUnderWay = true
    actions.append(.lookForAgents(wanted))
  }

  mutating func takeFindings(_ findings: [AgentFinding]) { search.take(findings) }
}
