import ArgumentParser
import Domain
import EventLog
import FoundationEssentials
import Glibc
import HTTPServing
import NetworkRules
import OpenID
import Processes
import Projections
import Server
import Telemetry
import Text
import Worker
import Workflows

struct Serve: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve",
    abstract: "The API, the web page, the engine, and its local workers.",
    discussion: """
      Everything that AIPM keeps is under the data folder. Stop it with SIGTERM or Ctrl-C: \
      workers that are busy go on and are picked up by the next start; a second signal stops at \
      once.

      Options with a value, but --config and --env, are also keys of the configuration file \
      (port: 8080) and environment variables (AIPM_PORT); a flag goes before the variable, that \
      before the file. `aipm config show` prints the effective values and their sources.

      The forge's credential comes from AIPM_GITHUB_TOKEN, or from AIPM_GITHUB_APP_ID, \
      AIPM_GITHUB_APP_KEY_FILE and AIPM_GITHUB_APP_INSTALLATION_ID. Without one the embedded \
      forge is used. A systemd unit can pass a secret as a credential instead, such as \
      github-token. `aipm doctor` checks all this.

      Examples:
        aipm serve
        AIPM_GITHUB_TOKEN=… aipm serve --workers 4
        aipm serve --agent command --agent-command 'my-agent --fast'
      """)

  @Option(
    help: ArgumentHelp("The folder that AIPM keeps everything in (./.aipm).", valueName: "dir"))
  var data: String?
  @Option(
    help: ArgumentHelp(
      "Where the log is: postgresql://USER@HOST/DATABASE, without a password (an SQLite database "
        + "in the data folder).", valueName: "url"))
  var store: String?
  @Option(
    help: ArgumentHelp(
      "Where the other servers of the same PostgreSQL reach this one (http://HOST:PORT).",
      valueName: "url"))
  var ownURL: String?
  @OptionGroup var listening: ListenOptions
  @OptionGroup var limiting: LimitOptions
  @OptionGroup var budgeting: BudgetOptions
  @OptionGroup var logging: LogOptions
  @Option(help: ArgumentHelp("How many local worker processes (2).", valueName: "number"))
  var workers: Int?
  @Option(help: "The agent of delegations that name none (the workflow's first that is installed).")
  var agent: String?
  @Option(
    help: ArgumentHelp(
      "The program of --agent command, with arguments; no shell runs it.", valueName: "words"))
  var agentCommand: String?
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Variables that the agent may see.", valueName: "name"))
  var agentEnv: [String] = []
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Hosts that the agent of --agent command may reach: names, *.NAME, NAME:PORT, or npm pypi "
        + "crates go maven debian github; public for every public host (none).",
      valueName: "host"))
  var agentAllow: [String] = []
  @Option(
    help: ArgumentHelp(
      "The limit of one generation, such as 10m (the workflow's).", valueName: "time"))
  var agentTimeout: String?
  @Option(
    help: ArgumentHelp(
      "How many generations an agent that fails gets (the workflow's).", valueName: "number"))
  var attempts: Int?
  @OptionGroup var sandboxing: SandboxOptions
  @OptionGroup var caching: CacheOptions
  @OptionGroup var asUser: WorkerUserOption
  @OptionGroup var configured: ConfigurationOptions
  @Option(help: ArgumentHelp("The prefix of all routes, such as /prod (/).", valueName: "path"))
  var basePath: String?
  @OptionGroup var signingIn: OpenIDOptions
  @OptionGroup var notifying: NotifyOptions
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Origins of other pages that may use the API.", valueName: "origin"))
  var allowOrigin: [String] = []
  @Option(help: "local or github (github if a credential is set).")
  var forge: String?
  @Option(
    help: ArgumentHelp(
      "How often the forge is asked for feedback that no webhook reported; 0s for never (30s).",
      valueName: "time"))
  var feedbackInterval: String?
  @Option(
    help: ArgumentHelp(
      "How long the output of delegations that ended is kept, such as 90d (for ever).",
      valueName: "time"))
  var keepOutput: String?
  @Option(
    help: ArgumentHelp(
      "How long their text is kept in the log, such as 365d (for ever).", valueName: "time"))
  var keepWords: String?
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "What else is masked before it is stored, besides known tokens.", valueName: "regex"))
  var maskPatterns: [String] = []
  @Option(
    help: ArgumentHelp(
      "Author and committer of the commits that AIPM makes (\(CommitIdentity.standard)).",
      valueName: "name <address>"))
  var commitAuthor: String?
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Variables without which the server does not start, such as AIPM_WEBHOOK_SECRET (none).",
      valueName: "variable"))
  var require: [String] = []
  @Flag(help: "Go on with a log that is older than it once was: a backup that was restored.")
  var acceptRestore = false
  @Option(
    help: ArgumentHelp(
      "The pace of calls: github keeps to what github.com asks for, none goes as fast as it can "
        + "(github on github.com, else none).", valueName: "github|none"))
  var forgePace: String?
  @Flag(help: "On a stop, end workers that are busy as well.")
  var stopWorkers = false

  /// The settings among the flags.
  var given: GivenFlags {
    var flags = GivenFlags()
    flags.put(.data, data)
    flags.put(.store, store)
    flags.put(.ownURL, ownURL)
    flags.put(.workers, workers)
    flags.put(.agent, agent)
    flags.put(.agentCommand, agentCommand)
    flags.put(.agentEnv, agentEnv)
    flags.put(.agentAllow, agentAllow)
    flags.put(.agentTimeout, agentTimeout)
    flags.put(.attempts, attempts)
    flags.put(.basePath, basePath)
    flags.put(.allowOrigin, allowOrigin)
    flags.put(.feedbackInterval, feedbackInterval)
    flags.put(.keepOutput, keepOutput)
    flags.put(.keepWords, keepWords)
    flags.put(.maskPatterns, maskPatterns)
    flags.put(.commitAuthor, commitAuthor)
    flags.put(.forge, forge)
    flags.put(.require, require)
    flags.put(.forgePace, forgePace)
    listening.put(into: &flags)
    limiting.put(into: &flags)
    budgeting.put(into: &flags)
    logging.put(into: &flags)
    signingIn.put(into: &flags)
    notifying.put(into: &flags)
    sandboxing.put(into: &flags)
    caching.put(into: &flags)
    asUser.put(into: &flags)
    return flags
  }

  /// The effective value of each setting.
  /// - Throws: `ValidationError` if the configuration file is invalid.
  func settings() throws -> Settings {
    try configured.settingsOrFailure(flags: given)
  }

  /// The checked settings.
  /// - Throws: `ValidationError` with a remedy.
  func options(_ settings: Settings) throws -> ServeOptions {
    do {
      return try ServeOptions(self, settings: settings)
    } catch let fault as Settings.Fault {
      throw ValidationError(fault.description)
    } catch let faults as WorkflowFaults {
      throw ValidationError("\(faults)")
    }
  }

  func run() async throws {
    Secrecy.closeToOthers()
    Descriptors.raise()
    Memory.configure()
    let settings = try settings()
    let options = try options(settings)
    let chosen = try EffectiveSettings(settings).chosen
    let manager = ServiceManager(environment: ProcessInfo.processInfo.environment)
    // Workers and agents get none of them.
    Secrecy.forget(
      EffectiveSettings.secretVariables + TelemetrySettings.secretVariables
        + [Setting.store.variable, ServiceManager.variable, ServiceCredentials.variable])
    if options.workers > 0, options.sandbox.mode == .on,
      let fault = await Sandbox.examine().fault
    {
      throw Failure(
        "\(SandboxUnavailable(fault)) To run agents without walls, on this machine and its "
          + "network as your user: --sandbox off")
    }
    if options.workers > 0, options.sandbox.mode == .on, let user = options.workerUser,
      let fault = await WorkerUser.sandboxFault(user)
    {
      throw Failure("\(fault). \(WorkerUser.sandboxHint)")
    }
    do {
      try await ServerProcess(options, chosen: chosen, manager: manager).run()
    } catch let fault as DataFolder.Fault {
      throw Failure(fault.description)
    } catch let fault as ListenFault {
      throw Failure(fault.description)
    }
  }
}

