import ArgumentParser
import Domain
import EmbeddedForge
import FoundationEssentials
import Glibc
import HTTPServing
import Logging
import Processes
import Terminal
import Workflows

struct ForgeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "forge",
    abstract: "The embedded forge: GitHub's API and git on this machine.",
    subcommands: [ForgeServe.self, ForgeCreate.self, ForgeList.self])
}

struct ForgeServe: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve",
    abstract: "The embedded forge alone.",
    discussion: """
      GitHub's REST API is under /, git over HTTP under /OWNER/REPO.git, and a page for each \
      pull request at its html_url. Clients need the token: AIPM_FORGE_TOKEN, else one that is \
      made and kept in ROOT/token.

      Examples:
        AIPM_FORGE_TOKEN=secret aipm forge serve --root ./forge --port 9000
        aipm forge serve --latency 300ms --faults faults.json

      A file of faults, of which the first rule that fits a call and is due counts:
        {"seed": 7, "rules": [
          {"call": "POST /repos/*/*/git/refs", "one-in": 5, "then": "drop-answer"},
          {"call": "* /repos/**", "one-in": 10, "then": "fail", "status": 502},
          {"call": "PUT **", "skip": 3, "first": 1, "then": "limit", "reset": 30}]}
      then: slow or slow-body (with "for": "2s"); limit (with retry-after or reset in seconds, or \
      neither); fail or answer (status, headers, body, or "html": true); drop; drop-answer; \
      truncate.
      """)

  @Option(help: ArgumentHelp("The folder of the repositories.", valueName: "dir"))
  var root = "./.aipm/forge"
  @Option(help: "The port to listen on; 0 takes a free one.")
  var port = 0
  @Option(
    help: ArgumentHelp(
      "How long each call of the API takes at least, such as 300ms.", valueName: "time"))
  var latency: String?
  @Option(
    help: ArgumentHelp(
      "Which calls go wrong, and how: a file of rules, read again when it changes.",
      valueName: "file"))
  var faults: String?

  @Option(
    help: ArgumentHelp(
      "Further accounts with their tokens: a file with an object such as {\"ann\": \"secret\"}.",
      valueName: "file"))
  var accounts: String?
  @Option(
    help: ArgumentHelp(
      "Who comments, reviews and merges on the pages (demo).", valueName: "login"))
  var person: String?

  func run() async throws {
    Descriptors.raise()
    Memory.configure()
    let given = getenv("AIPM_FORGE_TOKEN").map { String(cString: $0) } ?? ""
    let token = given.isEmpty ? try SecretFile(folder: root, name: "token").value() : given
    var configuration = EmbeddedForgeConfiguration(root: root, token: token)
    configuration.port = port
    configuration.latency = try duration()
    configuration.faults = faults
    configuration.accounts = try readAccounts()
    configuration.person = person ?? configuration.person
    let logger = LogLines(.auto).logger("aipm.forge", level: .notice)
    let forge: EmbeddedForge
    do {
      forge = try EmbeddedForge(configuration: configuration, logger: logger)
    } catch let error as EmbeddedForgeError {
      if case .badFaults(let fault) = error { throw ValidationError("--faults: \(fault)") }
      throw Failure(error.description)
    }
    let serving = Task {
      try await forge.run { port in
        Terminal.say("aipm: embedded forge on http://127.0.0.1:\(port)")
      }
    }
    let stream = StopSignals.stream()
    let stopping = Task {
      for await _ in stream {
        serving.cancel()
        return
      }
    }
    do {
      _ = try await serving.value
    } catch let fault as ListenFault {
      throw Failure(fault.description)
    }
    stopping.cancel()
  }

  private func readAccounts() throws -> [ForgeAccount] {
    guard let accounts else { return [] }
    do {
      let data = try Data(contentsOf: URL(filePath: accounts))
      let tokens = try JSONDecoder().decode([String: String].self, from: data)
      return tokens.sorted { $0.key < $1.key }.map { ForgeAccount(login: $0.key, token: $0.value) }
    } catch is DecodingError {
      throw ValidationError("--accounts: \(accounts) is not an object of logins and tokens")
    } catch {
      throw Failure("--accounts: \(accounts) cannot be read")
    }
  }

  private func duration() throws -> Duration? {
    guard let latency else { return nil }
    guard let span = Quantity.duration(latency) else {
      throw ValidationError("--latency is \(latency): \(Quantity.durationForm)")
    }
    return .milliseconds(span.count)
  }
}

struct ForgeCreate: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "create",
    abstract: "Adds a repository, with one commit, or from a local git repository.",
    discussion: """
      Examples:
        aipm forge create acme/tools
        aipm forge create acme/tools --from ../tools
      """)

  @Argument(help: "OWNER/REPO")
  var repository: String
  @Option(help: ArgumentHelp("A local git repository to copy.", valueName: "path"))
  var from: String?
  @Option(help: ArgumentHelp("The forge's folder (the data folder's).", valueName: "dir"))
  var root: String?

  func run() async throws {
    guard let name = RepositoryName(repository) else {
      throw ValidationError("\(repository): write OWNER/REPO")
    }
    let root = try root ?? DataOption.folder(nil) + "/forge"
    let author: CommitIdentity
    do {
      author = try .read(Settings(environment: ProcessInfo.processInfo.environment))
    } catch let fault as Settings.Fault {
      throw ValidationError(fault.description)
    }
    do {
      try await EmbeddedForge.createRepository(
        name.description, from: from, root: root, author: (author.name, author.email))
    } catch let error as EmbeddedForgeError {
      throw Failure(error.description)
    }
    Terminal.say("created \(name)")
  }
}

struct ForgeList: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "Lists the repositories of the embedded forge.")

  @Option(help: ArgumentHelp("The forge's folder (the data folder's).", valueName: "dir"))
  var root: String?

  func run() throws {
    let root = try root ?? DataOption.folder(nil) + "/forge"
    let names = EmbeddedForge.repositories(root: root)
    for name in names { Terminal.say(name.safe()) }
    if names.isEmpty { Terminal.complain("no repository; `aipm forge create` adds one") }
  }
}
