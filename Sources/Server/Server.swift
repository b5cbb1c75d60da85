// The server: the HTTP door to the engine. The API that people and programs use, the worker
// protocol, streams of events, and health. It decides nothing: a route reads a request, asks the
// engine or a view, and writes an answer.
//
// What it promises: an answer is given after the commit that it speaks of is on disk; every fault
// is a problem+json that says what to do; a request leaves nothing half done. As long as there are
// no API tokens it listens on loopback only, and keeps other sites' pages out (`LocalGuard`); in
// the worker protocol both sides prove themselves (`WorkerAccess`), local workers over a socket of
// their own.
//
// How it fails: while the log takes no events, writes answer 503 and reads go on.

import Domain
import Engine
import EventLog
import ForgePort
import HTTPServing
import Hummingbird
import Logging
import Processes
import Projections
import WebUI
import Workflows

package struct ServerConfiguration: Sendable {
  package var host: String
  /// 0: a free one.
  package var port: Int
  /// Where the routes stand, such as `/prod`; `/` is the default.
  package var basePath: String
  package var allowedOrigins: [String]
  /// The agent of delegations that name none; nil: the workflow's.
  package var agent: String?
  /// The attempts of an agent that fails; nil: the workflow's.
  package var attempts: Int?
  /// The tokens that workers prove.
  package var tokens: TokenStore
  /// The folder of the unix socket of local workers; nil: there are none.
  package var socketDirectory: String?
  /// The user that local workers run as; nil: this one.
  package var workerUser: UnprivilegedUser?
  package var outputDirectory: String
  /// For packs on their way in.
  package var incomingDirectory: String
  package var mirrorsDirectory: String
  /// Strikes credentials out of the agents' output.
  package var mask: SecretMask?
  /// The forge's rules for names.
  package var names: any RepositoryRules
  /// Reads the forge's webhooks; nil: they are refused.
  package var webhooks: (any WebhookReader)?
  /// The version of the program.
  package var version = ""
  /// `OWNER/REPO` for calls of `/generate-code` that name none.
  package var defaultRepository: String?
  /// Author and committer of the commits that workers make.
  package var author = CommitIdentity.standard
  /// The largest pack of a hand-in, in bytes.
  package var packLimit = Self.packBytesMax

  /// The largest pack that some workflow may allow; the mirror holds it against its own workflow's.
  static let packBytesMax = Workflow.Limits.packBytesMax(
    changed: Workflow.Limits.changedBytesLargest)
  /// What one client, and all of them, may take.
  package var limits = ServingLimits()

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

  /// The base path without a slash at its end: empty for `/`.
  var basePathPrefix: String {
    var path = basePath
    while path.hasSuffix("/") { path.removeLast() }
    return path
  }
}

/// The HTTP server.
package struct Server: Sendable {
  private let context: ServerContext
  private let logger: Logger

  package init(
    engine: Engine, catalog: WorkflowCatalog, configuration: ServerConfiguration, logger: Logger
  ) {
    context = ServerContext(
      engine: engine, catalog: catalog,
      output: OutputFiles(
        directory: configuration.outputDirectory, mask: configuration.mask),
      agents: AgentDirectory(), configuration: configuration, lifecycle: Lifecycle(),
      streams: StreamSlots(configuration.limits),
      submissionRate: AddressRateLimit(perSecond: configuration.limits.submissionsPerSecondMax),
      submissions: SubmissionSlots(max: configuration.limits.submissionsWaitingMax),
      encodedLog: EncodedLog { [store = engine.store] after, limit in
        try await store.read(after: after, limit: limit)
      })
    self.logger = logger
  }

  /// `GET /readyz` says so from now on.
  package func ready() async { await context.lifecycle.ready() }

  /// New work is refused from now on.
  package func drain() async { await context.lifecycle.drain() }

  /// Takes the outputs of delegations away that ended before `time`.
  /// - Throws: `StoreFault` where the log cannot be read.
  package func expireOutputs(endedBefore time: Timestamp) async throws(StoreFault) {
    for id in await context.output.delegations() {
      guard let row = try await context.store.delegation(.id(id))?.row, row.state.isTerminal,
        row.stateSince < time.milliseconds
      else { continue }
      _ = await context.output.remove(id)
    }
  }

  /// Serves until the task is cancelled; calls under way are then let finish, for two seconds.
  /// - Parameter onListening: told the port, once local workers are heard too.
  /// - Throws: where an address cannot be bound.
  package func run(onListening: @escaping @Sendable (Int) async -> Void) async throws {
    let (opened, isOpen) = AsyncStream.makeStream(of: Void.self)
    let socket = try context.configuration.socketDirectory.map { try WorkerSocket($0) }
    try await withThrowingTaskGroup(of: Void.self) { group in
      if let socket {
        group.addTask { try await serveWorkers(socket, isOpen) }
      } else {
        isOpen.yield()
      }
      group.addTask {
        for await _ in opened { break }
        guard !Task.isCancelled else { return }
        try await serveNetwork(onListening)
      }
      // Whichever ends first, the other is of no use.
      var ended: (any Error)?
      while let result = await group.nextResult() {
        if case .failure(let error) = result, ended == nil { ended = error }
        group.cancelAll()
      }
      if let ended { throw ended }
    }
  }

  /// Serves local workers, and says when they are heard.
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

  /// What local workers reach, and nothing else.
  private var socketRouter: Router<APIContext> {
    let router = Router(context: APIContext.self)
    let methods = RouteMethods()
    router.add(middleware: ProblemMiddleware(methods: methods))
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

  /// What requests may name.
  var offer: RequestOffer { RequestOffer(context) }

  /// What the network reaches, and the operations that describe it.
  var routing: (router: Router<APIContext>, operations: [APIOperation]) {
    let router = Router(context: APIContext.self, options: .autoGenerateHeadEndpoints)
    let methods = RouteMethods()
    router.add(middleware: QueryMiddleware(excepted: context.path("/worker/")))
    router.add(middleware: ProblemMiddleware(methods: methods))
    router.add(
      middleware: LocalGuard(
        allowedOrigins: Set(context.configuration.allowedOrigins),
        proven: [context.path(WebhookRoutes.path), context.path("/worker/")]))
    router.add(
      middleware: RateGuard(
        limit: AddressRateLimit(perSecond: context.configuration.limits.requestsPerSecondMax),
        excepted: context.path("/worker/")))
    router.add(
      middleware: StartGuard(
        lifecycle: context.lifecycle, workers: context.path("/worker/")))
    let prefix = context.configuration.basePathPrefix
    let base = router.group(RouterPath(prefix))
    let group = APIRouter(base)
    HealthRoutes(server: context).add(to: group)
    SubmissionRoutes(server: context).add(to: group)
    GenerateCodeRoutes(server: context).add(to: group)
    DelegationRoutes(server: context).add(to: group)
    OutputRoutes(server: context).add(to: group)
    LogRoutes(server: context).add(to: group)
    AuditRoutes(server: context).add(to: group)
    BundleRoutes(server: context).add(to: group)
    UpkeepRoutes(server: context).add(to: group)
    FleetRoutes(server: context).add(to: group)
    ChoiceRoutes(server: context).add(to: group)
    FigureRoutes(server: context).add(to: group)
    VerificationRoutes(server: context).add(to: group)
    WebhookRoutes(server: context).add(to: group)
    DescriptionRoutes(server: context).add(to: group)
    workerRoutes(.network, prefix: prefix).add(to: base)
    WebUI.add(to: base)
    methods.take(router.routes.map { ($0.path.description, $0.method) })
    return (router, group.operations)
  }
}
