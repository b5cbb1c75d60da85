import Domain
import EventLog
import Projections

/// What people read about a delegation: its condition in a few words; of a failure, what happened,
/// and what to do.
enum TaskWords {
  private static let ordinals = [
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
  ]

  /// Such as `Queued (third, about 2 min)`.
  static func status(_ row: DelegationRow, _ queue: QueuedPlace?, now: Timestamp) -> String {
    guard row.phase == .queued, let queue else { return row.phase.words }
    var parts = [place(queue.place)]
    if let startsAt = queue.startsAt { parts.append(wait(startsAt, now: now)) }
    return "\(row.phase.words) (\(parts.joined(separator: ", ")))"
  }

  private static func place(_ place: Int) -> String {
    guard place > ordinals.count else { return ordinals[max(1, place) - 1] }
    let ending =
      switch (place % 10, place % 100) {
      case (_, 11...13): "th"
      case (1, _): "st"
      case (2, _): "nd"
      case (3, _): "rd"
      case (_, _): "th"
      }
    return "\(place)\(ending)"
  }

  private static func wait(_ start: Timestamp, now: Timestamp) -> String {
    let seconds = max(0, start.milliseconds - now.milliseconds) / 1000
    if seconds < 60 { return "less than a minute" }
    let minutes = (seconds + 30) / 60
    if minutes < 120 { return "about \(minutes) min" }
    return "about \((minutes + 30) / 60) h"
  }

  /// What happened, in one sentence. It ends with the message if that is one short line; a message
  /// about the agent is the whole sentence.
  static func summary(_ code: FailureCode, message: String?) -> String {
    let sentence = code.words.what
    guard code != .cancelled, let message, !message.contains(where: \.isNewline),
      message.count <= 160, !message.isEmpty
    else { return "\(sentence)." }
    if message.hasPrefix("the agent ") { return capital(Self.sentence(message)) }
    return "\(sentence): \(Self.sentence(message))"
  }

  /// What to do about it, in one sentence.
  static func remedy(_ code: FailureCode, hint: String?) -> String {
    guard let hint, !hint.isEmpty else { return code.words.remedy }
    return capital(sentence(hint))
  }

  private static func capital(_ text: String) -> String {
    text.prefix(1).uppercased() + text.dropFirst()
  }

  private static func sentence(_ text: String) -> String {
    text.last.map { ".!?".contains($0) } == true ? text : "\(text)."
  }
}

extension FailureCode {
  /// What happened, and what can be done.
  fileprivate var words: (what: String, remedy: String) {
    switch self {
    case .noChanges:
      (
        "The agent ended without changing a file",
        "Say more in the objective about what should change, and delegate again."
      )
    case .agentFailed:
      (
        "The agent ended with an error",
        "Read the end of its output; a retry starts another attempt on the same branch."
      )
    case .agentTimeout:
      (
        "The agent did not finish within its time limit",
        "Split the task into smaller ones, or raise the limit, and retry."
      )
    case .agentNotFound:
      (
        "No worker could start the agent",
        "Install it where the workers run (aipm doctor says what is missing), then retry."
      )
    case .verifyFailed:
      (
        "The checks after the agent did not pass",
        "Read their output; a retry starts another attempt."
      )
    case .changeRefused:
      (
        "The change was refused",
        "Change the task so that it keeps to the workflow's rules, and retry."
      )
    case .pushRejected:
      (
        "The forge did not take the commit",
        "Look for branch protection or a missing right, then retry: the commit is kept."
      )
    case .branchDiverged:
      (
        "The branch is gone, or has commits that are not AIPM's",
        "Look at the branch on the forge; delegate again if it cannot be put right."
      )
    case .forgeRefused:
      (
        "The forge refused",
        "Check that the repository exists and that the credential may write to it, then retry."
      )
    case .cancelled:
      ("It was cancelled on request", "A retry continues where it stopped.")
    case .budgetExceeded:
      ("Its budget is used up", "Raise the budget in the workflow or of the server, and retry.")
    case .attemptsExhausted:
      ("Its workers were lost again and again", "Look at the workers' health, then retry.")
    }
  }
}
