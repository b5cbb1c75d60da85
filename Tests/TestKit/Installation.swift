// What the end-to-end tests are made of: the real programs in a folder of their own, started,
// killed and started again; a gate between the server and its forge; and what must hold at the end.
//
// Nothing here reaches into a process. A test sees what users see (the API, the log, the forge, the
// exit codes), and does to the programs what the world does: it kills them, stops them, holds a
// call back, or loses its answer.

import EventLog
import FoundationEssentials
import Glibc
import HTTPClient
import Processes
import Synchronization

/// Something that a test waited for did not come, or a program did not do what it had to.
package struct KitFault: Error, CustomStringConvertible {
  package let description: String
  package init(_ description: String) { self.description = description }
}

/// AIPM on this machine in a temporary folder: a server, its workers, and a forge of its own.
package final class Installation: Sendable {
  /// How long anything may take that is waited for; generous, since machines are slow at times.
  package static let patience = Duration.seconds(60)

  package let folder: String
  package var data: String { "\(folder)/data" }
  /// Handed to `aipm serve` on top of data folder and port.
  private let arguments: [String]
  private let environment: [String: String]
  /// The `aipm` that serves.
  private let program: String
  /// The limits of open files that the server starts with, soft and hard, as prlimit(1) takes
  /// them; nil: those of the tests.
  private let descriptors: String?
  private let running = Mutex<Program?>(nil)
  private let address = Mutex("")
  private let tokenInUse = Mutex<String?>(nil)
  /// For calls to the API.
  package let http = HTTPClient(
    configuration: .init(userAgent: "aipm-tests", proxy: .none, maxConnectionsPerHost: 256))

  package var url: String { address.withLock { $0 } }

  /// The token of calls to the API, and of commands; nil for none.
  package var token: String? {
    get { tokenInUse.withLock { $0 } }
    set { tokenInUse.withLock { $0 = newValue } }
  }

  /// The header of a token.
  package static func authorization(_ token: String?) -> [(String, String)] {
    token.map { [("Authorization", "Bearer \($0)")] } ?? []
  }

  private init(
    folder: String, arguments: [String], environment: [String: String], descriptors: String?,
    program: String
  ) {
    self.program = program
    self.descriptors = descriptors
    self.folder = folder
    self.arguments = arguments
    self.environment = environment
  }

  /// An installation for as long as `body` runs; then every process of it is killed and the folder
  /// removed.
  /// - Parameters:
  ///   - arguments: of `aipm serve`; `--forge local --agent demo` where none is given.
  ///   - descriptors: the limits of open files that the server starts with, such as `1024:`.
  ///   - program: the `aipm` that serves.
  ///   - prepare: called with the folder before the server starts.
  package static func with(
    arguments: [String] = ["--forge", "local", "--agent", "demo"],
    environment: [String: String] = [:], descriptors: String? = nil,
    program: String = Program.aipm, starts: Bool = true,
    prepare: (Installation) async throws -> Void = { _ in },
    _ body: (Installation) async throws -> Void
  ) async throws {
    let folder = try temporaryFolder()
    let installation = Installation(
      folder: folder, arguments: arguments, environment: environment, descriptors: descriptors,
      program: program)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    do {
      try await prepare(installation)
      if starts { try await installation.start() }
      try await body(installation)
    } catch {
      let said = installation.errorText
      await installation.end()
      throw KitFault("\(error)\nThe server said:\n\(said)")
    }
    await installation.end()
  }

  package static func temporaryFolder() throws -> String {
    var template = Array("\(FileManager.default.temporaryDirectory.path)/aipm-test.XXXXXX\0".utf8)
      .map { CChar(bitPattern: $0) }
    guard mkdtemp(&template) != nil else {
      throw KitFault("no temporary folder: \(String(cString: strerror(errno)))")
    }
    let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    // Where the tests are root, agents are not, and tell what they do by files in it.
    if geteuid() == 0, chmod(path, 0o777) != 0 { throw KitFault("chmod \(path)") }
    return path
  }

  // MARK: The server's process

  /// Agents of tests tell what they do by files beside the data, where no sandbox would let them.
  /// Tests count the calls of the forge, so none is made at intervals.
  private static let environment = Program.plainEnvironment.merging([
    "AIPM_SANDBOX": "off", "AIPM_FEEDBACK_INTERVAL": "0s",
  ]) { $1 }

  package var processID: Int32? { running.withLock { $0?.processID } }
  /// What the server wrote to standard error so far.
  package var errorText: String { running.withLock { $0?.errorText ?? "" } }

  /// Starts the server and returns when it says that it listens. The port stays the same.
  package func start(_ more: [String] = []) async throws {
    let port = url.split(separator: ":").last.map { String($0) } ?? "0"
    let limit = descriptors.map { ["prlimit", "--nofile=\($0)", "--"] } ?? []
    let words =
      limit + [program, "serve", "--data", data, "--port", port] + arguments + more
    let program = try await Program.start(
      words[0], Array(words.dropFirst()),
      environment: Self.environment.merging(environment) { $1 }, workingDirectory: folder)
    running.withLock { $0 = program }
    let listening = "aipm: listening on "
    let line = try await program.line { $0.hasPrefix(listening) }
    address.withLock { $0 = String(line.dropFirst(listening.count)) }
  }

  /// `kill -9`; returns when the process is gone.
  package func kill() async {
    let program = running.withLock { $0 }
    await program?.end(SIGKILL)
    running.withLock { $0 = nil }
  }

  /// Whether the process has ended, or does so within a moment.
  package func hasDied() async -> Bool {
    guard let program = running.withLock({ $0 }) else { return true }
    return await program.ends(within: .seconds(3))
  }

  /// SIGTERM; returns how the process ended.
  package func stop() async throws -> ProcessResult.Exit {
    guard let program = running.withLock({ $0 }) else { throw KitFault("no server runs") }
    let exit = try await program.terminate()
    running.withLock { $0 = nil }
    return exit
  }

  private func end() async {
    await kill()
    for pid in workerProcesses.values { Glibc.kill(pid, SIGKILL) }
  }

  /// The numbers of the worker processes that hold their folders, by name.
  package var workerProcesses: [String: Int32] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(data)/workers")) ?? []
    var found: [String: Int32] = [:]
    for name in names {
      let text =
        (try? String(contentsOfFile: "\(data)/workers/\(name)/lock", encoding: .utf8)) ?? ""
      guard let pid = text.split(whereSeparator: \.isWhitespace).last.flatMap({ Int32($0) }),
        Glibc.kill(pid, 0) == 0
      else { continue }
      found[name] = pid
    }
    return found
  }

  // MARK: Other commands

  /// Runs `aipm` with the server's address in its environment.
  package func aipm(_ arguments: [String]) async throws -> ProcessResult {
    try await run(Program.aipm, arguments)
  }

  /// Runs `aipm-replay` on the data folder.
  package func replay(_ arguments: [String]) async throws -> ProcessResult {
    try await run(Program.aipmReplay, ["--data", data] + arguments)
  }

  private func run(_ program: String, _ arguments: [String]) async throws -> ProcessResult {
    var environment = Program.plainEnvironment
    environment["AIPM_SERVER"] = url
    environment["AIPM_DATA"] = data
    environment["AIPM_TOKEN"] = token
    return try await Command(
      program, arguments, environment: environment, workingDirectory: folder,
      timeout: Self.patience
    ).run()
  }

  /// Writes an executable script into the folder, for use as an agent.
  /// - Returns: its path.
  package func script(_ name: String, _ text: String) throws -> String {
    let path = "\(folder)/\(name)"
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    guard chmod(path, 0o755) == 0 else { throw KitFault("chmod \(path)") }
    return path
  }

  /// Writes an empty file, such as one that an agent waits for.
  package func touch(_ name: String) throws {
    try "".write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
  }
}
