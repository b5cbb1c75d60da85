import Domain
import Engine
import FoundationEssentials
import Glibc
import Processes
import Server
import Subprocess
import SystemCalls
import SystemPackage
import Worker

/// Starts the local workers as processes of their own. They are in a session of their own, so that
/// neither the terminal nor the end of the server touches one that works; the next server finds it
/// by the lock on its folder and waits for its end as this one did.
struct LocalWorkers: WorkerLauncher {
  let data: String
  /// The folder of the socket that the server listens on.
  let socketFolder: String
  let tokens: TokenStore
  /// What agents may have of this machine.
  let grants: OperatorGrants
  let executable: String
  let sandbox: SandboxOptions.Chosen
  let cache: CacheLimits
  /// Where else AIPM listens on this machine: the embedded forge.
  var ownPorts: [Int] = []

  /// Every port of AIPM's on this machine. The server's own is known once it listens, which it does
  /// before any worker is started.
  private var ports: [Int] {
    let address = try? String(contentsOfFile: "\(data)/address", encoding: .utf8)
    return ownPorts + [address.flatMap(Self.port)].compactMap { $0 }
  }

  /// The port of `http://HOST:PORT/PATH`, with or without a line's end.
  static func port(ofAddress address: String) -> Int? {
    let authority = address.split { $0 == "/" || $0.isWhitespace }.dropFirst().first
    return authority?.split(separator: ":").last.flatMap { Int($0) }
  }
  /// Certificate authorities for the addresses of models, as a PEM file; nil: the system's.
  var authoritiesFile: String?
  /// As whom they run; nil: as this user. Their folders are theirs, so nothing in one is followed
  /// as a link here.
  var user: UnprivilegedUser?

  func run(_ worker: WorkerID, onStart: @escaping @Sendable () -> Void) async -> String {
    let folder = "\(data)/workers/\(worker)"
    mkdir(folder, 0o700)
    if await holderEnded(folder + "/lock", onStart) { return "it ended" }
    do {
      return try await start(worker, folder, onStart)
    } catch {
      return "its process could not be started: \(error)"
    }
  }

  /// Where a worker of a former server lives: returns when it has ended.
  /// - Returns: false where none lives.
  private func holderEnded(_ lock: String, _ onStart: @escaping @Sendable () -> Void) async -> Bool
  {
    let file = Glibc.open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard file >= 0 else { return false }
    if flock(file, LOCK_EX | LOCK_NB) == 0 {
      close(file)
      return false
    }
    onStart()
    return await withCheckedContinuation { continuation in
      // The wait for a lock blocks: it has a thread of its own, for as long as that worker lives.
      let isStarted = startThread {
        while flock(file, LOCK_EX) != 0, errno == EINTR {}
        close(file)
        continuation.resume(returning: true)
      }
      if !isStarted { continuation.resume(returning: true) }
    }
  }

  private func start(
    _ worker: WorkerID, _ folder: String, _ onStart: @escaping @Sendable () -> Void
  ) async throws -> String {
    // A fresh one for each process. It is kept, so that the next server knows the process again.
    let token = try tokens.createLocal(worker)
    let log = try FileDescriptor.open(
      FilePath(folder + "/worker.log"), .writeOnly,
      options: [.create, .append, .closeOnExec, .noFollow], permissions: .ownerReadWrite)
    defer { try? log.close() }
    var options = PlatformOptions()
    options.createSession = true
    let ended = try await Subprocess.run(
      .path(FilePath(executable)),
      arguments: Arguments(arguments(worker, folder)), environment: .custom(environment),
      platformOptions: options,
      input: .inputWriter, output: .fileDescriptor(log, closeAfterSpawningProcess: false),
      error: .fileDescriptor(log, closeAfterSpawningProcess: false)
    ) { execution in
      // The token goes over the pipe: neither the process list nor its environment shows it.
      _ = try await execution.standardInputWriter.write(token + "\n")
      try await execution.standardInputWriter.finish()
      onStart()
    }
    switch ended.terminationStatus {
    case .exited(let code): return "it exited with \(code)"
    case .signaled(let signal): return "it was ended by signal \(signal)"
    }
  }

  private func arguments(_ worker: WorkerID, _ folder: String) -> [String] {
    [
      "worker", "--local", "--server-socket", socketFolder, "--id", worker.rawValue, "--data",
      folder, "--hide", data,
    ] + cache.flags + sandbox.flags + ports.flatMap { ["--own-port", String($0)] }
      + WorkerRun.flags(grants) + (user.map { ["--worker-user", $0.name] } ?? [])
  }

  /// Ends the local workers, busy ones too: each gives back what it has in hand, and is killed
  /// where it takes longer than `limit`. Returns when all are gone.
  func halt(limit: Duration) async {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(data)/workers")) ?? []
    await withTaskGroup(of: Void.self) { group in
      for name in names {
        group.addTask { await halt(folder: "\(data)/workers/\(name)", limit: limit) }
      }
    }
  }

  private func halt(folder: String, limit: Duration) async {
    guard let holder = Worker.holder(ofDataDirectory: folder),
      let process = holder.split(separator: " ").last.flatMap({ Int32($0) }), process > 1
    else { return }
    // The first one asks it to finish, the second, whichever it is, to end at once. Two of a kind
    // could arrive as one.
    kill(process, SIGTERM)
    kill(process, SIGINT)
    let killing = Task {
      try await Task.sleep(for: limit)
      kill(process, SIGKILL)
    }
    _ = await holderEnded(folder + "/lock") {}
    killing.cancel()
  }

  /// What agents may need of the server's environment, without a credential of AIPM's.
  private var environment: [Environment.Key: String] {
    var variables: [Environment.Key: String] = [:]
    for (name, value) in ProcessInfo.processInfo.environment {
      let isOurs =
        ForgeSettings.variablePrefixes.contains(where: name.hasPrefix)
        || name == "AIPM_WEBHOOK_SECRET" || name == "AIPM_TOKEN"
        || name == "AIPM_FORGE_TOKEN"
      if !isOurs { variables[Environment.Key(stringLiteral: name)] = value }
    }
    // It may have come from a flag or a file.
    if let authoritiesFile { variables["AIPM_CA_FILE"] = authoritiesFile }
    return variables
  }
}
