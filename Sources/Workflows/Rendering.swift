// The texts of a delegation for the forge and for the agent.

import Domain
import Text

/// The parsed templates of a workflow.
struct WorkflowTemplates: Sendable {
  var taskFile: TextTemplate
  var prompt: TextTemplate
  var commitMessage: TextTemplate
  var pullRequestBody: TextTemplate
  var roundPrompt: TextTemplate?
  var roundCommitMessage: TextTemplate?
  var resumePrompt: TextTemplate?

  /// The variables of every template.
  static let taskVariables: [String: TemplateShape] = [
    "id": .text, "title": .text, "objective": .text, "prTitle": .text, "constraints": .text,
    "constraintList": .object(["items": .list]), "acceptanceCriteria": .object(["items": .list]),
  ]

  /// The additional variables of texts on a pull request.
  static let pullRequestVariables = taskVariables.merging([
    "confirmationCode": .text, "requester": .text, "agent": .text, "branch": .text,
    "taskFile": .text, "issue": .text,
  ]) { a, _ in a }

  /// The additional variables of comments.
  static let noticeVariables = pullRequestVariables.merging(NoticeFacts.variables) { a, _ in a }
}

extension Workflow {
  /// GitHub's limit of a body is 65,536 characters; this counts UTF-16 units, with some reserve.
  static let bodyUnitsMax = 65_000

  /// TASK.md, with the delegation's marker as its last line.
  package func taskFile(_ text: TaskText, id: DelegationID) -> String {
    Self.marked(templates.taskFile.render(values(text, id: id)), id: id)
  }

  /// The agent's prompt, without a final newline.
  /// - Parameter merge: the merge that the agent completes; nil if it completes none.
  package func prompt(
    _ text: TaskText, id: DelegationID, merge: MergeText? = nil
  ) -> String {
    let template = text.round == nil ? nil : templates.roundPrompt
    return (template ?? templates.prompt).renderWithoutFinalNewline(
      values(text, id: id, merge: merge))
  }

  /// The prompt of a follow-up for an agent that continues its conversation, without a final
  /// newline; nil for other delegations.
  /// - Parameter merge: the merge that the agent completes; nil if it completes none.
  package func resumePrompt(
    _ text: TaskText, id: DelegationID, merge: MergeText? = nil
  ) -> String? {
    guard text.round != nil, let template = templates.resumePrompt else { return nil }
    return template.renderWithoutFinalNewline(values(text, id: id, merge: merge))
  }

  /// The message of the commit of TASK.md, without a final newline.
  /// - Parameters:
  ///   - logPosition: the position of the delegation's `branch-created` event.
  ///   - logHash: the chain hash of that event, in hex.
  package func taskCommitMessage(
    _ text: TaskText, id: DelegationID, logPosition: Int64, logHash: String
  ) -> String {
    let kind = CommitTrailers.Kind.task(logPosition: logPosition, logHash: logHash)
    return commitMessage(text, CommitTrailers(delegation: id, kind: kind))
  }

  /// The message of the generated commit, without a final newline.
  /// - Parameter follows: the delegation before a follow-up.
  package func generatedCommitMessage(
    _ text: TaskText, id: DelegationID, follows: DelegationID? = nil, attempt: Int
  ) -> String {
    var trailers = CommitTrailers(delegation: id, kind: .generated(attempt: attempt))
    trailers.follows = follows
    return commitMessage(text, trailers)
  }

  /// The body of the pull request, with the delegation's marker as its last line. A body that is
  /// too long for GitHub is cut, and refers to the task's file.
  package func pullRequestBody(
    _ text: TaskText, id: DelegationID, requested: Requested
  ) -> String {
    let body = templates.pullRequestBody.render(
      values(text, id: id, requested: requested))
    return Self.marked(
      Self.fitting(body, taskFile: taskFileRule.path(for: requested)), id: id)
  }

  private func commitMessage(_ text: TaskText, _ trailers: CommitTrailers) -> String {
    let id = trailers.delegation
    let template = text.round == nil ? nil : templates.roundCommitMessage
    let message = (template ?? templates.commitMessage).render(values(text, id: id))
    let trimmed = message.trimmedEnd
    // git refuses a commit without a subject.
    let subject = trimmed.isEmpty ? "Delegation \(id.rawValue)" : trimmed
    return subject + "\n\n" + trailers.paragraph
  }

  func values(
    _ text: TaskText, id: DelegationID, requested: Requested? = nil, merge: MergeText? = nil
  ) -> [String: Any] {
    var values: [String: Any] = ["id": id.rawValue]
    func set(_ name: String, _ value: String) { if !Self.isBlank(value) { values[name] = value } }
    set("title", text.title)
    set("objective", text.objective)
    set("prTitle", text.pullRequestTitle)
    switch text.constraints {
    case .text(let constraints): set("constraints", constraints)
    case .list(let items): values["constraintList"] = Self.listed(items)
    }
    values["acceptanceCriteria"] = Self.listed(text.acceptanceCriteria)
    if let round = text.round { values.merge(self.values(round, merge)) { a, _ in a } }
    if let requested {
      set("confirmationCode", requested.stamp.confirmationCode)
      set("requester", requested.requester)
      set("agent", requested.agent)
      set("branch", requested.branch)
      set("taskFile", taskFileRule.path(for: requested))
      if let issue = requested.issue { set("issue", issue.reference(in: requested.repository)) }
    }
    return values
  }

  /// nil if the list is empty, so that its section with the heading is left out.
  private static func listed(_ items: [String]) -> [String: Any]? {
    let present = items.filter { !isBlank($0) }
    return present.isEmpty ? nil : ["items": present]
  }

  private static func isBlank(_ text: String) -> Bool { text.allSatisfy(\.isWhitespace) }

  static func ended(_ text: String) -> String {
    text.utf8.last == UInt8(ascii: "\n") ? text : text + "\n"
  }

  private static func marked(_ text: String, id: DelegationID) -> String {
    ended(text) + "\n" + DelegationMarker.of(id) + "\n"
  }

  /// The text, cut if it is too long for GitHub.
  static func fitting(_ text: String, taskFile: String) -> String {
    guard text.utf16.count > bodyUnitsMax else { return text }
    var units = 0
    let kept = text.unicodeScalars.prefix { scalar in
      units += UTF16.width(scalar)
      return units <= bodyUnitsMax
    }
    return String(kept) + "…\n\n(This text is cut; \(taskFile) contains all of it.)\n"
  }
}
