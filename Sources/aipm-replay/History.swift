import Domain
import EventLog
import Projections
import Terminal

/// The fold of one delegation, event by event.
struct History {
  private struct Step: Encodable {
    var position: Int64
    var version: Int64
    var time: String
    var type: String
    /// The state after the event.
    var state: String?
    /// The executor's next action, and its earliest time.
    var nextIntent: String?
    var nextIntentDue: String?
    var quarantine: String?
  }
  private struct Result: Encodable {
    var id: String
    var confirmationCode: String?
    var items: [Step]
  }

  private let id: DelegationID
  private var code: String?
  private var steps: [Step] = []

  /// - Throws: `NotFound` if the delegation does not exist.
  init(reference: DelegationReference, source: Source, until: LogBound?) async throws {
    if case .id(let known) = reference {
      id = known
    } else {
      // Only a fold maps codes and pull requests to delegations.
      let folded = try await source.replay(ReplayPlan(isChecking: false)) { _ in }.fold
      guard let found = folded.projector.find(reference) else { throw Self.missing }
      id = found
    }
    let events = try await source.events(of: id)
    if events.isEmpty { throw Self.missing }
    fold(events.filter { until?.includes($0.position, $0.time) ?? true })
  }

  private static let missing = NotFound(what: "there is no such delegation")

  private mutating func fold(_ events: [StoredEvent]) {
    var projector = Projector()
    for event in events {
      _ = projector.fold(event)
      let known = projector.delegations[id]
      code = known?.row.map { Stamp(milliseconds: $0.stamp).confirmationCode }
      let type = EventType(rawValue: Int(event.type))?.name ?? "type \(event.type)"
      steps.append(
        Step(
          position: event.position, version: event.version, time: event.time.iso8601, type: type,
          state: known?.state.name?.rawValue, nextIntent: known?.state.nextIntent?.name,
          nextIntentDue: known?.state.nextIntentDue?.iso8601,
          quarantine: known?.corrupt?.description))
    }
  }

  func print(json: Bool) throws {
    if json {
      return try JSONOutput.print(Result(id: id.rawValue, confirmationCode: code, items: steps))
    }
    Terminal.say("delegation \(id) \(code ?? "")")
    Terminal.table(
      ["POSITION", "VERSION", "TIME", "EVENT", "STATE", "NEXT"],
      steps.map { step in
        var next = step.nextIntent ?? "-"
        if let due = step.nextIntentDue { next += " not before \(due)" }
        if let quarantine = step.quarantine { next = "quarantine: \(quarantine)" }
        return [
          String(step.position), String(step.version), step.time, step.type, step.state ?? "-",
          next,
        ]
      })
  }
}

extension Projector {
  /// The delegation of `reference`; nil if it does not exist.
  fileprivate func find(_ reference: DelegationReference) -> DelegationID? {
    switch reference {
    case .id(let id): delegations[id] == nil ? nil : id
    case .stamp(let stamp):
      delegations.first { $0.value.row?.stamp == stamp.milliseconds }?.key
    case .pullRequest(let repository, let number):
      PullRequestRow.row(
        like: PullRequestRow(id: .init(repository: repository.description, number: number)),
        in: self)?.delegation
    }
  }
}
