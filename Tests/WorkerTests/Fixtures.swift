import Egress
import FoundationEssentials
import Glibc
import Logging
import NetworkRules
import Processes
import SystemCalls
import WorkerProtocol
import Workflows

@testable import Worker

/// A folder that goes with its owner.
final class TemporaryFolder: Sendable {
  let path: String

  init() throws {
    let made = FileManager.default.temporaryDirectory.appendingPathComponent(
      "aipm-worker-\(UUID().uuidString)"
    ).path
    try DurableFile.makeFolder(made)
    path = made
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// The program under test, which stands beside the tests' own.
let builtProgram: String = {
  let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
  let tests = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? own
  return tests.split(separator: "/", omittingEmptySubsequences: false).dropLast()
    .joined(separator: "/") + "/aipm"
}()

extension Sandbox {
  /// One whose first process is the program under test.
  static var tested: Sandbox {
    var sandbox = Sandbox()
    sandbox.program = builtProgram
    return sandbox
  }
}

/// Whether this machine has bubblewrap and lets it work, whatever our own call of it does: a wall
/// that is missing must fail the tests of the sandbox, and not turn them off.
func bubblewrapWorks() async -> Bool {
  let command = Command(
    "bwrap",
    [
      "--unshare-user-try", "--unshare-pid", "--unshare-net", "--ro-bind", "/", "/", "--proc",
      "/proc", "true",
    ], timeout: .seconds(20))
  return (try? await command.run().succeeded) ?? false
}

extension SandboxNetwork {
  /// That of an agent, with what its processes may reach.
  static func sample(
    _ call: AgentCall, options: EgressOptions = EgressOptions(),
    resolver: any NameResolver = SandboxNetwork.resolver, ledger: EgressLedger = EgressLedger()
  ) -> SandboxNetwork {
    let network = SandboxNetwork(call, options, resolver: resolver)
    network.begin(call.sandbox?.network ?? NetworkPolicy(), ledger)
    return network
  }
}

/// A bare repository with commits made by git itself.
struct SampleRepository: Sendable {
  let path: String

  static let identity = [
    "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@b", "GIT_AUTHOR_DATE": "1700000000 +0000",
    "GIT_COMMITTER_DATE": "1700000000 +0000",
  ]

  /// - Parameter path: where the repository is made.
  init(_ path: String) async throws {
    self.path = path
    try await Git.run(["init", "-q", "--bare", "-b", "main", path])
  }

  @discardableResult
  func git(_ arguments: [String], input: Command.Input = .none) async throws -> String {
    try await Git.run(
      arguments, gitDirectory: path, extraEnvironment: SampleRepository.identity, input: input
    ).trimmedOutput
  }

  /// One commit with these files on `branch`, on top of what is there.
  func commit(_ files: [String: String], on branch: String = "main") async throws -> String {
    let ref = "refs/heads/\(branch)"
    let now = Int(Date().timeIntervalSince1970)
    var stream = "commit \(ref)\ncommitter a <a@b> \(now) +0000\ndata 1\nx\n"
    let parent = try? await git(["rev-parse", "-q", "--verify", ref])
    if let parent, !parent.isEmpty { stream += "from \(ref)^0\n" }
    for (name, content) in files.sorted(by: { $0.key < $1.key }) {
      stream += "M 100644 inline \(name)\ndata \(content.utf8.count)\n\(content)\n"
    }
    try await git(["fast-import", "--quiet"], input: .bytes(Array(stream.utf8)))
    return try await git(["rev-parse", ref])
  }
}

extension Assignment {
  /// An assignment of an agent that is a shell script.
  static func sample(
    delegation: String = "d1", attempt: Int = 1, token: Int64 = 1, head: String,
    script: String = "echo changed > changed.txt", timeoutMs: Int64 = 20_000, stallMs: Int64? = nil,
    outputBytesMax: Int = 1 << 20
  ) -> Assignment {
    Assignment(
      lease: LeaseReference(delegation: delegation, attempt: attempt, token: token),
      repository: "o/r", branch: "feature/x-1", head: head, prompt: "Implement: x\n",
      commitMessage: "feat: x\n\nAipm-Delegation: \(delegation)\nAipm-Attempt: \(attempt)\n",
      agent: .shell(script), timeoutMs: timeoutMs, stallMs: stallMs,
      outputBytesMax: outputBytesMax)
  }
}

extension AgentCall {
  static func shell(_ script: String, environment: [String] = []) -> AgentCall {
    AgentCall(
      name: "script", isDemo: false,
      arguments: [
        .init(kind: .literal, text: "sh"), .init(kind: .literal, text: "-c"),
        .init(kind: .literal, text: script), .init(kind: .literal, text: "agent"),
        .init(kind: .prompt),
      ], promptOnStandardInput: true, environment: environment)
  }
}

/// Waits until something is so; the tests' only way to wait.
func eventually(
  within limit: Duration = .seconds(20), _ condition: () async throws -> Bool
) async throws -> Bool {
  let clock = ContinuousClock()
  let end = clock.now + limit
  while clock.now < end {
    if try await condition() { return true }
    try await clock.sleep(for: .milliseconds(10))
  }
  return try await condition()
}

func text(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

enum DirectoryListing {
  static func names(_ path: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: path)
  }
}
