import Domain
import Glibc
import Synchronization
import SystemCalls
import Testing
import WorkerProtocol

@testable import Worker
@testable import Workflows

/// Real programs that keep a conversation in their HOME, and some that do not.
@Suite("Continued conversations") struct AgentTurnsTests {
  /// It keeps its conversation by its working directory, as Claude Code does.
  static let memory = #"""
    talks=$HOME/talks$PWD
    if [ "$1" = resume ]; then
      id=$2; shift
      [ -f "$talks/$id" ] || { echo "there is no conversation $id" >&2; exit 1; }
    else
      mkdir -p "$talks"; id=talk-$$
    fi
    printf '%s\n' "$2" >> "$talks/$id"
    echo "{\"type\":\"init\",\"id\":\"$id\"}"
    cat "$talks/$id" > said.txt
    echo '[1] Done.'
    """#

  /// - Parameter resumed: the script for an agent that continues; nil: the same.
  static func call(_ script: String, resumed: String? = nil) -> AgentCall {
    func words(_ script: String, _ rest: [AgentCall.Argument]) -> [AgentCall.Argument] {
      ["sh", "-c", script, "agent"].map { .init(kind: .literal, text: $0) } + rest
    }
    var call = AgentCall(
      name: "memory", isDemo: false,
      arguments: words(script, [.init(kind: .literal, text: "new"), .init(kind: .prompt)]),
      promptOnStandardInput: false, environment: [])
    call.resumeArguments = words(
      resumed ?? script,
      [.init(kind: .literal, text: "resume"), .init(kind: .session), .init(kind: .prompt)])
    var reading = AgentReading()
    reading.session = [
      OutputSign(stream: .output, members: ["type": "init"], values: ["session-id": "id"])
    ]
    call.reading = reading
    return call
  }

  struct Round {
    var end: AgentEnd
    var output: String
    /// What the agent had heard when it worked; nil if it did not.
    var said: String?
    var settled: [Settled.Word]
    var continued: Bool
    var used: [AgentUsage]
  }

  /// A worker's folder with its store.
  struct Bench {
    let folder: TemporaryFolder
    let files: WorkerFiles
    let trash: TrashBin
    let sessions: SessionStore

    init(_ limits: SessionLimits = SessionLimits(), clock: TestClock = TestClock()) throws {
      folder = try TemporaryFolder()
      files = WorkerFiles(root: folder.path)
      trash = TrashBin(files.trash)
      sessions = SessionStore(files, trash, limits) { clock.now }
    }

    func attempt(_ assignment: Assignment) throws -> AttemptFiles {
      let attempt = try #require(files.attempt(AttemptKey(assignment.lease)))
      for name in [".git", "deep"] { try DurableFile.makeFolder("\(attempt.tree)/\(name)") }
      try DurableFile.replace("\(attempt.tree)/deep/file", with: Array("one\n".utf8))
      return attempt
    }

    /// One attempt, as the shell runs it.
    func run(
      _ assignment: Assignment, isAccepted: Bool = true, turns: Int = 1
    ) async throws -> Round {
      let attempt = try attempt(assignment)
      let place = try await sessions.enter(assignment, attempt)
      let work = place?.files ?? attempt
      try DurableFile.makeFolder(work.home)
      let settled = Settled()
      let continuation = settled.continuation(of: place?.continues)
      let output = Mutex<[UInt8]>([])
      let run = AgentTurns(
        agent: AgentProcess(
          call: assignment.agent, prompt: assignment.prompt, files: work, home: work.home,
          demoProgram: "/bin/false", timeout: .seconds(60), network: .sample(assignment.agent)),
        place: place, resumePrompt: assignment.session?.prompt, continuation: continuation,
        sessions: sessions, onOutput: { bytes in output.withLock { $0 += bytes } },
        onUsage: { _ in }, onEndedUsage: { _ in })
      var end = AgentEnd.lost("")
      var used: [AgentUsage] = []
      for turn in 1...turns {
        let feedback = turn == 1 ? nil : "It failed."
        let outcome = await run.run(.init(feedback: feedback), onStart: { _ in })
        end = outcome.end
        used.append(outcome.usage)
      }
      if let place {
        try await sessions.leave(
          place, assignment, attempt, endedWell: end == .finished, session: continuation.session,
          used: continuation.used)
      }
      let said = try? text("\(attempt.tree)/said.txt")
      await sessions.settle(AttemptKey(assignment.lease), isAccepted: isAccepted)
      try await trash.take([attempt.folder])
      await trash.emptied()
      return Round(
        end: end, output: output.withLock { String(decoding: $0, as: UTF8.self) }, said: said,
        settled: settled.all, continued: place?.continues != nil, used: used)
    }
  }

  static func assignment(
    _ delegation: String, first: String = "d0", attempt: Int = 1, call: AgentCall = call(memory),
    prompt: String? = "the next"
  ) -> Assignment {
    var assignment = Assignment.sample(delegation: delegation, attempt: attempt, head: "h")
    assignment.prompt = "all of it"
    assignment.agent = call
    assignment.session = SessionOrder(
      first: first, keepMs: 3_600_000, prompt: delegation == first ? nil : prompt)
    return assignment
  }

  @Test("a round continues the conversation of the one before, with the shorter prompt")
  func continues() async throws {
    let bench = try Bench()
    let first = try await bench.run(Self.assignment("d0"))
    #expect(first.end == .finished && first.said == "all of it\n" && first.settled.isEmpty)
    let second = try await bench.run(Self.assignment("d1"))
    #expect(second.said == "all of it\nthe next\n")
    #expect(second.settled.map(\.continues) == ["d0"])
    #expect(second.settled.first?.session?.hasPrefix("talk-") == true)
    #expect(second.output.hasPrefix("[aipm: continues the conversation of d0]\n"))
    let third = try await bench.run(Self.assignment("d2"))
    #expect(third.said == "all of it\nthe next\nthe next\n")
    #expect(third.settled.map(\.continues) == ["d1"])
    // A failed verification goes on in the same conversation.
    let fourth = try await bench.run(Self.assignment("d3"), turns: 2)
    #expect(fourth.said?.hasSuffix("the next\nthe next\n\nIt failed.\n") == true)
    #expect(fourth.settled.count == 1)
  }

  @Test("a conversation that cannot be continued is begun again in the same attempt, in a new HOME")
  func fallsBack() async throws {
    let bench = try Bench()
    _ = try await bench.run(Self.assignment("d0"))
    // The agent has lost it: another program looks at another place.
    let kept = try #require(bench.files.session("d0", "memory"))
    try await bench.trash.take(["\(kept.home)/talks"])
    try DurableFile.replace("\(kept.home)/rest", with: [])
    let next = try await bench.run(Self.assignment("d1"))
    #expect(next.continued && next.end == .finished && next.said == "all of it\n")
    #expect(next.settled == [.init(session: nil, continues: nil)])
    #expect(next.output.contains("there is no conversation talk-"))
    #expect(next.output.contains("the program ended with exit code 1: a new conversation begins"))
    #expect(!DurableFile.exists("\(kept.home)/rest"))
    // The new one is kept in turn.
    let after = try await bench.run(Self.assignment("d2"))
    #expect(after.said == "all of it\nthe next\n" && after.settled.map(\.continues) == ["d1"])
  }

  @Test(
    "what is no failure to continue uses the attempt up",
    arguments: [
      "echo half > half.txt; exit 1", "echo two >> deep/file; exit 1",
      "echo two >> deep/file; touch -d '2000-01-01' deep/file; exit 1", "rm deep/file; exit 1",
      "mkdir -p .git/x; rm -f README; chmod 700 .; exit 1",
      "echo '{\"type\":\"init\",\"id\":\"talk\"}'; exit 1",
    ])
  func fails(_ resumed: String) async throws {
    let call = Self.call(Self.memory, resumed: resumed)
    let bench = try Bench()
    _ = try await bench.run(Self.assignment("d0", call: call))
    let next = try await bench.run(Self.assignment("d1", call: call))
    #expect(next.continued && next.end == .exited(1) && next.said == nil)
    #expect(next.settled.map(\.continues) == ["d0"])
    // Its HOME is not kept: the next round begins a new conversation.
    #expect(try await bench.run(Self.assignment("d2", call: call)).said == "all of it\n")
  }

  /// Codex reports the total of its whole session (openai/codex issue 16212).
  @Test("what earlier rounds used is not counted again, and a count that begins again is whole")
  func usage() async throws {
    var call = Self.call(
      Self.memory + """

