import Domain
import Testing

/// The life of a worker as the log has it.
struct WorkerStateTests {
  static let time = Timestamp(milliseconds: 1_733_356_800_000)

  private func state(_ events: WorkerEvent...) throws -> WorkerState {
    try state(events)
  }

  private func state(_ events: [WorkerEvent]) throws -> WorkerState {
    try events.reduce(WorkerState.absent) { try $0.evolve($1, at: Self.time) }
  }

  private func registered(_ incarnation: Int = 1) -> WorkerEvent {
    .registered(
      WorkerRegistered(
        incarnation: incarnation, host: "h", version: "1", agents: ["claude", "demo"], local: true))
  }

  private let register = WorkerCommand.register(
    host: "h", version: "1", agents: ["demo", "claude"], local: true)

  /// Each state with events that lead there.
  private var stories: [(name: String, events: [WorkerEvent])] {
    [
      ("absent", []), ("registered", [registered()]), ("draining", [registered(), .draining]),
      ("unhealthy", [registered(), .unhealthy(reason: nil)]),
      ("starting", [registered(), .restarted(delay: .seconds(1), reason: nil)]),
      ("parked", [registered(), .parked(reason: nil)]), ("stopped", [registered(), .stopped]),
      ("lost", [registered(), .lost(reason: nil)]),
    ]
  }

  @Test func eachRegistrationIsANewLife() throws {
    #expect(try state().decide(register) == [registered(1)])
    for (_, events) in stories.dropFirst() {
      let next = try state(events).decide(register)
      #expect(next == [registered(2)])
      #expect(try state(events + next).name == .idle)
    }
  }

  @Test func everyPairOfStateAndEventIsAsWrittenHere() throws {
    let events: [(String, WorkerEvent)] = [
      ("registered", registered(2)), ("unhealthy", .unhealthy(reason: nil)),
      ("recovered", .recovered), ("restarted", .restarted(delay: .seconds(1), reason: nil)),
      ("parked", .parked(reason: nil)), ("draining", .draining), ("stopped", .stopped),
      ("lost", .lost(reason: nil)),
    ]
    let allowed: [String: Set<String>] = [
      "absent": ["registered"],
      "registered": [
        "registered", "unhealthy", "restarted", "parked", "draining", "stopped", "lost",
      ],
      "draining": ["registered", "unhealthy", "restarted", "parked", "stopped", "lost"],
      "unhealthy": [
        "registered", "recovered", "restarted", "parked", "draining", "stopped", "lost",
      ],
      "starting": ["registered", "restarted", "parked", "stopped"],
      "parked": ["registered", "restarted", "parked", "stopped"],
      "stopped": ["registered", "restarted", "parked", "stopped"],
      "lost": ["registered", "restarted", "parked", "stopped"],
    ]
    for (name, story) in stories {
      let before = try state(story)
      for (kind, event) in events {
        let after = try? before.evolve(event, at: Self.time)
        #expect((after != nil) == allowed[name]?.contains(kind), "\(kind) in \(name)")
      }
    }
  }

  @Test func whatIsDecidedIsTaken() throws {
    let commands: [WorkerCommand] = [
      register, .markUnhealthy(reason: "silent"), .markRecovered,
      .restart(delay: .seconds(1), reason: "it ended"), .park(reason: "it keeps ending"), .drain,
      .stop, .lose(reason: "silent"),
    ]
    for (name, story) in stories {
      for command in commands {
        guard let events = try? state(story).decide(command) else { continue }
        #expect(throws: Never.self, "\(command) in \(name)") { try state(story + events) }
        if command != register, case .restart = command {
        } else if command != register {
          let again = (try? state(story + events).decide(command)) ?? []
          #expect(again.isEmpty || command == .drain, "\(command) twice in \(name)")
        }
      }
    }
  }

  @Test func aDrainOutlivesASilence() throws {
    let silent = try state(registered(), .draining, .unhealthy(reason: nil))
    #expect(silent.drains)
    #expect(try silent.evolve(.recovered, at: Self.time).name == .draining)
    let well = try state(registered(), .unhealthy(reason: nil), .recovered)
    #expect(well.name == .idle && !well.drains)
    #expect(try state(registered(), .draining, registered(2)).drains == false)
  }

  @Test func restartsAreCounted() throws {
    let again = WorkerEvent.restarted(delay: .seconds(1), reason: nil)
    let life = try state(registered(), again, again, registered(2)).life
    #expect(life?.restarts == 2)
    #expect(life?.registration.incarnation == 2)
  }
}
