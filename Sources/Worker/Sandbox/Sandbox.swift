// What an agent sees of the machine: its tree, the system's programs, and little else.
//
// The sandbox is bubblewrap. Inside there is
// - the tree, a HOME and a /tmp of this attempt, writable, at the same paths as outside;
// - the system's programs, those of the PATH and the agent's own, readable; of /etc, harmless files
//   only; nothing else of the disk, so neither data folders nor homes;
// - a read-only /proc with only its own processes, so an agent cannot read the worker's or git's
//   secrets there; when the agent ends, the kernel ends all of its processes;
// - a separate network with only the listeners of the worker's proxy (Egress), if the workflow
//   allows any host; neither the machine's loopback nor its abstract sockets;
// - no capabilities and no way to gain any, a filter of system calls, and a separate session
//   keyring.
//
// The first process inside is `aipm confine` (CProcess/confine.c). It creates the listeners, passes
// them through the `LaunchSocket`, sets limits, loads the filter and executes the agent.
//
// Limits: bubblewrap limits neither the disk nor the number of processes; `ResourceWatch` does. The
// agent runs as the worker's user, so it is root if the worker is.
//
// Failures: `examine` says why the sandbox does not work on this machine. The launch socket
// distinguishes a launch that failed from an agent that failed.

import FoundationEssentials
import Glibc
import Processes
import SystemCalls
import WorkerProtocol
import Workflows

/// How agents are isolated from the machine.
package struct Sandbox: Sendable {
  /// Whether agents run in the sandbox.
  package enum Mode: String, CaseIterable, Sendable {
    /// Required: without it, no agent runs.
    case on
    /// Used if it works on this machine.
    case auto
    case off
  }

  /// The network of a process.
  enum Network: Equatable, Sendable {
    /// A separate one, in which the worker serves these ports of 127.0.0.1.
    case own(listeners: [Int])
    /// The machine's.
    case machine
  }

  /// Limits that the kernel enforces for each process; nil for no limit.
  struct Limits: Equatable, Sendable {
    var fileBytesMax: Int?
    /// For one process; a control group or `ResourceWatch` limits the sum.
    var memoryBytesMax: Int?
  }

  /// An agent's permissions in addition to the system's folders.
  struct Grants: Sendable {
    var writable: [String] = []
    /// Also if it is in a hidden folder.
    var readable: [String] = []
    /// Paths outside, and their paths inside.
    var mounts: [(source: String, target: String, isWritable: Bool)] = []
    /// The absolute paths of the programs to run.
    var programs: [String] = []
    /// The folder for /tmp.
    var temporary: String
    var network = Network.own(listeners: [])
    var limits = Limits()
  }

  /// Folders of this machine that every agent may read.
  package var readable: [String] = []
  /// Folders that no agent sees, even in a readable folder.
  package var hidden: [String] = []
  /// The operator's permissions; of the files that a command names, only permitted ones are shown.
  var operatorGrants = OperatorGrants.everything
  /// Limits the memory of sandboxes; nil if no group was delegated.
  var controlGroups: ControlGroups?
  /// The program with the subcommand `confine`.
  var program = ProcessTable.ownProgram

  package init() {}

  /// The limit of files in memory.
  private static let sharedMemoryBytesMax = 256 << 20
  /// The launch socket's path inside.
  private static let socketPath = "/run/aipm/launch"

  // MARK: Command line

  /// The command in the sandbox.
  /// - Parameter socket: the path of the launch socket, outside.
  /// - Throws: `.executableNotFound`.
  func wrapped(
    _ command: Command, _ grants: Grants, socket: String
  ) throws(ProcessFault) -> Command {
    let program = try command.resolved()
    let path = command.environment["PATH"] ?? ""
    let bubblewrap = try Command("bwrap", environment: ["PATH": path], timeout: .zero).resolved()
    var command = command
    let call =
      [bubblewrap] + options(grants, path: path, socket: socket)
      + (command.workingDirectory.map { ["--chdir", $0] } ?? [])
      + ["--", self.program, "confine"] + confinement(grants) + ["--", program]
      + command.arguments
    // The kernel ends an agent before the worker, and gives it the remaining CPU time.
    command.executable = "choom"
    command.arguments = ["-n", "1000", "--", "nice", "-n", "5"] + call
    // bubblewrap does that itself.
    command.diesWithParent = false
    command.isShell = true
    return command
  }

  private func confinement(_ grants: Grants) -> [String] {
    var options = ["--launch-socket", Self.socketPath]
    if case .own(let listeners) = grants.network {
      for port in listeners { options += ["--listen", String(port)] }
    }
    if let bytes = grants.limits.fileBytesMax { options += ["--fsize", String(bytes)] }
    if let bytes = grants.limits.memoryBytesMax { options += ["--data", String(bytes)] }
    return options
  }

  private func options(_ grants: Grants, path: String, socket: String) -> [String] {
    var options = [
      "--unshare-user-try", "--unshare-ipc", "--unshare-pid", "--unshare-uts",
      "--unshare-cgroup-try", "--die-with-parent", "--cap-drop", "ALL",
    ]
    if grants.network != .machine { options.append("--unshare-net") }
    options += ["--tmpfs", "/"]
    options += SystemFiles.options(hasMachineNetwork: grants.network == .machine)
    options += ["--dev", "/dev", "--size", String(Self.sharedMemoryBytesMax)]
    options += ["--tmpfs", "/dev/shm", "--remount-ro", "/dev"]
    // bubblewrap makes parts of /proc read-only only for some users.
    options += ["--proc", "/proc", "--remount-ro", "/proc"]
    options += ["--bind", grants.temporary, "/tmp", "--bind", grants.temporary, "/var/tmp"]
    let finder = ProgramFinder(hidden: hidden)
    let programs = grants.programs.flatMap { finder.folders(of: $0, path: path) }
    let own = Self.libraries + [program]
    for folder in readable + finder.folders(ofPath: path) + programs {
      options += Self.shown("--ro-bind-try", folder)
    }
    for folder in hidden { options += ["--size", "1048576", "--tmpfs", folder] }
    for path in own where !SystemFiles.contain(path) { options += ["--ro-bind", path, path] }
    for path in grants.readable { options += Self.shown("--ro-bind-try", path) }
    for path in grants.writable { options += ["--bind", path, path] }
    for one in grants.mounts {
      options += Self.shown(
        one.isWritable ? "--bind-try" : "--ro-bind-try", one.source, at: one.target)
    }
    options += ["--ro-bind", socket, Self.socketPath]
    for folder in hidden + ["/"] { options += ["--remount-ro", folder] }
    return options
  }

  /// bubblewrap ignores missing paths, but fails on paths that it cannot reach.
  private static func shown(_ option: String, _ path: String, at target: String? = nil) -> [String]
  { access(path, F_OK) == 0 ? [option, path, target ?? path] : [] }

  /// The folders of this program's own libraries, outside the system's: the first process inside
  /// and the built-in agent need them.
  package static let libraries: [String] = {
    // A line of proc(5) maps: ADDRESSES RIGHTS OFFSET DEVICE INODE PATH
    let bytes = (try? DurableFile.read("/proc/self/maps", atMost: 4 << 20)) ?? []
    let paths = String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap { line in
      line.firstIndex(of: "/").map { String(line[$0...]) }
    }
    return Set(paths.filter { $0.contains(".so") }.map(ProgramFinder.folder)).sorted()
  }()

  /// A path of a profile: `~/x` is in the operator's home outside, and in the agent's HOME inside.
  static func mount(_ path: String, home: String) -> (source: String, target: String) {
    guard path.hasPrefix("~/") else { return (path, path) }
    let rest = path.dropFirst(2)
    return ("\(UnprivilegedUser.startersHome)/\(rest)", "\(home)/\(rest)")
  }
}

