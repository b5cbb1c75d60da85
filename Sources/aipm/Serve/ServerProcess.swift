// Assembles log, forge, engine, server and workers, in the order of their dependencies. They are
// stopped in the reverse order.

import Delivery
import Domain
import EmbeddedForge
import Engine
import EventLog
import ForgePort
import FoundationEssentials
import Glibc
import Logging
import Mirrors
import OpenID
import Processes
import Projections
import Server
import Stores
import Terminal
import Text
import Worker
import Workflows

struct ServerProcess: Sendable {
  static let version = "0.1.0"

  let options: ServeOptions
  /// The settings that differ from the defaults, secrets masked, for the log.
  let chosen: [(name: String, value: String)]
  let manager: ServiceManager
  let lines: LogLines
  let logger: Logger
  let deliveryMetrics = DeliveryMetrics()

  init(
    _ options: ServeOptions, chosen: [(name: String, value: String)], manager: ServiceManager
  ) {
    self.options = options
    self.chosen = chosen
    self.manager = manager
    lines = options.log.lines
    // Below this are the HTTP server's own messages, which say what the log says already.
    logger = lines.logger("aipm", level: max(options.log.level, .notice))
  }

  /// What a process has, whether it writes the log or follows it.
  struct Parts: Sendable {
    var folder: DataFolder
    var mask: SecretMask
    var eventLines: EventLines
    var metrics: ServiceMetrics
    var stop: StopRequest
    /// The address that is bound already, with its port; nil if the store has one server.
    var listener: (answers: ServerListener, port: Int)?
    /// nil if the store has one server.
    var leadership: (any Leadership)?
  }

  func run() async throws {
    let stop = StopRequest()
    let folder = try DataFolder.open(options.data)
    let driver = StoreAccess.driver(options.location(in: folder.path))
    if let election = driver.election() {
      try await serve(driver, as: election, folder, stop)
    } else {
      let parts = try parts(folder, stop)
      try await serve(driver, opening(parts), parts)
    }
  }

  /// The parts, with the secrets that the folder has by now.
  func parts(_ folder: DataFolder, _ stop: StopRequest) throws -> Parts {
    let mask = try options.mask(secrets: try credentials(folder))
    lines.use(mask)
    return Parts(
      folder: folder, mask: mask, eventLines: EventLines(lines, level: options.log.level),
      metrics: ServiceMetrics(version: Self.version, agents: agentNames), stop: stop)
  }

  /// How the log is opened.
  func opening(_ parts: Parts) -> StoreOptions {
    let viewBuilds = ViewBuildNews()
    var opening = StoreOptions(clock: { SystemClock.wall() })
    opening.acceptsRestore = options.acceptsRestore
    opening.mask = parts.mask
    opening.onCommit = {
      parts.eventLines.observe($0)
      parts.metrics.observe($0)
    }
    opening.onGroupCommit = { parts.metrics.observe($0) }
    opening.onViewBuild = { viewBuilds.take($0) }
    return opening
  }

  /// Opens the log for writing, and serves until the process is asked to stop.
  func serve(_ driver: any StoreDriver, _ opening: StoreOptions, _ parts: Parts) async throws {
    let store: any RunningStore
    do {
      store = try driver.open(opening)
    } catch {
      throw Failure("the log cannot be opened: \(error)")
    }
    try await serve(opened: store, parts)
  }

  /// Serves with an open log until the process is asked to stop, and closes it.
  func serve(opened store: any RunningStore, _ parts: Parts) async throws {
    do {
      try await serve(store, parts)
    } catch {
      await store.close()
      throw error
    }
    await store.close()
  }

  /// The agents that the workflows and flags describe.
  private var agentNames: Set<String> {
    Set(options.catalog.all.flatMap(\.agents.keys))
      .union([AgentProfile.demo.name, AgentProfile.customName])
  }

  /// All secrets of this process: they are masked in texts, and no change may contain one.
  func credentials(_ folder: DataFolder) throws -> [String] {
    options.forge.secrets
      + [options.webhookSecret, options.openID?.clientSecret].compactMap(\.self)
      + (options.store?.passwords ?? []) + options.deliveries.secrets + [
        try folder.secret("worker-token"), try folder.secret("forge-token"),
      ]
  }

