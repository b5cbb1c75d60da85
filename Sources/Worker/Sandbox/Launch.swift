// A program to start, with or without a sandbox.

import FoundationEssentials
import Glibc
import Processes
import Synchronization
import WorkerProtocol

struct Launch: Sendable {
  var command: Command
  /// nil for no sandbox.
  private let sandboxed: (socket: LaunchSocket, network: SandboxNetwork)?
  /// Limits the memory of all its processes; nil if that is only polled.
  private let group: ControlGroup?

  /// - Parameters:
  ///   - folder: for the launch socket; it is not visible in any sandbox.
  ///   - sandbox: nil for none.
  init(
    _ command: Command, in folder: String, sandbox: Sandbox?, network: SandboxNetwork,
    grants: @autoclosure () -> Sandbox.Grants
  ) throws {
    guard let sandbox else {
      self.command = command
      sandboxed = nil
      group = nil
      return
    }
    var grants = grants()
    grants.network = network.plan
    let socket = try LaunchSocket(in: folder)
    self.command = try sandbox.wrapped(command, grants, socket: socket.path)
    sandboxed = (socket, network)
    group = try grants.limits.memoryBytesMax.flatMap { bytes in
      try sandbox.controlGroups?.makeGroup(memoryBytesMax: bytes)
    }
  }

  /// The limit for which the kernel ended the program; nil if it did not. Known after the end.
  var excess: String? { group?.excess }

  /// Runs the command by `run` and handles its launch socket.
  /// - Returns: the result of `run`, and whether the program itself was started.
  func attended<Value: Sendable>(
    _ run: @Sendable () async throws(ProcessFault) -> Value
  ) async throws(ProcessFault) -> (value: Value, start: LaunchSocket.Start) {
    guard let (socket, network) = sandboxed else { return (try await run(), .started) }
    do throws(ProcessFault) {
      let attended = try await socket.attended(in: group, by: run) { await network.serve($0) }
      await group?.end()
      return attended
    } catch {
      await group?.end()
      throw error
    }
  }
}

/// The number of programs started in one attempt. Before the first one, no agent has run, so a
/// sandbox that cannot be set up is this machine's fault.
final class LaunchCount: Sendable {
  private let count = Atomic<Int>(0)

  /// The result of an attempt whose program did not start; nil if it did.
  /// - Parameter output: of the failed launch.
  func end(_ start: LaunchSocket.Start, _ call: AgentCall, output: [UInt8]) -> AgentEnd? {
    switch start {
    case .started:
      count.add(1, ordering: .relaxed)
      return nil
    case .failed(let number):
      let reason = String(cString: strerror(number))
      return .notFound(
        """
        \(call.name): its program cannot be run in the sandbox: \(reason). If it, its interpreter \
        or its libraries are in a home, name them in the agent's sandbox: toolchains (rustup, \
        uv, nvm, pyenv) or readable.
        """)
    case .unknown:
      let text = String(decoding: output.suffix(500), as: UTF8.self)
      let line = text.split(separator: "\n").first.map { ": \($0)" } ?? ""
      return count.load(ordering: .relaxed) == 0
        ? .lost("\(call.name): the sandbox could not be set up\(line)")
        : .failed(
          "\(call.name): the sandbox could not be set up again with the agent's files\(line)")
    }
  }
}
