import Glibc
import Synchronization
import SystemCalls
import Testing
import WorkerProtocol
import Workflows

@testable import Worker

/// Real programs that behave as agents do, and as they should not.
@Suite("Agent") struct AgentProcessTests {
  struct Outcome: Sendable {
    var end: AgentEnd
    var output: OutputSummary
    var text: String
    var folder: TemporaryFolder
  }

  private func run(
    _ call: AgentCall, prompt: String = "do it", bytesMax: Int = 1 << 20,
    stopAfter: Duration? = nil
  ) async throws -> Outcome {
    let folder = try TemporaryFolder()
    let files = AttemptFiles(folder: folder.path)
    try DurableFile.makeFolder(files.tree)
    try DurableFile.makeFolder(files.temporary)
    let agent = AgentProcess(
      call: call, prompt: prompt, files: files, home: "\(folder.path)/home",
      demoProgram: "/bin/echo", timeout: .seconds(60), network: .sample(call))
    let log = try OutputLog(
      path: files.output, bytesMax: bytesMax,
      secrets: AgentEnvironment.secrets(agent.call.environment))
    let running = Task { await agent.run(onStart: { _ in }, onOutput: { log.append($0) }) }
    if let stopAfter {
      try await Task.sleep(for: stopAfter)
      running.cancel()
    }
    let outcome = await running.value
    var output = log.finish()
    output.usage = outcome.usage
    let bytes = try DurableFile.read(files.output, atMost: 1 << 20)
    return Outcome(
      end: outcome.end, output: output, text: String(decoding: bytes, as: UTF8.self), folder: folder
    )
  }

  private func shell(_ script: String, environment: [String] = []) -> AgentCall {
    .shell(script, environment: environment)
  }

  @Test("gets the prompt as an argument and on standard input, verbatim")
  func prompt() async throws {
    let outcome = try await run(
      shell("printf '%s|' \"$1\"; cat"), prompt: "-n $(x) 'q' \"d\"\nü")
    #expect(outcome.end == .finished)
    #expect(outcome.text == "-n $(x) 'q' \"d\"\nü|-n $(x) 'q' \"d\"\nü")
  }

  @Test("gets the prompt as a file, and the tree's folder")
  func promptFile() async throws {
    let call = AgentCall(
      name: "x", isDemo: false,
      arguments: [
        .init(kind: .literal, text: "sh"), .init(kind: .literal, text: "-c"),
        .init(kind: .literal, text: "cat; cat \"$1\"; test \"$2\" = \"$PWD\" && echo here"),
        .init(kind: .literal, text: "a"), .init(kind: .promptFile), .init(kind: .directory),
      ], promptOnStandardInput: false, environment: [])
    let outcome = try await run(call, prompt: "p\n")
    #expect(outcome.text == "p\nhere\n")
  }

  @Test("the agent that is built in is called by its own name and reads standard input")
  func demo() async throws {
    let call = AgentCall(
      name: "demo", isDemo: true, arguments: [], promptOnStandardInput: true, environment: [])
    #expect(try await run(call).text == "demo-agent\n")
  }

  /// Every shipped agent that is called by a command.
  static let shipped: [(name: String, command: AgentCommand)] = {
    let agents = (try? WorkflowCatalog()["personal-delegate"]?.agents) ?? [:]
    return agents.sorted { $0.key < $1.key }.compactMap { name, profile in
      guard case .command(let command) = profile.kind else { return nil }
      return (name, command)
    }
  }()

  private func arguments(_ arguments: [AgentCommand.Argument]) -> [AgentCall.Argument] {
    arguments.map { argument in
      switch argument {
      case .literal(let text): .init(kind: .literal, text: text)
      case .prompt: .init(kind: .prompt)
      case .promptFile: .init(kind: .promptFile)
      case .directory: .init(kind: .directory)
      case .session: .init(kind: .session)
      }
    }
  }

  /// Says each argument's length, the sum of the file that one of them names, and what there is.
  private static let reader = """
    for one; do
      printf '%s;' "${#one}"; [ -f "$one" ] && cat "$one" | wc -c
      name=$(printf '%s' "$one" | grep -o 'AIPM-PROMPT[-0-9]*\\.md')
      [ -n "$name" ] && cat "$name" | wc -c
    done; ls
    """

  @Test("a prompt that fits no argument reaches every shipped agent by a file", arguments: shipped)
  func longPrompt(name: String, command: AgentCommand) async throws {
    // In UTF-8 it is longer than in letters.
    let fits = String(repeating: "x", count: 131_071)
    let tooLong = String(repeating: "é", count: 65_536)
    var call = shell("")
    func asked(_ words: [AgentCall.Argument]) -> [AgentCall.Argument] {
      let start = ["sh", "-c", Self.reader, "agent"].map {
        AgentCall.Argument(kind: .literal, text: $0)
      }
      return start + words.dropFirst()
    }
    call.promptOnStandardInput = command.promptOnStandardInput
    call.arguments = asked(arguments(command.arguments))
    call.longPromptArguments = command.longPromptArguments.map { asked(arguments($0)) }
    let short = try await run(call, prompt: fits)
    #expect(short.end == .finished && short.text.contains("131071;"), "\(name): \(short.text)")
    #expect(!short.text.contains("AIPM-PROMPT"))
    let long = try await run(call, prompt: tooLong)
    #expect(long.end == .finished, "\(name)")
    #expect(long.text.contains("131072"), "\(name): \(long.text)")
    let left = try DirectoryListing.names("\(long.folder.path)/tree")
    #expect(left.isEmpty, "\(name): \(left)")
  }

