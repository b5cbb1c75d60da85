import Glibc
import Processes
import Synchronization
import Testing
import WorkerProtocol

@testable import Worker

/// The connection of the first process of a sandbox with the worker.
@Suite("The launch socket of a sandbox") struct LaunchSocketTests {
  private struct Outcome {
    var start: LaunchSocket.Start
    /// The number of served listeners; nil if there was no request.
    var served: Int?
    var output: String
  }

  /// A program in the role of the first process: `send(sockets)` passes sockets to the worker.
  private static let head = """
    import os, socket, sys
    path = sys.argv[1]
    launch = socket.socket(socket.AF_UNIX)
    launch.connect(path)
    def listener(address="127.0.0.1"):
      one = socket.socket(); one.bind((address, 0)); one.listen(); return one
    def send(sockets, letter=b"L"):
      socket.send_fds(launch, [letter], [one.fileno() for one in sockets])
      print("admitted" if launch.recv(1) else "refused", flush=True)

    """

  private func connect(_ script: String, serves: Bool = true) async throws -> Outcome {
    let folder = try TemporaryFolder()
    let socket = try LaunchSocket(in: folder.path)
    let served = Mutex<Int?>(nil)
    let command = Command(
      "python3", ["-c", Self.head + script, socket.path], timeout: .seconds(30))
    async let start = socket.attend { listeners in
      served.withLock { $0 = listeners.count }
      for listener in listeners { close(listener) }
      return serves
    }
    let result = try await command.run()
    socket.close()
    return Outcome(
      start: await start, served: served.withLock { $0 },
      output: result.outputText + result.errorText)
  }

  @Test("listeners on 127.0.0.1 are accepted")
  func good() async throws {
    let outcome = try await connect("send([listener(), listener()])")
    #expect(outcome.output == "admitted\n" && outcome.served == 2, "\(outcome)")
    #expect(outcome.start == .started)
  }

  @Test(
    "other sockets are refused, and the sender is not admitted",
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
    let outcome = try await connect(script)
    #expect(outcome.output == "refused\n" && outcome.served == nil, "\(outcome)")
    #expect(outcome.start == .unknown)
  }

  @Test("if the listeners cannot be served, the program is not started")
  func unserved() async throws {
    let outcome = try await connect("send([listener()])", serves: false)
    #expect(outcome.output == "refused\n" && outcome.served == 1, "\(outcome)")
    #expect(outcome.start == .unknown)
  }

  @Test("a network without its listeners is not served")
  func network() async throws {
    let call = AgentCall.shell("true")
    #expect(await !SandboxNetwork.sample(call).serve([]))
    let pipe = open("/dev/null", O_RDONLY | O_CLOEXEC)
    #expect(await !SandboxNetwork.sample(call).serve([pipe]))
  }

  @Test("only its user may connect, and only once")
  func once() async throws {
    let outcome = try await connect(
      """
      print(oct(os.stat(path).st_mode & 0o777))
      send([])
      try:
        socket.socket(socket.AF_UNIX).connect(path); print("again")
      except ConnectionRefusedError: print("once")
      """)
    #expect(outcome.output == "0o600\nadmitted\nonce\n", "\(outcome)")
  }
}
