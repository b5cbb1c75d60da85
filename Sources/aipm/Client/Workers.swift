import ArgumentParser
import EventLog
import Terminal
import Text

struct Workers: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Lists the workers, and drains or restarts one.",
    subcommands: [WorkersList.self, WorkersDrain.self, WorkersRestart.self],
    defaultSubcommand: WorkersList.self)
}

struct WorkersList: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "Lists the workers.")

  @OptionGroup var client: ClientOptions
  @OptionGroup var output: SelectionOptions

  func run() async throws {
    let answer = try await client.api.get("/api/workers")
    if output.isJSON { return try await output.print(answer) }
    let items = answer["items"].arrayValue ?? []
    guard !items.isEmpty else {
      Terminal.complain("no workers; `aipm serve --workers N` or `aipm worker` starts some")
      return
    }
    Terminal.table(
      ["WORKER", "STATE", "SINCE", "HEARD", "RESTARTS", "HOST", "AGENTS", "DELEGATION"],
      items.map { item in
        let stalled = item["stalled"].boolValue == true ? " (stalled)" : ""
        let agents = item["agents"].arrayValue ?? []
        return [
          item["id"].safeText ?? "", (item["state"].safeText ?? "") + stalled,
          List.age(item["since"]), List.age(item["lastHeartbeatAt"]),
          String(item["restarts"].integerValue ?? 0), item["host"].safeText ?? "",
          agents.compactMap(\.safeText).joined(separator: ","),
          item["confirmationCode"].safeText ?? item["delegation"].safeText ?? "-",
        ]
      })
  }
}

struct WorkersDrain: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "drain", abstract: "Lets a worker finish what it has, and end.")

  @Argument(help: "The worker's name.")
  var id: String
  @OptionGroup var client: ClientOptions

  func run() async throws {
    _ = try await client.api.post(ServerAPI.path("/api/workers", id, "/drain"))
    Terminal.say("\(id.safe()) drains")
  }
}

struct WorkersRestart: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restart",
    abstract: "Starts a local worker again: when it has finished what it has, or at once.")

  @Argument(help: "The worker's name.")
  var id: String
  @OptionGroup var client: ClientOptions

  func run() async throws {
    _ = try await client.api.post(ServerAPI.path("/api/workers", id, "/restart"))
    Terminal.say("\(id.safe()) restarts")
  }
}
