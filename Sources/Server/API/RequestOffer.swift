import Domain
import Engine
import EventLog
import Text
import Workflows

/// The values that a request may name on this server, and the schemas of request bodies. Their
/// patterns match the rules of `Submission` and `BranchName`, whose messages are for people.
struct RequestOffer {
  /// The agents of all workflows.
  var agents: [String]
  var workflows: [String]
  /// Whether `/generate-code` has a default repository.
  var hasDefaultRepository: Bool
  private let issue: JSONSchema
  private let owner: JSONSchema
  private let repo: JSONSchema

  init(_ server: ServerContext) {
    var names = Set(server.catalog.all.flatMap(\.agents.keys))
    if let custom = server.engine.overrides.customAgent { names.insert(custom.name) }
    agents = names.sorted()
    workflows = server.catalog.all.map(\.name).sorted()
    hasDefaultRepository = server.configuration.defaultRepository != nil
    issue = Self.issue(forge: server.configuration.repositoriesAddress)
    owner = Self.name(server.configuration.names.ownerPattern)
    repo = Self.name(server.configuration.names.repositoryPattern)
  }

  private typealias Limit = Submission.Limit

  // MARK: Texts

  /// Control characters that are invalid in any text. Line feeds and tabs are valid, and a carriage
  /// return becomes a line feed.
  private static let controls = "\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f"
  /// Characters that are invalid in a line.
  private static let lineEnds = "\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029"

  private static let block = "^[^\(controls)]*$"

  /// A text that is not blank.
  private static func written(_ excluded: String) -> String {
    "^[^\(excluded)]*[^\\s\(excluded)][^\(excluded)]*$"
  }

  private static let title = JSONSchema.text(written(lineEnds), length: 1...Limit.title)
  private static let objective = JSONSchema.text(written(controls), length: 1...Limit.objective)
  /// The reason for a redaction.
  static let reason = JSONSchema.text(length: 1...UpkeepRoutes.reasonMax)

  /// The usual names of GitHub; `IssueAddresses` reads all that the forge allows.
  private static func issue(forge: String?) -> JSONSchema {
    let number = "[1-9][0-9]{0,8}"
    let repository = "[A-Za-z0-9][A-Za-z0-9-]{0,37}/[A-Za-z0-9._-]{0,90}[A-Za-z0-9_-]"
    let address = forge.map {
      "|\($0.replacing(".", with: "\\."))/\(repository)/issues/\(number)"
    }
    return .text("^(#?\(number)|\(repository)#\(number)\(address ?? ""))$")
  }

  private static func name(_ pattern: NamePattern?) -> JSONSchema {
    guard let pattern else { return .text("^[^\(controls)]+$") }
    return .text(pattern.expression, length: 1...pattern.charactersMax)
  }

  /// The rules of git. A name has a maximum of bytes, and a character up to four.
  private static func branch(isStamped: Bool) -> JSONSchema {
    let bytes = BranchName.bytesMax - (isStamped ? BranchName.stampBytes : 0)
    let never = "\\x00-\\x20\\x7f-\\x9f~^:?*\\[\\\\"
    let starts = "(?!-)(?!refs/)(?!HEAD$)(?!@$)(?![./])"
    let parts = "(?!.*(\\.\\.|@\\{|//|/\\.|\\.lock/))"
    let ends = "(?!.*(\\.lock|\\.|/)$)"
    // Names with other characters than ASCII: as many as fit if each has the maximum length.
    let texts = "([!\"#$%&'()+,./0-9;<=>@A-Z\\]_`a-z{|}-]{1,\(bytes)}|[^\(never)]{1,\(bytes / 4)})"
    return .text("^\(starts)\(parts)\(ends)\(texts)$")
  }

  // MARK: Bodies

  var submission: JSONSchema {
    .object(
      [
        "owner": owner.example("acme"), "repo": repo.example("tools"),
        "branchName": Self.branch(isStamped: true).described(
          "The server appends `-` and a timestamp."
        ).example("feature/add-import"),
        "taskTitle": Self.title.example("Add import button"),
        "objective": Self.objective.example("User can import data"),
        "prTitle": Self.title.example("feat: Add import button"),
      ],
      optional: [
        "constraints": JSONSchema.either([
          .text(Self.block, max: Limit.constraints),
          .list(.text(Self.block, max: Limit.constraints)),
        ]).orNull,
        "acceptanceCriteria": JSONSchema.either([
          .text(Self.block), .list(.text(Self.block, max: Limit.criterion), max: Limit.criteria),
        ]).orNull,
        "baseBranch": Self.branch(isStamped: false).described(
          "Without it: the workflow's, else the repository's default branch."
        ).orNull,
        "agent": JSONSchema.word(agents).orNull, "workflow": JSONSchema.word(workflows).orNull,
        "priority": JSONSchema.integer(
          Int64(Limit.priority.lowerBound)...Int64(Limit.priority.upperBound)
        ).described("Higher first.").byDefault(.integer(Int64(Limit.priorityDefault))).orNull,
        "draft": JSONSchema.flag.orNull,
        "issue": issue.described(
          "The issue that the pull request is to solve: its address, `OWNER/REPO#12` or `#12`."
        ).orNull,
      ], isOpen: true)
  }

  var changeRequest: JSONSchema {
    let words = JSONSchema.text(Self.written(Self.controls), length: 1...FeedbackText.bodyMax)
    let path = JSONSchema.text(
      "^(?!/)(?!.*//)(?!.*/$)(?!(.*/)?\\.\\.?(/|$))\(Self.written(Self.lineEnds).dropFirst())",
      length: 1...FeedbackText.pathMax)
    let comment = JSONSchema.object(
      ["path": path.example("src/export.js"), "body": words.example("Name it exportAll.")],
      optional: ["line": JSONSchema.integer(1...Int64(AskedChanges.lineMax)).orNull])
    let message = words.example("Use a table instead of a list.")
    let others = [
      "agent": JSONSchema.word(agents).orNull, "queue": JSONSchema.flag.orNull,
    ]
    // One of the two is required.
    return .either([
      .object(
        ["message": message],
        optional: others.merging([
          "comments": JSONSchema.list(comment, max: AskedChanges.commentsMax).orNull
        ]) { $1 }, isOpen: true),
      .object(
        ["comments": .list(comment, min: 1, max: AskedChanges.commentsMax)],
        optional: others.merging(["message": message.orNull]) { $1 }, isOpen: true),
    ])
  }

  var codeRequest: JSONSchema {
    let repository = ["owner": owner, "repo": repo]
    let required = [
      "branch": Self.branch(isStamped: false), "taskDescription": Self.objective,
      "prNumber": JSONSchema.integer(1...Int64.max),
    ]
    guard hasDefaultRepository else {
      return .object(required.merging(repository) { $1 }, isOpen: true)
    }
    return .object(required, optional: repository.mapValues(\.orNull), isOpen: true)
  }
}
