// What an agent gets to see of the machine: its tree, the system's programs, and little else.
//
// It is bubblewrap, called so that inside there is
// - the tree, a HOME and a /tmp of this attempt, writable, at the paths that they have outside;
// - the system's folders, those of the PATH and of the agent's program, readable; nothing else of
//   the disk, so neither the data folders nor anybody's home, and of /etc not what opens doors;
// - a /proc with its own processes alone: what the worker and git hold is not to be read there, and
//   when the agent ends, the kernel ends all that it started, wherever that hid;
// - no capability, no way to gain any, and a network only where the profile says so.
//
// What it does not do: with a network the agent reaches what listens on this machine. Disk and
// number of processes bubblewrap does not limit; `ResourceWatch` does.
//
// How it fails: `examine` says in words why it cannot be had here. A program that is not there is
// told as such, before bubblewrap would tell it as its own failure.

import FoundationEssentials
import Glibc
import Processes
import WorkerProtocol

/// How agents are kept apart from the machine.
package struct Sandbox: Sendable {
  /// Whether agents run in it.
  package enum Mode: String, CaseIterable, Sendable {
    /// Where it works.
    case auto
    /// Or not at all.
    case on
    case off
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
    var hasNetwork = true
  }

  /// Folders of this machine that every agent may read.
  package var readable: [String] = []
  /// Folders that no agent sees, even where they lie in one that it may read.
  package var hidden: [String] = []
  /// False where the kernel does not let us cut the network off.
  var canCutNetwork = true

  package init() {}

  private static let system = [
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/opt", "/nix",
  ]
  /// What of those may open something. Root without capabilities still reads what root owns.
  private static let masked = [
    "/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-", "/etc/sudoers",
    "/etc/sudoers.d", "/etc/ssh", "/etc/ssl/private", "/etc/krb5.keytab", "/etc/kubernetes",
    "/etc/docker", "/etc/wireguard", "/etc/NetworkManager", "/etc/letsencrypt",
  ]
  /// Memory that the agent may take as files.
  private static let sharedMemoryBytesMax = 256 << 20

  // MARK: The call

  /// The command as it runs in the sandbox.
  /// - Throws: `.executableNotFound`.
  func wrapped(_ command: Command, _ grants: Grants) throws(ProcessFault) -> Command {
    let program = try command.resolved()
    var command = command
    command.arguments =
      options(grants, path: command.environment["PATH"] ?? "")
      + (command.workingDirectory.map { ["--chdir", $0] } ?? [])
      + ["--", program] + command.arguments
    command.executable = "bwrap"
    // It looks after that itself.
    command.diesWithParent = false
    command.isShell = true
    return command
  }

  private func options(_ grants: Grants, path: String) -> [String] {
    var options = Self.isolation(cutsNetwork: !grants.hasNetwork && canCutNetwork)
    options += ["--tmpfs", "/"]
    for folder in Self.system { options += Self.mirrored(folder) }
    options += ["--dev", "/dev", "--size", String(Self.sharedMemoryBytesMax)]
    options += ["--tmpfs", "/dev/shm", "--remount-ro", "/dev", "--proc", "/proc"]
    if let names = Self.canonical("/etc/resolv.conf"), !names.hasPrefix("/etc/") {
      options += ["--ro-bind", names, names]
    }
    options += ["--bind", grants.temporary, "/tmp", "--bind", grants.temporary, "/var/tmp"]
    let programs = grants.programs.flatMap { programFolders($0, path: path) }
    for folder in readable + pathFolders(path) + programs {
      options += ["--ro-bind-try", folder, folder]
    }
    for path in Self.masked + Self.homeCredentials where access(path, F_OK) == 0 {
      options +=
        DurableFile.isFolder(path)
        ? ["--size", "4096", "--tmpfs", path, "--remount-ro", path]
        : ["--ro-bind", "/dev/null", path]
    }
    for folder in hidden { options += ["--size", "1048576", "--tmpfs", folder] }
    for path in grants.readable { options += ["--ro-bind-try", path, path] }
    for path in grants.writable { options += ["--bind", path, path] }
    for one in grants.lent {
      options += [one.isWritable ? "--bind-try" : "--ro-bind-try", one.source, one.target]
    }
    for folder in hidden + ["/"] { options += ["--remount-ro", folder] }
    return options
  }

  private static func isolation(cutsNetwork: Bool) -> [String] {
    [
      "--unshare-user-try", "--unshare-ipc", "--unshare-pid", "--unshare-uts",
      "--unshare-cgroup-try", "--die-with-parent", "--cap-drop", "ALL",
    ] + (cutsNetwork ? ["--unshare-net"] : [])
  }

  /// A folder of the system as it is, where it is a link as a link.
  private static func mirrored(_ folder: String) -> [String] {
    var facts = stat()
    guard lstat(folder, &facts) == 0 else { return [] }
    guard facts.st_mode & S_IFMT == S_IFLNK else { return ["--ro-bind", folder, folder] }
    let target = try? FileManager.default.destinationOfSymbolicLink(atPath: folder)
    return target.map { ["--symlink", $0, folder] } ?? []
  }

  // MARK: Programs

  /// What has to be readable for a program to run: the folder that it stands in and what it was
  /// installed with; never a whole home, nor what holds one.
  private func programFolders(_ program: String, path: String) -> [String] {
    let real = Self.canonical(program) ?? program
    let isOnPath = path.split(separator: ":").contains { $0 == Self.folder(program) }
    let folders = isOnPath ? [Self.installation(of: real)] : [program, real].map(Self.folder)
    let narrow = folders.filter { !isBroad($0) }
    return (narrow.count == folders.count ? narrow : narrow + [program, real]).filter(isNews)
  }

  /// The folders of the PATH, each with the libraries beside it.
  private func pathFolders(_ path: String) -> [String] {
    path.split(separator: ":").map(String.init).filter { $0.hasPrefix("/") }.compactMap { folder in
      let whole = Self.folder(folder)
      let isProgramFolder = ["bin", "sbin", "shims"].contains(Self.name(folder))
      if isProgramFolder, !isBroad(whole) { return whole }
      return isBroad(folder) ? nil : folder
    }.filter(isNews)
  }

  /// Whether it is not in one of the system's folders, which are there anyway.
  private func isNews(_ path: String) -> Bool {
    !Self.system.contains { path == $0 || path.hasPrefix("\($0)/") }
  }

  /// The folders of the libraries that this program itself is made of, beside the system's: the
  /// agent that is built in needs them.
  static let libraries: [String] = {
    // A line of proc(5) maps: ADDRESSES RIGHTS OFFSET DEVICE INODE PATH
    let bytes = (try? DurableFile.read("/proc/self/maps", atMost: 4 << 20)) ?? []
    let paths = String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap { line in
      line.firstIndex(of: "/").map { String(line[$0...]) }
    }
    return Set(paths.filter { $0.contains(".so") }.map(folder)).sorted()
  }()

  /// The folder that a program was installed with, as far as its path tells.
  private static func installation(of program: String) -> String {
    if let modules = program.firstRange(of: "/node_modules/") {
      return String(program[..<modules.lowerBound]) + "/node_modules"
    }
    let folder = folder(program)
    return name(folder) == "bin" ? Self.folder(folder) : folder
  }

  /// Whether more than a program is to be found there.
  private func isBroad(_ folder: String) -> Bool {
    let home = Self.home
    let below = "\(folder)/"
    return ["", "/", "/tmp", "/var/tmp", "\(home)/.local", "\(home)/.config"].contains(folder)
      || "\(home)/".hasPrefix(below) || hidden.contains { "\($0)/".hasPrefix(below) }
  }

  private static var home: String { getenv("HOME").map { String(cString: $0) } ?? "/root" }

  /// What programs in a home keep their sign-ins in, beside themselves.
  private static var homeCredentials: [String] {
    [".cargo/credentials", ".cargo/credentials.toml", ".gem/credentials"].map { "\(home)/\($0)" }
  }

  /// A path of a profile: `~/x` is ours outside and, under the agent's HOME, its inside.
  static func lent(_ path: String, to home: String) -> (source: String, target: String) {
    guard path.hasPrefix("~/") else { return (path, path) }
    let rest = path.dropFirst(2)
    return ("\(Self.home)/\(rest)", "\(home)/\(rest)")
  }

  private static func folder(_ path: String) -> String {
    path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
  }

  private static func name(_ path: String) -> String {
    path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
  }

  private static func canonical(_ path: String) -> String? {
    guard let resolved = realpath(path, nil) else { return nil }
    defer { free(resolved) }
    return String(cString: resolved)
  }

  // MARK: Whether it works here

  /// What was found out about it on this machine.
  package struct Examination: Sendable {
    /// nil where it works.
    package var fault: (reason: String, hint: String)?
    /// Whether an agent can be kept off the network.
    package var canCutNetwork: Bool
  }

  /// Tries it out; takes some hundredths of a second.
  package static func examine() async -> Examination {
    if await failure(cutsNetwork: true) == nil {
      return Examination(fault: nil, canCutNetwork: true)
    }
    guard let said = await failure(cutsNetwork: false) else {
      return Examination(fault: nil, canCutNetwork: false)
    }
    return Examination(fault: explained(said), canCutNetwork: false)
  }

  /// - Returns: nil where it worked, else what was said.
  private static func failure(cutsNetwork: Bool) async -> String? {
    var sandbox = Sandbox()
    sandbox.canCutNetwork = cutsNetwork
    let folder = FileManager.default.temporaryDirectory.path
    var grants = Grants(temporary: folder)
    grants.hasNetwork = !cutsNetwork
    do {
      // What the kernel of the sandbox shows of processes must be its own.
      let command = try sandbox.wrapped(
        Command("test", ["!", "-e", "/proc/\(getpid())/exe"], timeout: .seconds(10)), grants)
      let result = try await command.run()
      return result.succeeded ? nil : result.errorText
    } catch {
      return "\(error)"
    }
  }

  private static func explained(_ said: String) -> (reason: String, hint: String) {
    let first = said.split(separator: "\n").first.map(String.init) ?? "it ended without a word"
    let hint: String
    if said.contains("no such program") {
      return ("bwrap is not installed", "Install bubblewrap, on Debian: apt-get install bubblewrap")
    } else if said.contains("proc") && said.contains("mount") {
      hint =
        "This container hides parts of /proc: start it with --security-opt systempaths=unconfined."
    } else if said.contains("namespace") || said.contains("uid map") {
      hint = """
        The kernel or the container forbids user namespaces: set \
        kernel.unprivileged_userns_clone=1 or kernel.apparmor_restrict_unprivileged_userns=0, or \
        start the container with --security-opt seccomp=unconfined.
        """
    } else {
      hint = "bubblewrap says no more than that."
    }
    return (first, hint)
  }
}

extension Sandbox.Grants {
  /// What the profile grants.
  mutating func take(_ rules: SandboxRules?, home: String) {
    guard let rules else { return }
    hasNetwork = rules.network
    for (paths, isWritable) in [(rules.readable, false), (rules.writable, true)] {
      lent += paths.map { path in
        let (source, target) = Sandbox.lent(path, to: home)
        return (source, target, isWritable)
      }
    }
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
