import Domain
import Foundation

/// Every pair of a state and an event, tried on the real `evolve`.
enum StateTable {
  /// The states that take different events, each with events that lead there.
  static let situations: [(name: String, events: [DelegationEvent])] = [
    ("absent", []),
    ("Requested", Sample.requested),
    ("Requested+base", Sample.based),
    ("BranchCreated", Sample.branched),
    ("TaskCommitted", Sample.committed),
    ("PRCreated", Sample.prepared),
    ("PRCreated+cancel", Sample.prepared + [.cancelRequested]),
    ("PRCreated+commit", Sample.unpushed),
    ("Dispatched", Sample.dispatched),
    ("Generating", Sample.generating),
    ("Generating+cancel", Sample.generating + [.cancelRequested]),
    ("Generating+commit", Sample.generated),
    ("Pushed", Sample.pushed),
    ("Pushed+feedback", Sample.pushed + Sample.conversation),
    ("Failed", Sample.failed),
  ]

  /// One event of each type, in every form that some state wants it in.
  static let events: [[DelegationEvent]] = [
    [.requested(Sample.request)],
    [.baseResolved(Sample.baseFact)],
    [.branchCreated(BranchCreated(sha: Sample.base, adopted: false))],
    [.taskCommitted(TaskCommitted(sha: Sample.task, adopted: false))],
    [.pullRequestCreated(Sample.pullRequest)],
    [
      .dispatched(Sample.dispatch(1)), .dispatched(Sample.dispatch(2)),
      .dispatched(Sample.dispatch(1, token: 2)),
    ],
    [.generating(Sample.start(1))],
    [.generated(Sample.handIn(1)), .generated(unleased)],
    [.pushed(Pushed(sha: Sample.commit, adopted: false))],
    [Sample.released(1, .workerLost), .released(unleasedEnd)],
    [.failed(Sample.failure(.push, .pushRejected))],
    [Sample.stepFailed(.push)],
    [.cancelRequested],
    [.retryRequested],
    [.pullRequestUpdated(PullRequestUpdated(state: .merged))],
    [.actionDone(ActionDone(marker: "m"))],
    [Sample.networkUsed(1)],
    [Sample.said(1, .counts)],
    [.conversation(.feedbackJudged(FeedbackJudged(id: Sample.feedback(8).id, standing: .counts)))],
    [.conversation(.roundStarted(Sample.round(1, takes: [9])))],
    [
      .conversation(
        .roundEnded(RoundEnded(delegation: Sample.roundID(7), commit: Sample.commit, failure: nil)))
    ],
    [.conversation(.roundResumed(Sample.roundID(6)))],
    [
      .conversation(.roundsStopped(RoundsStopped(reason: .maximum, drops: [Sample.feedback(9).id])))
    ],
  ]

  private static let unleased = Generated(
    attempt: 1, token: nil, sha: Sample.commit, parent: Sample.head, figures: nil)
  private static let unleasedEnd = Released(
    attempt: 1, token: nil, cause: .commitStale, message: nil)

  /// The state after an event of that type; nil if the event is not allowed.
  static func state(
    after events: [DelegationEvent], then forms: [DelegationEvent]
  ) throws(CorruptStream) -> DelegationState? {
    let before = try Sample.state(events)
    for form in forms {
      if let after = try? before.evolve(form, id: Sample.id, at: Sample.now) { return after }
    }
    return nil
  }

  /// The table as text: for each state the events that lead to another state, then those that keep
  /// the state. Events that are not listed are not allowed.
  static func text() throws(CorruptStream) -> String {
    var lines: [String] = []
    for (name, before) in situations {
      lines.append(name)
      var staying: [String] = []
      for forms in events {
        guard let after = try state(after: before, then: forms) else { continue }
        let next = situation(of: after)
        if next == name {
          staying.append(kind(forms))
        } else {
          lines.append("  \(kind(forms)) -> \(next)")
        }
      }
      if !staying.isEmpty { lines.append("  stays: " + staying.joined(separator: " ")) }
    }
    return lines.joined(separator: "\n")
  }

  /// The state diagram in Mermaid's syntax.
  static func diagram() throws(CorruptStream) -> String {
    let failed = DelegationEvent.failed(Sample.failure(.push, .forgeRefused))
    let retried = [
      Sample.requested, Sample.branched, Sample.committed, Sample.prepared,
    ].map { $0 + [failed] }
    var labels: [String: [String]] = [:]
    var order: [String] = []
    for before in situations.map(\.events) + retried {
      let from = try Sample.state(before).name?.rawValue ?? "[*]"
      for forms in events {
        guard let to = try state(after: before, then: forms)?.name?.rawValue, from != to else {
          continue
        }
        let edge = "\(from) --> \(to)"
        if labels[edge] == nil { order.append(edge) }
        if labels[edge]?.contains(kind(forms)) != true {
          labels[edge, default: []].append(kind(forms))
        }
      }
    }
    var lines = ["stateDiagram-v2"]
    let names = ["[*]"] + DelegationStateName.allCases.map(\.rawValue)
    func rank(_ edge: String) -> [Int] {
      edge.components(separatedBy: " --> ").map { names.firstIndex(of: $0) ?? names.count }
    }
    lines += order.sorted { rank($0).lexicographicallyPrecedes(rank($1)) }.map {
      "  \($0): \((labels[$0] ?? []).joined(separator: ", "))"
    }
    lines.append("  Pushed --> [*]")
    return lines.joined(separator: "\n")
  }

  private static func kind(_ forms: [DelegationEvent]) -> String {
    String((forms.first?.name ?? "").dropFirst("delegation.".count))
  }

  private static func situation(of state: DelegationState) -> String {
    guard let d = state.delegation, let name = state.name else { return "absent" }
    if name.isTerminal {
      let hasFeedback = !d.conversation.recorded.isEmpty
      return name.rawValue + (hasFeedback && name == .pushed ? "+feedback" : "")
    }
    if state.commitToPush != nil { return "\(name.rawValue)+commit" }
    if d.cancelRequested { return "\(name.rawValue)+cancel" }
    return name == .requested && d.base != nil ? "Requested+base" : name.rawValue
  }
}
