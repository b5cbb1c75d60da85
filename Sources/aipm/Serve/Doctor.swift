import ArgumentParser
import Domain
import EventLog
import ForgePort
import FoundationEssentials
import Glibc
import Processes
import Projections
import Stores
import Terminal
import Text
import Worker
import WorkerProtocol
import Workflows

struct Doctor: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Checks git, agents, the forge and its credential, disk, clock and configuration.",
    discussion: """
      It reads the same environment and configuration file as `aipm serve`, changes nothing, and \
      shows a remedy for each fault. Exit code 1 if something would keep AIPM from working.

      Examples:
        aipm doctor
        AIPM_GITHUB_TOKEN=… aipm doctor --repo acme/tools
      """)

  @Option(help: ArgumentHelp("Check the rights on this repository too.", valueName: "owner/repo"))
  var repo: String?
  @Option(
    help: ArgumentHelp("The folder that AIPM keeps everything in (./.aipm).", valueName: "dir"))
  var data: String?
  @OptionGroup var sandboxing: SandboxOptions
  @OptionGroup var asUser: WorkerUserOption
  @OptionGroup var configured: ConfigurationOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    var repository: RepositoryName?
    if let repo {
      guard let name = RepositoryName(repo) else {
        throw ValidationError("--repo is \(repo.safe()): write OWNER/REPO")
      }
      repository = name
    }
    let findings = await examine(repository)
    let isWell = !findings.contains { $0.verdict == .bad }
    if output.json {
      let items = findings.map(\.json)
      JSONValue.object(["ok": .bool(isWell), "checks": .array(items)]).printLine()
    } else {
      for finding in findings { finding.show() }
    }
    if !isWell { throw ExitCode(Failure.Code.failed.rawValue) }
  }

  private func examine(_ repository: RepositoryName?) async -> [Finding] {
    let environment = ProcessInfo.processInfo.environment
    var findings = await Self.git()
    do {
      var flags = GivenFlags()
      flags.put(.data, data)
      sandboxing.put(into: &flags)
      asUser.put(into: &flags)
      let settings = try configured.settings(environment, flags: flags)
      let catalog = try configured.catalog(settings)
      findings.append(Self.configuration(settings))
      let folder = settings.text(.data) ?? Setting.data.standard
      findings.append(Self.disk(folder))
      let location = try settings.storeLocation(in: folder)
      findings += await StoreAccess.driver(location).examine().map { Finding($0) }
      findings += await Self.log(location)
      findings += await Self.agents(catalog, sandbox: try sandboxing.read(settings).mode)
      findings += await Self.sandbox(try sandboxing.read(settings).mode)
      findings.append(await Self.user(try asUser.read(settings)))
      findings += await Self.forge(
        try ForgeSettings(settings), repository, data: folder)
      if let finding = await Self.signIn(settings) { findings.append(finding) }
      findings += await Self.notifications(settings)
    } catch {
      findings.append(
        .bad("configuration", "\(error)", nil))
    }
    return findings
  }

  /// Whether `aipm serve` would accept every setting.
  private static func configuration(_ settings: Settings) -> Finding {
    do {
      _ = try Serve.parse([]).options(settings)
      return .good("configuration", "can be read, and aipm serve takes every setting")
    } catch let wrong as ValidationError {
      return .bad("configuration", wrong.message, nil)
    } catch {
      return .bad("configuration", "\(error)", nil)
    }
  }

  // MARK: This machine

  /// The first version that reads settings from the environment.
  private static let gitVersionMin = [2, 31]

  private static func git() async -> [Finding] {
    guard let result = try? await Git.run(["--version"], timeout: .seconds(10)),
      let path = try? await Git.run(["--exec-path"], timeout: .seconds(10))
    else {
      return [.bad("git", "git cannot be run", "Install git, 2.31 or newer.")]
    }
    let version = result.trimmedOutput.split(separator: " ").dropFirst(2).first ?? ""
    let numbers = version.split(separator: ".").prefix(2).compactMap { Int($0) }
    guard !numbers.lexicographicallyPrecedes(gitVersionMin) else {
      return [.bad("git", "version \(version) is too old", "Install git, 2.31 or newer.")]
    }
    guard access("\(path.trimmedOutput)/git-http-backend", X_OK) == 0 else {
      return [
        .bad(
          "git", "git-http-backend is missing: workers fetch through it",
          "Install the whole of git, not a reduced package.")
      ]
    }
    return [.good("git", "version \(version)")]
  }

  private static func disk(_ path: String) -> Finding {
    // Missing folders will be made in the nearest existing one.
    var folder = path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
    while access(folder, F_OK) != 0, let slash = folder.lastIndex(of: "/"), folder != "/" {
      folder = slash == folder.startIndex ? "/" : String(folder[..<slash])
    }
    guard access(folder, W_OK) == 0 else {
      return .bad(
        "disk", "\(folder) cannot be written", "Give another folder with --data, or the right.")
    }
    var facts = statvfs()
    guard statvfs(folder, &facts) == 0 else {
      return .bad("disk", "\(folder): \(SystemWords.of(errno))", nil)
    }
    let free = (UInt64(facts.f_bavail) * UInt64(facts.f_frsize)) >> 20
    let detail = "\(free) MiB are free for \(path)"
    if free < 100 { return .bad("disk", detail, "Make room: the log needs it.") }
    guard free < 1024 else { return .good("disk", detail) }
    return .poor("disk", detail, "Make room soon.")
  }

  /// Streams that a server would ignore.
  private static func log(_ location: StoreLocation) async -> [Finding] {
    do {
      let unfit = try await StoreAccess.driver(location).reader().unfitStreams()
      if unfit.isEmpty { return [.good("log", "it can be read, and nothing is in quarantine")] }
      return unfit.prefix(unfitShownMax).map {
        .poor(
          "log", "\($0.stream) is in quarantine, and nothing more is done with it: \($0.reason)",
          "`aipm verify` shows where the log is damaged. Put the latest backup back, or submit the "
            + "delegation again.")
      }
    } catch is NoLog {
      return []
    } catch {
      let message = (error as? StoreFault)?.message ?? "\(error)"
      return [.poor("log", message, "`aipm verify` says more.")]
    }
  }

  private static let unfitShownMax = 20

  private static func sandbox(_ mode: Sandbox.Mode) async -> [Finding] {
    guard mode != .off else {
      return [
        .poor(
          "sandbox", "switched off: agents see what this user sees",
          "Leave --sandbox away, or write --sandbox on.")
      ]
    }
    let found = await Sandbox.examine()
    let walls = found.walls.map { wall -> Finding in
      let subject = "sandbox, \(wall.name)"
      return wall.works
        ? .good(subject, wall.detail)
        : .bad(subject, "not kept from agents", "See above for what bubblewrap needs here.")
    }
    guard let fault = found.fault else {
      let detail = "bubblewrap works: agents see their tree and the system's programs"
      return [.good("sandbox", detail)] + walls
    }
    let detail = "does not work here: \(fault.reason)"
    let finding: Finding =
      mode == .on
      ? .bad("sandbox", detail, fault.hint)
      : .poor("sandbox", "\(detail); agents see what this user sees", fault.hint)
    return [finding] + walls
  }

  /// The user of workers and agents.
  private static func user(_ user: UnprivilegedUser?) async -> Finding {
    guard let user else {
      let name = getpwuid(geteuid()).map { String(cString: $0.pointee.pw_name) }
      return .good("user", "workers and agents run as this user, \(name ?? "\(geteuid())")")
    }
    let detail = "workers and agents run as \(user.name) (\(user.id)), not as root"
    if let fault = await WorkerUser.sandboxFault(user) {
      return .poor("user", "\(detail), and \(fault)", WorkerUser.sandboxHint)
    }
    guard await !WorkerUser.canMount else { return .good("user", detail) }
    return .poor(
      "user", "\(detail), and cannot be shown what stands below folders that only root may enter",
      "Put the data folder and the agents' programs where everybody may enter, or start the "
        + "container with the capability SYS_ADMIN.")
  }

  // MARK: Agents

  /// The agents that a local worker would find, with the agents' HOME.
  private static func agents(
    _ catalog: WorkflowCatalog, sandbox: Sandbox.Mode
  ) async -> [Finding] {
    var profiles: [String: AgentProfile] = [:]
    for workflow in catalog.all { profiles.merge(workflow.agents) { first, _ in first } }
    var preferred = Set(catalog.all.flatMap(\.agentPreference))
    preferred.remove(AgentProfile.demo.name)
    let fault = await Sandbox.examine().fault
    let isWalled = sandbox != .off && fault == nil
    // The checks must change nothing, so they have a temporary folder.
    let search = AgentSearch(
      home: FileManager.default.temporaryDirectory.path + "/aipm-doctor-\(getpid())",
      sandbox: isWalled ? Sandbox() : nil)
    defer { try? FileManager.default.removeItem(atPath: search.home) }
    let found = await search.look(
      for: profiles.values.sorted { $0.name < $1.name }.map { AgentInquiry($0) })
    // If one is ready, the others are not needed.
    let isServed = found.contains { preferred.contains($0.name) && $0.state == .ready }
    let first = isServed ? [] : Set(catalog.all.compactMap(\.agentPreference.first))
    return found.map { finding($0, isWanted: first.contains($0.name)) }
  }

  private static func finding(_ found: AgentFinding, isWanted: Bool) -> Finding {
    let subject = "agent \(found.name)"
    switch found.state {
    case .ready:
      return .good(subject, found.detail + (found.keys?.text.map { "; \($0)" } ?? ""))
    case .notInstalled:
      return Finding(
        subject: subject, verdict: isWanted ? .poor : .absent, detail: found.detail,
        hint: isWanted ? "Install it, or choose another agent with --agent." : nil)
    case .notSignedIn, .failing, .unknown:
      return .poor(subject, found.detail, "Until then no delegation goes to it.")
    }
  }

  // MARK: The forge

  /// If the log's events are later than the clock, every new event would get the last one's time.
  private static func clock(data: String) -> Finding {
    let now = SystemClock.wall()
    var facts = stat()
    if stat("\(data)/aipm.db", &facts) == 0 {
      let ahead = Int64(facts.st_mtim.tv_sec) - now.milliseconds / 1000
      if ahead > clockSkewMaxSeconds {
        return .poor(
          "clock", "it is \(ahead) s behind the last change of the log",
          "Set the clock: events cannot be older than those before them.")
      }
    }
    return .good("clock", "\(LocalTime.zoned(now)), not behind the log")
  }

  private static let clockSkewMaxSeconds: Int64 = 60

  private static func embedded(_ repository: RepositoryName, data: String) -> Finding {
    let root = "\(data)/forge"
    guard access("\(root)/\(repository).git/HEAD", F_OK) != 0 else {
      return .good("\(repository)", "it is on the embedded forge")
    }
    return .bad(
      "\(repository)", "the embedded forge has no such repository",
      "Make it with aipm forge create \(repository), or with --from PATH from a repository of this "
        + "machine.")
  }

  private static func forge(
    _ settings: ForgeSettings, _ repository: RepositoryName?, data: String
  ) async -> [Finding] {
    guard let adapter = settings.adapter(author: .standard) else {
      return [
        clock(data: data), .good("forge", "the embedded one, which needs no credential"),
      ] + [repository.map { embedded($0, data: data) }].compactMap { $0 }
    }
    return await adapter.examine(repository)
  }
}

extension Finding {
  /// For programs: ok, warning, fault.
  private var state: String {
    switch verdict {
    case .good: "ok"
    case .poor: "warning"
    case .absent: "absent"
    case .bad: "fault"
    }
  }

  fileprivate var json: JSONValue {
    .object([
      "check": .string(subject), "state": .string(state), "detail": .string(detail),
      "hint": hint.map { .string($0) } ?? .null,
    ])
  }

  fileprivate func show() {
    let mark: String
    switch verdict {
    case .good: mark = Style.green.on("✓")
    case .poor: mark = Style.yellow.on("!")
    case .absent: mark = Style.dim.on("-")
    case .bad: mark = Style.red.on("✗")
    }
    Terminal.say("\(mark) \(subject.safe()): \(detail.safe())")
    if let hint { Terminal.say("    \(hint.safe())") }
  }
}

extension Finding {
  fileprivate init(_ finding: StoreFinding) {
    let verdict: Verdict =
      switch finding.verdict {
      case .good: .good
      case .poor: .poor
      case .bad: .bad
      }
    self.init(
      subject: finding.subject, verdict: verdict, detail: finding.detail, hint: finding.hint)
  }
}
