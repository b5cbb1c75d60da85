import FoundationEssentials
import Glibc
import Processes
import SystemCalls
import Testing
import WorkerProtocol
import Workflows

@testable import Worker

/// Each wall by itself: what stands there when nothing else of the sandbox would hold.
extension SandboxTests {
  @Test("the examination finds every wall")
  func examination() async {
    let found = await Sandbox.examine(program: builtProgram)
    #expect(found.fault == nil)
    #expect(found.walls.count == 4 && found.walls.allSatisfy(\.works), "\(found.walls)")
  }

  @Test("none of the machine's namespaces is its own")
  func namespaces() async throws {
    let names = ["cgroup", "ipc", "mnt", "net", "pid", "uts"]
    let outcome = try await run(
      "for name in \(names.joined(separator: " ")); do readlink /proc/self/ns/$name; done")
    let inside = outcome.text.split(separator: "\n").map(String.init)
    #expect(inside.count == names.count)
    for (name, space) in zip(names, inside) {
      let outside = try FileManager.default.destinationOfSymbolicLink(
        atPath: "/proc/self/ns/\(name)")
      #expect(space.hasPrefix("\(name):[") && space != outside, "\(name)")
    }
  }

  @Test("programs, libraries, the clone's objects and what it is lent cannot be written")
  func readOnly() async throws {
    let shared = try TemporaryFolder()
    for name in ["readable", "objects", "named"] {
      try DurableFile.makeFolder("\(shared.path)/\(name)")
    }
    let named = "\(shared.path)/named/file"
    try DurableFile.replace(named, with: Array("named\n".utf8))
    let libraries = Sandbox.libraries.filter { !SystemFiles.contain($0) }
    let folders = ["\(shared.path)/readable", "\(shared.path)/objects"] + libraries
    let script = """
      for path in \(folders.joined(separator: " ")); do
        test -d $path || echo "misses $path"
        touch $path/guards-test 2>/dev/null && echo "wrote $path"
      done
      touch -c \(builtProgram) 2>/dev/null && echo wrote the program
      cat \(named); touch \(named) 2>/dev/null && echo wrote the file; echo end
      """
    let outcome = try await run(
      script,
      change: { agent in
        agent.sandbox?.readable.append("\(shared.path)/readable")
        agent.objects = "\(shared.path)/objects"
        agent.call.arguments.append(.init(kind: .literal, text: named))
      })
    #expect(outcome.text == "named\nend\n", "\(outcome.text)")
  }

