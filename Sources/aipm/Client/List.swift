import ArgumentParser
import Domain
import EventLog
import FoundationEssentials
import SystemCalls
import Terminal
import Text

struct List: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Lists delegations, the newest first.",
    discussion: """
      Examples:
        aipm list --state failed --state pushed
        aipm list --repo acme/tools export
      """)

  @Argument(help: "Words in the title, the branch, the repository or the code.")
  var words: [String] = []
  @Option(
    help: ArgumentHelp(
      "Only in this state; give it again for each of several.", valueName: "state"),
    completion: .list(DelegationStateName.allCases.map(\.rawValue)))
  var state: [String] = []
  @Option(help: ArgumentHelp("Only of this repository.", valueName: "owner/repo"))
  var repo: String?
  @Option(help: "Only of this requester.")
  var requester: String?
  @Option(help: "Only of this worker.")
  var worker: String?
  @Option(help: "How many at most.")
  var limit = 50
  @Option(help: .hidden)
  var cursor: String?
  @Flag(name: .shortAndLong, help: "Confirmation codes alone.")
  var quiet = false
  @OptionGroup var client: ClientOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if let repo, RepositoryName(repo) == nil {
      throw ValidationError("--repo is \(repo.safe()): write OWNER/REPO")
    }
    guard (1...500).contains(limit) else { throw ValidationError("--limit is a number to 500") }
  }

  private var isNarrowed: Bool {
    !state.isEmpty || repo != nil || requester != nil || worker != nil || !words.isEmpty
  }

  func run() async throws {
    let answer = try await client.api.get(
      "/api/delegations",
      query: [
        ("state", state.isEmpty ? nil : state.joined(separator: ",")), ("repo", repo),
        ("requester", requester), ("worker", worker),
        ("q", words.isEmpty ? nil : words.joined(separator: " ")), ("limit", String(limit)),
        ("cursor", cursor),
      ])
    if output.json { return answer.printLine() }
    let items = answer["items"].arrayValue ?? []
    if quiet { return items.forEach { Terminal.say($0["confirmationCode"].safeText ?? "") } }
    guard !items.isEmpty else {
      Terminal.complain(
        isNarrowed
          ? "no delegation fits; `aipm list` alone shows all"
          : "no delegations; `aipm submit` makes one")
      return
    }
    Terminal.table(
      ["CODE", "STATE", "PULL REQUEST", "AGE", "WORKER", "TITLE"],
      items.map { item in
        let repository = item["repository"]
        var name = "\(repository["owner"].safeText ?? "")/\(repository["repo"].safeText ?? "")"
        if let number = item["pullRequest"]["number"].integerValue { name += "#\(number)" }
        return [
          item["confirmationCode"].safeText ?? "", Self.state(item), name,
          Self.age(item["requestedAt"]), item["worker"].safeText ?? "-",
          item["taskTitle"].safeText ?? "(redacted)",
        ]
      })
    if answer["next"].stringValue != nil {
      Terminal.complain("there are more: raise --limit, or narrow the list")
    }
  }

  private static func state(_ item: JSONValue) -> String {
    let state = item["state"].safeText ?? ""
    return item["failure"]["code"].safeText.map { "\(state) (\($0))" } ?? state
  }

  /// The age of a time in the API.
  static func age(_ time: JSONValue) -> String {
    guard let then = time.stringValue.flatMap({ Timestamp(iso8601: $0) }) else { return "-" }
    let now = Timestamp.now
    let seconds = max(0, (now - then).count / 1000)
    switch seconds {
    case ..<60: return "\(seconds)s"
    case ..<3600: return "\(seconds / 60)m"
    case ..<86_400: return "\(seconds / 3600)h"
    default: return "\(seconds / 86_400)d"
    }
  }
}
