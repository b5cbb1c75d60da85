// A worker: a process that does what the server wants of it, one attempt at a time.
//
// What it is for: to hand an agent a working tree and a prompt, to take what the agent left into a
// commit, and to hand that in. It reaches the forge through nothing but the server.
//
// What it promises:
// - The server's death does not touch a generation: the agent goes on, its output stays on disk,
//   and the next server gets the result.
// - Its own death leaves nothing running and loses no commit: the agent dies with it, what is left
//   of an agent is ended by the next life before that registers, and a commit whose pack is on disk
//   is handed in under the same attempt.
// - One process to a folder.
// - Nothing of an agent outlives its attempt, and nothing that an agent wrote is run.
//
// How it is laid out: WorkerCore decides (no I/O, no clock), WorkerShell carries out what it
// decides and reports the results to it: ServerLink speaks to the server, Workspace to git,
// AgentProcess runs the agent, Journal and FolderLock keep the folder.
//
// How it fails: `run` throws if it cannot begin or can no longer write its journal. Any other
// failure is reported to the server, or tried again.

import FoundationEssentials
import Glibc
import Logging
import Processes
import SystemCalls
import WorkerProtocol
import Workflows

package struct WorkerConfiguration: Sendable {
  /// The worker's name: letters, digits, `-`, `_` and `.`.
  package var id: String
  /// Its folder; made where it is missing.
  package var dataDirectory: String
  package var server: ServerAddress
  package var token: String
  /// What its operator lets agents have of this machine.
  package var grants = OperatorGrants()
  /// The agents that it has, by the names of their profiles; nil: it looks for those that the
  /// server knows.
  package var agents: [String]?
  package var version: String
  package var host: String
  /// Whether a server started it. Such a worker ends when it has nothing in hand and its server
  /// has been away for `desertedAfter`.
  package var isLocal: Bool
  package var desertedAfter: Duration = .seconds(10)
  /// The program that is run with `demo-agent` for the agent that is built in; nil: this one.
  package var demoProgram: String?
  /// Whether agents run in a sandbox.
  package var sandbox = Sandbox.Mode.on
  /// Folders that agents may read in it besides the system's.
  package var sandboxReadable: [String] = []
  /// What agents may reach beyond public hosts, and what they never may.
  package var egress = EgressOptions()
  /// Folders that they may not, besides this worker's own: a server's data.
  package var sandboxHidden: [String] = []
  /// How long clones are kept.
  package var cache = CacheLimits()
  /// How much is kept of conversations.
  package var sessions = SessionLimits()

  package init(
    id: String, dataDirectory: String, server: ServerAddress, token: String, agents: [String]?,
    version: String, host: String, isLocal: Bool
  ) {
    self.id = id
    self.dataDirectory = dataDirectory
    self.server = server
    self.token = token
    self.agents = agents
    self.version = version
    self.host = host
    self.isLocal = isLocal
  }
}

/// A request to the worker process from the one who runs it.
package enum WorkerSignal: Sendable {
  /// Take nothing new; end when what is in hand is handed in.
  case drain
  /// End now; the attempt in hand is given back.
  case halt
}

/// The worker process.
package enum Worker {
  /// Lives until it is drained, halted, or has no server to work for.
  /// - Parameters:
  ///   - signals: the first SIGTERM as `.drain`, the next one as `.halt`; see `WorkerSignals`.
  /// - Returns: why it ended.
  /// - Throws: `FolderLock.Held`, or what is wrong with the folder or the disk.
  package static func run(
    _ configuration: WorkerConfiguration, signals: AsyncStream<WorkerSignal>, logger: Logger
  ) async throws -> WorkerExit {
    try DurableFile.makeFolder(configuration.dataDirectory)
    guard let root = canonicalPath(configuration.dataDirectory) else {
      throw FileFault.last("realpath", configuration.dataDirectory)
    }
    let files = WorkerFiles(root: root)
    let lock = try FolderLock(
      files.lock, note: "worker \(configuration.id), process \(getpid())")
    defer { withExtendedLifetime(lock) {} }
    for folder in [files.attempts, files.repositories] {
      try DurableFile.makeFolder(folder)
    }
    let sandbox = try await sandbox(configuration, files, logger)
    let shell = try WorkerShell(
      configuration, files: files, sandbox: sandbox, logger: logger)
    return try await shell.run(signals: signals)
  }

  /// - Returns: nil if agents run without one.
  /// - Throws: `SandboxUnavailable` if it is asked for and does not work.
  private static func sandbox(
    _ configuration: WorkerConfiguration, _ files: WorkerFiles, _ logger: Logger
  ) async throws -> Sandbox? {
    guard configuration.sandbox != .off else { return nil }
    let found = await Sandbox.examine(program: configuration.demoProgram)
    if let fault = found.fault {
      if configuration.sandbox == .on { throw SandboxUnavailable(fault) }
      logger.warning("agents run without a sandbox: \(fault.reason). \(fault.hint)")
      return nil
    }
    var sandbox = Sandbox()
    sandbox.controlGroups = ControlGroups.prepared()
    sandbox.readable = configuration.sandboxReadable
    sandbox.operatorGrants = configuration.grants
    sandbox.hidden = configuration.sandboxHidden + [files.root]
    if let program = configuration.demoProgram { sandbox.program = program }
    if let groups = sandbox.controlGroups {
      logger.info("control groups in \(groups.folder) hold the memory of agents")
    }
    return sandbox
  }

  /// The worker that uses this folder now, such as `worker w1, process 123`; nil if absent.
  package static func holder(ofDataDirectory path: String) -> String? {
    FolderLock.holder("\(path)/lock")
  }
}