  @Test("the file of a long prompt is never one of the repository's, and goes whatever happens")
  func longPromptsFile() async throws {
    let folder = try TemporaryFolder()
    let tree = folder.path
    try DurableFile.replace("\(tree)/AIPM-PROMPT.md", with: Array("mine".utf8))
    #expect(symlink("/etc/passwd", "\(tree)/AIPM-PROMPT-2.md") == 0)
    let prompt = LongPrompt()
    let words = try prompt.write("p", in: tree)
    #expect(words.contains("AIPM-PROMPT-3.md"))
    #expect(try text("\(tree)/AIPM-PROMPT-3.md") == "p")
    _ = try prompt.write("q", in: tree)
    #expect(try text("\(tree)/AIPM-PROMPT-3.md") == "q")
    prompt.remove()
    #expect(try DirectoryListing.names(tree).count == 2)
    #expect(try text("\(tree)/AIPM-PROMPT.md") == "mine")
    let script = "test -f AIPM-PROMPT.md && exit 3"
    let failed = try await run(shell(script), prompt: String(repeating: "x", count: 200_000))
    #expect(failed.end == .exited(3))
    #expect(try DirectoryListing.names("\(failed.folder.path)/tree").isEmpty)
  }

  @Test("sees of the environment what it may, and never what opens the server")
  func environment() async throws {
    setenv("AGENT_TEST_KEY", "key-0123456789", 1)
    setenv("AGENT_TEST_OTHER", "other", 1)
    setenv("AIPM_TOKEN", "token-0123456789", 1)
    let outcome = try await run(
      shell("env; echo $AGENT_TEST_KEY", environment: ["AGENT_TEST_KEY", "AIPM_TOKEN"]))
    let names = Set(
      outcome.text.split(separator: "\n").map { $0.prefix { $0 != "=" } }.map(String.init))
    #expect(
      names.subtracting(["_", "SHLVL", "OLDPWD"]) == [
        "AGENT_TEST_KEY", "AIPM_ATTEMPT", "GIT_TERMINAL_PROMPT", "HOME", "LANG", "PATH", "PWD",
        "TERM", "TMPDIR", "***",
      ])
    #expect(outcome.text.contains("AGENT_TEST_KEY=***") && !outcome.text.contains("key-0123"))
    #expect(outcome.text.contains("HOME=\(outcome.folder.path)/home"))
  }

  @Test("how it ended is told with what it said last")
  func ends() async throws {
    let failed = try await run(shell("echo one; printf '\\033[31mtwo\\033[0m\\n' >&2; exit 7"))
    #expect(failed.end == .exited(7))
    #expect(failed.output.lastLines.contains("one") && failed.output.lastLines.contains("two"))
    #expect(!failed.output.lastLines.contains("\u{1b}"))
    #expect(try await run(shell("kill -9 $$")).end == .signalled(9))
    let missing = AgentCall(
      name: "x", isDemo: false, arguments: [.init(kind: .literal, text: "no-such-agent")],
      promptOnStandardInput: false, environment: [])
    guard case .notFound(let message) = try await run(missing).end else {
      throw TestFault("found")
    }
    #expect(message.contains("no-such-agent"))
  }

  @Test("one that ignores SIGTERM is ended all the same")
  func ignoresTermination() async throws {
    let clock = ContinuousClock()
    let start = clock.now
    let outcome = try await run(
      shell("trap '' TERM; echo up; while :; do sleep 1; done"), stopAfter: .milliseconds(500))
    #expect(outcome.end == .stopped)
    #expect(clock.now - start < .seconds(8))
    #expect(ProcessTable.processes(of: .attempt(outcome.folder.path)).isEmpty)
  }

  @Test(
    "what it leaves behind is ended, in its group or out of it, with the pipe or without",
    arguments: [
      "sleep 300 & echo done", "setsid sleep 300 & echo done",
      "setsid sleep 300 > /dev/null 2>&1 & echo done",
      "(setsid sh -c 'while :; do echo x; sleep 0.01; done' &); echo done",
    ])
  func grandchildren(script: String) async throws {
    let clock = ContinuousClock()
    let start = clock.now
    let outcome = try await run(shell(script))
    #expect(outcome.end == .finished)
    #expect(outcome.text.contains("done"))
    #expect(clock.now - start < .seconds(8))
    #expect(ProcessTable.processes(of: .attempt(outcome.folder.path)).isEmpty)
  }

  @Test("a flood of output is cut, counted and told, in bounded memory")
  func flood() async throws {
    let outcome = try await run(shell("head -c 100000000 /dev/zero | tr '\\0' x"), bytesMax: 1000)
    #expect(outcome.end == .finished)
    #expect(
      outcome.text
        == String(repeating: "x", count: 1000)
        + "\n[aipm: 99999000 more bytes of output were not kept]\n")
    #expect(outcome.output.bytes == outcome.text.utf8.count)
  }

  @Test("a secret is masked where it comes in pieces, and what looks like its beginning is kept")
  func mask() {
    var mask = OutputMask(secrets: ["secret-value", "short"])
    var seen: [UInt8] = []
    for piece in ["a secret-", "value b sec", "ret-x short secret-valu", "e", " secret-"] {
      seen += mask.mask(Array(piece.utf8))
    }
    seen += mask.finish()
    #expect(String(decoding: seen, as: UTF8.self) == "a *** b secret-x short *** secret-")
  }

  @Test("at the end, what may begin a long secret is looked through for shorter ones")
  func maskAtTheEnd() {
    let secrets = ["token-abc", "token-abc.and-more", "xx-token-abc-yy"]
    for (text, masked) in [
      ("see token-abc", "see ***"), ("see token-abc.and", "see ***.and"),
      ("see xx-token-abc-y", "see xx-***-y"), ("see token-abc.and-more", "see ***"),
      ("see token-ab", "see token-ab"),
    ] { #expect(OutputMask.masked(text, secrets: secrets) == masked) }
  }
}
