import Simulation
import Testing
import Workflows

/// Some of the seeds that `simulate` runs by the thousand, in every test run.
@Suite struct SimulationTests {
  static func builtIn() throws -> Workflow {
    try #require(try WorkflowCatalog()["personal-delegate"])
  }

  @Test func noSeedBreaksARule() async throws {
    var violations: [Violation] = []
    var total = Report()
    let seeds = Seeds(workflow: try Self.builtIn())
    await seeds.run(1..<41, width: 2) { _, result in
      switch result {
      case .success(let report): total.add(report)
      case .failure(let violation): violations.append(violation)
      }
    }
    #expect(violations.map(\.description) == [])
    // Worlds in which nothing goes wrong would prove nothing.
    #expect(total.pushed > 40 * 25)
    #expect(total.serverCrashes > 40 && total.workerCrashes > 40)
    #expect(total.stops["maximum", default: 0] > 0 && total.stops["checks", default: 0] > 0)
  }

  @Test func aSeedIsRepeatedToTheByte() throws {
    let seeds = Seeds(workflow: try Self.builtIn())
    let (once, again, other) = (try seeds.run(7), try seeds.run(7), try seeds.run(8))
    #expect(once == again)
    #expect(once.head != other.head)
  }
}
