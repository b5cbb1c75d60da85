// What an agent gets to see of the machine: its tree, the system's programs, and little else.
//
// It is bubblewrap, called so that inside there is
// - the tree, a HOME and a /tmp of this attempt, writable, at the paths that they have outside;
// - the system's programs, those of the PATH and the agent's own, readable; of /etc a list of files
//   that open nothing; nothing else of the disk, so neither the data folders nor anybody's home;
// - a /proc with its own processes alone, which cannot be written: what the worker and git hold is
//   not to be read there, and when the agent ends, the kernel ends all that it started, wherever
//   that hid;
// - a network of its own that holds nothing but the listeners of the worker's proxy (Egress), if
//   the workflow allows any host; neither the machine's loopback nor its abstract sockets;
// - no capability, no way to gain any, a filter of system calls and a session keyring of its own.
//
// The first process inside is `aipm confine` (CProcess/confine.c): it makes the listeners, passes
// them through the `LaunchDoor` of this launch, sets limits, loads the filter and becomes the
// agent.
//
// What it does not do: bubblewrap limits neither the disk nor the number of processes;
// `ResourceWatch` does. The agent runs as the worker's user, and so is never root only if the
// worker is not.
//
// How it fails: `examine` says in words why it cannot be had here. A launch that did not come to
// the agent's first instruction is told apart from an agent that failed by the door.

import FoundationEssentials
import Glibc
import Processes
import SystemCalls
import WorkerProtocol

