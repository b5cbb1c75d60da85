// The HTTP server of the engine: the API for people and programs, the worker protocol, event
// streams and health. It decides nothing: a route reads a request, calls the engine or a view, and
// writes a response.
//
// Guarantees: a response is sent after the commit that it reports is on disk. Every error is a
// problem+json with a remedy. A request is done completely or not at all. Each
// route names the permission that its sender needs (`APIOperation`), and the sender is known by a
// token (`AccessControl`). Clients of other machines come through a trusted proxy with TLS, unless
// the operator decides otherwise (`Admission`). Foreign pages are refused (`LocalGuard`). In the
// worker protocol both sides prove their identity (`WorkerAccess`). Local workers have a separate
// unix socket.
//
// Failures: while the log accepts no events, writes get 503 and reads go on.

import Domain
import Engine
import EventLog
import ForgePort
import HTTPServing
import Hummingbird
import Logging
import OpenID
import Processes
import Projections
import Prometheus
import Telemetry
import Text
import WebUI
import Workflows

package struct ServerConfiguration: Sendable {
  /// The machines whose clients may connect.
  package enum Reach: Sendable {
    /// The server listens on loopback.
    case thisMachine
    /// This machine, and the trusted proxies of others.
    case proxies
    /// All, without TLS.
    case everybody
  }

  package var host: String
  /// 0 for a free one.
  package var port: Int
  /// The prefix of all routes, such as `/prod`; `/` is the default.
  package var basePath: String
  package var allowedOrigins: [String]
  /// The default agent of delegations; nil: the workflow's.
  package var agent: String?
  /// The most attempts if an agent fails; nil: the workflow's.
  package var attempts: Int?
  package var tokens: TokenStore
  /// Refuses requests without a token, also those of processes on this machine.
  package var requiresToken = false
  /// The address of the page as browsers name it, behind a reverse proxy, without a slash at its
  /// end; nil: no proxy is expected.
  package var publicURL: WebURL?
  /// The proxies whose word on their clients counts.
  package var proxies = TrustedProxies.none
  package var reach = Reach.thisMachine
  /// The provider that people sign in with, if the server has a `publicURL`; nil: none.
  package var signIn: OpenIDProvider?
  /// Whether people submit only to repositories that the forge lets them push to.
  package var checksPushPermission = false
  /// The folder of the unix socket of local workers; nil: no socket.
  package var socketDirectory: String?
  /// The user of local workers; nil: this one.
  package var workerUser: UnprivilegedUser?
  package var outputDirectory: String
  /// The folder for packs that are being received.
  package var incomingDirectory: String
  package var mirrorsDirectory: String
  /// The files that all servers of the store share, in place of folders of this machine; nil: none.
  package var sharedFiles: (any SharedFiles)?
  /// Whether this server writes outputs into the shared files.
  package var outputRole = OutputFiles.Role.writes
  /// Masks credentials in the agents' output.
  package var mask: SecretMask?
  /// The forge's rules for names.
  package var names: any RepositoryRules
  /// Reads the forge's webhooks; nil: they are refused.
  package var webhooks: (any WebhookReader)?
  /// Whether others than the embedded forge of this process may send webhooks. Only for the answer
  /// to a request that is not authentic.
  package var takesOutsideWebhooks = true
  /// How often the forge is asked for feedback that no webhook reported; 0: never.
  package var feedbackInterval = Milliseconds.seconds(30)
  /// The file for what was read of the forge, and the forge's address; nil: none.
  package var pollRecord: (path: String, forge: String)?
  /// The version of the program.
  package var version = ""
  /// The name of the environment, such as `production`.
  package var environmentName = ""
  /// What all traces have in common.
  package var telemetry = TelemetryResource(version: "")
  /// What other parts of the process count, for `/metrics`.
  package var moreMetrics: [any MetricFamily] = []
  /// The address under which people and git find `OWNER/REPO`; nil if it is not known.
  package var repositoriesAddress: String?
  /// `OWNER/REPO`, the default for calls of `/generate-code`.
  package var defaultRepository: String?
  /// Author and committer of workers' commits.
  package var author = CommitIdentity.standard
  /// The largest pack of a hand-in, in bytes.
  package var packLimit = Self.packBytesMax

  /// The largest pack that any workflow allows. The mirror checks it against the delegation's own
  /// workflow.
  static let packBytesMax = Workflow.Limits.packBytesMax(
    changed: Workflow.Limits.changedBytesLargest)
  /// The limits of one client and of all clients.
  package var limits = ServingLimits()
  /// What the servers of a store have in common; nil if it has one server.
  package var serversSecret: String?
  /// The number of this server's claim of the log; nil if the store has one server, or this one
  /// follows.
  package var claim: Int64?
  /// Where the active server is; nil if this is the active one.
  package var active: ActiveProxy?

  package init(
    host: String, port: Int, basePath: String, allowedOrigins: [String], agent: String?,
    attempts: Int?, tokens: TokenStore, outputDirectory: String, incomingDirectory: String,
    mirrorsDirectory: String, names: any RepositoryRules, webhooks: (any WebhookReader)?
  ) {
    self.host = host
    self.port = port
    self.basePath = basePath
    self.allowedOrigins = allowedOrigins
    self.agent = agent
    self.attempts = attempts
    self.tokens = tokens
    self.outputDirectory = outputDirectory
    self.incomingDirectory = incomingDirectory
    self.mirrorsDirectory = mirrorsDirectory
    self.names = names
    self.webhooks = webhooks
  }

  /// The base path without a trailing slash: empty for `/`.
  var basePathPrefix: String {
    var path = basePath
    while path.hasSuffix("/") { path.removeLast() }
    return path
  }
}