/// The effective settings of `aipm serve`.
struct ServeOptions: Sendable {
  /// `development`, `production`, or another section of the configuration file.
  var environmentName: String
  var data: String
  /// The address of a database server; nil: the log is in the data folder.
  var store: StoreAddress?
  /// Where other servers of the store reach this one, without a slash at its end; nil for the
  /// standard.
  var ownURL: String?
  var listening: ListenOptions.Chosen
  var limits: ServingLimits
  var budget: Budget
  var log: LogOptions.Chosen
  var workers: Int
  var agent: String?
  var customAgent: AgentProfile?
  var agentTimeout: Milliseconds?
  var attempts: Int?
  var catalog: WorkflowCatalog
  var basePath: String
  /// The provider that people sign in with; nil if none is configured.
  var openID: OpenIDSettings?
  var allowedOrigins: [String]
  var forge: ForgeSettings
  /// The secret that signs the forge's webhooks; nil: webhooks are refused.
  var webhookSecret: String?
  var stopWorkers: Bool
  var acceptsRestore: Bool
  var retention: Retention
  var feedbackInterval: Milliseconds
  var maskPatterns: [String]
  var sandbox: SandboxOptions.Chosen
  var cache: CacheLimits
  /// The user of workers; nil: this user.
  var workerUser: UnprivilegedUser?
  /// `OWNER/REPO`
  var defaultRepository: String?
  var deliveries: DeliveryOptions
  var author: CommitIdentity

