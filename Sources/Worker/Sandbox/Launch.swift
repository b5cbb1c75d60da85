// A program that is about to be started: as it is, or in a sandbox with a door and a network.

import FoundationEssentials
import Glibc
import Processes
import Synchronization
import WorkerProtocol

struct Launch: Sendable {
  var command: Command
  /// nil: it runs without a sandbox.
  private let sandboxed: (door: LaunchDoor, network: SandboxNetwork)?
  /// Counts the memory of all its processes; nil if they are only looked at.
  private let group: ControlGroup?

  /// - Parameters:
  ///   - folder: where the door is made; no sandbox shows it.
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
    let door = try LaunchDoor(in: folder)
    self.command = try sandbox.wrapped(command, grants, door: door.path)
    sandboxed = (door, network)
    group = try grants.limits.memoryBytesMax.flatMap { bytes in
      try sandbox.controlGroups?.makeGroup(memoryBytesMax: bytes)
    }
  }

  /// Which limit the kernel ended the program for; nil if it did not. Known once it has ended.
  var excess: String? { group?.excess }

  /// Runs the command by `run` and looks after the door meanwhile.
  /// - Returns: what `run` returned, and whether the program itself was started.
  func attended<Value: Sendable>(
    _ run: @Sendable () async throws(ProcessFault) -> Value
  ) async throws(ProcessFault) -> (value: Value, start: LaunchDoor.Start) {
    guard let (door, network) = sandboxed else { return (try await run(), .started) }
    do throws(ProcessFault) {
      let attended = try await door.attended(in: group, by: run) { await network.serve($0) }
      await group?.end()
      return attended
    } catch {
      await group?.end()
      throw error
    }
  }
}

/// How often a program was started in one attempt: before the first one, nothing of an agent has
/// run, so a sandbox that can't be built is this machine's fault.
final class LaunchCount: Sendable {
  private let count = Atomic<Int>(0)

  /// What a program that did not start means for the attempt; nil if it did.
  /// - Parameters:
  ///   - said: what was printed instead.
  func end(_ start: LaunchDoor.Start, _ call: AgentCall, said: [UInt8]) -> AgentEnd? {
    switch start {
    case .started:
      count.add(1, ordering: .relaxed)
      return nil
    case .failed(let number):
      let reason = String(cString: strerror(number))
      return .notFound(
        """
        \(call.name): its program cannot be run in the sandbox: \(reason). If it, its interpreter \
        or its libraries stand in a home, name them in the agent's sandbox: toolchains (rustup, \
        uv, nvm, pyenv) or readable.
        """)
    case .unknown:
      let text = String(decoding: said.suffix(500), as: UTF8.self)
      let line = text.split(separator: "\n").first.map { ": \($0)" } ?? ""
      return count.load(ordering: .relaxed) == 0
        ? .lost("\(call.name): the sandbox could not be built\(line)")
        : .failed("\(call.name): the sandbox could not be built again on what was left\(line)")
    }
  }
}
