// An agent as a process: an argument list and never a shell, an environment from an allow-list, a
// session of its own, and nothing of it left when it has ended.

import FoundationEssentials
import Glibc
import Processes
import WorkerProtocol

struct AgentProcess: Sendable {
  /// The kernel's limit for one argument with its NUL (MAX_ARG_STRLEN, execve(2)).
  static let argumentBytesMax = 131_072
  /// What an agent is never given, whatever its profile says: these open the server and the forge.
  static let withheld: Set = [
    "AIPM_TOKEN", "AIPM_WORKER_TOKEN", "AIPM_GITHUB_TOKEN", "AIPM_WEBHOOK_SECRET",
    "AIPM_GITHUB_APP_ID", "AIPM_GITHUB_APP_KEY_FILE", "AIPM_GITHUB_APP_INSTALLATION_ID",
  ]

  let call: AgentCall
  let prompt: String
  let files: AttemptFiles
  let home: String
  /// The program of the agent that is built in.
  let demoProgram: String
  /// Longer than the core's own limit, which it only backs up.
  let timeout: Duration

  /// Runs the agent to its end. Cancelling the Swift task ends it: SIGTERM to its group, SIGKILL
  /// two seconds later. On return no process of it is left.
  func run(
    onStart: @escaping @Sendable (Int32) -> Void,
    onOutput: @escaping @Sendable ([UInt8]) async -> Void
  ) async -> AgentEnd {
    let command: Command
    switch prepared() {
    case .success(let prepared): command = prepared
    case .failure(let end): return end.end
    }
    let end = await follow(command, onStart: onStart, onOutput: onOutput)
    guard await ProcessTable.end(.attempt(files.folder)) else {
      return .lost("processes that the agent started could not be ended")
    }
    return end
  }

  private func follow(
    _ command: Command, onStart: @escaping @Sendable (Int32) -> Void,
    onOutput: @escaping @Sendable ([UInt8]) async -> Void
  ) async -> AgentEnd {
    do {
      let result = try await command.run(onStart: onStart) { _, chunk in await onOutput(chunk) }
      switch result.exit {
      case .exited(let code): return .exited(code)
      case .signalled(let signal): return .signalled(signal)
      }
    } catch {
      switch error {
      case .executableNotFound(let name):
        return .notFound("\(call.name): no program \(name) on the worker's PATH")
      case .notStarted: return .notStarted("\(call.name): \(error)")
      case .timedOut, .cancelled: return .stopped
      case .broken: return .lost("\(call.name): \(error)")
      }
    }
  }

  private struct Refusal: Error { let end: AgentEnd }

  private func prepared() -> Result<Command, Refusal> {
    do { return .success(try command()) } catch let refusal as Refusal {
      return .failure(refusal)
    } catch {
      return .failure(Refusal(end: .lost("\(error)")))
    }
  }

  private func command() throws -> Command {
    let (program, arguments) = try words()
    var command = Command(
      program, arguments, environment: environment, workingDirectory: files.tree,
      timeout: timeout, outputLimit: 4096)
    command.diesWithParent = AgentProcess.canDieWithParent
    command.grace = AgentProcess.grace
    if call.isDemo || call.promptOnStandardInput { command.input = .bytes(Array(prompt.utf8)) }
    if call.arguments.contains(where: { $0.kind == .promptFile }) {
      try DurableFile.replace(files.prompt, with: Array(prompt.utf8))
    }
    return command
  }

  /// Program and arguments with the prompt in its place.
  private func words() throws(Refusal) -> (String, [String]) {
    if call.isDemo { return (demoProgram, ["demo-agent"]) }
    guard let first = call.arguments.first, first.kind == .literal, !first.text.isEmpty else {
      throw Refusal(end: .notStarted("\(call.name): its command names no program"))
    }
    let arguments = call.arguments.dropFirst().map { argument in
      switch argument.kind {
      case .literal: argument.text
      case .prompt: prompt
      case .promptFile: files.prompt
      case .directory: files.tree
      }
    }
    if arguments.contains(where: { $0.utf8.count >= AgentProcess.argumentBytesMax }) {
      let limit = AgentProcess.argumentBytesMax - 1
      throw Refusal(
        end: .notStarted(
          """
          \(call.name): the prompt has \(prompt.utf8.count) bytes, and an argument holds \
          at most \(limit); have the profile give it on standard input or as a file
          """))
    }
    return (absolute(first.text), arguments)
  }

  /// A path is one from the worker's own folder, not from the tree that the agent works in.
  private func absolute(_ program: String) -> String {
    guard program.contains("/"), !program.hasPrefix("/") else { return program }
    return FileManager.default.currentDirectoryPath + "/" + program
  }

  /// Everything that the agent gets to see of this machine's environment.
  var environment: [String: String] {
    var environment = Command.baseEnvironment
    environment["LC_ALL"] = nil
    environment["HOME"] = home
    environment["TERM"] = "dumb"
    environment["TMPDIR"] = files.temporary
    for (name, value) in allowed { environment[name] = value }
    environment[ProcessTable.mark] = files.folder
    return environment
  }

  /// The values of those variables that may be secrets, to be masked in what the agent says.
  var secrets: [String] {
    let words = ["KEY", "TOKEN", "SECRET", "PASSWORD", "CREDENTIAL", "AUTH"]
    return allowed.filter { variable in
      words.contains { variable.name.uppercased().contains($0) }
    }.map(\.value)
  }

  private var allowed: [(name: String, value: String)] {
    call.environment.filter { !AgentProcess.withheld.contains($0) }.compactMap { name in
      guard let value = getenv(name) else { return nil }
      return (name, String(cString: value))
    }
  }

  /// How long an agent that is told to end has for it. A cancellation takes no longer than this and
  /// what the server needs; whoever cancels waits for it.
  private static let grace = Duration.seconds(1)

  /// Whether util-linux's `setpriv` is there.
  private static let canDieWithParent = {
    let path = Command.baseEnvironment["PATH"] ?? ""
    return path.split(separator: ":").contains { access("\($0)/setpriv", X_OK) == 0 }
  }()
}
