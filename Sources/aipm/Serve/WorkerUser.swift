// Workers and agents never run as root. If AIPM is started as root, a worker process first grants
// another user access to the needed files. Then it becomes that user and executes itself again.

import ArgumentParser
import FoundationEssentials
import Glibc
import Processes
import Terminal
import Worker

/// The user of workers and agents if AIPM is started as root.
struct WorkerUserOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The user that workers and agents run as if AIPM is started as root (aipm-worker, aipm or "
        + "nobody, the first that exists).", valueName: "name"))
  var workerUser: String?

  func put(into flags: inout GivenFlags) { flags.put(.workerUser, workerUser) }

  /// - Returns: nil if this process is not root's: then it keeps its user.
  func read(_ settings: Settings) throws -> UnprivilegedUser? {
    let name = settings.text(.workerUser)
    guard geteuid() == 0 else {
      if let name, getpwnam(name)?.pointee.pw_uid != geteuid() {
        throw Settings.Fault(
          description: "--worker-user is \(name): only root can become another user; start AIPM "
            + "as \(name), or leave it out")
      }
      return nil
    }
    do {
      return try UnprivilegedUser.find(name)
    } catch {
      throw Settings.Fault(description: "--worker-user: \(error)")
    }
  }
}

/// How a worker's process gives up root.
struct WorkerUser {
  let user: UnprivilegedUser
  /// The worker's own folder, absolute.
  let folder: String
  /// The folder of the server's socket.
  var socketFolder: String?
  /// The server's data folder.
  var data: String?
  /// What agents are granted.
  var granted: [String]

  /// Becomes the user, in a new execution of this program. It does not return.
  /// - Throws: if that fails.
  func become() throws {
    let executable = ServerProcess.executable
    do {
      try DataFolder.makeFolder(folder)
      try checkFolder()
      try user.own(folder)
    } catch {
      throw Failure("\(error)")
    }
    do {
      let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
      // With a granted program, its interpreter and its installation are visible.
      let needed = granted.flatMap { ProgramFinder.needs(of: $0, path: path) }
      try user.show(
        [folder, socketFolder, executable].compactMap { $0 } + programs + granted + needed)
    } catch {
      // In a container without the right to mount, AIPM's own files can still be opened.
      Self.openOwn(data)
      tell(of: error, executable)
    }
    for path in ["\(folder)/lock", executable] {
      if let closed = user.closed(above: path) {
        throw Failure(
          "the user \(user.name), whom workers run as, cannot enter \(closed), and \(path) is "
            + "below it: put the data folder and AIPM where everybody may enter, such as "
            + "/var/lib/aipm and /usr/local/bin")
      }
    }
    guard chdir(folder) == 0 else {
      throw Failure("\(folder): \(String(cString: strerror(errno)))")
    }
    do {
      try user.execute(executable, arguments, environment: environment)
    } catch {
      throw Failure("\(error)")
    }
  }

  /// Folders that are not AIPM's keep their owner.
  private func checkFolder() throws {
    let names = try FileManager.default.contentsOfDirectory(atPath: folder)
    let isWorkers = names.isEmpty || names.contains("lock") || names.contains("attempts")
    guard isWorkers else {
      throw Failure(
        "\(folder) holds other things than a worker's: name a folder of its own with --data")
    }
  }

  private func tell(of fault: UnprivilegedUser.Fault, _ executable: String) {
    let closed = Set((programs + granted).compactMap { user.closed(above: $0 + "/x") }).sorted()
    guard !closed.isEmpty else { return }
    let names = closed.joined(separator: ", ")
    Terminal.complain(
      """
      aipm: workers run as the user \(user.name), who cannot enter \(names) (\(fault)): \
      what stands below is not there for agents; install it elsewhere, or start the container \
      with the capability SYS_ADMIN
      """)
  }

  /// Lets others pass through the data folder, without reading it.
  static func openOwn(_ data: String?) {
    guard let data else { return }
    for name in ["aipm.db", "aipm.db-wal", "aipm.db-shm"] { chmod("\(data)/\(name)", 0o600) }
    for folder in [data, "\(data)/workers"] { chmod(folder, 0o711) }
  }

