import ArgumentParser
import FoundationEssentials
import Glibc
import Logging
import Processes
import SystemCalls
import Worker
import WorkerProtocol

struct WorkerRun: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "worker",
    abstract: "One worker process; also how a second machine joins.",
    discussion: """
      The token is read from AIPM_TOKEN, or from the credential `token` of a systemd unit; \
      `aipm token create NAME --role worker` makes one on the server's machine. It speaks for the \
      worker that registers with it first. The token is never sent: worker and server prove to \
      each other that they know it.

      Agents get of this machine what the flags allow, whatever the server says: no variable, no \
      path besides the system's programs and those of the PATH, and no network without them.

      SIGTERM lets the worker finish what it has; a second one gives that back. It ends with exit \
      code 5 if the server does not know the token, or it was revoked.

      Examples:
        export AIPM_TOKEN=…
        aipm worker --server https://aipm.example --id builder-1 --allow-network
        aipm worker --server https://aipm.example --id builder-2 --allow-network \\
          --allow-env ANTHROPIC_API_KEY --allow-path '~/.claude'
      """)

  @Option(help: ArgumentHelp("The server's address.", valueName: "url"))
  var server: String?
  @Option(help: .hidden)
  var serverSocket: String?
  @Option(help: "The worker's name (this machine's).")
  var id: String?
  @Option(help: ArgumentHelp("The worker's own folder.", valueName: "dir"))
  var data = "./.aipm-worker"
  @OptionGroup var sandboxing: SandboxOptions
  @OptionGroup var caching: CacheOptions
  @OptionGroup var asUser: WorkerUserOption
  @OptionGroup var logging: LogOptions
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Variables of this worker's environment that agents may see if their workflow names "
        + "them (none).", valueName: "name"))
  var allowEnv: [String] = []
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Files and folders that agents may have if their workflow names them, ~/… for this "
        + "user's (none).", valueName: "path"))
  var allowPath: [String] = []
  @Flag(help: "Let agents reach the hosts that their workflow names.")
  var allowNetwork = false
  @Flag(help: "Let agents have this machine's own network if their workflow allows it.")
  var allowHostNetwork = false
  @Flag(help: .hidden)
  var local = false
  @Option(help: .hidden)
  var hide: String?
  @Option(help: .hidden)
  var ownPort: [UInt16] = []

  func validate() throws {
    guard server != nil || serverSocket != nil else {
      throw ValidationError("name the server: --server http://HOST:PORT")
    }
    for path in allowPath where !path.hasPrefix("/") && !path.hasPrefix("~/") {
      throw ValidationError("--allow-path is \(path): write an absolute path, or one of ~/…")
    }
  }

  /// The flags for a worker.
  static func flags(_ grants: OperatorGrants) -> [String] {
    let (names, paths) = ((grants.variables ?? []).sorted(), (grants.paths ?? []).sorted())
    return (names.isEmpty ? [] : ["--allow-env"] + names)
      + (paths.isEmpty ? [] : ["--allow-path"] + paths)
      + (grants.network >= .hosts ? ["--allow-network"] : [])
      + (grants.network == .machine ? ["--allow-host-network"] : [])
  }

  func run() async throws {
    Descriptors.raise()
    var flags = GivenFlags()
    sandboxing.put(into: &flags)
    caching.put(into: &flags)
    asUser.put(into: &flags)
    logging.put(into: &flags)
    let settings = Settings(flags: flags, environment: ProcessInfo.processInfo.environment)
    try leaveRoot(settings)
    Secrecy.closeToOthers()
    let sandbox = try sandboxing.read(settings)
    let token: String
    if local {
      token = readLine(strippingNewline: true) ?? ""
    } else if let given = try givenToken() {
      token = given
      // Agents must not see it.
      Secrecy.forget([Self.tokenVariable, ServiceCredentials.variable])
    } else {
      throw ValidationError(
        "set AIPM_TOKEN to a worker's token; aipm token create NAME --role worker makes one")
    }
    if TokenText.isDamaged(token) {
      throw ValidationError("AIPM_TOKEN begins as a token does, but is not whole: copy it again")
    }
    let log = try LogOptions.read(settings, standard: .notice)
    var logger = log.lines.logger("aipm.worker", level: log.level)
    logger[metadataKey: "worker"] = "\(id ?? Self.hostName)"
    var configuration = WorkerConfiguration(
      id: id ?? Self.hostName, dataDirectory: data,
      server: serverSocket.map { .socket(folder: $0) } ?? .url(server ?? ""), token: token,
      agents: nil, version: ServerProcess.version, host: Self.hostName,
      isLocal: local)
    configuration.cache = try caching.read(settings)
    configuration.sandbox = sandbox.mode
    configuration.sandboxReadable = sandbox.readable
    configuration.egress.permitted = sandbox.privateRanges
    configuration.egress.ownPorts = Set(ownPort)
    configuration.sandboxHidden = [hide].compactMap { $0 }
    configuration.grants = OperatorGrants(
      variables: Set(allowEnv), paths: allowPath,
      network: allowHostNetwork ? .machine : allowNetwork ? .hosts : .none)
    do {
      let departure = try await Worker.run(
        configuration, signals: WorkerSignals.terminations(), logger: logger)
      if case .unauthorized(let detail) = departure {
        throw Failure(
          "\(detail): aipm token list names the tokens of the server", code: .refused)
      }
    } catch let held as FolderLock.Held {
      throw Failure("\(held); give this worker a folder of its own (--data)")
    } catch let fault as SandboxUnavailable {
      throw Failure("\(fault)")
    }
  }

  private static let tokenVariable = "AIPM_TOKEN"

  /// The token of the environment, else of the service manager; nil if neither has one.
  private func givenToken() throws -> String? {
    let name = ServiceCredentials.name(of: Self.tokenVariable)
    let environment = ProcessInfo.processInfo.environment
    do throws(Settings.Fault) {
      let credentials = try ServiceCredentials(environment, names: [name])
      return Settings(environment: environment, credentials: credentials)
        .secret(Self.tokenVariable)
    } catch {
      throw ValidationError(error.description)
    }
  }

  /// If this process is root's: becomes another user, in a new execution of this program.
  private func leaveRoot(_ settings: Settings) throws {
    let user: UnprivilegedUser?
    do { user = try asUser.read(settings) } catch let fault as Settings.Fault {
      throw ValidationError(fault.description)
    }
    guard let user else { return }
    let folder =
      data.hasPrefix("/") ? data : FileManager.default.currentDirectoryPath + "/" + data
    try WorkerUser(
      user: user, folder: folder, socketFolder: serverSocket, data: hide,
      granted: (allowPath + sandboxing.sandboxReadable).map { path in
        path.hasPrefix("~/") ? UnprivilegedUser.startersHome + path.dropFirst() : path
      }
    ).become()
  }

  static var hostName: String {
    var name = [CChar](repeating: 0, count: 256)
    gethostname(&name, name.count - 1)
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
