import Glibc
import Processes
import Synchronization
import Testing
import WorkerProtocol

@testable import Worker

/// What the worker takes through the door of a sandbox, and from whom.
@Suite("The door of a sandbox") struct LaunchDoorTests {
  private struct Outcome {
    var start: LaunchDoor.Start
    /// How many listeners were served; nil if none were asked for.
    var served: Int?
    var said: String
  }

  /// A program that stands for the first process: `door` is its connection, `send(sockets)` passes.
  private static let head = """
    import os, socket, sys
    path = sys.argv[1]
    door = socket.socket(socket.AF_UNIX)
    door.connect(path)
    def listener(address="127.0.0.1"):
      one = socket.socket(); one.bind((address, 0)); one.listen(); return one
    def send(sockets, letter=b"L"):
      socket.send_fds(door, [letter], [one.fileno() for one in sockets])
      print("admitted" if door.recv(1) else "refused", flush=True)

    """

  private func visit(_ script: String, serves: Bool = true) async throws -> Outcome {
    let folder = try TemporaryFolder()
    let door = try LaunchDoor(in: folder.path)
    let served = Mutex<Int?>(nil)
    let command = Command(
      "python3", ["-c", Self.head + script, door.path], timeout: .seconds(30))
    async let start = door.attend { listeners in
      served.withLock { $0 = listeners.count }
      for listener in listeners { close(listener) }
      return serves
    }
    let result = try await command.run()
    door.close()
    return Outcome(
      start: await start, served: served.withLock { $0 },
      said: result.outputText + result.errorText)
  }

  @Test("listeners on 127.0.0.1 are taken")
  func good() async throws {
    let outcome = try await visit("send([listener(), listener()])")
    #expect(outcome.said == "admitted\n" && outcome.served == 2, "\(outcome)")
    #expect(outcome.start == .started)
  }

  @Test(
    "nothing else is served, and who sends it does not go on",
    arguments: [
      "send([listener('0.0.0.0')])", "send([listener(), listener('0.0.0.0')])",
      "send([socket.socket()])", "send([socket.socket(type=socket.SOCK_DGRAM)])",
      "one = socket.socket(); one.bind(('127.0.0.1', 0)); send([one])",
      """
      one = socket.socket(socket.AF_UNIX); one.bind(path + 'x'); one.listen(); send([one])
      os.unlink(path + 'x')
      """,
      "one = socket.socket(socket.AF_INET6); one.bind(('::1', 0)); one.listen(); send([one])",
      "send([open('/dev/null')])", "send([listener()], b'X')",
      "send([listener() for _ in range(17)])",
    ])
  func bad(script: String) async throws {
    let outcome = try await visit(script)
    #expect(outcome.said == "refused\n" && outcome.served == nil, "\(outcome)")
    #expect(outcome.start == .unknown)
  }

  @Test("where the listeners cannot be served, the program is not started")
  func unserved() async throws {
    let outcome = try await visit("send([listener()])", serves: false)
    #expect(outcome.said == "refused\n" && outcome.served == 1, "\(outcome)")
    #expect(outcome.start == .unknown)
  }

  @Test("a network without its listeners is not served")
  func network() async throws {
    let call = AgentCall.shell("true")
    #expect(await !SandboxNetwork.sample(call).serve([]))
    let pipe = open("/dev/null", O_RDONLY | O_CLOEXEC)
    #expect(await !SandboxNetwork.sample(call).serve([pipe]))
  }

  @Test("it is its user's alone, and opens once")
  func once() async throws {
    let outcome = try await visit(
      """
      print(oct(os.stat(path).st_mode & 0o777))
      send([])
      try:
        socket.socket(socket.AF_UNIX).connect(path); print("again")
      except ConnectionRefusedError: print("once")
      """)
    #expect(outcome.said == "0o600\nadmitted\nonce\n", "\(outcome)")
  }
}