        echo "{\\"type\\":\\"end\\",\\"in\\":$(($(wc -l < "$talks/$id") * 100 + 7)),\\"out\\":5}"
        """)
    call.reading?.usage = [
      OutputSign(
        stream: .output, members: ["type": "end"],
        values: ["input-tokens": "in", "output-tokens": "out"], ofConversation: true)
    ]
    let bench = try Bench()
    let first = try await bench.run(Self.assignment("d0", call: call))
    #expect(first.used.map { $0[.inputTokens] } == [107])
    let second = try await bench.run(Self.assignment("d1", call: call), turns: 2)
    // The second turn's prompt has three lines.
    #expect(second.used.map { $0[.inputTokens] } == [100, 300])
    #expect(second.used.map { $0[.outputTokens] } == [0, 0])
    let third = try await bench.run(Self.assignment("d2", call: call))
    #expect(third.used.map { $0[.inputTokens] } == [100])
    var total = AgentUsage()
    total.set(.inputTokens, 40)
    var before = AgentUsage()
    before.set(.inputTokens, 50)
    #expect(total.since(before)[.inputTokens] == 40 && before.since(total)[.inputTokens] == 10)
  }

  @Test("an agent's HOME counts as its disk")
  func disk() async throws {
    var call = Self.call(Self.memory + "\nhead -c 1500000 /dev/urandom > ~/$id-$(date +%s%N)")
    call.diskBytesMax = 2_500_000
    let bench = try Bench()
    #expect(try await bench.run(Self.assignment("d0", call: call)).end == .finished)
    let second = try await bench.run(Self.assignment("d1", call: call))
    guard case .exceeded = second.end else {
      Issue.record("\(second.end)")
      return
    }
    #expect(second.continued)
    #expect(try await !bench.run(Self.assignment("d2", call: call)).continued)
  }

  @Test("changes in its own repository are not the agent's work")
  func ownRepository() async throws {
    let call = Self.call(Self.memory, resumed: "echo x > .git/index; exit 2")
    let bench = try Bench()
    _ = try await bench.run(Self.assignment("d0", call: call))
    let next = try await bench.run(Self.assignment("d1", call: call))
    #expect(next.end == .finished && next.said == "all of it\n")
  }

  @Test("a prompt that does not fit an argument begins a new conversation")
  func tooLong() async throws {
    let bench = try Bench()
    _ = try await bench.run(Self.assignment("d0"))
    let long = String(repeating: "x", count: AgentProcess.argumentBytesMax)
    let next = try await bench.run(Self.assignment("d1", prompt: long))
    #expect(next.end == .finished && next.said == "all of it\n")
    #expect(next.settled == [.init(session: nil, continues: nil)])
  }

  @Test(
    "a name that is no plain word becomes no argument",
    arguments: ["--dangerous", "../x", "a b", "", "a;b", "$HOME"])
  func names(_ name: String) async throws {
    let script = "echo '{\"type\":\"init\",\"id\":\"\(name)\"}'; echo x > said.txt"
    let call = Self.call(script)
    let bench = try Bench()
    let first = try await bench.run(Self.assignment("d0", call: call))
    #expect(first.end == .finished)
    #expect(!(try await bench.run(Self.assignment("d1", call: call))).continued)
  }
}