  private func serve(_ store: any RunningStore, _ parts: Parts) async throws {
    let (folder, metrics) = (parts.folder, parts.metrics)
    let began = SystemClock().now()
    let mayWrite = Self.mayWrite(parts.leadership)
    let access = try await forgeAccess(folder, mayWrite) { metrics.observe($0) }
    defer { access.server?.cancel() }
    let journal = try await SystemJournal(store)
    for line in journal.refused {
      logger.warning(
        "\(line). Delegations that were requested under it fail: submit them again")
    }
    metrics.restore(try await store.repositoryUsage())
    let marks = try await store.marks()
    let epoch = try await begin(journal, after: marks.epoch, acceptedRestore: store.acceptedRestore)
    let workflows = try await journal.define(options.catalog)
    let tokens = TokenStore(data: folder.path)
    let shared = try await SharedState.begin(store.files, folder, tokens)
    do {
      try tokens.adopt(try folder.secret("worker-token"), name: "default")
    } catch let fault as TokenStore.Fault {
      throw Failure("the workers' tokens: \(fault)")
    }
    var tokenJournal = try await TokenJournal(tokens, journal)
    do throws(AppendFault) {
      try await tokenJournal.record()
    } catch {
      throw Failure("the changes of tokens could not be recorded: \(error)")
    }
    if let user = options.workerUser { try await WorkerUser.prepare(folder.path, for: user) }
    let launcher = LocalWorkers(
      data: folder.path, socketFolder: folder.path + "/run", tokens: tokens,
      grants: OperatorGrants(workflows, custom: options.customAgent),
      executable: Self.executable, sandbox: options.sandbox, cache: options.cache,
      ownPorts: [access.localURL.flatMap(LocalWorkers.port)].compactMap { $0 },
      logFormat: options.log.format, authoritiesFile: options.forge.authoritiesFile,
      user: options.workerUser)
    let mirrors = try makeMirrors(folder, access.forge, store.files, mayWrite)
    // Before the engine appends anything that they send.
    let deliveries = try await options.deliveries.prepare(
      store, folder, workflows, deliveryMetrics, logger)
    let engine = makeEngine(
      store, access.forge, mirrors, launcher, metrics, workflows: workflows, epoch: epoch,
      stamp: marks.stamp)
    let server = Server(
      engine: engine, catalog: options.catalog,
      configuration: try serverConfiguration(parts, tokens, access, store),
      metrics: metrics, logger: logger)
    try await SharedState.share(outputsOf: server)
    let (listening, heard) = AsyncStream.makeStream(of: Int.self)
    let serving = Task {
      try await server.run(on: parts.listener?.answers) {
        heard.yield(parts.listener?.port ?? $0)
      }
    }
    let bound = Task { [listening] in
      for await port in listening { return port }; return 0
    }
    let watch = Task {
      // If the address cannot be bound, no port will ever arrive.
      _ = await serving.result
      heard.finish()
    }
    defer { watch.cancel() }
    let port = await bound.value
    guard port != 0 else {
      _ = try await serving.value
      throw Failure("the server stopped before it listened")
    }
    let address = "http://\(options.listening.localHost):\(port)"
    folder.note("process \(getpid()), \(address)")
    try folder.write(address + prefix + "\n", to: "address")
    let inFlight = try await engine.start()
    try await journal.record(
      .recovered(inFlight: inFlight, duration: SystemClock().now().monotonic - began.monotonic))
    await server.ready()
    if let listener = parts.listener { server.answer(on: listener.answers) }
    if let local = access.local, let secret = try webhookSecret(folder, access) {
      try local.connect(to: "\(address)\(prefix)\(Server.webhookPath)", secret: secret)
    }
    if let forgeURL = access.localURL { Terminal.say("aipm: embedded forge on \(forgeURL)") }
    Terminal.say("aipm: listening on \(address)\(prefix)")
    manager.notify(.ready(status: "Listening on \(address)\(prefix)"))
    let news = ServeNews()
    logStart(address + prefix, folder, access, epoch: epoch, inFlight: inFlight)
    // Those of the start come after its line.
    let logging = Task { await parts.eventLines.run(store) }
    news.printAddresses(
      page: "\(address)\(prefix)/", data: folder.path,
      forge: access.localURL.map { "the embedded forge, \($0)" } ?? access.forge.address)
    let telling = Task { await news.printAgents(store, localWorkers: options.workers) }
    let aging = Task { await options.retention.run(store, server, logger) }
    let recording = Task { [tokenJournal] in
      var tokenJournal = tokenJournal
      await tokenJournal.follow(logger)
    }
    let sharing = Task { await shared?.follow(logger) }
    let collecting = Task { await mirrors.collectHourly(options.cache, store, logger) }
    let delivering = Task { await deliveries.run() }
    // What was read for the start is not needed again.
    Memory.trim()
    let reading = Task { await server.feedback.run() }
    let watching = Task { await self.watch(store) }
    defer {
      watching.cancel()
      telling.cancel()
      aging.cancel()
      recording.cancel()
      sharing.cancel()
      collecting.cancel()
      delivering.cancel()
      reading.cancel()
    }
    await stop(engine, server, serving, launcher, parts.stop)
    parts.eventLines.finish()
    await logging.value
  }

