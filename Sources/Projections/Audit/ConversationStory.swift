import Domain

/// The conversation on a pull request in sentences for people.
extension CausalStory {
  /// - Parameter after: how long after the event before it, as words.
  static func sentence(of event: ConversationEvent, _ after: String) -> String {
    switch event {
    case .feedbackRecorded(let e):
      return "\(said(e.feedback))\(after)." + outcome(e.standing)
    case .feedbackJudged(let e):
      return "\(e.id): the forge answered who may push." + outcome(e.standing)
    case .roundStarted(let e):
      let asked = e.requester.map { " \($0) asked for it." } ?? ""
      return "A round began\(after): delegation \(e.delegation) takes \(list(e.takes))." + asked
    case .roundEnded(let e):
      if let commit = e.commit {
        return "The round \(e.delegation) ended\(after) with commit \(short(commit))."
      }
      return "The round \(e.delegation) ended\(after): \(e.failure?.rawValue ?? "no commit")."
    case .roundResumed(let id): return "The round \(id) is tried again\(after)."
    case .roundsStopped(let e):
      let reason =
        switch e.reason {
        case .maximum: "the workflow allows no more rounds"
        case .checks: "the workflow allows no more rounds in a row for failed checks"
        }
      return "No round began for \(list(e.drops)): \(reason)."
    }
  }

  /// What a follow-up answers.
  static func answered(_ round: RoundText?) -> String {
    guard let round, !round.feedback.isEmpty else { return "" }
    return " It answers: \(round.feedback.map(said).joined(separator: "; "))."
  }

  /// Which feedback the commit of a round that ended answers.
  mutating func answers(_ event: ConversationEvent) -> String {
    switch event {
    case .roundStarted(let e):
      taken[e.delegation] = e.takes
      return ""
    case .roundEnded(let e):
      guard e.commit != nil, let answered = taken[e.delegation] else { return "" }
      return " That commit answers \(Self.list(answered))."
    case .feedbackRecorded, .feedbackJudged, .roundResumed, .roundsStopped: return ""
    }
  }

  private static func said(_ feedback: Feedback) -> String {
    let place = feedback.text?.path.map { path in
      " on \(path)" + (feedback.line.map { ":\($0)" } ?? "")
    }
    let verb =
      switch feedback.source {
      case .ask: "asked in AIPM"
      case .review: "reviewed"
      case .reviewComment, .comment: "commented"
      case .check: "reported a failed check"
      case .conflict: "reported a conflict"
      case .behind: "asked for the newest commits of the base branch"
      }
    let words = feedback.text.map { ", \"\(firstLine($0.body))\"" } ?? ", text redacted"
    return "\(feedback.author) \(verb)\(place ?? "") (\(feedback.id)\(words))"
  }

  private static func outcome(_ standing: FeedbackStanding) -> String {
    switch standing {
    case .counts: return " It counts."
    case .examined: return " Whether the author may push is asked."
    case .ignored(let reason):
      let words =
        switch reason {
        case .noPermission: "its author may not push to the repository"
        case .permissionUnknown: "the forge does not say whether its author may push"
        case .botNotListed: "its author is a program that the workflow does not list"
        case .sourceOff: "the workflow does not react to such feedback"
        case .pullRequestEnded: "the pull request had ended"
        case .commitOutdated: "it speaks of a commit that is not AIPM's last one"
        }
      return " It was ignored: \(words)."
    }
  }

  private static func list(_ ids: [FeedbackID]) -> String {
    ids.map(\.rawValue).joined(separator: ", ")
  }

  private static func firstLine(_ text: String) -> String {
    let line = text.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
    return line.count > 100 ? String(line.prefix(99)) + "…" : line
  }
}
