// A request before validation. Validation reports all faults at once. It changes texts only by
// removing what a paste adds: line ends of Windows and web pages, and terminal colours.

/// The fields of a request as received; absent ones are nil.
package struct Submission: Equatable, Sendable {
  /// A field that may be given as one text or as a list.
  package enum TextOrList: Equatable, Sendable {
    case text(String)
    case list([String])
  }

  package var owner: String?
  package var repo: String?
  package var branchName: String?
  package var taskTitle: String?
  package var objective: String?
  package var prTitle: String?
  package var constraints: TextOrList?
  package var acceptanceCriteria: TextOrList?
  package var baseBranch: String?
  package var agent: String?
  package var workflow: String?
  package var priority: Int?
  package var draft: Bool?

  package init(
    owner: String? = nil, repo: String? = nil, branchName: String? = nil,
    taskTitle: String? = nil, objective: String? = nil, prTitle: String? = nil,
    constraints: TextOrList? = nil, acceptanceCriteria: TextOrList? = nil,
    baseBranch: String? = nil,
    agent: String? = nil, workflow: String? = nil, priority: Int? = nil, draft: Bool? = nil
  ) {
    self.owner = owner
    self.repo = repo
    self.branchName = branchName
    self.taskTitle = taskTitle
    self.objective = objective
    self.prTitle = prTitle
    self.constraints = constraints
    self.acceptanceCriteria = acceptanceCriteria
    self.baseBranch = baseBranch
    self.agent = agent
    self.workflow = workflow
    self.priority = priority
    self.draft = draft
  }
}

/// An invalid field of a request: the problem and a correction.
package struct FieldFault: Error, Equatable, Sendable {
  /// As the API spells it; a part of a list as `acceptanceCriteria[3]`.
  package var field: String
  package var message: String

  package init(field: String, message: String) {
    self.field = field
    self.message = message
  }
}

/// Every fault of a request.
package struct FieldFaults: Error, Equatable, Sendable {
  package var faults: [FieldFault]
  package init(_ faults: [FieldFault]) { self.faults = faults }
}

/// A request whose fields are all valid. Whether the repository, the agent and the workflow exist
/// is not checked yet.
package struct ValidSubmission: Equatable, Sendable {
  package let repository: RepositoryName
  /// As given, without a timestamp.
  package let branchName: String
  package let text: TaskText
  /// nil for the workflow's, or else the repository's default branch.
  package let baseBranch: String?
  /// nil for the workflow's choice.
  package let agent: String?
  package let workflow: String
  package let priority: Int
  /// nil for the workflow's choice.
  package let draft: Bool?
}

extension Submission {
  /// The limits of a request, lengths in Unicode scalars.
  package enum Limit {
    package static let title = 256
    package static let objective = 20_000
    /// All constraints together.
    package static let constraints = 20_000
    package static let criterion = 2_000
    package static let criteria = 100
    package static let name = 64
    package static let priority = 0...9
    package static let priorityDefault = 5
    package static let workflowDefault = "personal-delegate"
  }

  /// Checks every field.
  /// - Parameters:
  ///   - names: the forge's rules for names.
  ///   - mistyped: faults of fields that could not be read, such as a number instead of a text.
  ///     They are thrown with the others, and those fields are not checked.
  package func validate(
    names: any RepositoryRules, mistyped: [FieldFault] = []
  ) throws(FieldFaults) -> ValidSubmission {
    var check = FieldCheck(mistyped: mistyped)
    let owner = check.name(owner, "owner", names.ownerForm, names.faults(inOwner:))
    let repo = check.name(repo, "repo", names.repositoryForm, names.faults(inRepository:))
    let branch = check.branch(branchName, "branchName", isStamped: true)
    let title = check.line(
      taskTitle, "taskTitle", max: Limit.title, say: "the headline of TASK.md")
    let objective = check.block(
      objective, "objective", max: Limit.objective, say: "what the agent is to achieve")
    let prTitle = check.line(
      prTitle, "prTitle", max: Limit.title, say: "the title of the pull request and its commits")
    let constraints = check.constraints(constraints)
    let criteria = check.criteria(acceptanceCriteria)
    let base = baseBranch == nil ? nil : check.branch(baseBranch, "baseBranch", isStamped: false)
    let agent = check.name(agent, "agent")
    let workflow = check.name(workflow, "workflow")
    if let priority, !Limit.priority.contains(priority) {
      check.note(
        "priority", "is \(priority)", "write a whole number from 0 to 9, 9 the most urgent")
    }
    guard check.faults.isEmpty else { throw FieldFaults(check.faults) }
    return ValidSubmission(
      repository: RepositoryName(owner: owner, name: repo), branchName: branch,
      text: TaskText(
        title: title, objective: objective, pullRequestTitle: prTitle, constraints: constraints,
        acceptanceCriteria: criteria),
      baseBranch: base, agent: agent, workflow: workflow ?? Limit.workflowDefault,
      priority: priority ?? Limit.priorityDefault, draft: draft)
  }
}

/// Checks fields one by one and collects the faults. A check returns the value, or an empty one
/// after a fault. The empty one is not used, because the request is then refused.
struct FieldCheck {
  private(set) var faults: [FieldFault]
  private let silent: Set<String>

