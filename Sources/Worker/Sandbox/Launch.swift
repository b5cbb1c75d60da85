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

/// A program of an agent, with everything that it may use.
struct AgentProgram {
  let call: AgentCall
  /// The program and its arguments.
  let words: [String]
  /// The files that the command names, such as a script.
  let namedFiles: [String]
  /// For the launch socket; also the value of the mark of all its processes.
  let folder: String
  let home: String
  /// nil: TMPDIR is that of this process.
  let temporary: String?
  let directory: String
  /// Besides `home` and `temporary`.
  var writable: [String] = []
  var readable: [String] = []
  var input = Command.Input.none
  let timeout: Duration
  /// nil for none.
  let sandbox: Sandbox?
  let network: SandboxNetwork

  /// - Throws: `ProcessFault` without such a program, and `FileFault`.
  func launch() throws -> Launch {
    var command = Command(
      Self.absolute(words.first ?? ""), Array(words.dropFirst()), environment: environment,
      workingDirectory: directory, input: input, timeout: timeout, outputLimit: 4096,
      diesWithParent: AgentProcess.canDieWithParent)
    command.grace = AgentProcess.grace
    let program = try command.resolved()
    if sandbox == nil, let bytes = call.diskBytesMax {
      // The kernel's own limits, which a sandbox sets itself: the size of one file, no core files.
      command.arguments =
        ["--core=0", "--fsize=\(bytes)", "--", program] + command.arguments
      command.executable = "prlimit"
    }
    return try Launch(
      command, in: folder, sandbox: sandbox, network: network, grants: grants(program))
  }

  private func grants(_ program: String) -> Sandbox.Grants {
    let temporary = temporary ?? home
    var grants = Sandbox.Grants(writable: writable + [temporary, home], temporary: temporary)
    let allowed = (sandbox?.operatorGrants ?? .everything).allows(file:)
    grants.programs = call.isDemo ? [program] : [program].filter(allowed)
    grants.readable = readable + namedFiles.filter(allowed)
    grants.limits = .init(fileBytesMax: call.diskBytesMax, memoryBytesMax: call.memoryBytesMax)
    grants.add(call.sandbox, home: home)
    return grants
  }

  /// Everything that the agent sees of this machine's environment.
  private var environment: [String: String] {
    var environment = AgentEnvironment.base(home: home)
    if let temporary { environment["TMPDIR"] = temporary }
    // Nobody can answer git's prompts.
    environment["GIT_TERMINAL_PROMPT"] = "0"
    environment.merge(
      AgentEnvironment.of(call, network: sandbox == nil ? nil : network)
    ) { $1 }
    environment[ProcessTable.mark] = folder
    return environment
  }

  /// A path is relative to the worker's own folder, not to the agent's tree.
  static func absolute(_ program: String) -> String {
    guard program.contains("/"), !program.hasPrefix("/") else { return program }
    return FileManager.default.currentDirectoryPath + "/" + program
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
