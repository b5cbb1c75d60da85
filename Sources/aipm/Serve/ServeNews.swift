import Domain
import Engine
import EventLog
import Projections
import Terminal
import Workflows

/// What `aipm serve` says to the person who started it: where everything is, which agents are
/// ready, and each delegation that fails. The log and the page know more.
struct ServeNews: Sendable {
  /// How long workers may take to look for agents before that is told without them.
  private static let patience = Duration.seconds(30)
  /// More failures at once are not worth a line each.
  private static let failuresMax = 256

  private struct Ending: Sendable {
    var delegation: DelegationID
    var failed: Failed
  }

  private let failures: AsyncStream<Ending>
  private let told: AsyncStream<Ending>.Continuation

  init() {
    (failures, told) = AsyncStream.makeStream(
      of: Ending.self, bufferingPolicy: .bufferingNewest(Self.failuresMax))
  }

  /// To be given to the store as its observer; it does not block.
  func observe(_ events: [RecordedEvent]) {
    for event in events {
      guard case .delegation(let id) = event.stream,
        case .delegation(.failed(let failed)) = event.event
      else { continue }
      told.yield(Ending(delegation: id, failed: failed))
    }
  }

  /// Says where everything is, once the server listens.
  func tellPlaces(page: String, data: String, forge: String) {
    Terminal.say("aipm: the page is at \(page)")
    Terminal.say("aipm: everything is kept in \(data)")
    Terminal.say("aipm: delegations go to \(forge)")
  }

  /// Says once which agents are ready, when the local workers have looked for them.
  func tellAgents(
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
    // From the log, as the wait was: the engine hears of a registration a moment later.
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

  /// The workers that have registered, which they do when they have looked for agents.
  private static func haveLooked(_ store: any ReadModels) async -> [WorkerRow] {
    let rows = (try? await store.workers()) ?? []
    return rows.filter { [.idle, .busy, .unhealthy].contains($0.state) }
  }

  /// A line for each delegation that fails, until the task is cancelled.
  func tellFailures(_ store: any ReadModels) async {
    for await failure in failures {
      let row = (try? await store.delegation(.id(failure.delegation)))??.row
      let code = row.map { Stamp(milliseconds: $0.stamp).confirmationCode }
      let name = code ?? failure.delegation.rawValue
      let message = failure.failed.message.map { ": \($0.lastLine)" } ?? ""
      Terminal.complain(
        ("aipm: \(name) \(row?.repository ?? "") failed at \(failure.failed.step.rawValue) "
          + "(\(failure.failed.code.rawValue))\(message); `aipm show \(name)` tells more").safe())
    }
  }
}