  @Test("one file, its memory, its shared memory and its core files are limited by the kernel")
  func limits() async throws {
    let script = """
      python3 - <<'END'
      import os, resource
      for name in ["FSIZE", "DATA", "CORE"]:
        print(name, *resource.getrlimit(getattr(resource, "RLIMIT_" + name)))
      facts = os.statvfs("/dev/shm")
      print("shm", facts.f_blocks * facts.f_frsize >> 20)
      END
      """
    let outcome = try await run(
      script,
      change: { agent in
        agent.call.diskBytesMax = 20_000_000
        agent.call.memoryBytesMax = 1_000_000_000
      })
    #expect(
      outcome.text
        == "FSIZE 20000000 20000000\nDATA 1000000000 1000000000\nCORE 0 0\nshm 256\n",
      "\(outcome.text)")
  }

  @Test("it is given its three streams, and no socket of the worker's or the proxy's")
  func descriptors() async throws {
    let outcome = try await run(
      """
      python3 - <<'END'
      import os
      # The list holds the descriptor by which it was read, which is closed then.
      for one in os.listdir("/proc/self/fd"):
        try: print(one, os.readlink("/proc/self/fd/" + one).split(":")[0])
        except FileNotFoundError: pass
      END
      """)
    // The script of the shell is the first, and none of it is left open beyond these.
    let kept = outcome.text.split(separator: "\n").map(String.init)
    #expect(kept.map { $0.split(separator: " ")[0] } == ["0", "1", "2"], "\(kept)")
    #expect(!outcome.text.contains("socket"), "\(kept)")
  }

  /// Joins a session keyring with a key that only its possessors see, and becomes a program.
  private static let withKey = """
    import ctypes, os, sys
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    assert libc.syscall(250, 1, None) > 0
    key = libc.syscall(248, b"user", b"aipm-canary", b"value", 5, -3)
    assert key > 0 and libc.syscall(250, 5, key, 0x3f000000) == 0
    if sys.argv[1] == "see": os.execvp("cat", ["cat", "/proc/keys"])
    os.execvp(sys.argv[1], sys.argv[1:])
    """

  @Test("the keys of the worker's session are not its own")
  func keys() async throws {
    #if arch(x86_64)
    let folder = try TemporaryFolder()
    let seen = try await Command(
      "python3", ["-c", Self.withKey, "see"], timeout: .seconds(20)
    ).run()
    // A kernel without keys, or a container that refuses them, has none to lose.
    guard seen.succeeded else { return }
    #expect(seen.outputText.contains("aipm-canary"))
    let socket = try LaunchSocket(in: folder.path)
    var command = try Sandbox.tested.wrapped(
      Command("sh", ["-c", "cat /proc/keys; echo end"], timeout: .seconds(30)),
      .init(temporary: folder.path), socket: socket.path)
    command.arguments = ["-c", Self.withKey, command.executable] + command.arguments
    command.executable = "python3"
    async let start = socket.attend { $0.isEmpty }
    let result = try await command.run()
    socket.close()
    #expect(await start == .started)
    #expect(result.outputText.hasSuffix("end\n"), "\(result.errorText)")
    #expect(!result.outputText.contains("aipm-canary"), "\(result.outputText)")
    #endif
  }

  @Test("it ends with the worker that started it, however that ends")
  func orphan() async throws {
    let folder = try TemporaryFolder()
    let files = AttemptFiles(folder: "\(folder.path)/a")
    for path in [files.tree, files.temporary] { try DurableFile.makeFolder(path) }
    let socket = try LaunchSocket(in: folder.path)
    var environment = Command.baseEnvironment
    environment[ProcessTable.mark] = folder.path
    let wrapped = try Sandbox.tested.wrapped(
      Command(
        "sh", ["-c", "touch up; sleep 300"], environment: environment,
        workingDirectory: files.tree, timeout: .seconds(60)),
      .init(writable: [files.tree], temporary: files.temporary), socket: socket.path)
    // What stands for the worker; the sandbox is in a session of its own, as a worker's is.
    let starter = """
      import subprocess, sys
      subprocess.Popen(sys.argv[1:], start_new_session=True).wait()
      """
    let command = Command(
      "python3", ["-c", starter, wrapped.executable] + wrapped.arguments,
      environment: environment, timeout: .seconds(60))
    async let start = socket.attend { $0.isEmpty }
    let running = Task {
      try await command.run(onStart: { process in
        Task {
          _ = try await eventually { DurableFile.exists("\(files.tree)/up") }
          kill(process, SIGKILL)
        }
      })
    }
    #expect(try await running.value.exit == .signalled(SIGKILL))
    socket.close()
    #expect(await start == .started)
    let isGone = try await eventually(within: .seconds(10)) {
      ProcessTable.processes(of: .attempt(folder.path)).isEmpty
    }
    #expect(isGone, "the agent outlives its worker")
    _ = await ProcessTable.end(.attempt(folder.path))
  }

  // MARK: What the operator did not grant

  @Test("a program and a file that the operator did not name are not shown")
  func ungranted() async throws {
    // What stands in a program's own folder is shown with it.
    let (given, other) = (try TemporaryFolder(), try TemporaryFolder())
    let program = "\(given.path)/agent"
    let file = "\(other.path)/file"
    try DurableFile.replace(program, with: Array("#!/bin/sh\ncat \"$1\"\n".utf8))
    chmod(program, 0o755)
    try DurableFile.replace(file, with: Array("secret\n".utf8))
    for (paths, expected) in [([], nil), ([program], ""), ([program, file], "secret\n")]
      as [([String], String?)]
    {
      let outcome = try await run(
        "",
        change: { agent in
          agent.call.arguments = [program, file].map { .init(kind: .literal, text: $0) }
          agent.sandbox?.operatorGrants = OperatorGrants(paths: paths, network: .hosts)
        })
      switch (outcome.end, expected) {
      case (.notFound, nil): break
      case (.exited(1), ""): #expect(outcome.text.contains("No such file"))
      case (.finished, "secret\n"): #expect(outcome.text == "secret\n")
      case (let end, _): throw TestFault("\(paths): \(end) \(outcome.text)")
      }
    }
  }

  @Test("a check of an agent shows no more than the agent's run would")
  func ungrantedCheck() async throws {
    let (given, other) = (try TemporaryFolder(), try TemporaryFolder())
    let check = "\(given.path)/check"
    let file = "\(other.path)/file"
    try DurableFile.replace(check, with: Array("#!/bin/sh\ncat \"$1\"\n".utf8))
    chmod(check, 0o755)
    try DurableFile.replace(file, with: Array("fine\n".utf8))
    for (paths, state) in [([], .failing), ([check], .failing), ([check, file], .ready)]
      as [([String], AgentFinding.State)]
    {
      let home = try TemporaryFolder()
      var sandbox = Sandbox.tested
      sandbox.operatorGrants = OperatorGrants(paths: paths, network: .hosts)
      let finding = await AgentSearch(home: home.path, sandbox: sandbox).look(
        for: AgentInquiry(
          name: "a", program: "sh", preflight: .init(command: [check, file]), environment: [],
          sandbox: SandboxGrants()))
      #expect(finding.state == state, "\(paths): \(finding)")
    }
  }

  // MARK: What is too broad to be shown

  @Test("of a program in a folder that holds other things, the program alone is shown")
  func broadFolders() {
    var finder = ProgramFinder(hidden: ["/srv/aipm/data"])
    finder.home = "/people/one"
    for folder in [
      "/people/one", "/people", "/tmp", "/var/tmp", "/etc", "/opt", "/var", "/srv", "/run", "/root",
      "/people/one/.local", "/people/one/.local/share", "/people/one/.config",
      "/people/one/.cache", "/srv/aipm", "/srv/aipm/data",
    ] {
      let program = "\(folder)/tool"
      #expect(finder.folders(of: program, path: "/usr/bin") == [program], "\(folder)")
      #expect(finder.folders(of: program, path: folder) == [program], "\(folder)")
      #expect(finder.folders(ofPath: folder).isEmpty, "\(folder)")
      // Nor is what stands beside a folder of programs there.
      #expect(
        finder.folders(ofPath: "\(folder)/bin").allSatisfy { $0 == "\(folder)/bin" }, "\(folder)")
    }
    #expect(finder.folders(of: "/people/one/tools/x", path: "") == ["/people/one/tools"])
  }

  @Test("a file of the system's that not everybody may read is not shown, whoever the worker is")
  func closedFiles() throws {
    let folder = try TemporaryFolder()
    for (name, mode, isShown) in [("open", 0o644, true), ("closed", 0o640, false)]
      as [(String, mode_t, Bool)]
    {
      let path = "\(folder.path)/\(name)"
      try DurableFile.replace(path, with: [])
      chmod(path, mode)
      #expect(SystemFiles.shown(path).isEmpty != isShown, "\(name)")
    }
  }
}
