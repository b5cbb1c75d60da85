import Domain
import EventLog
import Projections
import Terminal
import Text

extension TaskPhase {
  /// Of a delegation in the API; nil if its state is not known to this program.
  init?(_ delegation: JSONValue) {
    guard let state = DelegationStateName(rawValue: delegation["state"].stringValue ?? "") else {
      return nil
    }
    self.init(
      state, failure: FailureCode(rawValue: delegation["failure"]["code"].stringValue ?? ""),
      pullRequest: PullRequestState(
        rawValue: delegation["pullRequest"]["state"].stringValue ?? ""))
  }

  /// As a user writes it in a query: `ready` or `ready-for-review`.
  init?(query text: String) {
    let name = text.lowercased()
    guard
      let phase = Self.allCases.first(where: {
        $0.rawValue == name || $0.words.lowercased().replacing(" ", with: "-") == name
      })
    else { return nil }
    self = phase
  }

  /// The states of the log in which a delegation may have this word.
  var states: [DelegationStateName] {
    DelegationStateName.allCases.filter { state in
      let failures: [FailureCode?] = state == .failed ? [.agentFailed, .cancelled] : [nil]
      return failures.contains { failure in
        ([nil] + PullRequestState.allCases.map(Optional.some)).contains {
          TaskPhase(state, failure: failure, pullRequest: $0) == self
        }
      }
    }
  }

  var style: Style {
    switch self {
    case .queued: .yellow
    case .working: .blue
    case .ready, .merged: .green
    case .failed: .red
    case .closed, .cancelled: .dim
    }
  }
}

extension TaskNeed {
  /// As on the page.
  var words: String {
    switch self {
    case .you: "Needs you"
    case .working: "Working"
    case .queued: "Queued"
    case .done: "Done"
    }
  }
}

extension JSONValue {
  /// The state of a delegation in words, with what people need to know of it at once. The eight
  /// states of the log stay in JSON, in events and in details.
  var delegationWord: String {
    // A server that knows the place in the queue says it.
    guard let word = self["status"].safeText ?? TaskPhase(self)?.words else {
      return self["state"].safeText ?? ""
    }
    if self["quarantine"].stringValue != nil { return "\(word) (quarantine)" }
    if self["cancelRequested"].boolValue == true { return "\(word) (cancelling)" }
    return waitWords.map { "\(word) (\($0))" } ?? word
  }

  /// What a delegation waits for, such as `waits for claude until 14:05`; nil if a step is under
  /// way or it waits for its turn.
  var waitWords: String? {
    guard let code = self["waiting"]["code"].stringValue,
      let until = LocalTime.minute(self["waiting"]["until"])
    else { return nil }
    guard code == FaultCode.agentLimited.rawValue else { return "tries again at \(until)" }
    return "waits for \(self["agent"].safeText ?? "its agent") until \(until)"
  }

  /// `OWNER/REPO`, or `OWNER/REPO#NUMBER` if the pull request exists.
  var pullRequestName: String {
    let repository = self["repository"]
    let name = "\(repository["owner"].safeText ?? "")/\(repository["repo"].safeText ?? "")"
    return self["pullRequest"]["number"].integerValue.map { "\(name)#\($0)" } ?? name
  }
}
