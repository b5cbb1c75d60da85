// The server: the HTTP door to the engine. The API that people and programs use, the worker
// protocol, streams of events, and health. It decides nothing: a route reads a request, asks the
// engine or a view, and writes an answer.
//
// What it promises: an answer is given after the commit that it speaks of is on disk; every fault
// is a problem+json that says what to do; a request leaves nothing half done. As long as there are
// no API tokens it listens on loopback only, and keeps other sites' pages out (`LocalGuard`); the
// worker protocol has its own token.
//
// How it fails: while the log takes no events, writes answer 503 and reads go on.

import Domain
import Engine
import EventLog
import GitBackend
import HTTPServing
import Hummingbird
import Logging
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
  package var workerToken: String
  package var outputDirectory: String
  /// For packs on their way in.
  package var incomingDirectory: String
  package var mirrorsDirectory: String
  /// Strikes credentials out of the agents' output.
  package var mask: SecretMask?
  /// What the forge signs its webhooks with; nil: they are refused.
  package var webhookSecret: String?
  /// `OWNER/REPO` for calls of `/generate-code` that name none.
  package var defaultRepository: String?
  /// The largest pack of a hand-in, in bytes.
  package var packLimit = 512 << 20

  package init(
    host: String, port: Int, basePath: String, allowedOrigins: [String], agent: String?,
    attempts: Int?, workerToken: String, outputDirectory: String, incomingDirectory: String,
    mirrorsDirectory: String, webhookSecret: String?
  ) {
    self.host = host
    self.port = port
    self.basePath = basePath
    self.allowedOrigins = allowedOrigins
    self.agent = agent
    self.attempts = attempts
    self.workerToken = workerToken
    self.outputDirectory = outputDirectory
    self.incomingDirectory = incomingDirectory
    self.mirrorsDirectory = mirrorsDirectory
    self.webhookSecret = webhookSecret
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
      agents: AgentDirectory(), configuration: configuration, lifecycle: Lifecycle())
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
  /// - Parameter onListening: told the port.
  /// - Throws: where the address cannot be bound.
  package func run(onListening: @escaping @Sendable (Int) async -> Void) async throws {
    let configuration = context.configuration
    try await serveHTTP(
      router.buildResponder(), host: configuration.host, port: configuration.port, name: "aipm",
      grace: .seconds(2), logger: logger, onListening: onListening)
  }

  private var router: Router<APIContext> {
    let router = Router(context: APIContext.self)
    router.add(middleware: ProblemMiddleware())
    router.add(
      middleware: LocalGuard(
        allowedOrigins: Set(context.configuration.allowedOrigins),
        signed: [context.path(WebhookRoutes.path)]))
    router.add(
      middleware: StartGuard(
        lifecycle: context.lifecycle, workers: context.path("/worker/")))
    let prefix = context.configuration.basePathPrefix
    let group = router.group(RouterPath(prefix))
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
    WorkerRoutes(server: context, git: GitBackend(logger: logger)).add(to: group)
    WebUI.add(to: group)
    return router
  }
}