extension Sandbox.Grants {
  /// Adds the profile's permissions.
  mutating func add(_ rules: SandboxGrants?, home: String) {
    guard let rules else { return }
    for (paths, isWritable) in [(rules.readable, false), (rules.writable, true)] {
      mounts += paths.map { path in
        let (source, target) = Sandbox.mount(path, home: home)
        return (source, target, isWritable)
      }
    }
    readable += rules.toolchains.flatMap(\.folders)
  }
}

/// The sandbox is required and does not work.
package struct SandboxUnavailable: Error, CustomStringConvertible {
  package let reason: String
  package let hint: String

  package init(_ fault: (reason: String, hint: String)) {
    (reason, hint) = fault
  }

  package var description: String { "the sandbox does not work here: \(reason). \(hint)" }
}

extension AgentCall {
  /// The files in the command, such as the script after an interpreter, which the agent must be
  /// able to read. Files in the prompt are not included.
  var namedFiles: [String] { commands.flatMap { Self.namedFiles($0) } }

  /// The words of its commands. A placeholder is empty.
  var commands: [[String]] {
    if let session { return [session.arguments] }
    return [arguments, resumeArguments ?? []].map { arguments in
      arguments.map { $0.kind == .literal ? $0.text : "" }
    }
  }

  static func namedFiles(_ arguments: [String]) -> [String] {
    arguments.dropFirst().filter { argument in
      var facts = stat()
      return argument.hasPrefix("/") && stat(argument, &facts) == 0
        && facts.st_mode & S_IFMT == S_IFREG
    }
  }
}
