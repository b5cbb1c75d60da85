import Domain
import EmbeddedForge
import Engine
import EventLog
import ForgePort
import FoundationEssentials
import Mirrors
import OpenID
import Projections
import Server
import Worker
import Workflows

/// What a server is made of.
extension ServerProcess {
  func serverConfiguration(
    _ parts: Parts, _ tokens: TokenStore, _ access: ForgeAccess,
    _ store: any RunningStore
  ) throws -> ServerConfiguration {
    let folder = parts.folder
    var configuration = ServerConfiguration(
      host: options.listening.host, port: options.listening.port, basePath: options.basePath,
      allowedOrigins: options.allowedOrigins, agent: options.agent, attempts: options.attempts,
      tokens: tokens, outputDirectory: folder.path + "/output",
      incomingDirectory: folder.path + "/incoming", mirrorsDirectory: folder.path + "/mirrors",
      names: access.forge.names,
      webhooks: try webhookSecret(folder, access).map(access.forge.webhooks(secret:)))
    configuration.takesOutsideWebhooks = options.webhookSecret != nil
    configuration.socketDirectory = folder.path + "/run"
    configuration.requiresToken = options.listening.requiresToken
    configuration.publicURL = options.listening.publicURL
    configuration.proxies = options.listening.proxies
    configuration.reach = options.listening.reach
    configuration.signIn = options.openID.map {
      OpenIDProvider($0, authoritiesFile: options.forge.authoritiesFile)
    }
    configuration.checksPushPermission = options.openID?.forgeUserClaim != nil
    configuration.workerUser = options.workerUser
    configuration.mask = parts.mask
    configuration.serversSecret = try parts.listener.map { _ in
      try folder.secret(Self.serversSecret)
    }
    configuration.sharedFiles = store.files
    configuration.claim = store.claim
    configuration.feedbackInterval = options.feedbackInterval
    configuration.pollRecord = (folder.path + "/polls.json", access.forge.address)
    configuration.version = Self.version
    configuration.environmentName = options.environmentName
    configuration.limits = options.limits
    configuration.repositoriesAddress = access.forge.repositoriesAddress
    configuration.defaultRepository = options.defaultRepository
    configuration.author = options.author
    configuration.telemetry = options.deliveries.resource
    configuration.moreMetrics = [deliveryMetrics]
    return configuration
  }

  /// What webhooks are verified with: the embedded forge has a secret of its own, if none is set.
  func webhookSecret(_ folder: DataFolder, _ access: ForgeAccess) throws -> String? {
    if let secret = options.webhookSecret { return secret }
    return access.local == nil ? nil : try folder.secret("webhook-secret")
  }

  func forgeAccess(
    _ folder: DataFolder, _ mayWrite: WritePermission?,
    onExchange: @escaping ForgeExchangeObserver
  ) async throws -> ForgeAccess {
    if let forge = options.forge.adapter(
      author: options.author, mayWrite: mayWrite, onExchange: onExchange)
    {
      return ForgeAccess(forge: forge)
    }
    let token = try folder.secret("forge-token")
    let local = try await LocalForge.start(folder, token: token, logger: logger)
    let forge = options.forge.embedded(
      at: local.url, token: token, author: options.author, creation: Self.creation(folder.path),
      onExchange: onExchange)
    return ForgeAccess(forge: forge, local: local)
  }

  func makeMirrors(
    _ folder: DataFolder, _ forge: any ForgeAdapter, _ packs: (any SharedFiles)?,
    _ mayWrite: WritePermission?
  ) throws -> GitMirrors {
    var git = GitMirrors.Configuration(
      root: folder.path + "/mirrors", credential: forge.gitCredential)
    git.authoritiesFile = options.forge.authoritiesFile
    git.secrets = try credentials(folder)
    git.author = options.author
    if let mayWrite { git.mayWrite = mayWrite }
    git.packs = packs
    return GitMirrors(forge: forge.client, configuration: git)
  }

  /// The command that adds a repository to the forge of a data folder.
  static func creation(_ folder: String) -> String {
    let isStandard = folder == FileManager.default.currentDirectoryPath + "/.aipm"
    return "aipm forge create" + (isStandard ? "" : " --root \(folder)/forge")
  }

  func makeEngine(
    _ store: any RunningStore, _ forge: any ForgeAdapter, _ mirrors: GitMirrors,
    _ launcher: any WorkerLauncher, _ metrics: ServiceMetrics, workflows: [Workflow], epoch: Int64,
    stamp: Int64
  ) -> Engine {
    var configuration = EngineCore.Configuration(
      localWorkers: (0..<options.workers).map { WorkerID("worker-\($0 + 1)") }, epoch: epoch)
    configuration.capabilities = forge.capabilities
    return Engine(
      store: store, feed: store.feed, forge: forge.client, mirrors: mirrors, clock: SystemClock(),
      launcher: launcher, configuration: configuration, workflows: workflows,
      overrides: .init(
        customAgent: options.customAgent, agentTimeout: options.agentTimeout,
        budget: options.budget),
      stampMark: stamp, observer: metrics, report: { [logger] in $0.log(to: logger) })
  }
}
