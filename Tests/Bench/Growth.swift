import ArgumentParser
import Domain
import EventLog
import FoundationEssentials
import InstantWorld
import LogStories
import Projections
import SQLiteEventStore
import Workflows

struct Growth: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "What it costs that others wait, and that workers are there: beside none of them.")

  @Flag(help: "Small numbers, to see that it runs; what it measures says nothing.")
  var quick = false
  @Option(help: "A data folder with a log; the same is measured on a copy of it.")
  var data: [String] = []

  /// Of a worker that keeps what it was given.
  static let heldAgent = "held"
  /// A year after the logs of the measurements begin.
  static let later = Timestamp(milliseconds: 4_000_000_000_000)

  func run() async throws {
    guard let workflow = try WorkflowCatalog()["personal-delegate"] else {
      throw BenchFault(description: "the built-in workflow is missing")
    }
    try measureSteps(workflow)
    try measureSignsOfLife(workflow)
    try await measureDelegations(workflow)
  }

  private func reasons(_ count: Int) -> [(String, Standing)] {
    [
      ("queue", Standing(.agent(Self.heldAgent), count: count)),
      ("retry", Standing(.retry(at: Self.later), count: count)),
    ]
  }

  private func costs(_ workflow: Workflow) -> CoreCosts {
    CoreCosts(
      workflow: workflow, delegations: quick ? 40 : 2000,
      spanMax: quick ? .milliseconds(300) : .seconds(4))
  }

  private func tell(_ name: String, _ cost: Double, beside none: Double, _ limit: Double) {
    Figure(
      name: name, value: cost, unit: "us", limit: none, target: "<= \(limit) of that with none",
      met: cost <= none * limit
    ).tell()
  }

  private func measureSteps(_ workflow: Workflow) throws {
    let costs = costs(workflow)
    _ = try costs.step()
    let none = try costs.step()
    tell("step", none, beside: none, 1)
    for count in quick ? [200] : [1000, 10_000, 100_000] {
      for (name, standing) in reasons(count) {
        tell("step-\(name)-\(count)", try costs.step(beside: standing), beside: none, 1.5)
      }
    }
    for workers in quick ? [2, 20] : [2, 100, 1000] {
      tell("step-workers-\(workers)", try costs.step(workers: workers), beside: none, 1.5)
    }
  }

  private func measureSignsOfLife(_ workflow: Workflow) throws {
    let costs = costs(workflow)
    let few = try costs.signsOfLife(workers: 2)
    let many = try costs.signsOfLife(workers: quick ? 20 : 1000)
    tell("heartbeat-workers-1000", many.heartbeat, beside: few.heartbeat, 2)
    tell("tick-workers-1000", many.tick, beside: few.tick, 2)
  }

  private func measureDelegations(_ workflow: Workflow) async throws {
    let none = try await delegations(workflow, beside: nil)
    Figure(
      name: "delegations", value: none, unit: "/s", limit: none, target: "itself", met: true
    ).tell()
    for count in quick ? [200] : [10_000, 100_000] {
      for (name, standing) in reasons(count) {
        let rate = try await delegations(workflow, beside: standing)
        Figure(
          name: "delegations-\(name)-\(count)", value: rate, unit: "/s", limit: none,
          target: ">= 0.9 of that with none", met: rate >= none * 0.9
        ).tell()
      }
    }
    for log in data {
      let rate = try await delegations(workflow, beside: nil, onCopyOf: log)
      let size = try SQLiteEventStore.open(
        directory: log, clock: { Self.later }, onCommit: { _ in })
      let events = try await size.head().position
      await size.close()
      Figure(
        name: "delegations-log-\(events)", value: rate, unit: "/s", limit: none,
        target: ">= 0.9 of that on an empty log", met: rate >= none * 0.9
      ).tell()
    }
  }

  private func delegations(
    _ workflow: Workflow, beside standing: Standing?, onCopyOf log: String? = nil
  ) async throws -> Double {
    try await withFolder { folder in
      for name in log == nil ? [] : ["aipm.db", "head"] {
        try FileManager.default.copyItem(
          atPath: "\(log ?? "")/\(name)", toPath: "\(folder)/\(name)")
      }
      let rig = try await EngineRig(
        location: .folder(folder), workflow: workflow, standing: standing)
      try await rig.hire(1, "held", agent: Self.heldAgent, works: false)
      try await rig.hire(16, "demo", agent: "demo", works: true)
      let load = EngineRig.Load(
        inFlight: quick ? 8 : 64, requesters: 128, warmUp: quick ? .zero : .seconds(1),
        span: quick ? .milliseconds(500) : .seconds(4))
      let outcome = try await rig.run(load)
      await rig.close()
      return outcome.rate
    }
  }
}
