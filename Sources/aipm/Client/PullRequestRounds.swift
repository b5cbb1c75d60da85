import Domain
import EventLog
import Terminal
import Text

/// A pull request's delegations and what became of each feedback, for `aipm show`.
struct PullRequestRounds {
  private let answer: JSONValue

  /// - Parameter answer: of `GET /api/pull-requests/{ref}`.
  init(_ answer: JSONValue) { self.answer = answer }

  /// Prints nothing for a pull request of one delegation without feedback.
  func tell() {
    let rounds = answer["rounds"].arrayValue ?? []
    let feedback = answer["feedback"].arrayValue ?? []
    guard rounds.count > 1 || !feedback.isEmpty else { return }
    Terminal.say("")
    Terminal.say(Style.bold.on("Rounds of this pull request"))
    for round in rounds { Terminal.say("  " + line(of: round)) }
    for said in feedback { Terminal.say("  " + line(ofFeedback: said, rounds)) }
    if let cost = cost(of: rounds) { Terminal.say("  so far: \(cost)") }
  }

  private func line(of round: JSONValue) -> String {
    [
      round["confirmationCode"].safeText, round["state"].safeText, round["taskTitle"].safeText,
      round["commitSHA"].safeText.map { String($0.prefix(12)) }, round["failure"]["code"].safeText,
    ].compactMap { $0 }.joined(separator: "  ")
  }

  private func line(ofFeedback said: JSONValue, _ rounds: [JSONValue]) -> String {
    var place = said["path"].safeText ?? said["source"].safeText ?? ""
    if let line = said["line"].integerValue { place += ":\(line)" }
    let words = said["body"].stringValue?.split(whereSeparator: \.isNewline).first.map(String.init)
    var outcome = said["standing"].safeText ?? ""
    if let reason = said["reason"].safeText { outcome += " (\(reason))" }
    if let round = said["round"].stringValue {
      let code = rounds.first { $0["id"].stringValue == round }?["confirmationCode"].safeText
      outcome = "answered by \(code ?? round.safe())"
      if let commit = said["commitSHA"].safeText { outcome += ", commit \(commit.prefix(12))" }
    }
    let author = said["author"].safeText ?? ""
    let shown = String((words ?? "").prefix(80)).safe()
    return "\(author) on \(place): \"\(shown)\" — \(outcome)"
  }

  /// What all attempts used; nil if nothing is known.
  private func cost(of rounds: [JSONValue]) -> String? {
    var sum = AgentUsage()
    for attempt in rounds.flatMap({ $0["attempts"].arrayValue ?? [] }) {
      sum.add(AgentUsage(json: attempt["usage"]))
    }
    return sum.summary
  }
}