  // MARK: What the user needs

  /// The folders of programs: those of the PATH, with the libraries beside them, and this program's
  /// own libraries.
  private var programs: [String] {
    let environment = ProcessInfo.processInfo.environment
    func folders(_ name: String) -> [String] {
      (environment[name] ?? "").split(separator: ":").map(String.init)
    }
    var paths = Sandbox.libraries + folders("LD_LIBRARY_PATH")
    for folder in folders("PATH") {
      paths.append(folder)
      guard let slash = folder.lastIndex(of: "/"), folder[slash...] == "/bin" else { continue }
      paths += ["lib", "lib64", "libexec", "share"].map { "\(folder[..<slash])/\($0)" }
      // A program may be a link to its installation, and its interpreter may be elsewhere.
      if user.closed(above: folder) != nil { paths += Self.installations(in: folder) }
    }
    return paths
  }

  private static func installations(in folder: String) -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    return names.prefix(1000).flatMap { ProgramFinder.needs(of: "\(folder)/\($0)", path: path) }
  }

  /// The arguments with the folder's absolute path.
  private var arguments: [String] {
    var words: [String] = []
    var skips = false
    for word in CommandLine.arguments {
      if skips {
        skips = false
      } else if word == "--data" {
        skips = true
      } else if !word.hasPrefix("--data=") {
        words.append(word)
      }
    }
    return words + ["--data", folder]
  }

  private var environment: [String: String] {
    var environment = ProcessInfo.processInfo.environment
    var facts = stat()
    let hasHome = stat(user.home, &facts) == 0 && facts.st_uid == user.id
    environment[UnprivilegedUser.homeMark] = environment["HOME"]
    environment["HOME"] = hasHome ? user.home : folder
    environment["USER"] = user.name
    environment["LOGNAME"] = user.name
    if let temporary = environment["TMPDIR"] {
      let isForAll = stat(temporary, &facts) == 0 && facts.st_mode & 0o002 != 0
      if !isForAll || user.closed(above: temporary) != nil { environment["TMPDIR"] = nil }
    }
    environment[UnprivilegedUser.mark] = user.name
    return environment
  }

  // MARK: The server

  /// Prepares a server that starts its workers as another user: that user gets access to the
  /// server's socket and, if a process cannot mount, to the workers' folders.
  static func prepare(_ data: String, for user: UnprivilegedUser) async throws {
    chmod("\(data)/run", 0o711)
    guard await !canMount else { return }
    openOwn(data)
    if let closed = user.closed(above: "\(data)/workers/x/lock") {
      throw Failure(
        "AIPM was started as root, so its workers run as the user \(user.name), who cannot enter "
          + "\(closed): put the data folder where everybody may enter, such as /var/lib/aipm")
    }
  }

  /// Tries bubblewrap as the user: a kernel can permit it to root and refuse it to others.
  /// - Returns: its error message; nil if it works or is not installed.
  static func sandboxFault(_ user: UnprivilegedUser) async -> String? {
    let identity = ["--reuid=\(user.id)", "--regid=\(user.group)", "--clear-groups", "--"]
    let bubblewrap = [
      "bwrap", "--unshare-user", "--unshare-pid", "--unshare-net", "--ro-bind", "/", "/",
      "--proc", "/proc", "true",
    ]
    guard (try? Command("bwrap", timeout: .zero).resolved()) != nil,
      let result = try? await Command(
        "setpriv", identity + bubblewrap, timeout: .seconds(10)
      ).run(), !result.succeeded
    else { return nil }
    let line = result.errorText.split(whereSeparator: \.isNewline).first.map { String($0) }
    return "bubblewrap does not work for the user \(user.name): \(line ?? "it said nothing")"
  }

  /// A remedy.
  static let sandboxHint =
    "Let users have namespaces (kernel.apparmor_restrict_unprivileged_userns=0, or "
    + "kernel.unprivileged_userns_clone=1), or name a user with --worker-user who has them."

  /// Whether this machine permits mounts to root.
  static var canMount: Bool {
    get async {
      let result = try? await Command("unshare", ["-m", "true"], timeout: .seconds(10)).run()
      return result?.succeeded ?? false
    }
  }
}
