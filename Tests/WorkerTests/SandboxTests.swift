import Glibc
import Processes
import Testing
import WorkerProtocol

@testable import Worker

/// Real agents in the real sandbox, where it works.
@Suite("Sandbox", .enabled("bubblewrap works here") { await Sandbox.examine().fault == nil })
struct SandboxTests {
  private struct Outcome {
    var end: AgentEnd
    var text: String
    var folder: TemporaryFolder
  }

  private func run(
    _ script: String, rules: SandboxRules? = nil, stopsWhen marker: String? = nil,
    prepare: (String) throws -> Void = { _ in }
  ) async throws -> Outcome {
    let folder = try TemporaryFolder()
    let files = AttemptFiles(folder: "\(folder.path)/attempts/d-1")
    for path in [files.tree, files.temporary, files.home] { try DurableFile.makeFolder(path) }
    try prepare(folder.path)
    // One stream, so that the lines come in their order.
    var call = AgentCall.shell("exec 2>&1\n" + script)
    call.sandbox = rules
    var sandbox = Sandbox()
    // What is hidden is hidden where it may be read, too.
    sandbox.readable = [folder.path]
    sandbox.hidden = [folder.path]
    let agent = AgentProcess(
      call: call, prompt: "x", files: files, home: files.home, demoProgram: "/bin/echo",
      timeout: .seconds(60), sandbox: sandbox)
    let log = try OutputLog(path: files.output, bytesMax: 1 << 20, secrets: [])
    let running = Task { await agent.run(onStart: { _ in }, onOutput: { _ = log.append($0) }) }
    if let marker {
      let appeared = try await eventually { DurableFile.exists("\(files.tree)/\(marker)") }
      #expect(appeared)
      running.cancel()
    }
    let end = await running.value.end
    _ = log.finish()
    let bytes = try DurableFile.read(files.output, atMost: 1 << 20)
    return Outcome(end: end, text: String(decoding: bytes, as: UTF8.self), folder: folder)
  }

  @Test("its tree, HOME and /tmp are its own, and of the rest it sees programs alone")
  func sees() async throws {
    let outcome = try await run(
      """
      echo a > a && echo b > "$HOME/b" && echo c > /tmp/c && cat "$TMPDIR/c"
      for path in /x /usr/x /etc/x /dev/x ../x; do
        touch $path 2>/dev/null && echo "wrote $path"
      done
      for path in /var/lib /run /sys ../../../secret; do
        ls $path >/dev/null 2>&1 && echo "sees $path"
      done
      ls -d /proc/[0-9]* | wc -l; cat /etc/shadow; grep CapEff /proc/self/status
      git --version >/dev/null && echo git
      """
    ) { folder in
      try DurableFile.replace("\(folder)/secret", with: Array("s".utf8))
    }
    #expect(outcome.end == .finished)
    #expect(!outcome.text.contains("wrote") && !outcome.text.contains("sees"), "\(outcome.text)")
    #expect(!outcome.text.contains("root:"), "\(outcome.text)")
    #expect(outcome.text.contains("CapEff:\t0000000000000000"), "\(outcome.text)")
    let lines = outcome.text.split(separator: "\n").map(String.init)
    #expect(lines.first == "c" && lines.last == "git")
    // bubblewrap's own first process, the shell, and what it runs.
    #expect(lines.contains { Int($0.filter { $0 != " " }).map { $0 <= 6 } ?? false })
  }

  @Test("what the profile grants is there, and no more may be done with it")
  func grants() async throws {
    let given = try TemporaryFolder()
    for name in ["read", "write"] {
      try DurableFile.makeFolder("\(given.path)/\(name)")
      try DurableFile.replace("\(given.path)/\(name)/f", with: Array(name.utf8))
    }
    try DurableFile.replace("\(given.path)/other", with: Array("o".utf8))
    let rules = SandboxRules(
      network: false, readable: ["\(given.path)/read"], writable: ["\(given.path)/write"])
    let outcome = try await run(
      """
      cat \(given.path)/*/f; ls \(given.path)
      echo x > \(given.path)/read/f || echo refused; echo y > \(given.path)/write/f
      grep -c : /proc/net/dev
      """, rules: rules)
    #expect(outcome.text.hasPrefix("readwriteread\nwrite\n"), "\(outcome.text)")
    #expect(outcome.text.contains("refused"))
    #expect(outcome.text.hasSuffix("\n1\n"), "a network other than its own: \(outcome.text)")
    #expect(try text("\(given.path)/write/f") == "y\n")
    #expect(
      Sandbox.lent("~/.tool", to: "/h").target == "/h/.tool"
        && Sandbox.lent("/opt/x", to: "/h") == ("/opt/x", "/opt/x"))
  }

  @Test("one that is told to end may end in good order")
  func ends() async throws {
    let outcome = try await run(
      "trap 'echo bye > bye; exit 0' TERM; touch up; while :; do sleep 0.05; done",
      stopsWhen: "up")
    #expect(outcome.end == .stopped)
    #expect(try text("\(outcome.folder.path)/attempts/d-1/tree/bye") == "bye\n")
  }

  @Test("exit codes are the agent's, and a program that is missing is told as such")
  func exits() async throws {
    #expect(try await run("exit 7").end == .exited(7))
    let folder = try TemporaryFolder()
    let call = AgentCall(
      name: "x", isDemo: false, arguments: [.init(kind: .literal, text: "no-such-agent")],
      promptOnStandardInput: false, environment: [])
    let agent = AgentProcess(
      call: call, prompt: "", files: AttemptFiles(folder: folder.path), home: folder.path,
      demoProgram: "", timeout: .seconds(9), sandbox: Sandbox())
    guard case .notFound = await agent.run(onStart: { _ in }, onOutput: { _ in }).end else {
      throw TestFault("found")
    }
  }
}
