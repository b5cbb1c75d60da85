// The texts of a follow-up: its prompt, and its answers on the pull request.

import Domain
import Text

extension WorkflowTemplates {
  /// The additional variables of the texts of a follow-up.
  static let roundVariables = taskVariables.merging([
    "feedback": .object(["items": .list]), "earlier": .object(["items": .list]),
    "merge": .object([
      "branch": .text, "commit": .text, "conflicts": .object(["items": .list]),
    ]),
  ]) { a, _ in a }

  /// The part of both prompts about a merge.
  private static let mergePart = """
    {{#merge}}

    The branch {{branch}} (at {{commit}}) is merged into the working tree.
    {{#conflicts}}
    These files have conflicts:
    {{#items}}
    - {{.}}
    {{/items}}
    Each conflict is marked by lines that begin with <<<<<<<, ======= and >>>>>>>. Between the
    first and the second is what this branch has, between the second and the third what {{branch}}
    has. Resolve each of them so that both purposes are kept, and leave no mark in a file.
    {{/conflicts}}
    {{/merge}}
    """

  /// The part of both prompts about what was done, and what to do.
  private static let requestPart = """
    {{#earlier}}

    What was done so far:
    {{#items}}
    - {{.}}
    {{/items}}
    {{/earlier}}
    \(mergePart)

    Now change what is asked for here, and nothing else:
    {{#feedback}}
    {{#items}}

    {{.}}
    {{/items}}
    {{/feedback}}

    If something needs no change, leave it. End your answer with one line for each number above:
    the number in brackets, and what you did about it or why not, as in "[1] Renamed it."
    """

  /// The prompt of a follow-up, if the workflow has no template for it.
  static let roundPromptDefault = """
    The change that you find on this branch was made for this task:

    {{objective}}
    {{#constraints}}

    Constraints: {{constraints}}
    {{/constraints}}
    {{#constraintList}}

    Constraints:
    {{#items}}
    - {{.}}
    {{/items}}
    {{/constraintList}}
    {{#acceptanceCriteria}}

    Acceptance Criteria:
    {{#items}}
    - {{.}}
    {{/items}}
    {{/acceptanceCriteria}}
    \(requestPart)

    """

  /// The prompt of a follow-up for an agent that continues its conversation, if the workflow has
  /// no template for it. Others may have worked on the branch since, so what was done is said.
  static let resumePromptDefault = """
    More is asked for on this pull request. Its files are as they are on the branch now: others may
    have changed them since you last saw them.
    \(requestPart)

    """

  /// The message of a follow-up's commit, if the workflow has no template for it.
  static let roundCommitMessageDefault = "{{title}}\n"

  /// The text of a follow-up; that of other delegations if its default were invalid, which a test
  /// rules out.
  static func builtIn(_ text: String) -> TextTemplate? {
    try? TextTemplate(text, variables: roundVariables)
  }
}

extension Workflow {
  /// The values of a follow-up's texts.
  func values(_ round: RoundText, _ merge: MergeText?) -> [String: Any] {
    let said = round.feedback.enumerated().map { Self.said($0.element, number: $0.offset + 1) }
    let earlier = round.earlier.map { earlier in
      guard let words = earlier.words else { return earlier.subject }
      let said = Self.indented(Self.cut(words, 2_000), by: 2)
      return "\(earlier.subject)\n  Its author said: \(said)"
    }
    var values: [String: Any] = ["feedback": ["items": said]]
    if !earlier.isEmpty { values["earlier"] = ["items": earlier] }
    guard let merge else { return values }
    var facts: [String: Any] = ["branch": merge.branch, "commit": merge.commit.rawValue]
    if !merge.conflicts.isEmpty { facts["conflicts"] = ["items": merge.conflicts] }
    values["merge"] = facts
    return values
  }

  /// One piece of feedback for the prompt, with the code around it.
  private static func said(_ feedback: Feedback, number: Int) -> String {
    let place = feedback.text?.path.map { path in
      " on \(path)" + (feedback.line.map { ", line \($0)" } ?? "")
    }
    var text = "[\(number)] \(feedback.author)\(place ?? ""):\n"
    text += feedback.text?.body ?? "(This text was redacted.)"
    guard let hunk = feedback.text?.hunk, !hunk.isEmpty else { return text }
    let fence = String(repeating: "`", count: max(3, longestBackticks(hunk) + 1))
    return text + "\n\(fence)diff\n\(hunk.trimmedEnd)\n\(fence)"
  }

  private static func longestBackticks(_ text: String) -> Int {
    var (longest, run) = (0, 0)
    for byte in text.utf8 {
      run = byte == UInt8(ascii: "`") ? run + 1 : 0
      longest = max(longest, run)
    }
    return longest
  }

