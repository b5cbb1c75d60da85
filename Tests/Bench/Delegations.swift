import ArgumentParser
import Domain
import InstantWorld
import LogStories
import Projections
import Workflows

struct Delegations: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Whole delegations a second, beside what libsqlite3 does with their events.")

  @Flag(help: "Small numbers, to see that it runs; what it measures says nothing.")
  var quick = false

  /// Each delegation's events, with one worker and nothing going wrong.
  private static let events = 9.0

  func run() async throws {
    guard let workflow = try WorkflowCatalog()["personal-delegate"] else {
      throw BenchFault(description: "the built-in workflow is missing")
    }
    let span: Duration = quick ? .milliseconds(200) : .seconds(2)
    let (single, many) = try await withFolder { folder in
      (
        try BareSQLite.rows(batch: 1, in: folder, for: span),
        try BareSQLite.rows(batch: 64, in: folder, for: span)
      )
    }
    let serial = try await measure(EngineCase(inFlight: 1, workers: quick ? 2 : 16), workflow)
    let bare = single / max(1, serial.commits)
    Figure(
      name: "delegations-serial", value: serial.rate, unit: "/s", limit: bare,
      target: ">= 0.7 of its bare commits", met: serial.rate >= bare * 0.7
    ).tell()
    let at64 = try await tell(
      EngineCase(inFlight: quick ? 8 : 64, workers: quick ? 2 : 16), workflow, many, atLeast: 2000)
    for one in quick ? [] : Self.cases {
      // What is kept up with a thousand at once, a thousand workers or one requester.
      let isHard = one.inFlight > 256 || one.workers > 64 || one.requesters == 1
      try await tell(one, workflow, many, atLeast: isHard ? at64 * 0.7 : 2000)
    }
  }

  private static let cases = [
    EngineCase(inFlight: 64, workers: 2), EngineCase(inFlight: 64, workers: 64),
    EngineCase(inFlight: 256, workers: 64), EngineCase(inFlight: 1024, workers: 64),
    EngineCase(inFlight: 64, workers: 1000), EngineCase(inFlight: 1024, workers: 1000),
    EngineCase(inFlight: 1024, workers: 16, requesters: 1),
  ]

  @discardableResult
  private func tell(
    _ one: EngineCase, _ workflow: Workflow, _ rows: Double, atLeast least: Double
  ) async throws -> Double {
    let rate = try await measure(one, workflow).rate
    Figure(
      name: "delegations-\(one.name)", value: rate, unit: "/s", limit: rows / Self.events,
      target: ">= \(Int(least))/s", met: rate >= least
    ).tell()
    return rate
  }

  private func measure(
    _ one: EngineCase, _ workflow: Workflow
  ) async throws -> EngineRig.Outcome {
    try await withFolder { folder in
      try await one.measure(.folder(folder), workflow, quick: quick)
    }
  }
}

/// How many delegations are under way, for how many workers and requesters.
struct EngineCase {
  var inFlight: Int
  var workers: Int
  var requesters = 128
  var name: String { "\(inFlight)x\(workers)x\(requesters)" }

  /// Whole delegations of the real engine on the store at `location`, which has no log.
  func measure(
    _ location: StoreLocation, _ workflow: Workflow, quick: Bool
  ) async throws -> EngineRig.Outcome {
    let rig = try await EngineRig(location: location, workflow: workflow, standing: nil)
    try await rig.hire(workers, "worker", agent: "demo", works: true)
    let load = EngineRig.Load(
      inFlight: inFlight, requesters: requesters, warmUp: quick ? .zero : .seconds(1),
      span: quick ? .milliseconds(500) : .seconds(3))
    let outcome = try await rig.run(load)
    await rig.close()
    return outcome
  }
}
