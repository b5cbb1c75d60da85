import Domain
import Engine
import ForgeGitHub
import ForgePort
import HTTPClient
import Mirrors
import RawSockets
import Synchronization
import Testing

@Suite struct DeadConnectionTests {
  private final class Late: Sendable {
    let client = Mutex<GitHubClient?>(nil)
    let requests = Atomic(0)
  }

  /// A kept connection that is closed under a read; a limit may begin at that moment. libcurl would
  /// send the read again by itself, past the gate.
  @Test(arguments: [false, true])
  func aReadOnADeadConnectionPassesTheGateAgain(isLimited: Bool) async throws {
    let late = Late()
    let server = try RawServer { connection in
      guard connection.readRequest() != nil else { return }
      late.requests.add(1, ordering: .relaxed)
      connection.answer(#"{"object":{"sha":"\#(String(repeating: "a", count: 40))"}}"#)
      guard connection.readRequest() != nil else { return }
      late.requests.add(1, ordering: .relaxed)
      if isLimited { _ = late.client.withLock { $0?.noteLimit(.seconds(60)) } }
    }
    let client = GitHubClient(
      http: HTTPClient(configuration: .init(userAgent: "aipm/test", proxy: .none)),
      configuration: .init(apiURL: server.url, token: "t"))
    late.client.withLock { $0 = client }
    #expect(fault(await client.perform(.branch(repository, branch: "x"))) == nil)
    let second = fault(await client.perform(.branch(repository, branch: "y")))
    #expect((second == nil) == !isLimited)
    if isLimited, case .limited? = second?.kind {} else { #expect(!isLimited) }
    #expect(late.requests.load(ordering: .relaxed) == (isLimited ? 2 : 3))
    server.stop()
  }
}
