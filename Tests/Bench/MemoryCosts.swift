import ArgumentParser
import Domain
import EventLog
import FoundationEssentials
import InstantWorld
import RawSockets
import SQLiteEventStore
import TestKit
import Workflows

/// What a server holds, and how soon it is ready, while many delegations wait.
struct MemoryCosts: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "memory",
    abstract: "What a server holds: at rest, with live delegations, with clients of the stream.")

  @Flag(help: "Small numbers, to see that it runs; what it measures says nothing.")
  var quick = false

  func run() async throws {
    try await measure("at-rest", live: 0, most: 50, readyMost: 0.5)
    try await measure(
      quick ? "100-live" : "10000-live", live: quick ? 100 : 10_000, most: 80, readyMost: 0.5)
    if !quick { try await measure("100000-live", live: 100_000, most: 250, readyMost: 1) }
    try await measureClients(quick ? 20 : 1000)
  }

  private func measure(_ name: String, live: Int, most: Double, readyMost: Double) async throws {
    try await Installation.with(
      arguments: Self.arguments, starts: false,
      prepare: { try await Self.fill($0.data, live: live) }
    ) { server in
      let began = ContinuousClock.now
      try await server.start()
      try Self.awaitReady(server.url)
      let ready = (ContinuousClock.now - began) / .seconds(1)
      try await Task.sleep(for: quick ? .milliseconds(100) : .seconds(2))
      Self.tell("memory-\(name)", try Self.megabytes(of: server), most: most)
      Figure(
        name: "ready-\(name)", value: ready, unit: "s", limit: nil, target: "< \(readyMost) s",
        met: ready < readyMost
      ).tell()
    }
  }

  private func measureClients(_ count: Int) async throws {
    try await Installation.with(arguments: Self.crowdArguments) { server in
      try Self.awaitReady(server.url)
      let crowd = try StreamCrowd(count, of: server.url, measuring: 0)
      try crowd.drain(for: .seconds(quick ? 0.2 : 2))
      Self.tell("memory-\(count)-clients", try Self.megabytes(of: server), most: 100)
    }
  }

  static let arguments = ["--forge", "local", "--agent", "demo", "--workers", "0"]
  /// For a thousand clients of the stream and some others.
  static let crowdArguments = arguments + ["--connections", "2000", "--streams", "1100"]

  private static func tell(_ name: String, _ megabytes: Double, most: Double) {
    Figure(
      name: name, value: megabytes, unit: "MB", limit: nil, target: "<= \(Int(most)) MB",
      met: megabytes <= most
    ).tell()
  }

  /// Writes a log in which `live` delegations wait: half for a worker, half for their next try.
  private static func fill(_ data: String, live: Int) async throws {
    guard live > 0 else { return }
    try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
    guard let workflow = try WorkflowCatalog()["personal-delegate"] else {
      throw BenchFault(description: "the built-in workflow is missing")
    }
    let clock = TaleClock()
    let store = try SQLiteEventStore.open(
      directory: data, clock: { clock.now() }, onCommit: { _ in })
    let queued = Standing(.agent("demo"), count: live / 2)
    let retried = Standing(.retry(at: Growth.later), count: live)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for first in 0..<128 {
        group.addTask {
          for n in stride(from: first, to: live, by: 128) {
            let standing = n < queued.count ? queued : retried
            _ = try await store.append(standing.append(n, workflow: workflow.digest))
          }
        }
      }
      try await group.waitForAll()
    }
    await store.close()
  }

  /// Returns when the server says that it is ready.
  static func awaitReady(_ url: String) throws {
    let end = ContinuousClock.now + Installation.patience
    let client = try PlainHTTP(url)
    while try client.call("GET", "/readyz").status != 200 {
      guard ContinuousClock.now < end else {
        throw BenchFault(description: "the server is not ready after a minute")
      }
    }
  }

  /// What the server's process holds.
  static func megabytes(of server: Installation) throws -> Double {
    guard let process = server.processID else { throw BenchFault(description: "no server runs") }
    let text = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
    guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("VmRSS:") }),
      let kilobytes = line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first
        .flatMap({ Double($0) })
    else { throw BenchFault(description: "the system does not tell what process \(process) holds") }
    return kilobytes / 1000
  }
}
