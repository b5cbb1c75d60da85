import Domain
import Engine
import EventLog
import Projections
import Terminal
import Workflows

/// What `aipm serve` says when it starts: the addresses and the ready agents. The rest is in its
/// log (`EventLines`).
struct ServeNews: Sendable {
  /// How long to wait for the workers' search for agents.
  private static let patience = Duration.seconds(30)
  /// Prints the addresses when the server listens.
  func printAddresses(page: String, data: String, forge: String) {
    Terminal.say("aipm: the page is at \(page)")
    Terminal.say("aipm: everything is kept in \(data)")
    Terminal.say("aipm: delegations go to \(forge)")
  }

  /// Prints the ready agents once, after the local workers have looked for them.
  func printAgents(
    _ store: any RunningStore, localWorkers: Int
  ) async {
    guard localWorkers > 0 else {
      Terminal.say("aipm: there are no local workers; `aipm worker` adds one")
      return
    }
    let commits = store.feed.signals()
    await withTaskGroup(of: Void.self) { group in
      group.addTask {
        if await Self.haveLooked(store).count >= localWorkers { return }
        for await _ in commits where await Self.haveLooked(store).count >= localWorkers { return }
      }
      group.addTask { try? await Task.sleep(for: Self.patience) }
      await group.next()
      group.cancelAll()
    }
    guard !Task.isCancelled else { return }
    // From the log, like the wait: the engine learns of a registration a moment later.
    let found = await Set(Self.haveLooked(store).flatMap(\.agents)).sorted()
    if found.isEmpty {
      Terminal.say("aipm: no agent is ready; `aipm doctor` says why")
    } else if found == [AgentProfile.demo.name] {
      Terminal.say(
        "aipm: agents ready: demo, which uses no model and writes sample files; `aipm doctor` says "
          + "what the others lack")
    } else {
      Terminal.say("aipm: agents ready: \(found.joined(separator: ", "))")
    }
  }

  /// The registered workers. They register after they have looked for agents.
  private static func haveLooked(_ store: any ReadModels) async -> [WorkerRow] {
    let rows = (try? await store.workers()) ?? []
    return rows.filter { [.idle, .busy, .unhealthy].contains($0.state) }
  }
}