/// How agents are kept apart from the machine.
package struct Sandbox: Sendable {
  /// Whether agents run in it.
  package enum Mode: String, CaseIterable, Sendable {
    /// Or not at all.
    case on
    /// Where it works; where it does not, without.
    case auto
    case off
  }

  /// Which network a process gets.
  enum Network: Equatable, Sendable {
    /// One of its own, with these ports of 127.0.0.1 answered by the worker.
    case own(listeners: [Int])
    /// The machine's.
    case machine
  }

  /// What the kernel itself holds a process to; nil: no limit.
  struct Limits: Equatable, Sendable {
    var fileBytesMax: Int?
    /// Of one process; a control group or `ResourceWatch` has the sum of them.
    var memoryBytesMax: Int?
  }

  /// What one agent gets beyond the system's folders.
  struct Grants: Sendable {
    var writable: [String] = []
    /// Also where it lies in a folder that is hidden.
    var readable: [String] = []
    /// Paths of ours, each with the path that it has inside.
    var lent: [(source: String, target: String, isWritable: Bool)] = []
    /// The programs that are to be run, by their absolute paths.
    var programs: [String] = []
    /// What stands at /tmp.
    var temporary: String
    var network = Network.own(listeners: [])
    var limits = Limits()
  }

  /// Folders of this machine that every agent may read.
  package var readable: [String] = []
  /// Folders that no agent sees, even where they lie in one that it may read.
  package var hidden: [String] = []
  /// What the worker's operator lets agents have; of what a command names, nothing else is shown.
  var operatorGrants = OperatorGrants.everything
  /// Where the memory of what runs inside is counted; nil if no group was delegated.
  var controlGroups: ControlGroups?
  /// The program that has the subcommand `confine`.
  var program = ProcessTable.ownProgram

  package init() {}

  /// Memory that the agent may take as files.
  private static let sharedMemoryBytesMax = 256 << 20
  /// Where the door of a launch stands inside.
  private static let doorPath = "/run/aipm/door"

  // MARK: The call

  /// The command as it runs in the sandbox.
  /// - Parameter door: the path of the launch's door, outside.
  /// - Throws: `.executableNotFound`.
  func wrapped(
    _ command: Command, _ grants: Grants, door: String
  ) throws(ProcessFault) -> Command {
    let program = try command.resolved()
    let path = command.environment["PATH"] ?? ""
    let bubblewrap = try Command("bwrap", environment: ["PATH": path], timeout: .zero).resolved()
    var command = command
    let call =
      [bubblewrap] + options(grants, path: path, door: door)
      + (command.workingDirectory.map { ["--chdir", $0] } ?? [])
      + ["--", self.program, "confine"] + confinement(grants) + ["--", program]
      + command.arguments
    // The kernel ends an agent before it ends what runs the agent, and gives it what time is left.
    command.executable = "choom"
    command.arguments = ["-n", "1000", "--", "nice", "-n", "5"] + call
    // It looks after that itself.
    command.diesWithParent = false
    command.isShell = true
    return command
  }

  private func confinement(_ grants: Grants) -> [String] {
    var words = ["--door", Self.doorPath]
    if case .own(let listeners) = grants.network {
      for port in listeners { words += ["--listen", String(port)] }
    }
    if let bytes = grants.limits.fileBytesMax { words += ["--fsize", String(bytes)] }
    if let bytes = grants.limits.memoryBytesMax { words += ["--data", String(bytes)] }
    return words
  }

  private func options(_ grants: Grants, path: String, door: String) -> [String] {
    var options = [
      "--unshare-user-try", "--unshare-ipc", "--unshare-pid", "--unshare-uts",
      "--unshare-cgroup-try", "--die-with-parent", "--cap-drop", "ALL",
    ]
    if grants.network != .machine { options.append("--unshare-net") }
    options += ["--tmpfs", "/"]
    options += SystemFiles.options(hasMachineNetwork: grants.network == .machine)
    options += ["--dev", "/dev", "--size", String(Self.sharedMemoryBytesMax)]
    options += ["--tmpfs", "/dev/shm", "--remount-ro", "/dev"]
    // bubblewrap covers parts of /proc only for a user who could write to them.
    options += ["--proc", "/proc", "--remount-ro", "/proc"]
    options += ["--bind", grants.temporary, "/tmp", "--bind", grants.temporary, "/var/tmp"]
    let finder = ProgramFinder(hidden: hidden)
    let programs = grants.programs.flatMap { finder.folders(of: $0, path: path) }
    let own = Self.libraries + [program]
    for folder in readable + finder.folders(ofPath: path) + programs {
      options += Self.shown("--ro-bind-try", folder)
    }
    for folder in hidden { options += ["--size", "1048576", "--tmpfs", folder] }
    for path in own where !SystemFiles.hold(path) { options += ["--ro-bind", path, path] }
    for path in grants.readable { options += Self.shown("--ro-bind-try", path) }
    for path in grants.writable { options += ["--bind", path, path] }
    for one in grants.lent {
      options += Self.shown(
        one.isWritable ? "--bind-try" : "--ro-bind-try", one.source, at: one.target)
    }
    options += ["--ro-bind", door, Self.doorPath]
    for folder in hidden + ["/"] { options += ["--remount-ro", folder] }
    return options
  }

  /// bubblewrap passes over what is not there, and ends at what it may not reach.
  private static func shown(_ option: String, _ path: String, at target: String? = nil) -> [String]
  { access(path, F_OK) == 0 ? [option, path, target ?? path] : [] }

  /// The folders of the libraries that this program itself is made of, beside the system's: the
  /// first process inside needs them, and so does the agent that is built in.
  package static let libraries: [String] = {
    // A line of proc(5) maps: ADDRESSES RIGHTS OFFSET DEVICE INODE PATH
    let bytes = (try? DurableFile.read("/proc/self/maps", atMost: 4 << 20)) ?? []
    let paths = String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap { line in
      line.firstIndex(of: "/").map { String(line[$0...]) }
    }
    return Set(paths.filter { $0.contains(".so") }.map(ProgramFinder.folder)).sorted()
  }()

  /// A path of a profile: `~/x` is ours outside and, under the agent's HOME, its inside.
  static func lent(_ path: String, to home: String) -> (source: String, target: String) {
    guard path.hasPrefix("~/") else { return (path, path) }
    let rest = path.dropFirst(2)
    return ("\(ProgramFinder.home)/\(rest)", "\(home)/\(rest)")
  }
}

extension Sandbox.Grants {
  /// What the profile grants.
  mutating func take(_ rules: SandboxRules?, home: String) {
    guard let rules else { return }
    for (paths, isWritable) in [(rules.readable, false), (rules.writable, true)] {
      lent += paths.map { path in
        let (source, target) = Sandbox.lent(path, to: home)
        return (source, target, isWritable)
      }
    }
    readable += rules.toolchains.flatMap(\.folders)
  }
}

/// The sandbox was asked for and cannot be had.
package struct SandboxUnavailable: Error, CustomStringConvertible {
  package let reason: String
  package let hint: String

  package init(_ fault: (reason: String, hint: String)) {
    (reason, hint) = fault
  }

  package var description: String { "the sandbox does not work here: \(reason). \(hint)" }
}

extension AgentCall {
  /// The files that the call itself names, such as the script after an interpreter: whoever wrote
  /// the profile means the agent to read them. A prompt names none, whatever it says.
  var namedFiles: [String] {
    Self.namedFiles(arguments.map { $0.kind == .literal ? $0.text : "" })
  }

  static func namedFiles(_ words: [String]) -> [String] {
    words.dropFirst().filter { word in
      var facts = stat()
      return word.hasPrefix("/") && stat(word, &facts) == 0 && facts.st_mode & S_IFMT == S_IFREG
    }
  }
}
