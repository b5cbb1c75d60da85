import ArgumentParser
import Domain
import EventLog
import FoundationEssentials
import Projections
import SystemCalls
import Terminal
import Text

struct List: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Lists delegations, the newest first, those of one pull request together.",
    discussion: """
      On a terminal they are under what they wait for: you, an agent, a worker, or nothing; --flat \
      leaves that out. With --needs-you and need: a pull request counts by its newest round.

      \(DelegationSelection.help)

      Examples:
        aipm list --needs-you
        aipm list --state ready --since 7d
        aipm list --state failed --since 2026-11-16 --until 2026-11-22
        aipm list --repo acme/tools export
        aipm list --query 'state:failed -failure:agent-timeout agent:claude' --count
        aipm list --json confirmationCode,state,pullRequest.number
      """,
    aliases: ["ls"])

  @Argument(help: "Words in the title, the branch, the repository or the code.")
  var words: [String] = []
  @Flag(help: "Only what needs you: it failed, or is ready for review.")
  var needsYou = false
  @Option(
    help: ArgumentHelp(
      "Only in this state; give it again for each of several.", valueName: "state"),
    completion: .list(
      TaskPhase.allCases.map(\.rawValue)))
  var state: [String] = []
  @Option(
    help: ArgumentHelp("Only of this repository.", valueName: "owner/repo"),
    completion: .repositories)
  var repo: String?
  @Option(help: "Only of this requester.")
  var requester: String?
  @Option(help: "Only of this worker.")
  var worker: String?
  @Option(
    help: ArgumentHelp(
      "Only requested since then: a span such as 24h, a day, or a time.", valueName: "time"))
  var since: String?
  @Option(
    help: ArgumentHelp(
      "Only requested until then: a time as for --since; a day counts whole.", valueName: "time"))
  var until: String?
  @Option(parsing: .unconditional, help: "Only what this query selects, see above.")
  var query: String?
  @Option(help: ArgumentHelp("How many at most.", valueName: "number"))
  var limit = 50
  @Option(help: .hidden)
  var cursor: String?
  @Flag(help: "Print how many there are, whatever the limit.")
  var count = false
  @Flag(help: "On a terminal, do not group them.")
  var flat = false
  @Flag(name: .shortAndLong, help: "Confirmation codes alone.")
  var quiet = false
  @OptionGroup var client: ClientOptions
  @OptionGroup var output: SelectionOptions

  func validate() throws {
    if let repo, RepositoryName(repo) == nil {
      throw ValidationError("--repo is \(repo.safe()): write OWNER/REPO")
    }
    guard (1...500).contains(limit) else { throw ValidationError("--limit is a number to 500") }
  }

  /// All options as one query.
  private var selection: DelegationSelection {
    get throws {
      // A word is looked for as it is: only those of --query have keys.
      var selection = try DelegationSelection(query ?? "")
      selection.add(words: words)
      if needsYou { try selection.add(.need, TaskNeed.you.rawValue) }
      if !state.isEmpty { try selection.add(.state, state.joined(separator: ",")) }
      if let repo { try selection.add(.repo, repo) }
      if let requester { try selection.add(.requester, requester) }
      if let worker { try selection.add(.worker, worker) }
      if let since { try selection.add(.since, since) }
      if let until { try selection.add(.until, until) }
      return selection
    }
  }

  func run() async throws {
    let api = try client.api
    let selection = try selection
    if count {
      let number = try await selection.count(api)
      if output.isJSON { return try await output.print(.object(["count": JSONValue(number)])) }
      return Terminal.say(String(number))
    }
    if let parameters = selection.ofAllNeeds, isGrouped {
      return try await tellByNeed(api, parameters)
    }
    let answer = try await selection.find(api, limit: limit, cursor: cursor)
    if output.isJSON { return try await output.print(answer) }
    let items = answer["items"].arrayValue ?? []
    if quiet { return items.forEach { Terminal.say($0["confirmationCode"].safeText ?? "") } }
    guard !items.isEmpty else { return Self.complainOfNone(selection.isEmpty, needsYou) }
    if selection.selectsSingly {
      DelegationsShown(items).tell()
    } else {
      try await DelegationsShown(joining: items, api).tell()
    }
    if answer["next"].stringValue != nil {
      Terminal.complain("there are more: raise --limit, or narrow the list")
    }
  }

  private static func complainOfNone(_ isOfAll: Bool, _ needsYou: Bool) {
    Terminal.complain(
      isOfAll
        ? "no delegations; `aipm submit` makes one"
        : needsYou
          ? "nothing needs you; `aipm list` alone shows all"
          : "no delegation fits; `aipm list` alone shows all")
  }

  private var isGrouped: Bool {
    Terminal.isInteractive && !flat && !quiet && !output.isJSON && cursor == nil
  }

  private static let groupMax = 100

  /// The home page as text.
  private func tellByNeed(_ api: ServerAPI, _ parameters: [(String, String?)]) async throws {
    let answer = try await api.get(
      "/api/tasks/by-need",
      query: parameters + [("limit", String(min(limit, Self.groupMax)))])
    var rest = limit
    var isCut = false
    var groups: [DelegationsShown.Group] = []
    for need in TaskNeed.allCases {
      let tasks = answer["needs"][need.rawValue]
      let items = (tasks["items"].arrayValue ?? []).map { $0["delegation"] }
      let count = tasks["count"].integerValue.map { "  \($0)" } ?? ""
      isCut = isCut || items.count > rest || tasks["next"].stringValue != nil
      groups.append(
        DelegationsShown.Group(title: need.words + count, items: Array(items.prefix(rest))))
      rest -= min(rest, items.count)
    }
    guard rest < limit else { return Self.complainOfNone(parameters.isEmpty, false) }
    try await DelegationsShown(joining: groups, api).tell()
    if isCut {
      let way = limit < Self.groupMax ? "raise --limit, or narrow the list" : "--flat shows them"
      Terminal.complain("there are more: \(way)")
    }
  }

  /// The age of a time in the API.
  static func age(_ time: JSONValue) -> String {
    guard let then = time.time else { return "-" }
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
