import FoundationEssentials
import Glibc
import Processes
import SystemCalls
import Testing
import WorkerProtocol
import Workflows

@testable import Worker

/// Real agents in the real sandbox, where it works.
@Suite("Sandbox", .enabled("bubblewrap works here") { await bubblewrapWorks() })
struct SandboxTests {
  struct Outcome {
    var end: AgentEnd
    var text: String
    var folder: TemporaryFolder
  }

  func run(
    _ script: String, rules: SandboxGrants? = nil, stopsWhen marker: String? = nil,
    prepare: (String) throws -> Void = { _ in },
    network: ((AgentCall) -> SandboxNetwork)? = nil,
    change: (inout AgentProcess) -> Void = { _ in }
  ) async throws -> Outcome {
    let folder = try TemporaryFolder()
    let files = AttemptFiles(folder: "\(folder.path)/attempts/d-1")
    for path in [files.tree, files.temporary, files.home] { try DurableFile.makeFolder(path) }
    try prepare(folder.path)
    // One stream, so that the lines come in their order.
    var call = AgentCall.shell("exec 2>&1\n" + script)
    call.sandbox = rules
    var sandbox = Sandbox.tested
    // What is hidden is hidden where it may be read, too.
    sandbox.readable = [folder.path]
    sandbox.hidden = [folder.path]
    var changed = AgentProcess(
      call: call, prompt: "x", files: files, home: files.home, demoProgram: "/bin/echo",
      timeout: .seconds(60), sandbox: sandbox,
      network: network?(call) ?? .sample(call))
    change(&changed)
    let agent = changed
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
      for path in /var/lib /run/systemd /run/user /sys ../../../secret; do
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
    #expect(lines.contains { Int($0.filter { $0 != " " }).map { $0 <= 7 } ?? false })
  }