  /// The first line of the log: what runs, where, and with which settings.
  private func logStart(
    _ address: String, _ folder: DataFolder, _ access: ForgeAccess, epoch: Int64, inFlight: Int
  ) {
    lines.write(
      "aipm", .notice, "started",
      [
        ("version", .string(Self.version)), ("environment", .string(options.environmentName)),
        ("process", .integer(Int64(getpid()))),
        ("address", .string(address)), ("data", .string(folder.path)),
        ("forge", .string(access.localURL ?? access.forge.address)), ("epoch", .integer(epoch)),
        ("resumed", .integer(Int64(inFlight))),
        (
          "settings",
          .object(Dictionary(chosen.map { ($0.name, .string($0.value)) }) { first, _ in first })
        ),
      ])
    if options.listening.reach == .everybody {
      logger.warning(
        """
        --insecure-http: everybody on the network between this server and its clients can read \
        tokens, sessions and code
        """)
    }
  }

  /// The gap for a log that was restored from a backup: it may lack recent epochs, and tokens
  /// issued after the backup must not be issued again.
  private static let epochsLostMax: Int64 = 100_000

  /// Records the start.
  /// - Returns: the epoch of tokens that begins with it.
  private func begin(
    _ journal: SystemJournal, after epoch: Int64, acceptedRestore: Int64?
  ) async throws -> Int64 {
    guard let position = acceptedRestore else {
      try await journal.record(.started(epoch: epoch + 1, version: Self.version))
      return epoch + 1
    }
    // In one append: if another start was recorded meanwhile, this one fails.
    let next = epoch + 1 + Self.epochsLostMax
    try await journal.record(
      .restored(lostAfter: position), .started(epoch: next, version: Self.version))
    logger.warning("went on with a restored log: what came after position \(position) is not in it")
    return next
  }

  /// Writes into this process's log why nothing is recorded, and that it goes on, until the task is
  /// cancelled.
  private func watch(_ store: any RunningStore) async {
    var known: String?
    repeat {
      let found = store.damage
      if found != known {
        if let found {
          logger.critical("nothing is recorded: \(found)")
        } else {
          logger.notice("the log records again")
        }
      }
      known = found
    } while (try? await Task.sleep(for: .seconds(1))) != nil
  }

  var prefix: String {
    options.basePath == "/"
      ? "" : "/" + options.basePath.split(separator: "/").joined(separator: "/")
  }

  /// Waits for the first signal, then stops in order. A second signal ends the process at once.
  private func stop(
    _ engine: Engine, _ server: Server, _ serving: Task<Void, any Error>,
    _ launcher: LocalWorkers, _ request: StopRequest
  ) async {
    await request.wait()
    manager.notify(.stopping)
    logger.notice("stopping")
    await server.drain()
    await engine.drain()
    if options.stopWorkers { await launcher.halt(limit: .seconds(8)) }
    // Idle workers learn of it by their poll. Running effects may finish.
    await engine.settle(limit: .seconds(10))
    await engine.stop()
    serving.cancel()
    _ = await serving.result
  }

  /// The path of this program, for child processes.
  static var executable: String {
    (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
      ?? CommandLine.arguments[0]
  }
}
