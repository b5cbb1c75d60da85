import Domain
import Egress
import Glibc
import NetworkRules
import Processes
import Synchronization
import SystemCalls
import Testing
import Text
import WorkerProtocol
import Workflows

@testable import Worker

/// Sessions with a program that speaks the protocol, well and badly. That real agents are
/// understood is shown in Tests/Agents.
@Suite("Agents that stay") struct SessionTests {
  /// It does in a session what the prompt's words say, one after the other.
  static let stub = #"""
    import json, os, subprocess, sys, time
    def send(m): sys.stdout.write(json.dumps({"jsonrpc": "2.0", **m}) + "\n"); sys.stdout.flush()
    def update(s, u): send({"method": "session/update", "params": {"sessionId": s, "update": u}})
    def ask(method, params):
        send({"id": 0, "method": method, "params": params})
        while True:
            m = json.loads(sys.stdin.readline())
            if m.get("id") == 0 and "method" not in m: return m
            if m.get("method") == "session/cancel": globals()["cancelled"] = True
    cwd, sessions, cancelled = {}, 0, False
    for line in sys.stdin:
        m = json.loads(line)
        method, p = m.get("method"), m.get("params") or {}
        if method == "initialize":
            if "mute" in sys.argv: time.sleep(60)
            send({"id": m["id"], "result": {"protocolVersion": 2 if "new" in sys.argv else 1,
                "agentCapabilities": {"loadSession": "loads" in sys.argv}}})
        elif method == "session/new":
            sessions += 1; cancelled = False
            cwd["s%d" % sessions] = p["cwd"]
            send({"id": m["id"], "result": {"sessionId": "s%d" % sessions}})
        elif method == "session/load":
            s = p["sessionId"]
            if "dies" in sys.argv: os._exit(3)
            if "refuses" in sys.argv or not os.path.exists(os.environ["HOME"] + "/" + s):
                send({"id": m["id"], "error": {"code": -32002, "message": "no session"}})
                continue
            cwd[s] = p["cwd"]; sessions += 1
            update(s, {"sessionUpdate": "agent_message_chunk",
                       "content": {"type": "text", "text": "said before\n"}})
            answer = ask("session/request_permission", {"sessionId": s, "options": []})
            assert "error" in answer, answer
            send({"id": m["id"], "result": {}})
        elif method == "session/prompt":
            open(os.environ["HOME"] + "/" + p["sessionId"], "a").write(
                p["prompt"][0]["text"] + "\n")
            s, stop = p["sessionId"], "end_turn"
            def text(t): update(s, {"sessionUpdate": "agent_message_chunk",
                                    "content": {"type": "text", "text": t}})
            for word in p["prompt"][0]["text"].split():
                if word == "who": text("%d %s %s\n" % (os.getpid(), s, cwd[s]))
                elif word == "edit": open(cwd[s] + "/made.txt", "w").write("made\n")
                elif word == "recall": text(open(os.environ["HOME"] + "/" + s).read())
                elif word == "plan": update(s, {"sessionUpdate": "plan", "entries": [
                    {"content": "first", "status": "completed", "priority": "high"},
                    {"content": "then", "status": "pending", "priority": "low"}]})
                elif word == "tool":
                    update(s, {"sessionUpdate": "tool_call", "toolCallId": "t", "title": "Edit x",
                        "kind": "edit", "status": "pending",
                        "locations": [{"path": cwd[s] + "/x"}]})
                    a = ask("session/request_permission", {"sessionId": s,
                        "toolCall": {"toolCallId": "t"}, "options": [
                        {"optionId": "n", "name": "No", "kind": "reject_once"},
                        {"optionId": "y", "name": "Yes", "kind": "allow_once"}]})
                    text("answer %s\n" % json.dumps(a["result"]["outcome"], sort_keys=True))
                    update(s, {"sessionUpdate": "tool_call_update", "toolCallId": "t",
                        "status": "completed"})
                elif word == "usage": update(s, {"sessionUpdate": "usage_update", "used": 10,
                    "size": 100, "cost": {"amount": 0.5, "currency": "USD"}})
                elif word.startswith("read:"): text("%s\n" % json.dumps(
                    ask("fs/read_text_file", {"sessionId": s, "path": cwd[s] + word[5:]})))
                elif word.startswith("write:"):
                    text("%s\n" % json.dumps(ask("fs/write_text_file", {"sessionId": s,
                        "path": cwd[s] + word[6:], "content": "written\n"})))
                elif word == "late": update("s1", {"sessionUpdate": "agent_message_chunk",
                    "content": {"type": "text", "text": "of another session\n"}})
                elif word == "greedy":
                    open(cwd[s] + "/big", "w").write("x" * 2000000)
                    for n in range(20): send({"id": n, "method": "fs/read_text_file",
                        "params": {"sessionId": s, "path": cwd[s] + "/big"}})
                    time.sleep(60)
                elif word == "terminal": text("%s\n" % json.dumps(ask("terminal/create", {})))
                elif word == "stray": subprocess.Popen(["sleep", "300"], start_new_session=True)
                elif word == "garbage": print("x" * 10); sys.stdout.flush()
                elif word == "flood":
                    while True: print("no message at all")
                elif word == "long": sys.stdout.write("x" * (5 << 20) + "\n"); sys.stdout.flush()
                elif word == "die": os._exit(3)
                elif word == "refuse": stop = "refusal"
                elif word == "silent":
                    text("waiting\n")
                    stop = "cancelled" if json.loads(sys.stdin.readline())["method"] \
                        == "session/cancel" else "end_turn"
                elif word == "deaf":
                    text("waiting\n")
                    while True: time.sleep(1)
                elif word == "secret": text(os.environ["SESSION_TEST_KEY"] + "\n")
            send({"id": m["id"], "result": {"stopReason": stop,
                "usage": {"totalTokens": 3, "inputTokens": 2, "outputTokens": 1}}})
    """#

  /// A worker's folder with one tree, and the agents that stay from one run to the next.
  struct Bench: Sendable {
    let folder: TemporaryFolder
    let files: WorkerFiles
    let warm = WarmAgents()
    let tree: String
    let script: String

    init() throws {
      folder = try TemporaryFolder()
      var path = [CChar](repeating: 0, count: Int(PATH_MAX))
      _ = realpath(folder.path, &path)
      files = WorkerFiles(
        root: String(decoding: path.prefix { $0 != 0 }.map { UInt8($0) }, as: UTF8.self))
      tree = "\(files.root)/attempts/a-1/tree"
      script = "\(files.root)/stub.py"
      try DurableFile.makeFolder(tree)
      try DurableFile.replace(script, with: Array(SessionTests.stub.utf8))
      try DurableFile.replace("\(tree)/x", with: Array("one\ntwo\n".utf8))
    }

    func call(_ session: AgentSession?, _ arguments: [String] = []) -> AgentCall {
      AgentCall(
        name: "stub", isDemo: false, arguments: [], promptOnStandardInput: false,
        environment: ["SESSION_TEST_KEY"],
        session: session ?? AgentSession(arguments: ["python3", script] + arguments))
    }
  }

  struct Outcome: Sendable {
    var end: AgentEnd
    var usage: String?
    var text: String
    var records: [JSONValue]
    var session: String?

    /// The agent's process, where it said which.
    var process: Int32? { text.split(separator: " ").first.flatMap { Int32($0) } }
    func records(_ name: String) -> [JSONValue] { records.compactMap { $0.objectValue?[name] } }
  }

  func run(
    _ bench: Bench, _ prompt: String, session: AgentSession? = nil, arguments: [String] = [],
    stopAt words: String? = nil, greeting: Duration = .seconds(20),
    continuation: Continuation = Continuation(nil) { _, _ in }, resumePrompt: String? = nil,
    renewHome: @escaping @Sendable (PersistentFiles) async -> Bool = { _ in false }
  ) async throws -> Outcome {
    let call = bench.call(session, arguments)
    let output = "\(bench.files.root)/attempts/a-1/output.log"
    let records = "\(bench.files.root)/attempts/a-1/records.jsonl"
    let secrets = AgentEnvironment.secrets(call.environment)
    let log = try OutputLog(
      path: output, bytesMax: 1 << 20, secrets: secrets,
      records: OutputRecords(path: records, secrets: secrets))
    let (said, say) = AsyncStream.makeStream(of: Void.self)
    let started = Mutex<String?>(nil)
    var run = AgentSessionRun(
      call: call, session: try #require(call.session), prompt: prompt,
      resumePrompt: resumePrompt, continuation: continuation,
      attempt: AttemptFiles(folder: "\(bench.files.root)/attempts/a-1"),
      treeName: "a-1", repository: "o/r",
      objects: bench.files.root, files: bench.files, sandbox: nil,
      makeNetwork: { .sample(call) }, policy: NetworkPolicy(), ledger: EgressLedger(),
      warm: bench.warm, version: "1", log: log, heard: { _ in say.yield() })
    run.greetingTimeout = greeting
    run.renewHome = renewHome
    let running = Task { [run] in await run.run { _, id in started.withLock { $0 = id } } }
    if let words {
      for await _ in said where try text(output).contains(words) { break }
      running.cancel()
    }
    let outcome = await running.value
    let lines = try text(records).split(separator: "\n")
    return Outcome(
      end: outcome.end, usage: outcome.usage.summary, text: try text(output),
      records: lines.compactMap { try? JSONValue(parsing: $0.utf8) },
      session: started.withLock { $0 })
  }

  @Test("one whose start is called off leaves no process")
  func calledOff() async throws {
    let bench = try Bench()
    let place = PersistentFiles(folder: "\(bench.files.root)/agents/stub")
    let call = bench.call(nil)
    let starting = Task {
      // Called off before there is anything to wait for.
      withUnsafeCurrentTask { $0?.cancel() }
      return try await PersistentAgent.start(
        call, place, sandbox: nil, network: SandboxNetwork.sample(call), objects: bench.tree,
        version: "1", within: .seconds(20))
    }
    await #expect(throws: AgentFault.self) { _ = try await starting.value }
    // What was begun and left would be there by now.
    for _ in 0..<20 {
      #expect(ProcessTable.processes(of: .attempt(place.folder)).isEmpty)
      try await Task.sleep(for: .milliseconds(50))
    }
  }

  func with(_ body: (Bench) async throws -> Void) async throws {
    let bench = try Bench()
    do { try await body(bench) } catch {
      await bench.warm.endAll()
      throw error
    }
    await bench.warm.endAll()
    let left = ProcessTable.processes(of: .beneath(bench.files.agents))
    #expect(left.isEmpty, "processes are left: \(left)")
  }

  private func failure(_ end: AgentEnd) -> String {
    if case .failed(let text) = end { text } else { "not failed: \(end)" }
  }

  @Test("one process serves one attempt after the other, each in a session and tree of its own")
  func warm() async throws {
    try await with { bench in
      let first = try await run(bench, "who edit")
      let second = try await run(bench, "who")
      #expect(first.end == .finished && second.end == .finished)
      #expect(first.session == "s1" && second.session == "s2")
      #expect(first.process != nil && first.process == second.process)
      #expect(first.text.hasSuffix(" s1 \(bench.files.agents)/stub@o@r/trees/a-1\n"))
      #expect(try text("\(bench.tree)/made.txt") == "made\n")
      #expect(first.usage == "2 tokens in, 1 out")
      // What it still says of a session that is over is nobody's.
      let third = try await run(bench, "late who")
      #expect(third.text.contains(" s3 ") && !third.text.contains("another"))
    }
  }

  @Test("plan, tool calls and usage are in the records, and what it does in the output")
  func records() async throws {
    try await with { bench in
      let outcome = try await run(bench, "plan tool usage")
      #expect(outcome.end == .finished)
      let plan = try #require(outcome.records("plan").first?.arrayValue)
      #expect(plan.map { $0["content"].stringValue } == ["first", "then"])
      let tools = outcome.records("tool")
      #expect(tools.map { $0["status"].stringValue } == ["pending", "completed"])
      #expect(tools.first?["paths"].arrayValue == ["x"])
      #expect(outcome.records("permission").first?["allowed"] == .bool(true))
      #expect(outcome.text.contains("\"optionId\": \"y\""))
      #expect(outcome.text.contains("● Edit x\n") && outcome.text.contains("✓ Edit x\n"))
      #expect(outcome.usage == "2 tokens in, 1 out, $0.5000")
      #expect(outcome.records("usage").last?["cost"].doubleValue == 0.5)
      let times = outcome.records.compactMap { $0["at"].integerValue }
      #expect(times.count == outcome.records.count && times == times.sorted())
    }
  }

  @Test("what the profile refuses is refused, by the kind of the tool call")
  func permissions() async throws {
    try await with { bench in
      let session = AgentSession(
        arguments: ["python3", bench.script], permissions: .init(byKind: ["edit": false]))
      let outcome = try await run(bench, "tool", session: session)
      #expect(outcome.text.contains("\"optionId\": \"n\""))
      #expect(outcome.records("permission").first?["allowed"] == .bool(false))
    }
  }

  @Test("files are read and written for it in the tree alone, and through no link")
  func files() async throws {
    try await with { bench in
      let outside = "\(bench.files.root)/secret"
      try DurableFile.replace(outside, with: Array("secret\n".utf8))
      symlink(outside, "\(bench.tree)/link")
      symlink(bench.files.root, "\(bench.tree)/up")
      let good = try await run(bench, "read:/x write:/a/b/new.txt")
      #expect(good.text.contains(#""content": "one\ntwo\n""#), "\(good.text)")
      #expect(try text("\(bench.tree)/a/b/new.txt") == "written\n")
      let bad = try await run(
        bench, "read:/../../../secret read:/link read:/up/secret write:/link write:/up/new read:/no"
      )
      let answers = bad.text.split(separator: "\n")
      #expect(answers.count == 6 && answers.allSatisfy { $0.contains("\"error\"") }, "\(answers)")
      #expect(!bad.text.contains("secret\\n"))
      #expect(try text(outside) == "secret\n")
      #expect(!DurableFile.exists("\(bench.files.root)/new"))
      mkfifo("\(bench.tree)/pipe", 0o600)
      let pipe = try await run(bench, "read:/pipe terminal")
      #expect(pipe.text.contains("not a regular file") && pipe.text.contains("-32601"))
      let session = AgentSession(arguments: ["python3", bench.script], accessesFiles: false)
      let none = try await run(bench, "read:/x", session: session)
      #expect(none.text.contains("-32601"))
    }
  }

  @Test("one that is told to stop and does stays; one that does not is ended")
  func cancel() async throws {
    try await with { bench in
      let before = try await run(bench, "who")
      #expect(try await run(bench, "silent", stopAt: "waiting").end == .stopped)
      #expect(try await run(bench, "who").process == before.process)
      let clock = ContinuousClock()
      let began = clock.now
      #expect(try await run(bench, "deaf", stopAt: "waiting").end == .stopped)
      #expect(clock.now - began < .seconds(8))
      let after = try await run(bench, "who")
      #expect(after.end == .finished && after.process != before.process)
    }
  }

  @Test("one that breaks fails its attempt with a reason, and the next attempt has a new one")
  func broken() async throws {
    try await with { bench in
      for (prompt, reason) in [
        ("die", "it ended with exit code 3"), ("flood", "not JSON-RPC"),
        ("long", "more than 4 MiB"),
        ("refuse", "refused the task"), ("greedy", "does not read its input"),
      ] {
        let outcome = try await run(bench, prompt)
        #expect(failure(outcome.end).contains(reason), "\(prompt): \(outcome.end)")
        let next = try await run(bench, "who garbage edit")
        #expect(next.end == .finished, "after \(prompt): \(next.end)")
        #expect(next.text.contains("xxxxxxxxxx\n"))
      }
    }
  }

  @Test("one that died while it was idle is replaced, and no attempt is lost")
  func diedIdle() async throws {
    try await with { bench in
      let first = try await run(bench, "who")
      let process = try #require(first.process)
      kill(process, SIGKILL)
      let second = try await run(bench, "who")
      #expect(second.end == .finished && second.process != process)
    }
  }

  @Test("what it started in an attempt ends with the attempt, and it goes on")
  func strays() async throws {
    try await with { bench in
      let first = try await run(bench, "who stray")
      let left = ProcessTable.processes(of: .beneath(bench.files.agents))
      let own = try #require(first.process)
      let isClean = try await eventually {
        ProcessTable.processes(of: .beneath(bench.files.agents)) == [own]
      }
      #expect(isClean, "\(left)")
      #expect(try await run(bench, "who").process == own)
    }
  }

  @Test("another version, a missing program and a secret in its words are told and masked")
  func greeting() async throws {
    setenv("SESSION_TEST_KEY", "key-0123456789", 1)
    try await with { bench in
      let newer = try await run(bench, "who", arguments: ["new"])
      #expect(failure(newer.end).contains("speaks version 2"))
      let mute = try await run(bench, "who", arguments: ["mute"], greeting: .milliseconds(500))
      #expect(failure(mute.end).contains("did not answer initialize"), "\(mute.end)")
      let missing = try await run(
        bench, "who", session: AgentSession(arguments: ["no-such-agent", "acp"]))
      guard case .notFound = missing.end else { throw TestFault("\(missing.end)") }
      let secret = try await run(bench, "secret")
      #expect(secret.text == "***\n")
    }
  }
}