  init(mistyped: [FieldFault]) {
    faults = mistyped
    silent = Set(mistyped.map(\.field))
  }

  /// - Parameters:
  ///   - problem: the problem, as text that follows the field's name.
  ///   - instead: the correction.
  mutating func note(_ field: String, _ problem: String, _ instead: String) {
    let whole = field.prefix { $0 != "[" }
    if silent.contains(String(whole)) { return }
    faults.append(FieldFault(field: field, message: "\(field) \(problem); \(instead)"))
  }

  /// A text that must be present and not blank.
  private mutating func required(
    _ value: String?, _ field: String, _ instead: String
  ) -> String? {
    guard let value else {
      note(field, "is required", instead)
      return nil
    }
    if value.unicodeScalars.allSatisfy(\.properties.isWhitespace) {
      note(field, "is empty", instead)
      return nil
    }
    return value
  }

  /// A name that the forge must allow.
  mutating func name(
    _ value: String?, _ field: String, _ form: String, _ faults: (String) -> [NameFault]
  ) -> String {
    guard let name = required(value, field, form) else { return "" }
    for fault in faults(name) { note(field, fault.message, fault.instead) }
    return name
  }

  mutating func branch(_ value: String?, _ field: String, isStamped: Bool) -> String {
    let form = "write a branch's name, such as feature/add-export"
    guard let name = required(value, field, form) else { return "" }
    if let fault = BranchName.fault(name, isStamped: isStamped) {
      note(field, fault.message, fault.instead)
    }
    return name
  }

  /// A text of one line.
  mutating func line(_ value: String?, _ field: String, max: Int, say what: String) -> String {
    let plain = value.map(PastedText.plainLine)
    guard let text = required(plain, field, "write \(what)") else { return "" }
    length(text, field, max: max)
    for scalar in text.unicodeScalars where isControl(scalar) || isLineEnd(scalar) {
      note(
        field,
        isLineEnd(scalar)
          ? "has more than one line" : "holds the control character \(Characters.code(scalar))",
        "write visible characters in one line")
      break
    }
    return text
  }

  /// A text that may have lines.
  mutating func block(_ value: String?, _ field: String, max: Int, say what: String) -> String {
    let plain = value.map(PastedText.plain)
    guard let text = required(plain, field, "write \(what)") else { return "" }
    length(text, field, max: max)
    controls(text, field)
    return text
  }

  mutating func constraints(_ value: Submission.TextOrList?) -> TaskText.Constraints {
    let field = "constraints"
    let max = Submission.Limit.constraints
    switch value {
    case nil: return .text("")
    case .text(let pasted):
      let text = PastedText.plain(pasted)
      length(text, field, max: max)
      controls(text, field)
      return .text(text)
    case .list(let pasted):
      let items = pasted.map(PastedText.plain)
      let total = items.reduce(0) { $0 + $1.unicodeScalars.count }
      if total > max {
        note(field, "hold \(total) characters in all", "write at most \(max)")
      }
      for (index, item) in items.enumerated() { controls(item, "\(field)[\(index)]") }
      return .list(items.filter(isWritten))
    }
  }

  mutating func criteria(_ value: Submission.TextOrList?) -> [String] {
    let field = "acceptanceCriteria"
    let items: [String]
    switch value {
    case nil: return []
    case .text(let text): items = PastedText.plain(text).split(separator: "\n").map(String.init)
    case .list(let list): items = list.map(PastedText.plain)
    }
    let written = items.enumerated().filter { isWritten($0.element) }
    if written.count > Submission.Limit.criteria {
      note(
        field, "has \(written.count) entries", "write at most \(Submission.Limit.criteria)")
    }
    for (index, item) in written {
      length(item, "\(field)[\(index)]", max: Submission.Limit.criterion)
      controls(item, "\(field)[\(index)]")
    }
    return written.map(\.element)
  }

  /// The name of an agent or a workflow.
  mutating func name(_ value: String?, _ field: String) -> String? {
    guard let value else { return nil }
    let fits = value.utf8.allSatisfy {
      (97...122).contains($0) || (48...57).contains($0) || $0 == UInt8(ascii: "-")
    }
    if value.isEmpty || !fits || value.utf8.count > Submission.Limit.name {
      note(
        field, "is not a name", "write lowercase letters, digits and hyphens, or leave it out")
    }
    return value
  }

  private mutating func length(_ text: String, _ field: String, max: Int) {
    let count = text.unicodeScalars.count
    if count > max {
      note(field, "is \(count) characters long", "write at most \(max)")
    }
  }

  private mutating func controls(_ text: String, _ field: String) {
    for (index, scalar) in text.unicodeScalars.enumerated() {
      guard isControl(scalar), scalar != "\n", scalar != "\t" else { continue }
      note(
        field, "holds the control character \(Characters.code(scalar)) as character \(index + 1)",
        "leave it out; lines and tabs may stay")
      return
    }
  }
}

private func isControl(_ scalar: Unicode.Scalar) -> Bool {
  scalar.properties.generalCategory == .control
}

private func isLineEnd(_ scalar: Unicode.Scalar) -> Bool {
  ["\n", "\r", "\u{2028}", "\u{2029}"].contains(scalar)
}

private func isWritten(_ text: String) -> Bool {
  !text.unicodeScalars.allSatisfy(\.properties.isWhitespace)
}
