import Simulation
import Testing

/// Some of the worlds with several servers on one PostgreSQL.
@Suite struct ClusterTests {
  private static func seeds(
    _ servers: Int, without missing: Cluster.Guard? = nil
  ) throws -> Seeds {
    var settings = World.Settings()
    settings.delegations = 15
    settings.troubleMs = 90_000
    settings.cluster = Cluster.Settings(servers: servers, without: missing)
    // Several faults at once are what the guards are for.
    settings.cluster?.badDaysMs = 8000
    return Seeds(settings: settings, workflow: try SimulationTests.builtIn())
  }

  @Test(arguments: [2, 3]) func noSeedBreaksARule(servers: Int) async throws {
    var violations: [Violation] = []
    var total = Report()
    try await Self.seeds(servers).run(1..<5, width: 2) { _, result in
      switch result {
      case .success(let report): total.add(report)
      case .failure(let violation): violations.append(violation)
      }
    }
    #expect(violations.map(\.description) == [])
    // Worlds in which nothing goes wrong would prove nothing.
    let least = [
      "takeovers": 10, "promotions": 10, "commits unknown": 2, "lost tails": 2,
      "silent holders ended": 4, "servers stopped": 4, "two primaries": 2,
    ]
    for (what, count) in least { #expect(total.cluster[what, default: 0] >= count, "\(what)") }
    #expect(total.pushed > 4 * 8)
  }

  @Test func aSeedIsRepeatedToTheByte() throws {
    let seeds = try Self.seeds(3)
    #expect(try seeds.run(7) == seeds.run(7))
  }

  /// The checks are checked: what each guard prevents happens without it.
  @Test(arguments: [
    (Cluster.Guard.fence, 4), (.claimBarrier, 5), (.settleBarrier, 2), (.changingBarrier, 10),
    (.synchronousStandby, 2), (.forgeRule, 72),
  ])
  func eachGuardIsNeeded(missing: Cluster.Guard, seed: Int) throws {
    let seeds = try Self.seeds(3, without: missing)
    #expect(throws: Violation.self) { try seeds.run(seed) }
  }
}
