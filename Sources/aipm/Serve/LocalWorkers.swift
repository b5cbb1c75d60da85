import Domain
import Engine
import FoundationEssentials
import Glibc
import OpenID
import Processes
import Server
import Subprocess
import SystemCalls
import SystemPackage
import Worker

/// Starts the local workers as separate processes. Each has its own session, so that neither the
/// terminal nor the server's end stops a running one. The next server finds it by the lock on its
/// folder and waits for its end.
struct LocalWorkers: WorkerLauncher {
  let data: String
  /// The folder of the server's socket.
  let socketFolder: String
  let tokens: TokenStore
  /// The agents' access to this machine.
  let grants: OperatorGrants
  let executable: String
  let sandbox: SandboxOptions.Chosen
  let cache: CacheLimits
  /// The other address of AIPM on this machine: the embedded forge's.
  var ownPorts: [Int] = []

  /// Every port of AIPM on this machine. The server's own is known when it listens, which is before
  /// any worker starts.
  private var ports: [Int] {
    let address = try? String(contentsOfFile: "\(data)/address", encoding: .utf8)
    return ownPorts + [address.flatMap(Self.port)].compactMap { $0 }
  }

  /// The port of `http://HOST:PORT/PATH`, with or without a line end.
  static func port(ofAddress address: String) -> Int? {
    let authority = address.split { $0 == "/" || $0.isWhitespace }.dropFirst().first
    return authority?.split(separator: ":").last.flatMap { Int($0) }
  }
  /// How workers write their log, which goes where the server's goes.
  var logFormat: LogFormat
  /// Certificate authorities for the addresses of models, as a PEM file; nil: the system's.
  var authoritiesFile: String?
  /// The user of the workers; nil: this user. The workers own their folders, so no link in them is
  /// followed here.
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

  /// Waits for the end of a worker of an earlier server.
  /// - Returns: false if there is no such worker.
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
      // The wait for a lock blocks as long as that worker lives, so it has its own thread.
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
    // A new token for each process. It is kept, so that the next server accepts the process.
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
      // The token is sent over the pipe: neither the process list nor the environment shows it.
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

  /// Ends the local workers, including busy ones. Each returns its work, and is killed after
  /// `limit`. Returns when all have ended.
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
    // The first signal requests an orderly end, the second one an immediate end. Two equal signals
    // could be merged, so they differ.
    kill(process, SIGTERM)
    kill(process, SIGINT)
    let killing = Task {
      try await Task.sleep(for: limit)
      kill(process, SIGKILL)
    }
    _ = await holderEnded(folder + "/lock") {}
    killing.cancel()
  }

  /// The server's environment for agents, without AIPM's credentials.
  private var environment: [Environment.Key: String] {
    var variables: [Environment.Key: String] = [:]
    for (name, value) in ProcessInfo.processInfo.environment {
      let isOurs =
        ForgeSettings.variablePrefixes.contains(where: name.hasPrefix)
        || name == "AIPM_WEBHOOK_SECRET" || name == "AIPM_TOKEN"
        || name == "AIPM_FORGE_TOKEN" || name == OpenIDSettings.secretVariable
      if !isOurs { variables[Environment.Key(stringLiteral: name)] = value }
    }
    variables["AIPM_LOG_FORMAT"] = logFormat.rawValue
    // The value may come from a flag or a file.
    if let authoritiesFile { variables["AIPM_CA_FILE"] = authoritiesFile }
    return variables
  }
}
