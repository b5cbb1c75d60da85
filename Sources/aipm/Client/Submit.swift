import ArgumentParser
import Cryptography
import Domain
import EventLog
import Terminal
import Text

struct Submit: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Delegates a piece of code: a branch, a pull request, and an agent that works on it.",
    discussion: """
      The text is what the agent is told; its first line is the title. Without a text an editor \
      opens, if there is a terminal (AIPM_EDITOR, VISUAL or EDITOR). In a clone the repository is \
      that of its remote origin. The address of an issue, or OWNER/REPO#12, stands for the \
      issue's words and repository, and the pull request is linked to it. Each option below \
      replaces what is derived from the text.

      Examples:
        aipm submit 'Add an export button' --accept 'Export works' --follow
        aipm submit -F task.md --repo acme/tools
        aipm submit acme/tools#12
        aipm submit --repo acme/tools --branch feature/export \\
          --title 'Add export button' --objective 'User can export data' \\
          --pr-title 'feat: Add export button' --wait
      """)

  @Argument(help: "What is to be done.")
  var text: String?
  @Option(
    name: [.customShort("F"), .customLong("file")],
    help: ArgumentHelp("Read the text from a file; - for standard input.", valueName: "file"),
    completion: .file())
  var file: String?
  // A value may begin with a dash, as in some names and pasted lists.
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The repository (that of the clone).", valueName: "owner/repo"),
    completion: .repositories)
  var repo: String?
  @Option(help: "The branch's name; a timestamp is added to it (from the title).")
  var branch: String?
  @Option(parsing: .unconditional, help: "The task's title (the first line of the text).")
  var title: String?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("What is to be reached (the text).", valueName: "text"))
  var objective: String?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The pull request's title, and the commits' (the title).", valueName: "title"))
  var prTitle: String?
  @Option(parsing: .unconditional, help: ArgumentHelp("What is to be kept to.", valueName: "text"))
  var constraints: String?
  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("An acceptance criterion; give it again for each.", valueName: "text"))
  var accept: [String] = []
  @Option(help: "The branch to start from (the repository's default branch).")
  var base: String?
  @Option(
    help: "The agent (the server's).",
    completion: .agents)
  var agent: String?
  @Option(help: "The workflow (personal-delegate).")
  var workflow: String?
  @Option(help: ArgumentHelp("0 to 9, higher goes first (5).", valueName: "0-9"))
  var priority: Int?
  @Flag(help: "Open the pull request as a draft.")
  var draft = false
  @Option(
    help: ArgumentHelp(
      "The same key never makes a second delegation (a new one each time).", valueName: "key"))
  var idempotencyKey: String?
  @Flag(
    name: [.long, .customLong("follow")],
    help: "Follow it to the end; exit code 0 only if it ends as Pushed.")
  var wait = false
  @OptionGroup var client: ClientOptions
  @OptionGroup var output: SelectionOptions

  func run() async throws {
    let api = try client.api
    let issue = objective == nil && file == nil ? try await IssueText.read(text, api) : nil
    let repository = try await repository(api, issue)
    let written =
      if let issue {
        WrittenText(text: issue.words, editor: nil)
      } else {
        try await written(for: repository)
      }
    let body = try body(repository, written, issue)
    let answer = try await WrittenText.sending(written) {
      try await api.post(
        "/api/personal-delegate", body: body,
        headers: [("Idempotency-Key", idempotencyKey ?? Self.newKey())], retries: 2)
    }
    let code = answer["confirmationCode"].safeText ?? ""
    guard wait else {
      if output.isJSON { return try await output.print(answer) }
      tell(answer, code)
      return
    }
    if !output.isJSON { tell(answer, code) }
    try await Watching.toTheEnd(of: code, api, output)
  }

  /// The one that is named, or that of the issue or the clone.
  private func repository(_ api: ServerAPI, _ issue: IssueText?) async throws -> RepositoryName {
    guard let repo else {
      if let issue { return issue.repository }
      return try await Clone.repository(api)
    }
    guard let repository = RepositoryName(repo) else {
      throw Failure("--repo is \(repo.safe()): write OWNER/REPO", code: .usage)
    }
    return repository
  }

  /// The text, or the objective in its place.
  private func written(for repository: RepositoryName) async throws -> WrittenText {
    if objective != nil, text != nil || file != nil {
      throw Failure("write the text or --objective, not both", code: .usage)
    }
    let written = try await WrittenText.read(argument: objective ?? text, file: file) {
      [
        "Write above what is to be done in \(repository). The first line is the title.",
        "This line and everything below it are not part of the text.",
        "An empty text submits nothing.",
      ]
    }
    guard let written else {
      throw Failure(
        "say what is to be done: aipm submit 'TEXT', -F FILE, or --objective", code: .usage)
    }
    return written
  }

  private func body(
    _ repository: RepositoryName, _ written: WrittenText, _ issue: IssueText?
  ) throws -> JSONValue {
    // The server judges an empty objective, as it does all that is named.
    let words = TaskDraft(written.text)
    let title = title ?? issue?.title ?? words?.title ?? ""
    var fields: [String: JSONValue] = [
      "owner": .string(repository.owner), "repo": .string(repository.name),
      "branchName": .string(branch ?? TaskDraft.branch(from: title)), "taskTitle": .string(title),
      "objective": .string(objective ?? words?.objective ?? ""),
      "prTitle": .string(prTitle ?? title),
      "acceptanceCriteria": .array(accept.map { .string($0) }),
    ]
    if objective == nil, words == nil {
      throw Failure("the text is empty: nothing was submitted", code: .usage)
    }
    fields["constraints"] = constraints.map { .string($0) }
    fields["baseBranch"] = base.map { .string($0) }
    fields["agent"] = agent.map { .string($0) }
    fields["workflow"] = workflow.map { .string($0) }
    fields["priority"] = priority.map { .integer(Int64($0)) }
    fields["issue"] = issue.map { .string($0.name) }
    if draft { fields["draft"] = .bool(true) }
    return .object(fields)
  }

  private func tell(_ answer: JSONValue, _ code: String) {
    Terminal.say("Task created. Confirmation: \(Style.bold.on(code))")
    Terminal.say("branch        \(answer["branchName"].safeText ?? "")")
    if let url = answer["html_url"].safeText {
      Terminal.say("pull request  \(url)")
    } else {
      Terminal.say("pull request  not yet: `aipm watch \(code)` follows it")
    }
  }

  /// Allows repeating a request whose response was lost.
  static func newKey() -> String {
    randomHex(bytes: 16)
  }
}
