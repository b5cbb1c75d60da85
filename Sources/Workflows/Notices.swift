// Actions on the pull request: labels and reviewers when it is opened, a comment and labels when
// the delegation ends.

import Cryptography
import Domain
import Text

/// The actions at one moment.
package struct NoticeRule: Sendable {
  var comment: TextTemplate?
  package var labels: [String] = []
  /// Users and teams that are requested as reviewers.
  package var reviewers: [String] = []
  package var teamReviewers: [String] = []

  var isEmpty: Bool {
    comment == nil && labels.isEmpty && reviewers.isEmpty && teamReviewers.isEmpty
  }
}

/// The result of a delegation, for a comment.
package struct NoticeFacts: Sendable {
  package var attempt: Int
  package var commit: ObjectID?
  package var figures: GenerationFigures?
  package var failure: Failed?
  /// What the agent used, as a sentence.
  package var usage: String?
  package var refusals: Refusals?
  /// The agent's last words; nil if it gave none.
  package var words: String?
  /// A hash of the log that is not published, for the markers of comments.
  package var secret: [UInt8]
  /// The pushed commit; nil if it failed.
  var pushedCommit: ObjectID? { failure == nil ? commit : nil }

  /// The hosts that the last attempt was refused.
  package struct Refusals: Sendable {
    /// Names, with the port unless it is that of HTTPS.
    package var hosts: [String]
    /// The workflow's line that would allow them; nil if none would.
    package var line: String?
    package init(hosts: [String], line: String?) {
      self.hosts = hosts
      self.line = line
    }
  }

  package init(
    attempt: Int, commit: ObjectID?, figures: GenerationFigures?, failure: Failed?,
    usage: String? = nil, refusals: Refusals? = nil, words: String? = nil,
    secret: [UInt8] = []
  ) {
    self.words = words
    self.secret = secret
    self.usage = usage
    self.attempt = attempt
    self.refusals = refusals
    self.commit = commit
    self.figures = figures
    self.failure = failure
  }

  /// The variables of a comment, in addition to those of every text on a pull request.
  static let variables: [String: TemplateShape] = [
    "attempt": .text, "commit": .text, "filesChanged": .text, "insertions": .text,
    "deletions": .text, "duration": .text, "usage": .text, "failureCode": .text,
    "failureMessage": .text, "failureHint": .text,
    "refusedHosts": .object(["items": .list, "allowLine": .text]),
    "flaggedPaths": .text,
  ]

  var values: [String: Any] {
    var values: [String: Any] = ["attempt": String(attempt)]
    if let commit { values["commit"] = String(commit.rawValue.prefix(12)) }
    if let figures {
      values["filesChanged"] = String(figures.filesChanged)
      values["insertions"] = String(figures.insertions)
      values["deletions"] = String(figures.deletions)
      values["duration"] = "\((figures.duration.count + 500) / 1000) s"
      if !figures.flagged.isEmpty {
        values["flaggedPaths"] = Self.quoted(figures.flagged.joined(separator: ", "))
      }
    }
    if let usage { values["usage"] = Self.quoted(usage) }
    if let failure {
      values["failureCode"] = failure.code.rawValue
      if let message = failure.message { values["failureMessage"] = Self.quoted(message) }
      if let hint = failure.hint { values["failureHint"] = hint }
    }
    if let refusals {
      var refused: [String: Any] = ["items": refusals.hosts]
      if let line = refusals.line { refused["allowLine"] = line }
      values["refusedHosts"] = refused
    }
    return values
  }

  /// A text of an agent for a code span: one line without back-quotes, so it contains no mentions
  /// or links.
  private static func quoted(_ text: String) -> String {
    String(text.prefix(1000).map { $0 == "`" ? "'" : $0.isNewline ? " " : $0 })
  }
}

extension Workflow {
  /// The moments with actions.
  package var notices: Set<NoticeMoment> { Set(rules.filter { !$0.value.isEmpty }.keys) }

  /// The actions at a moment.
  package func notice(_ moment: NoticeMoment) -> NoticeRule { rules[moment] ?? NoticeRule() }

  /// The actions of a notice beside its text.
  package func rule(of notice: Notice) -> NoticeRule {
    guard case .moment(let moment) = notice.subject else { return NoticeRule() }
    return self.notice(moment)
  }

  /// The comment on the pull request at a moment; nil if absent.
  /// - Returns: the text, with its marker for finding it again as the last line.
  package func comment(
    _ notice: Notice, _ text: TaskText, id: DelegationID, requested: Requested,
    facts: NoticeFacts
  ) -> (text: String, marker: String)? {
    let proof = facts.secret.isEmpty ? [] : SHA256.hash(facts.secret + Array(notice.marker.utf8))
    let marker = DelegationMarker.of(id, notice: notice, proof: Hex.encode(proof.prefix(8)))
    let rendered: String
    if let answer = answer(notice, text, facts: facts) {
      rendered = answer
    } else if let template = rule(of: notice).comment {
      let values = self.values(text, id: id, requested: requested)
        .merging(facts.values) { a, _ in a }
      rendered = template.render(values)
    } else {
      return nil
    }
    let comment = Self.fitting(rendered, taskFile: taskFileRule.path(for: requested))
    return (Self.ended(comment) + "\n" + marker + "\n", marker)
  }
}

extension DefinitionReader {
  static let noticeKeys = ["on-pushed", "on-failed"]

  /// The actions at each moment.
  /// - Parameters:
  ///   - opened: the keys of `pull-request`; nil if it is absent.
  ///   - cancelComment: the template of a cancelled delegation's comment.
  mutating func notices(
    _ all: Fields, _ opened: Fields?, cancelComment: TextTemplate?
  ) -> [NoticeMoment: NoticeRule] {
    var rules: [NoticeMoment: NoticeRule] = [:]
    if let opened {
      rules[.opened] = NoticeRule(
        labels: labels(opened["labels"]), reviewers: logins(opened["reviewers"]),
        teamReviewers: logins(opened["team-reviewers"]))
    }
    rules[.cancelled] = NoticeRule(comment: cancelComment)
    for (key, moment) in [("on-pushed", NoticeMoment.pushed), ("on-failed", .failed)] {
      guard let fields = fields(all[key], keys: ["comment", "labels"]) else { continue }
      let comment = template(
        fields["comment"], variables: WorkflowTemplates.noticeVariables)
      rules[moment] = NoticeRule(comment: comment, labels: labels(fields["labels"]))
    }
    return rules
  }

  private mutating func labels(_ field: Field?) -> [String] {
    let items = texts(field) ?? []
    for item in items where item.text.isEmpty || item.text.count > 50 || item.text.contains(",") {
      note(
        item.position, "\(field?.name ?? ""): \"\(item.text)\" cannot be a label",
        "write 1 to 50 characters without a comma")
    }
    return items.map(\.text)
  }

  /// Names of users or teams, as in the forge's URLs.
  private mutating func logins(_ field: Field?) -> [String] {
    let items = texts(field) ?? []
    for item in items {
      let isValid = item.text.utf8.allSatisfy { byte in
        (97...122).contains(byte) || (65...90).contains(byte) || (48...57).contains(byte)
          || [UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: ".")].contains(byte)
      }
      if item.text.isEmpty || !isValid {
        note(
          item.position, "\(field?.name ?? ""): \"\(item.text)\" is not a name of a user or team",
          "write the name alone, without @ and without the organisation")
      }
    }
    return items.map(\.text)
  }
}