/// The HTTP server.
package struct Server: Sendable {
  private let context: ServerContext
  /// Reads feedback from the forge. Its `run` has to be called.
  package let feedback: FeedbackWatch
  private let logger: Logger

  package init(
    engine: Engine, catalog: WorkflowCatalog, configuration: ServerConfiguration,
    metrics: ServiceMetrics, logger: Logger
  ) {
    context = ServerContext(
      engine: engine, catalog: catalog,
      output: OutputFiles(
        directory: configuration.outputDirectory, mask: configuration.mask,
        shared: configuration.sharedFiles, role: configuration.outputRole),
      agents: AgentDirectory(), access: AccessControl(configuration), configuration: configuration,
      lifecycle: Lifecycle(),
      streams: StreamSlots(configuration.limits),
      submissionRate: AddressRateLimit(perSecond: configuration.limits.submissionsPerSecondMax),
      issueRate: AddressRateLimit(perSecond: configuration.limits.submissionsPerSecondMax),
      pushPermissions: PushPermissions(engine.forge),
      submissions: SubmissionSlots(max: configuration.limits.submissionsWaitingMax),
      metrics: metrics,
      encodedLog: EncodedLog { [store = engine.store] after, limit in
        try await store.read(after: after, limit: limit)
      }, streamSignals: StreamSignals(engine.feed), queue: QueueWatch(engine))
    self.logger = logger
    feedback = FeedbackWatch(
      context, interval: configuration.feedbackInterval, logger: logger)
  }

  /// From now on, `GET /readyz` answers that the server is ready.
  package func ready() async { await context.lifecycle.ready() }

  /// From now on, this server answers on a listener. The one before answers until then, and knows
  /// what to do with requests that this one could not answer yet.
  package func answer(on listener: ServerListener) {
    listener.answer(with: routing.router.buildResponder())
  }

  /// From now on, new work is refused.
  package func drain() async { await context.lifecycle.drain() }

  /// Removes the outputs of delegations that ended before `time`.
  /// - Throws: `StoreFault` if the log cannot be read; `SharedFileFault` if outputs cannot be
  ///   listed or removed.
  package func expireOutputs(endedBefore time: Timestamp) async throws {
    for id in try await context.output.delegations() {
      guard let row = try await context.store.delegation(.id(id))?.row, row.state.isTerminal,
        row.stateSince < time.milliseconds
      else { continue }
      _ = try await context.output.remove(id)
    }
  }

  /// Moves outputs that are only on this machine into the shared files, if the store has such. They
  /// are from before it had. It is called before the server serves.
  /// - Throws: `SharedFileFault` or `FileFault`; what was not moved stays where it is.
  package func shareOutputs() async throws {
    let left = try await context.output.shareFolder()
    for path in left {
      logger.warning("\(path) stays unread: the servers' files have another output of that name")
    }
  }

  /// Serves until the task is cancelled. Then running calls have two seconds to finish.
  /// - Parameters:
  ///   - listener: is bound already, and answers the network after `answer`; nil to bind the
  ///     address here.
  ///   - onListening: called after the socket of local workers is open, with the port; 0 if there
  ///     is a listener.
  /// - Throws: if an address cannot be bound.
  package func run(
    on listener: ServerListener? = nil,
    onListening: @escaping @Sendable (Int) async -> Void
  ) async throws {
    let (opened, isOpen) = AsyncStream.makeStream(of: Void.self)
    let socket = try context.configuration.socketDirectory.map { try WorkerSocket($0) }
    try await withThrowingTaskGroup(of: TaskEnd.self) { group in
      if let socket {
        group.addTask {
          try await serveWorkers(socket, isOpen)
          return .service
        }
      } else {
        isOpen.yield()
      }
      group.addTask {
        for await _ in opened { break }
        guard !Task.isCancelled else { return .service }
        if listener == nil {
          try await serveNetwork(onListening)
          return .service
        }
        await onListening(0)
        return .announcement
      }
      group.addTask { [access = context.access] in
        await access.watch()
        return .service
      }
      // If one service ends, the other ones must end, too.
      var ended: (any Error)?
      while let result = await group.nextResult() {
        if case .failure(let error) = result, ended == nil { ended = error }
        if case .success(.announcement) = result { continue }
        group.cancelAll()
      }
      if let ended { throw ended }
    }
  }

  /// What has ended: something that runs as long as the server, or the message that it listens.
  private enum TaskEnd { case service, announcement }

  /// Serves local workers, and reports when their socket is open.
  private func serveWorkers(
    _ socket: WorkerSocket, _ isOpen: AsyncStream<Void>.Continuation
  ) async throws {
    try await serveHTTP(
      socketRouter.buildResponder(), on: .socket(path: try socket.fresh()), name: "aipm",
      grace: .seconds(2), logger: logger
    ) { _ in
      let owner = context.configuration.workerUser
      if let fault = socket.open(owner: owner) {
        logger.error("no local worker is heard: \(fault)")
      }
      isOpen.yield()
    }
  }

  private func serveNetwork(
    _ onListening: @escaping @Sendable (Int) async -> Void
  ) async throws {
    let configuration = context.configuration
    try await serveHTTP(
      routing.router.buildResponder(), host: configuration.host, port: configuration.port,
      name: "aipm", limits: configuration.limits, grace: .seconds(2), logger: logger,
      onListening: onListening)
  }

  /// The routes of local workers.
  private var socketRouter: Router<APIContext> {
    let router = Router(context: APIContext.self)
    let methods = RouteMethods()
    router.add(
      middleware: ProblemMiddleware(
        methods: methods, meter: RequestMeter(metrics: context.metrics, names: OperationNames())))
    router.add(middleware: StartGuard(lifecycle: context.lifecycle, workers: "/worker/"))
    workerRoutes(.socket, prefix: "").add(to: router)
    methods.take(router.routes.map { ($0.path.description, $0.method) })
    return router
  }

  private func workerRoutes(_ channel: WorkerAccess.Channel, prefix: String) -> WorkerRoutes {
    let configuration = context.configuration
    return WorkerRoutes(
      server: context,
      access: WorkerAccess(tokens: configuration.tokens, channel: channel, prefix: prefix),
      fetching: FetchRoute(mirrors: configuration.mirrorsDirectory, logger: logger))
  }

  /// The values that requests may name.
  var offer: RequestOffer { RequestOffer(context) }

  /// The routes of the network, and the operations that describe them.
  var routing: (router: Router<APIContext>, operations: [APIOperation]) {
    let router = Router(context: APIContext.self, options: .autoGenerateHeadEndpoints)
    let methods = RouteMethods()
    let names = OperationNames()
    router.add(middleware: QueryMiddleware(excepted: context.path("/worker/")))
    router.add(
      middleware: ProblemMiddleware(
        methods: methods, meter: RequestMeter(metrics: context.metrics, names: names)))
    let proven = [context.path(WebhookRoutes.path), context.path("/worker/")]
    if let secret = context.configuration.serversSecret {
      router.add(middleware: PassedOnMiddleware(mark: ServerMark(secret: secret)))
    }
    router.add(
      middleware: LocalGuard(
        allowedOrigins: Set(context.configuration.allowedOrigins),
        publicURL: context.configuration.publicURL,
        acceptsAddresses: context.configuration.reach != .thisMachine, proven: proven))
    if let active = context.configuration.active {
      router.add(
        middleware: FollowerMiddleware(
          proxy: active, prefix: context.configuration.basePathPrefix))
    }
    router.add(
      middleware: Admission(
        access: context.access,
        rate: AddressRateLimit(perSecond: context.configuration.limits.requestsPerSecondMax),
        workers: context.path("/worker/"), proven: proven,
        proxies: context.configuration.proxies, reach: context.configuration.reach,
        publicURL: context.configuration.publicURL))
    router.add(
      middleware: StartGuard(
        lifecycle: context.lifecycle, workers: context.path("/worker/")))
    let prefix = context.configuration.basePathPrefix
    let base = router.group(RouterPath(prefix))
    let group = APIRouter(base)
    HealthRoutes(server: context).add(to: group)
    MetricsRoutes(server: context).add(to: group)
    SubmissionRoutes(server: context).add(to: group)
    GenerateCodeRoutes(server: context).add(to: group)
    FollowUpRoutes(server: context).add(to: group)
    PullRequestRoutes(server: context).add(to: group)
    DelegationRoutes(server: context).add(to: group)
    ChangeRoutes(server: context).add(to: group)
    OutputRoutes(server: context).add(to: group)
    LogRoutes(server: context).add(to: group)
    AuditRoutes(server: context).add(to: group)
    BundleRoutes(server: context).add(to: group)
    TraceRoutes(server: context).add(to: group)
    UpkeepRoutes(server: context).add(to: group)
    FleetRoutes(server: context).add(to: group)
    ChoiceRoutes(server: context).add(to: group)
    RepositoryRoutes(server: context).add(to: group)
    IssueRoutes(server: context).add(to: group)
    FigureRoutes(server: context).add(to: group)
    UsageRoutes(server: context).add(to: group)
    TaskRoutes(server: context).add(to: group)
    QueueRoutes(server: context).add(to: group)
    VerificationRoutes(server: context).add(to: group)
    WebhookRoutes(server: context, feedback: feedback).add(to: group)
    AccessRoutes(server: context).add(to: group)
    SignInRoutes(server: context).add(to: group)
    DescriptionRoutes(server: context).add(to: group)
    workerRoutes(.network, prefix: prefix).add(to: base)
    if let provider = context.configuration.signIn, let page = context.configuration.publicURL {
      OpenIDRoutes(server: context, provider: provider, page: page, logger: logger).add(to: base)
    }
    WebUI.add(to: base)
    methods.take(router.routes.map { ($0.path.description, $0.method) })
    names.take(group.operations, prefix: prefix)
    return (router, group.operations)
  }
}