  /// A reply in a thread, or a comment on the pull request; nil if the notice is neither.
  func answer(_ notice: Notice, _ text: TaskText, facts: NoticeFacts) -> String? {
    switch notice.subject {
    case .moment: return nil
    case .reply(let thread):
      let numbers = (text.round?.feedback ?? []).indices.filter {
        text.round?.feedback[$0].thread == thread
      }
      let words = facts.words.map { AgentWords($0) }
      let own = numbers.compactMap { words?.answers[$0 + 1] }
      let said = own.isEmpty ? nil : own.joined(separator: "\n")
      guard let commit = facts.pushedCommit else {
        return "No change was made for this." + Self.quotation(said ?? facts.words)
      }
      return "Answered in \(commit.rawValue)." + Self.quotation(said)
    case .summary: return summary(text, facts)
    case .stop(.maximum):
      return "AIPM has answered as often as the workflow allows on this pull request "
        + "(`rounds.maximum`). It does no more by itself. To go on, ask in AIPM."
    case .stop(.checks):
      return "Checks still fail after as many rounds in a row as the workflow allows "
        + "(`rounds.checks`). AIPM does no more about them until somebody asks."
    }
  }

  private func summary(_ text: TaskText, _ facts: NoticeFacts) -> String {
    let count = text.round?.feedback.count ?? 0
    let what = count == 1 ? "1 comment" : "\(count) comments"
    if let feedback = text.round?.feedback, feedback.allSatisfy(\.source.asksForBase) {
      guard let commit = facts.pushedCommit else {
        let code = facts.failure?.code.rawValue ?? "failed"
        return "AIPM could not merge the base branch: `\(code)`. Retry it in AIPM, or merge it."
      }
      return "AIPM merged the base branch in \(commit.rawValue)." + Self.quotation(facts.words)
    }
    if let commit = facts.pushedCommit {
      let size = facts.figures.map {
        " (\($0.filesInWords), +\($0.insertions) −\($0.deletions))"
      }
      return "AIPM answered \(what) in \(commit.rawValue)\(size ?? "")."
        + Self.quotation(facts.words)
    }
    if facts.failure?.code == .noChanges {
      return "AIPM looked at \(what) and made no change." + Self.quotation(facts.words)
    }
    let code = facts.failure?.code.rawValue ?? "failed"
    return "AIPM could not answer \(what): `\(code)`. Retry it in AIPM, or ask again."
  }

  /// Words of an agent as a quotation. An agent may write anything, and AIPM posts the text: it
  /// mentions nobody, loads nothing, and is not mistaken for a marker.
  static func quotation(_ words: String?) -> String {
    guard let words = words?.trimmedEnd, !words.isEmpty else { return "" }
    var safe = ""
    for scalar in cut(words, 4_000).unicodeScalars {
      switch scalar {
      case "&": safe += "&amp;"
      case "<": safe += "&lt;"
      case "@": safe += "@\u{200B}"
      case "\r": break
      case _: safe.unicodeScalars.append(scalar)
      }
    }
    let lines = safe.replacing("![", with: "!\u{200B}[")
      .split(separator: "\n", omittingEmptySubsequences: false)
    return "\n\n" + lines.map { "> \($0)" }.joined(separator: "\n")
  }

  private static func cut(_ text: String, _ max: Int) -> String {
    let kept = text.unicodeScalars.prefix(max)
    return kept.count < text.unicodeScalars.count ? String(kept) + "…" : text
  }

  private static func indented(_ text: String, by count: Int) -> String {
    text.split(separator: "\n", omittingEmptySubsequences: false)
      .joined(separator: "\n" + String(repeating: " ", count: count))
  }
}

/// The merge of the base branch that an agent completes, for its prompt.
package struct MergeText: Equatable, Sendable {
  /// The name of the base branch.
  package var branch: String
  /// Its head, which is merged.
  package var commit: ObjectID
  /// The files with conflicts.
  package var conflicts: [String]
  package init(branch: String, commit: ObjectID, conflicts: [String]) {
    self.branch = branch
    self.commit = commit
    self.conflicts = conflicts
  }
}

/// The last words of an agent, with an answer for each number that it names.
package struct AgentWords {
  /// By the number in brackets at the beginning of a line; up to the next such line.
  private(set) var answers: [Int: String] = [:]

  init(_ text: String) {
    var number: Int?
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if let (found, rest) = Self.answer(beginningAt: line) {
        number = found
        answers[found] = rest
      } else if let number {
        answers[number, default: ""] += "\n" + line
      }
    }
    answers = answers.mapValues { $0.trimmedEnd }.filter { !$0.value.isEmpty }
  }

  /// The number in brackets that a line begins with, maybe after a list's mark, and the text after
  /// it.
  /// - Returns: nil for any other line.
  package static func answer(beginningAt line: Substring) -> (number: Int, text: String)? {
    let content = line.drop { $0 == " " || $0 == "-" || $0 == "*" }
    guard content.first == "[", let end = content.firstIndex(of: "]") else { return nil }
    let digits = content[content.index(after: content.startIndex)..<end]
    guard digits.allSatisfy({ $0.isASCII && $0.isNumber }), let number = Int(digits) else {
      return nil
    }
    let rest = content[content.index(after: end)...].drop { $0 == " " || $0 == ":" }
    return (number, String(rest))
  }
}
