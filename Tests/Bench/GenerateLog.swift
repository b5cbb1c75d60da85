import ArgumentParser
import Domain
import EventLog
import Glibc
import Projections
import SQLiteEventStore
import Synchronization

struct GenerateLog: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate-log", abstract: "Makes a data folder with a realistic log.")

  @Option(help: "How many events, at least.")
  var events: Int
  @Option(help: "The folder; nothing may be in it.")
  var data: String

  private static let clients = 128

  func run() async throws {
    guard access(data + "/aipm.db", F_OK) != 0 else {
      throw BenchFault(description: "\(data) holds a log already")
    }
    let clock = TaleClock()
    let store = try SQLiteEventStore.open(
      directory: data, clock: { clock.now() }, onCommit: { _ in })
    for worker in 1...Tale.workers { try await register(worker, in: store) }
    let counts = Counts()
    let wanted = events - Tale.workers
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<Self.clients {
        group.addTask {
          while counts.written.load(ordering: .relaxed) < wanted {
            let n = counts.tales.wrappingAdd(1, ordering: .relaxed).oldValue
            let count = try await Tale(n).append(to: store)
            counts.written.wrappingAdd(count, ordering: .relaxed)
          }
        }
      }
      try await group.waitForAll()
    }
    let head = try await store.head().position
    await store.close()
    print("\(head) events in \(data)")
  }

  private func register(_ n: Int, in store: SQLiteEventStore) async throws {
    let id = WorkerID("worker-\(n)")
    let event = WorkerEvent.registered(
      WorkerRegistered(
        incarnation: 1, host: "build-\(n)", version: "0.1.0", agents: ["claude", "demo"],
        local: n <= 2))
    _ = try await store.append(
      Append(
        stream: .worker(id), expectedVersion: 0, events: [.worker(event)],
        actor: Actor(kind: .worker, name: id.rawValue), correlation: id.rawValue, causation: nil))
  }
}

/// How far the clients have come together.
final class Counts: Sendable {
  let tales = Atomic<Int>(0)
  let written = Atomic<Int>(0)
}

/// An eighth of a second passes with each event.
final class TaleClock: Sendable {
  private let time: Atomic<Int64>

  /// - Parameter start: in milliseconds since 1970.
  init(from start: Int64 = 1_767_225_600_000) { time = Atomic(start) }

  func now() -> Timestamp {
    Timestamp(milliseconds: time.wrappingAdd(120, ordering: .relaxed).newValue)
  }
}
