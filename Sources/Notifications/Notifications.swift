// What people and programs are sent when a delegation reaches a state: the body and the signature
// of a webhook, the text for Slack, and a mail.
//
// Purpose: a team hears of what its delegations did where it already looks, and a program can act
// on it. This module makes the bytes; `Delivery` sends them.
//
// Guarantees:
// - A notification is a function of the delegation's events up to one event. So what is sent again
//   has the same id and the same content, unless a redaction removed a text in between.
// - Webhooks follow Standard Webhooks (https://www.standardwebhooks.com): the signature covers the
//   id, the time of the call and the body.
// - No text of a user, of an agent or of the forge can do more than be read: in Slack it is no
//   mention and no link, in a mail it begins no header and no part.
//
// Failures: none. A text that was redacted is absent.

import Domain
import EventLog

/// A delegation at one of its transitions.
package struct DelegationNotification: Equatable, Sendable {
  /// That of the event: the same whenever it is sent.
  package let id: String
  package let position: Int64
  /// The type of the event, such as `delegation.pushed`.
  package let type: String
  package let state: DelegationStateName
  package let time: Timestamp
  package let delegation: DelegationID
  /// With the texts of the request, unless they were redacted.
  package let request: Requested
  package let pullRequest: PullRequest?
  package let commit: ObjectID?
  package let failure: Failed?
  package let attempt: Int

  /// The state that an event of this type enters; nil if there is none, or several.
  package static func state(after type: EventType) -> DelegationStateName? {
    switch type {
    case .requested: .requested
    case .branchCreated: .branchCreated
    case .taskCommitted: .taskCommitted
    case .pullRequestCreated: .pullRequestCreated
    case .dispatched: .dispatched
    case .generating: .generating
    case .pushed: .pushed
    case .failed: .failed
    case .baseResolved, .generated, .stepFailed, .released, .cancelRequested, .retryRequested,
      .pullRequestUpdated, .actionDone, .networkUsed, .feedbackRecorded, .feedbackJudged,
      .roundStarted, .roundEnded, .roundResumed, .roundsStopped, .workerRegistered,
      .workerUnhealthy,
      .workerRecovered, .workerRestarted, .workerParked, .workerDraining, .workerStopped,
      .workerLost, .systemStarted, .systemRecovered, .systemRestored, .systemRedacted,
      .workflowDefined, .tokenCreated, .tokenRevoked:
      nil
    }
  }

  /// - Parameters:
  ///   - event: of a delegation.
  ///   - events: all events of that delegation, in order.
  /// - Returns: nil if the event enters no state, or the events do not lead to it.
  package init?(_ event: RecordedEvent, in events: [RecordedEvent]) {
    guard case .delegation(let id) = event.stream, let type = EventType(name: event.event.name),
      let entered = Self.state(after: type),
      case .delegation(.requested(let request))? = events.first?.event
    else { return nil }
    var state = DelegationState.absent
    for one in events where one.version <= event.version {
      guard case .delegation(let known) = one.event else { return nil }
      do throws(CorruptStream) {
        try state.take(known, id: id, at: one.time)
      } catch { return nil }
    }
    guard let folded = state.delegation, state.name == entered else { return nil }
    self.id = event.id
    position = event.position
    self.type = type.name
    self.state = entered
    time = event.time
    delegation = id
    self.request = request
    pullRequest = folded.pullRequest
    attempt = folded.attempt
    if case .pushed(_, let sha) = state { commit = sha } else { commit = nil }
    if case .delegation(.failed(let failed)) = event.event {
      failure = failed
    } else {
      failure = nil
    }
  }

  /// The longest text of a user, an agent or the forge in a message to people, in characters.
  private static let textMax = 1000

  /// The values of `NotificationTexts.variables`; a text that is absent or blank has none.
  /// - Parameter form: makes a text safe for the receiver.
  package func values(_ form: (String) -> String) -> [String: String] {
    let all: [String: String?] = [
      "id": delegation.rawValue, "confirmationCode": request.stamp.confirmationCode,
      "state": state.rawValue, "repository": request.repository.description,
      "branch": request.branch, "title": request.text?.title,
      "objective": request.text?.objective, "prTitle": request.text?.pullRequestTitle,
      "requester": request.requester, "agent": request.agent,
      "attempt": attempt == 0 ? nil : String(attempt), "pullRequest": pullRequest?.url,
      "commit": commit.map { String($0.rawValue.prefix(12)) },
      "failureStep": failure?.step.rawValue, "failureCode": failure?.code.rawValue,
      "failureMessage": failure?.message, "failureHint": failure?.hint,
    ]
    return all.compactMapValues { $0 }.filter { !$0.value.allSatisfy(\.isWhitespace) }
      .mapValues { text in
        form(text.count > Self.textMax ? text.prefix(Self.textMax) + "…" : text)
      }
  }
}
