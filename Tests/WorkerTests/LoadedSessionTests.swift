import Synchronization
import SystemCalls
import Testing
import WorkerProtocol
import Workflows

@testable import Worker

/// What a continuation said of itself.
final class Settled: Sendable {
  struct Word: Equatable {
    var session: String?
    var continues: String?
  }

  private let words = Mutex<[Word]>([])
  var all: [Word] { words.withLock { $0 } }

  func continuation(of record: SessionRecord?) -> Continuation {
    Continuation(record) { session, continues in
      self.words.withLock { $0.append(Word(session: session, continues: continues)) }
    }
  }
}

extension SessionRecord {
  static func sample(_ session: String? = "s1", of delegation: String = "d0") -> SessionRecord {
    var assignment = Assignment.sample(delegation: delegation, head: "h")
    assignment.session = SessionOrder(first: "d0", keepMs: 60_000, prompt: nil)
    return SessionRecord(
      assignment, SessionOrder(first: "d0", keepMs: 60_000, prompt: nil), session: session, now: 0)
  }
}

/// The sessions of an agent that stays, which later rounds continue.
@Suite("Loaded sessions") struct LoadedSessionTests {
  private let tests = SessionTests()

  private func session(_ bench: SessionTests.Bench, _ arguments: [String]) -> AgentSession {
    AgentSession(arguments: ["python3", bench.script] + arguments, loadsSessions: true)
  }

  @Test("a session is loaded, also by a new process, and nothing that it repeats is output")
  func loads() async throws {
    try await tests.with { bench in
      let first = try await tests.run(bench, "who", session: session(bench, ["loads"]))
      #expect(first.session == "s1")
      for isNew in [false, true] {
        if isNew { await bench.warm.endAll() }
        let settled = Settled()
        let next = try await tests.run(
          bench, "who", session: session(bench, ["loads"]),
          continuation: settled.continuation(of: .sample()), resumePrompt: "recall")
        #expect(next.end == .finished)
        #expect(next.session == "s1")
        #expect(next.text.hasPrefix("who\n") && next.text.hasSuffix("recall\n"), "\(next.text)")
        #expect(!next.text.contains("said before"))
        #expect(settled.all == [.init(session: "s1", continues: "d0")])
      }
    }
  }

  @Test(
    "where it cannot be loaded, the same attempt begins a new one with the whole prompt",
    arguments: [[], ["loads", "refuses"], ["loads", "dies"]])
  func fallsBack(_ arguments: [String]) async throws {
    try await tests.with { bench in
      let settled = Settled()
      let outcome = try await tests.run(
        bench, "who edit", session: session(bench, arguments),
        continuation: settled.continuation(of: .sample("s9")), resumePrompt: "die")
      #expect(outcome.end == .finished, "\(outcome.end)")
      #expect(outcome.text.contains(" s1 "))
      #expect(try text("\(bench.tree)/made.txt") == "made\n")
      #expect(settled.all == [.init(session: "s1", continues: nil)])
    }
  }
}
