import TestKit
import Testing

extension EndToEndTests {
  /// A real `kill -9` at every step of a delegation, of the server and of its workers. The steps
  /// are counted, not listed: the n-th is struck, for n from 1, until a run comes to its end before
  /// the n-th. Whatever was struck, what is left on the forge and in the log is what an undisturbed
  /// run leaves.
  @Suite("every step, struck once") struct CrashMatrixTests {}
}

extension EndToEndTests.CrashMatrixTests {
  @Test("kill -9 of the server before it makes something durable or sends something")
  func server() async throws {
    let steps = try await everyStep { try await strike(.serve, at: $0, expecting: $1) }
    // Fewer would mean that the switch is not at work.
    #expect(steps > 15)
  }

  @Test("kill -9 of a worker before it makes something durable or sends something")
  func worker() async throws {
    let steps = try await everyStep { try await strike(.worker, at: $0, expecting: $1) }
    #expect(steps > 15)
  }

  /// How a call to the forge is disturbed.
  enum Blow: CaseIterable {
    /// The server is killed and the call does not reach the forge.
    case killedBefore
    /// The server is killed; the forge has carried the call out.
    case killedAfter
    /// The forge has carried the call out, and its answer is lost.
    case answerLost
  }

  @Test("at each call to the forge and each request of git's", arguments: Blow.allCases)
  func forge(blow: Blow) async throws {
    let calls = try await everyStep { try await strike(blow, at: $0, expecting: $1) }
    #expect(calls > 8)
  }

  // MARK: Runs

  private static let key = [("Idempotency-Key", "the-one-request")]

  /// Strikes steps from the first on, two runs at a time, until there is none of that number.
  /// - Parameter strike: runs a delegation with the step of that number struck; returns whether
  ///   there was one.
  /// - Returns: how many there were.
  private func everyStep(
    _ strike: @escaping @Sendable (Int, Footprint) async throws -> Bool
  ) async throws -> Int {
    var undisturbed = Footprint(lines: [])
    try await GatedInstallation.with { world in
      undisturbed = try await finish(world)
    }
    let footprint = undisturbed
    for number in stride(from: 1, to: 500, by: 2) {
      async let second = strike(number + 1, footprint)
      guard try await strike(number, footprint) else {
        _ = try await second
        return number - 1
      }
      guard try await second else { return number }
    }
    throw KitFault("a delegation of 500 steps: something is going in a circle")
  }

  private func strike(
    _ role: KillSwitch.Role, at number: Int, expecting footprint: Footprint
  ) async throws -> Bool {
    var hasStruck = false
    try await KillSwitch.with(role, at: number) { killSwitch in
      try await GatedInstallation.with(environment: killSwitch.environment, starts: false) {
        world in
        let found = try await finish(world)
        #expect(found == footprint, "\(role) struck at step \(number)")
        hasStruck = killSwitch.hasStruck
      }
    }
    return hasStruck
  }

  private func strike(
    _ blow: Blow, at number: Int, expecting footprint: Footprint
  ) async throws -> Bool {
    let hasStruck = Latch()
    try await GatedInstallation.with { world in
      world.gate.reset()
      world.gate.set { [server = world.server] call in
        guard call.number == number else { return .pass }
        hasStruck.open()
        if blow != .answerLost { await server.kill() }
        return blow == .killedBefore ? .drop : .loseAnswer
      }
      let found = try await finish(world)
      #expect(found == footprint, "\(blow) at call \(number)")
    }
    return hasStruck.isOpen
  }

  /// Submits until that is answered, starts the server whenever it is down, and waits for the end.
  private func finish(_ world: GatedInstallation) async throws -> Footprint {
    var id: String?
    while true {
      do {
        if world.server.processID == nil { try await world.server.start(["--agent", "demo"]) }
        // Whoever was not answered asks again under the same key, which makes no second one.
        let submitted = try await world.server.submit(headers: Self.key)
        if let id { #expect(submitted == id) }
        id = submitted
        _ = try await world.server.end(of: submitted)
        try await world.checkPushed(submitted)
        #expect(try await world.server.delegationCount() == 1)
        return try await world.footprint(of: submitted)
      } catch {
        // Only a server that was killed excuses a call that failed.
        guard await world.server.hasDied() else { throw error }
      }
    }
  }
}
