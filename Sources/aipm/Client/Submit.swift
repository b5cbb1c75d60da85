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
      Example:
        aipm submit --repo acme/tools --branch feature/export --title 'Add export button' \\
          --objective 'User can export data' --pr-title 'feat: Add export button' \\
          --accept 'Button appears' --accept 'Export works' --wait
      """)

  // A value may begin with a dash, as in some names and pasted lists.
  @Option(
    parsing: .unconditional, help: ArgumentHelp("The repository.", valueName: "owner/repo"))
  var repo: String
  @Option(help: "The branch's name; a timestamp is added to it.")
  var branch: String
  @Option(parsing: .unconditional, help: "The task's title.")
  var title: String
  @Option(parsing: .unconditional, help: "What is to be reached.")
  var objective: String
  @Option(parsing: .unconditional, help: "The pull request's title, and the commits'.")
  var prTitle: String
  @Option(parsing: .unconditional, help: "What is to be kept to.")
  var constraints: String?
  @Option(
    parsing: .unconditionalSingleValue,
    help: "An acceptance criterion; give it again for each.")
  var accept: [String] = []
  @Option(help: "The branch to start from (the repository's default branch).")
  var base: String?
  @Option(help: "The agent (the server's).")
  var agent: String?
  @Option(help: "The workflow (personal-delegate).")
  var workflow: String?
  @Option(help: "0 to 9, higher goes first (5).")
  var priority: Int?
  @Flag(help: "Open the pull request as a draft.")
  var draft = false
  @Option(
    help: ArgumentHelp(
      "The same key never makes a second delegation (a new one each time).", valueName: "key"))
  var idempotencyKey: String?
  @Flag(help: "Follow it to the end; exit code 0 only if it ends as Pushed.")
  var wait = false
  @OptionGroup var client: ClientOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let api = try client.api
    let answer = try await api.post(
      "/api/personal-delegate", body: try body,
      headers: [("Idempotency-Key", idempotencyKey ?? Self.newKey())], retries: 2)
    let code = answer["confirmationCode"].safeText ?? ""
    guard wait else {
      if output.json { return answer.printLine() }
      tell(answer, code)
      return
    }
    if !output.json { tell(answer, code) }
    try await Watching.toTheEnd(of: code, api, output)
  }

  private var body: JSONValue {
    get throws {
      guard let repository = RepositoryName(repo) else {
        throw Failure("--repo is \(repo.safe()): write OWNER/REPO", code: .usage)
      }
      var fields: [String: JSONValue] = [
        "owner": .string(repository.owner), "repo": .string(repository.name),
        "branchName": .string(branch), "taskTitle": .string(title),
        "objective": .string(objective), "prTitle": .string(prTitle),
        "acceptanceCriteria": .array(accept.map { .string($0) }),
      ]
      fields["constraints"] = constraints.map { .string($0) }
      fields["baseBranch"] = base.map { .string($0) }
      fields["agent"] = agent.map { .string($0) }
      fields["workflow"] = workflow.map { .string($0) }
      fields["priority"] = priority.map { .integer(Int64($0)) }
      if draft { fields["draft"] = .bool(true) }
      return .object(fields)
    }
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