  init(_ flags: Serve, settings: Settings) throws {
    try settings.checkRequired()
    environmentName = settings.environmentName
    data = settings.text(.data) ?? Setting.data.standard
    store = try settings.storeAddress()
    ownURL = try settings.value(.ownURL, form: "write http://HOST:PORT") { text in
      let plain = text.hasSuffix("/") ? String(text.dropLast()) : text
      return WebURL(plain).flatMap { $0.path.isEmpty && $0.query == nil ? plain : nil }
    }
    listening = try ListenOptions.read(settings)
    limits = try flags.limiting.read(settings)
    budget = try flags.budgeting.read(settings)
    // The connections of proxies and of other servers are those of all their clients.
    if listening.reach != .everybody, listening.reach == .proxies || store != nil {
      limits.connectionsPerClientMax = limits.connectionsMax
    }
    log = try LogOptions.read(settings)
    workers = try settings.integer(.workers, in: 0...256) ?? 2
    agent = settings.text(.agent)
    agentTimeout = try settings.value(.agentTimeout, form: Quantity.durationForm) {
      Quantity.duration($0)
    }
    attempts = try settings.integer(.attempts, in: 1...100)
    catalog = try flags.configured.catalog(settings)
    basePath = settings.text(.basePath) ?? Setting.basePath.standard
    guard basePath.hasPrefix("/") else {
      throw Settings.Fault(description: "--base-path is \(basePath): begin it with /")
    }
    openID = try OpenIDSettings.read(settings, publicURL: listening.publicURL)
    allowedOrigins = settings.list(.allowOrigin)
    forge = try ForgeSettings(settings)
    if forge.kind == .local, settings.find(.forge) == nil,
      environmentName != ConfigurationFile.standardSection
    {
      throw Settings.Fault(
        description: "the environment \(environmentName) has no forge: set AIPM_GITHUB_TOKEN or a "
          + "GitHub App's variables, or write forge: local for the embedded forge")
    }
    webhookSecret = settings.secret("AIPM_WEBHOOK_SECRET")
    stopWorkers = flags.stopWorkers
    acceptsRestore = flags.acceptRestore
    feedbackInterval =
      try settings.value(.feedbackInterval, form: Quantity.durationForm) {
        Quantity.duration($0)
      } ?? .seconds(30)
    retention = Retention(
      output: try settings.value(.keepOutput, form: Quantity.durationForm) {
        Quantity.duration($0)
      },
      words: try settings.value(.keepWords, form: Quantity.durationForm) {
        Quantity.duration($0)
      })
    maskPatterns = settings.list(.maskPatterns)
    sandbox = try flags.sandboxing.read(settings)
    cache = try flags.caching.read(settings)
    workerUser = try flags.asUser.read(settings)
    defaultRepository = try settings.value(.defaultRepo, form: "write OWNER/REPO") {
      RepositoryName($0).flatMap { $0.isValid ? $0.description : nil }
    }
    author = try CommitIdentity.read(settings)
    deliveries = try DeliveryOptions(settings, authoritiesFile: forge.authoritiesFile)
    _ = try mask(secrets: [])
    customAgent = try Self.customAgent(settings)
    try checkAgent()
  }

  private static func customAgent(_ settings: Settings) throws -> AgentProfile? {
    let names = settings.list(.agentEnv)
    for name in names {
      if let fault = AgentProfile.environmentFault(name) {
        throw Settings.Fault(description: "--agent-env: \(fault.message); \(fault.instead)")
      }
    }
    let network: NetworkPolicy
    do throws(NetworkFault) {
      network = try .named(settings.list(.agentAllow))
    } catch {
      throw Settings.Fault(description: "--agent-allow: \(error)")
    }
    return try settings.value(.agentCommand, form: "write a program and its arguments") { line in
      let words = try ShellWords.split(line)
      return words.isEmpty
        ? nil
        : AgentProfile.custom(
          command: words, environment: names, network: network)
    }
  }

  /// Masks these credentials, and matches of the configured patterns.
  func mask(secrets: [String]) throws -> SecretMask {
    do throws(SecretMask.Fault) {
      return try SecretMask(secrets: secrets, patterns: maskPatterns)
    } catch {
      throw Settings.Fault(description: "--mask-patterns: \(error)")
    }
  }

  private func checkAgent() throws {
    if agent == AgentProfile.customName, customAgent == nil {
      throw Settings.Fault(
        description: "--agent command needs --agent-command 'PROGRAM ARG …'")
    }
    guard let agent, agent != AgentProfile.customName else { return }
    let known = Set(catalog.all.flatMap(\.agents.keys))
    guard known.contains(agent) else {
      throw Settings.Fault(
        description: "--agent is \(agent), which no workflow describes; write one of: "
          + (known.sorted() + [AgentProfile.customName]).joined(separator: ", "))
    }
  }
}

extension CommitIdentity {
  /// The author of AIPM's commits.
  static func read(_ settings: Settings) throws -> CommitIdentity {
    try settings.value(.commitAuthor, form: "write NAME <ADDRESS>") { CommitIdentity($0) }
      ?? .standard
  }
}
