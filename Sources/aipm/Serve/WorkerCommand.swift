import ArgumentParser
import FoundationEssentials
import Glibc
import Logging
import Processes
import Worker

struct WorkerRun: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "worker",
    abstract: "One worker process; also how a second machine joins.",
    discussion: """
      The token is read from AIPM_TOKEN; aipm serve keeps it in its data folder under
      secrets/worker-token. SIGTERM lets it finish what it has; a second one gives that back.

      Example:
        AIPM_TOKEN=… aipm worker --server http://127.0.0.1:8080 --id builder-1
      """)

  @Option(help: ArgumentHelp("The server's address.", valueName: "url"))
  var server: String?
  @Option(help: .hidden)
  var serverFile: String?
  @Option(help: "The worker's name (this machine's).")
  var id: String?
  @Option(help: ArgumentHelp("The worker's own folder (./.aipm-worker).", valueName: "dir"))
  var data = "./.aipm-worker"
  @OptionGroup var sandboxing: SandboxOptions
  @OptionGroup var caching: CacheOptions
  @Flag(help: .hidden)
  var local = false
  @Option(help: .hidden)
  var hide: String?
  @Option(help: .hidden)
  var ownPort: [UInt16] = []

  func validate() throws {
    guard server != nil || serverFile != nil else {
      throw ValidationError("name the server: --server http://HOST:PORT")
    }
  }

  func run() async throws {
    Secrecy.closeToOthers()
    let settings = try Settings(
      config: nil, name: "", environment: ProcessInfo.processInfo.environment)
    let sandbox = try sandboxing.read(settings)
    let token: String
    if local {
      token = readLine(strippingNewline: true) ?? ""
    } else if let given = getenv("AIPM_TOKEN").map({ String(cString: $0) }), !given.isEmpty {
      token = given
      // The agents must not find it.
      Secrecy.forget(["AIPM_TOKEN"])
    } else {
      throw ValidationError("set AIPM_TOKEN to the worker token")
    }
    var logger = Logger(label: "aipm.worker") { StreamLogHandler.standardError(label: $0) }
    logger.logLevel = .notice
    var configuration = WorkerConfiguration(
      id: id ?? Self.hostName, dataDirectory: data,
      server: serverFile.map { .file($0) } ?? .url(server ?? ""), token: token,
      agents: nil, version: ServerProcess.version, host: Self.hostName,
      isLocal: local)
    configuration.cache = try caching.read(settings)
    configuration.sandbox = sandbox.mode
    configuration.sandboxReadable = sandbox.readable
    configuration.egress.permitted = sandbox.privateRanges
    configuration.egress.ownPorts = Set(ownPort)
    configuration.sandboxHidden = [hide].compactMap { $0 }
    do {
      _ = try await Worker.run(
        configuration, signals: WorkerSignals.terminations(), logger: logger)
    } catch let fault as FolderInUse {
      throw Failure(fault.description)
    } catch let fault as SandboxUnavailable {
      throw Failure("\(fault)")
    }
  }

  static var hostName: String {
    var name = [CChar](repeating: 0, count: 256)
    gethostname(&name, name.count - 1)
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
