import FoundationEssentials
import Processes
import Synchronization
import Testing

#if canImport(Glibc)
import Glibc
#endif

/// A real shell is the program: it ends, hangs, floods and forks as programs do.
@Suite("Command") struct CommandTests {
  private func shell(_ script: String, timeout: Duration = .seconds(20)) -> Command {
    Command("sh", ["-c", script], timeout: timeout)
  }

  @Test("gives output, error and exit code")
  func result() async throws {
    let result = try await shell("printf out; printf err >&2; exit 3").run()
    #expect(result.exit == .exited(3))
    #expect(result.outputText == "out" && result.errorText == "err")
    #expect(!result.truncated && !result.succeeded)
  }

  @Test("a signal is not an exit code")
  func signalled() async throws {
    #expect(try await shell("kill -9 $$").run().exit == .signalled(9))
  }

  @Test("bytes and files reach standard input")
  func input() async throws {
    var command = Command("cat", timeout: .seconds(20))
    let bytes = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0) }
    command.input = .bytes(bytes)
    #expect(try await command.run().standardOutput == bytes)
    let path = FileManager.default.temporaryDirectory.appendingPathComponent(
      UUID().uuidString
    ).path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Data(bytes).write(to: URL(filePath: path))
    command.input = .file(path)
    #expect(try await command.run().standardOutput == bytes)
    command.input = .file("/does/not/exist")
    await #expect(throws: ProcessFault.self) { try await command.run() }
  }

  @Test("it is no error if a program does not read its input")
  func unreadInput() async throws {
    var command = Command("true", timeout: .seconds(20))
    command.input = .bytes([UInt8](repeating: 0, count: 10_000_000))
    #expect(try await command.run().succeeded)
  }

  @Test("the environment is exactly the given one")
  func environment() async throws {
    setenv("AIPM_TEST_SECRET", "s", 1)
    let result = try await Command(
      "/usr/bin/env", environment: ["A": "b=c", "PATH": "/usr/bin"], timeout: .seconds(20)
    ).run()
    #expect(Set(result.outputText.split(separator: "\n")) == ["A=b=c", "PATH=/usr/bin"])
  }

  @Test("runs in the working directory")
  func workingDirectory() async throws {
    var command = Command("pwd", timeout: .seconds(20))
    command.workingDirectory = "/usr"
    #expect(try await command.run().trimmedOutput == "/usr")
    command.workingDirectory = "/does/not/exist"
    await #expect(throws: ProcessFault.self) { try await command.run() }
  }

  @Test("a program that is not there")
  func missing() async throws {
    for name in ["aipm-no-such-program", "/no/such/program"] {
      for dies in [false, true] {
        var command = Command(name, timeout: .seconds(20))
        command.diesWithParent = dies
        await #expect(throws: ProcessFault.executableNotFound(name)) { try await command.run() }
      }
    }
  }

  @Test("output beyond the limit is cut: the head of one, the tail of the other")
  func outputLimit() async throws {
    var command = shell("printf 0123456789; printf 0123456789 >&2")
    command.outputLimit = 4
    let result = try await command.run()
    #expect(result.outputText == "0123" && result.errorText == "6789" && result.truncated)
  }

  @Test("the limit ends the whole group, also one that ignores SIGTERM")
  func timeout() async throws {
    var command = shell(
      "trap '' TERM; echo said >&2; (trap '' TERM; sleep 60) & echo $!; sleep 60",
      timeout: .milliseconds(400))
    command.grace = .milliseconds(200)
    let group = Mutex<Int32>(0)
    let clock = ContinuousClock()
    let start = clock.now
    await #expect {
      try await command.run(onStart: { number in group.withLock { $0 = number } })
    } throws: { error in
      guard case .timedOut(_, _, let said)? = error as? ProcessFault else { return false }
      return String(decoding: said, as: UTF8.self) == "said\n"
    }
    #expect(clock.now - start < .seconds(5))
    #expect(!lives(group.withLock { $0 }))
  }

  @Test("members of the group have the grace too, when only their leader has ended")
  func graceOfMembers() async throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent(
      UUID().uuidString
    ).path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let member = "trap 'sleep 0.2; echo saved > \(path); exit' TERM; while :; do sleep 0.05; done"
    let command = shell("sh -c \"\(member)\" & sleep 60", timeout: .milliseconds(400))
    await #expect(throws: ProcessFault.self) { try await command.run() }
    #expect(FileManager.default.fileExists(atPath: path))
  }

  @Test("cancellation ends the program")
  func cancellation() async throws {
    let started = AsyncStream<Int32>.makeStream()
    let running = Task {
      try await shell("sleep 60").run(onStart: { started.continuation.yield($0) })
    }
    var numbers = started.stream.makeAsyncIterator()
    let number = try #require(await numbers.next())
    running.cancel()
    await #expect(throws: ProcessFault.cancelled(executable: "sh")) { try await running.value }
    #expect(!lives(number))
  }

  @Test("a grandchild that keeps or floods the pipe is ended and does not block the call")
  func grandchild() async throws {
    let clock = ContinuousClock()
    for script in ["sleep 60 & echo $!", "yes & echo $!"] {
      let start = clock.now
      let group = Mutex<Int32>(0)
      let result = try await shell(script).run(onStart: { number in group.withLock { $0 = number } }
      )
      #expect(result.exit == .exited(0))
      #expect(clock.now - start < .seconds(5))
      #expect(!lives(group.withLock { $0 }))
    }
  }

  /// A killed grandchild is reaped by init some time later; until then it is a zombie.
  private func lives(_ group: Int32) -> Bool {
    let clock = ContinuousClock()
    let end = clock.now + .seconds(5)
    while clock.now < end {
      if kill(-group, 0) != 0 { return false }
      let states = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
      let alive = states.contains { name in
        guard let stat = try? String(contentsOfFile: "/proc/\(name)/stat", encoding: .utf8),
          let end = stat.lastIndex(of: ")")
        else { return false }
        let fields = stat[end...].split(separator: " ")
        return fields.count > 3 && fields[3] == "\(group)" && fields[1] != "Z"
      }
      if !alive { return false }
    }
    return true
  }

  @Test("a program that closed its output runs to its end")
  func closedOutput() async throws {
    let result = try await shell("exec >&- 2>&-; sleep 0.3; exit 5").run()
    #expect(result.exit == .exited(5))
  }

  @Test("streams as it comes")
  func streaming() async throws {
    let seen = Mutex<[String]>([])
    let result = try await shell("echo one; sleep 0.2; echo two >&2; exit 1").run {
      channel, bytes in
      seen.withLock { $0.append("\(channel):\(String(decoding: bytes, as: UTF8.self))") }
    }
    #expect(seen.withLock { $0 } == ["output:one\n", "error:two\n"])
    #expect(result.exit == .exited(1) && result.errorText == "two\n")
  }

  @Test("a dialogue: written, read, written again, and ended by closing the input")
  func dialogue() async throws {
    let (value, result) = try await Command("cat", timeout: .seconds(20)).converse {
      input, output in
      var chunks = output.makeAsyncIterator()
      var heard: [String] = []
      for word in ["a", "b"] {
        _ = await input.write(Array(word.utf8))
        heard.append(String(decoding: try await chunks.next() ?? [], as: UTF8.self))
      }
      return heard
    }
    #expect(try value.get() == ["a", "b"])
    #expect(result.exit == .exited(0))
  }

  @Test("a failed dialogue ends the program")
  func failedDialogue() async throws {
    struct Gone: Error {}
    let clock = ContinuousClock()
    let start = clock.now
    let (value, result) = try await Command("sleep", ["60"], timeout: .seconds(50)).converse {
      (_, _) async throws -> Int in throw Gone()
    }
    #expect(throws: Gone.self) { try value.get() }
    #expect(result.exit == .signalled(SIGTERM))
    #expect(clock.now - start < .seconds(5))
  }

  @Test("many at once")
  func many() async throws {
    try await withThrowingTaskGroup(of: String.self) { group in
      for number in 0..<100 {
        group.addTask { try await shell("echo \(number)").run().trimmedOutput }
      }
      var heard: Set<String> = []
      for try await text in group { heard.insert(text) }
      #expect(heard.count == 100)
    }
  }
}
