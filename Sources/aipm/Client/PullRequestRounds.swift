import Domain
import EventLog
import Projections
import Terminal
import Text

/// A pull request's delegations as one thing: who asked what, what came of it, and the cost so far.
struct PullRequestRounds: Sendable {
  private static let wordsMax = 60
  private let answer: JSONValue
  private let rounds: [JSONValue]
  private let feedback: [JSONValue]

  /// - Parameter answer: of `GET /api/pull-requests/{ref}`.
  init(_ answer: JSONValue) {
    self.answer = answer
    rounds = answer["rounds"].arrayValue ?? []
    feedback = answer["feedback"].arrayValue ?? []
  }

  /// The title of the first delegation; nil if it was redacted.
  var title: String? { rounds.first?["taskTitle"].safeText }

  /// Prints nothing for a pull request of one delegation without feedback.
  func tell() {
    guard rounds.count > 1 || !feedback.isEmpty else { return }
    Terminal.say("")
    Terminal.say(Style.bold.on("Rounds of this pull request"))
    for line in lines { Terminal.say("  " + line) }
  }

  /// A line for each round, for what no round has taken, and for the cost.
  var lines: [String] {
    var rows: [(name: String, outcome: String, words: String)] = []
    for (index, round) in rounds.enumerated() {
      let asked = feedback.filter { $0["round"] == round["id"] }
      let who =
        index == 0 || asked.isEmpty
        ? "\(round["requester"].safeText ?? ""): \(shortened(round["taskTitle"]))"
        : asked.map(words).joined(separator: "; ")
      let code = round["confirmationCode"].safeText ?? ""
      rows.append((String(index + 1), outcome(of: round), "\(who)  (\(code))"))
    }
    for said in feedback where said["round"].stringValue == nil {
      let reason = said["reason"].safeText.map { ": \($0)" } ?? ""
      let isIgnored = said["standing"].stringValue == "ignored"
      rows.append(("-", isIgnored ? "ignored\(reason)" : "not yet taken", words(said)))
    }
    let width = rows.map(\.outcome.count).max() ?? 0
    let lines = rows.map { row in
      let space = String(repeating: " ", count: width - row.outcome.count)
      return "\(row.name)  \(row.outcome)\(space)  \(row.words)"
    }
    return lines + (cost.map { ["so far: \($0)"] } ?? [])
  }

  /// The commit, or the state without one.
  private func outcome(of round: JSONValue) -> String {
    let failure = round["failure"]["code"].safeText
    if let commit = round["commitSHA"].safeText, failure == nil {
      return "commit \(commit.prefix(12))"
    }
    let word = TaskPhase(round)?.words.lowercased() ?? ""
    return failure.map { $0 == "cancelled" ? word : "\(word): \($0)" } ?? word
  }

  /// `alice on src/export.js:12: "Use a table"`
  private func words(_ said: JSONValue) -> String {
    var place = said["path"].safeText ?? ""
    if let line = said["line"].integerValue { place += ":\(line)" }
    let source = said["source"].safeText ?? ""
    if place.isEmpty, source != "ask" { place = source }
    let who = said["author"].safeText ?? ""
    return "\(who)\(place.isEmpty ? "" : " on \(place)"): \"\(shortened(said["body"]))\""
  }

  private func shortened(_ text: JSONValue) -> String {
    guard let text = text.stringValue else { return text.words }
    let line = String(text.split(whereSeparator: \.isNewline).first ?? "").safe()
    return line.count > Self.wordsMax ? line.prefix(Self.wordsMax) + "…" : line
  }

  /// What all attempts used; nil if nothing is known.
  private var cost: String? {
    var sum = AgentUsage()
    for attempt in rounds.flatMap({ $0["attempts"].arrayValue ?? [] }) {
      sum.add(AgentUsage(json: attempt["usage"]))
    }
    return sum.summary
  }
}
