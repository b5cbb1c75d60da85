import ArgumentParser
import EventLog
import Terminal
import Text

struct PullRequests: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pull-requests",
    abstract: "Lists the pull requests, the newest first.",
    aliases: ["prs"])

  @Option(help: ArgumentHelp("How many at most.", valueName: "number"))
  var limit = 50
  @OptionGroup var client: ClientOptions
  @OptionGroup var output: SelectionOptions

  func validate() throws {
    guard (1...500).contains(limit) else { throw ValidationError("--limit is a number to 500") }
  }

  func run() async throws {
    let answer = try await client.api.get(
      "/api/pull-requests", query: [("limit", String(limit))])
    if output.isJSON { return try await output.print(answer) }
    let items = answer["items"].arrayValue ?? []
    guard !items.isEmpty else { return Terminal.complain("no pull requests") }
    Terminal.table(
      ["PULL REQUEST", "STATE", "TITLE", "ADDRESS"],
      items.map { item in
        [
          "\(item["repository"].safeText ?? "")#\(item["number"].integerValue ?? 0)",
          state(item), item["title"].words, item["html_url"].safeText ?? "",
        ]
      })
  }

  /// In the words of its newest delegation, unless it is merged or closed.
  private func state(_ item: JSONValue) -> String {
    let delegation: JSONValue = .object([
      "state": item["delegationState"], "pullRequest": .object(["state": item["state"]]),
    ])
    let state = item["state"].safeText ?? ""
    guard state == "open" else { return state.capitalizedFirst }
    return delegation.delegationWord
  }
}

struct Repositories: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Lists the repositories that one may delegate to, those of recent delegations first.",
    aliases: ["repos"])

  @OptionGroup var client: ClientOptions
  @OptionGroup var output: SelectionOptions

  func run() async throws {
    let api = try client.api
    let recent = try await api.get("/api/choices")["repositories"].arrayValue ?? []
    let others = try await others(api).filter { !recent.contains($0) }
    let names = recent + others
    if output.isJSON {
      let items = names.enumerated().map { index, name in
        JSONValue.object(["name": name, "recent": .bool(index < recent.count)])
      }
      return try await output.print(.object(["items": .array(items)]))
    }
    guard !names.isEmpty else {
      return Terminal.complain(
        "no repository yet; `aipm forge create` adds one to the embedded forge")
    }
    for name in names { Terminal.say(name.safeText ?? "") }
  }

  /// What the forge lets AIPM push to; none for a reader who may not submit.
  private func others(_ api: ServerAPI) async throws -> [JSONValue] {
    do {
      return try await api.get("/api/repositories")["items"].arrayValue ?? []
    } catch let failure as Failure {
      guard failure.code == .refused else { throw failure }
      return []
    }
  }
}

struct Agents: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Lists the agents that a delegation may name, and whether a worker has them.")

  @OptionGroup var client: ClientOptions
  @OptionGroup var output: SelectionOptions

  func run() async throws {
    let choices = try await client.api.get("/api/choices")
    let items = choices["agents"].arrayValue ?? []
    if output.isJSON { return try await output.print(.object(["items": .array(items)])) }
    Terminal.table(
      ["AGENT", "READY", "DESCRIPTION"],
      items.map { item in
        let isStandard = item["name"] == choices["agent"]
        return [
          (item["name"].safeText ?? "") + (isStandard ? " (standard)" : ""),
          item["found"].boolValue == true ? "yes" : "no", item["description"].safeText ?? "",
        ]
      })
  }
}

extension String {
  /// `merged` is `Merged`.
  fileprivate var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}