  @Test("what the profile grants is there, and no more may be done with it")
  func grants() async throws {
    let given = try TemporaryFolder()
    for name in ["read", "write"] {
      try DurableFile.makeFolder("\(given.path)/\(name)")
      try DurableFile.replace("\(given.path)/\(name)/f", with: Array(name.utf8))
    }
    try DurableFile.replace("\(given.path)/other", with: Array("o".utf8))
    let rules = SandboxGrants(
      readable: ["\(given.path)/read"], writable: ["\(given.path)/write"])
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
      Sandbox.mount("~/.tool", home: "/h").target == "/h/.tool"
        && Sandbox.mount("/opt/x", home: "/h") == ("/opt/x", "/opt/x"))
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
      demoProgram: "", timeout: .seconds(9), sandbox: .tested, network: .sample(call))
    guard case .notFound = await agent.run(onStart: { _ in }, onOutput: { _ in }).end else {
      throw TestFault("found")
    }
  }

  @Test("its network holds nothing but the proxy, whatever runs on the machine")
  func emptyNetwork() async throws {
    let outcome = try await run(
      """
      grep : /proc/net/dev | wc -l; grep -c @ /proc/net/unix
      python3 - <<'END'
      import socket
      for address in [("127.0.0.1", 22), ("10.0.0.1", 80), ("8.8.8.8", 53), ("::1", 22)]:
        try:
          socket.create_connection(address, 3)
          print("reached", address)
        except OSError as fault:
          print("not", address[0])
      END
      """)
    #expect(
      outcome.text == "1\n0\nnot 127.0.0.1\nnot 10.0.0.1\nnot 8.8.8.8\nnot ::1\n", "\(outcome.text)"
    )
  }

  @Test(
    "calls that reach past a sandbox are refused",
    arguments: [
      "keyctl": "250, 0, 0", "add_key": "248, b'user', b'x', b'y', 1, -3", "bpf": "321, 0",
      "perf_event_open": "298", "userfaultfd": "323", "mount": "165", "umount2": "166",
      "unshare a user namespace": "272, 0x10000000", "clone into one": "56, 0x10000011",
      "setns": "308", "io_uring": "425, 1", "fsopen": "430, b'tmpfs'", "chroot": "161, b'/'",
    ])
  func systemCalls(_ name: String, _ arguments: String) async throws {
    #if arch(x86_64)
    let outcome = try await run(
      """
      python3 -c "
      import ctypes
      c = ctypes.CDLL(None, use_errno=True)
      print(c.syscall(\(arguments)), ctypes.get_errno())"
      """)
    let isUnknown = name == "io_uring"
    #expect(outcome.text == "-1 \(isUnknown ? ENOSYS : EPERM)\n", "\(name): \(outcome.text)")
    #endif
  }

  @Test("sockets that are not of a network namespace cannot be made")
  func families() async throws {
    let outcome = try await run(
      """
      python3 -c "
      import socket
      for family in [1, 2, 10, 16, 17, 31, 38, 40]:
        kind = socket.SOCK_RAW if family > 15 else socket.SOCK_STREAM
        try: socket.socket(family, kind); print(family)
        except OSError as fault: print(family, fault.errno)"
      """)
    #expect(
      outcome.text == "1\n2\n10\n16\n17 97\n31 97\n38 97\n40 97\n", "\(outcome.text)")
  }

  @Test("/proc is not written, and the kernel ends an agent first")
  func processes() async throws {
    let outcome = try await run(
      """
      for file in sys/kernel/core_pattern sys/vm/stat_interval self/oom_score_adj sysrq-trigger; do
        ( : > /proc/$file ) 2>/dev/null && echo "wrote $file"
      done
      cat /proc/self/oom_score_adj; ps -o ni= -p $$
      """)
    #expect(outcome.text == "1000\n  5\n", "\(outcome.text)")
  }

  @Test("of /etc and /opt it sees what programs need, and no credential beside a program")
  func credentials() async throws {
    let home = try TemporaryFolder()
    for path in [".fly/bin", ".fly/lib", ".fly/share", "tools/bin"] {
      try DurableFile.makeFolder("\(home.path)/\(path)")
    }
    let program = "\(home.path)/.fly/bin/fly"
    try DurableFile.replace(program, with: Array("#!/bin/sh\ncat \"$0.conf\"\necho flies\n".utf8))
    chmod(program, 0o755)
    try DurableFile.replace("\(home.path)/.fly/config.yml", with: Array("access_token".utf8))
    try DurableFile.replace("\(home.path)/.fly/lib/x", with: Array("library".utf8))
    let finder = ProgramFinder(hidden: [])
    let path = "\(home.path)/.fly/bin:/usr/bin"
    #expect(
      finder.folders(ofPath: path) == ["bin", "lib", "share"].map { "\(home.path)/.fly/\($0)" })
    let shown = finder.folders(of: program, path: path)
    #expect(shown.allSatisfy { $0 != "\(home.path)/.fly" }, "\(shown)")
    #expect(finder.folders(of: program, path: "/usr/bin").contains("\(home.path)/.fly/lib"))
    let outcome = try await run(
      """
      ls /etc/shadow /etc/ssh /etc/sudoers /etc/apt /etc/environment 2>/dev/null
      ls /opt 2>/dev/null
      ls /var /root /home /srv /mnt 2>/dev/null | grep -v '^/' | grep .
      test -e /etc/passwd && test -d /etc/ssl/certs && echo ok
      """)
    #expect(outcome.text.hasSuffix("ok\n") && !outcome.text.contains("etc"), "\(outcome.text)")
  }

  @Test("a script is shown with its interpreter, and a virtual environment as a whole")
  func interpreters() throws {
    let home = try TemporaryFolder()
    for path in ["tool/bin", "python/bin", "python/lib"] {
      try DurableFile.makeFolder("\(home.path)/\(path)")
    }
    func put(_ name: String, _ text: String) throws {
      try DurableFile.replace("\(home.path)/\(name)", with: Array(text.utf8))
      chmod("\(home.path)/\(name)", 0o755)
    }
    try put("tool/pyvenv.cfg", "home = x\n")
    try put("python/bin/python3", "\u{7f}ELF")
    symlink("\(home.path)/python/bin/python3", "\(home.path)/tool/bin/python")
    try put("tool/bin/tool", "#!\(home.path)/tool/bin/python\nprint(1)\n")
    let finder = ProgramFinder(hidden: [])
    let found = finder.folders(of: "\(home.path)/tool/bin/tool", path: "/usr/bin")
    for name in ["tool", "python/bin", "python/lib"] {
      #expect(found.contains("\(home.path)/\(name)"), "\(found)")
    }
    try put("tool/bin/other", "#!/usr/bin/env -S python3 -u\n")
    let named = finder.folders(
      of: "\(home.path)/tool/bin/other", path: "\(home.path)/python/bin:/usr/bin")
    #expect(named.contains("\(home.path)/python/lib"), "\(named)")
  }

  @Test("a sandbox that cannot be built, and a program that cannot be run in it, are told apart")
  func starts() async throws {
    let folder = try TemporaryFolder()
    func end(_ program: String, temporary: String? = nil) async throws -> AgentEnd {
      let files = AttemptFiles(folder: "\(folder.path)/a")
      for path in [files.tree, files.temporary, files.home] { try DurableFile.makeFolder(path) }
      if temporary != nil { try FileManager.default.removeItem(atPath: files.temporary) }
      let call = AgentCall(
        name: "x", isDemo: false, arguments: [.init(kind: .literal, text: program)],
        promptOnStandardInput: false, environment: [])
      let agent = AgentProcess(
        call: call, prompt: "", files: files, home: files.home, demoProgram: "",
        timeout: .seconds(30), sandbox: .tested, network: .sample(call))
      return await agent.run(onStart: { _ in }, onOutput: { _ in }).end
    }
    let script = "\(folder.path)/script"
    try DurableFile.replace(script, with: Array("#!\(folder.path)/nothing\n".utf8))
    chmod(script, 0o755)
    guard case .notFound(let words) = try await end(script) else { throw TestFault("found") }
    #expect(words.contains("cannot be run in the sandbox"), "\(words)")
    let gone = try await end("/bin/true", temporary: "gone")
    guard case .lost(let reason) = gone else { throw TestFault("not lost: \(gone)") }
    #expect(reason.contains("the sandbox could not be set up"), "\(reason)")
    #expect(try await end("/bin/true") == .finished)
  }
}
