// The embedded forge: the part of GitHub that AIPM needs, in one process and one folder.
//
// Purpose: trying AIPM without an account, its tests, and work that must not leave the machine. The
// engine uses the same client as for GitHub, so URLs, statuses, error bodies, headers and limits
// are GitHub's.
//
// Guarantees:
// - Repositories are real bare repositories under ROOT/OWNER/REPO.git, made and changed by git's
//   plumbing; ROOT/forge.db has what GitHub stores outside git. Both are on disk before a call
//   returns. Branches move by compare and swap. With given author, committer and dates, the same
//   call makes the same commit.
// - After `kill -9` at any moment, the next start completes or undoes what was in progress: refs
//   are authoritative, and pull requests are refreshed from them.
// - Every call needs the token. Names are validated before they become paths.
//
// Failures: as on GitHub, with its codes. A git process that hangs is ended after a minute, and the
// call returns 500; with a full disk it returns 503.
//
// - Webhooks are sent once, over HTTP, with GitHub's signatures. Those that wait when the process
//   ends, and changes that the next start finds in the folder, are lost: a client that must see
//   everything also polls.
//
// Not supported: forks, issues that are not pull requests, organisations, teams, workflows.

import FoundationEssentials
import HTTPServing
import Hummingbird
import Logging
import Processes
import SystemCalls
import Text

package struct EmbeddedForgeConfiguration: Sendable {
  /// The folder of repositories and database; created if it is missing.
  package var root: String
  package var host = "127.0.0.1"
  /// 0 for a free one.
  package var port = 0
  /// The client's credential, as bearer, `token`, or the password of Basic. Not empty.
  package var token: String
  /// The user of the token: author of pull requests and comments.
  package var login = "aipm"
  /// Further accounts, such as reviewers and bots, with tokens of their own.
  package var accounts: [ForgeAccount] = []
  /// Who comments, reviews and merges on the pages. May write in every repository.
  package var person = "demo"
  /// Receivers of the events of all repositories.
  package var hooks: [ForgeHook] = []
  /// A delay for each call of the API, to be as slow as GitHub.
  package var latency: Duration?
  /// A file with faults to inject (`FaultRules`); read again when it changes.
  package var faults: String?
  /// Calls per hour.
  package var rateLimit = 5_000_000
  /// The maximum size of an API request's body, in bytes.
  package var bodyLimit = 100 << 20
  /// How long calls in progress may continue when the server stops.
  package var shutdownGrace: Duration = .seconds(10)

  package init(root: String, token: String) {
    self.root = root
    self.token = token
  }
}

extension EmbeddedForgeConfiguration {
  fileprivate func check() throws(EmbeddedForgeError) {
    // The person's words would count as the client's own.
    guard ForgeName.isLogin(person), person.lowercased() != login.lowercased() else {
      throw .badAccount(person)
    }
    var logins: Set = [login.lowercased()]
    var tokens: Set = [token]
    for account in accounts {
      guard ForgeName.isLogin(account.login), logins.insert(account.login.lowercased()).inserted,
        !account.token.isEmpty, tokens.insert(account.token).inserted
      else { throw .badAccount(account.login) }
    }
    for hook in hooks where WebURL(hook.url) == nil { throw .badHook(hook.url) }
  }
}

/// Why the forge, or a repository in it, cannot be created or served.
package enum EmbeddedForgeError: Error, CustomStringConvertible {
  /// GitHub allows no owner or repository with this name.
  case badName(String)
  case existsAlready(String)
  case noRepository(String)
  /// The path of the source repository does not exist.
  case noSource(String)
  /// It has no commit.
  case emptySource(String)
  /// It lacks its older commits.
  case shallowSource(String)
  case git(String, GitFault)
  case servedAlready(String)
  case badFaults(FaultRules.Fault)
  case unusableFolder(String, String)
  case noToken
  /// An account or the person has an invalid or a second name, or no token of its own.
  case badAccount(String)
  /// Not an `http` or `https` URL.
  case badHook(String)

  package var description: String {
    switch self {
    case .badName(let name): "\(name): not OWNER/REPO by GitHub's rules for names"
    case .existsAlready(let name): "\(name) exists already"
    case .noRepository(let name): "\(name): no such repository"
    case .noSource(let path): "\(path): no such folder"
    case .emptySource(let path): "\(path): has no commit"
    case .shallowSource(let path):
      "\(path): is a shallow clone, which lacks its older commits. Get them with "
        + "`git -C \(path) fetch --unshallow`, and try again"
    case .git(let name, let fault): "\(name): \(fault)"
    case .servedAlready(let root): "\(root) is served by another process"
    case .unusableFolder(let root, let reason): "\(root): \(reason)"
    case .badFaults(let fault): "faults: \(fault)"
    case .noToken: "the embedded forge needs a token"
    case .badAccount(let login):
      "\(login): an account needs a name of its own, by GitHub's rules, and a token of its own"
    case .badHook(let url): "\(url): a webhook needs an http or https URL"
    }
  }
}

/// The forge of one folder. `run` can be called once.
package final class EmbeddedForge: Sendable {
  private let configuration: EmbeddedForgeConfiguration
  private let folder: ForgeFolder
  private let lock: FolderLock
  private let store: ForgeStore
  private let pullRequests: PullRequestKeeper
  private let webhooks: WebhookSender
  private let address: ForgeAddress
  private let faults: FaultPlan
  private let logger: Logger

  /// Locks the folder for this process and removes what a killed process left in it.
  /// - Throws: `EmbeddedForgeError` if another process serves the folder; `SQLiteError`.
  package init(configuration: EmbeddedForgeConfiguration, logger: Logger) throws {
    guard !configuration.token.isEmpty else { throw EmbeddedForgeError.noToken }
    try configuration.check()
    self.configuration = configuration
    self.logger = logger
    do throws(FaultRules.Fault) {
      faults = try FaultPlan(file: configuration.faults, logger: logger)
    } catch {
      throw EmbeddedForgeError.badFaults(error)
    }
    folder = try ForgeFolder(root: configuration.root)
    do {
      lock = try FolderLock("\(folder.root)/forge.lock")
    } catch is FolderLock.Held {
      throw EmbeddedForgeError.servedAlready(folder.root)
    } catch let fault as FileFault {
      throw EmbeddedForgeError.unusableFolder(folder.root, fault.reason)
    }
    folder.clear()
    try folder.writeHooks()
    store = try ForgeStore(path: folder.database)
    pullRequests = PullRequestKeeper(store: store)
    webhooks = WebhookSender(configured: configuration.hooks, store: store, logger: logger)
    address = ForgeAddress(host: configuration.host, port: configuration.port)
  }

  /// Serves until the task is cancelled; calls in progress may then continue for `shutdownGrace`.
  /// Then the folder is unlocked, so this can be done once.
  /// - Parameter onListening: called with the port, once connections are accepted.
  package func run(onListening: @escaping @Sendable (Int) -> Void) async throws {
    defer { lock.release() }
    try await reconcile()
    try await withThrowingTaskGroup(of: Void.self) { group in
      let webhooks = webhooks
      group.addTask { await webhooks.run() }
      defer { group.cancelAll() }
      try await serveHTTP(
        responder, host: configuration.host, port: configuration.port,
        grace: configuration.shutdownGrace, logger: logger
      ) { [address] port in
        address.setPort(port)
        onListening(port)
      }
    }
    try await store.close()
  }

  /// Synchronizes the database with the folder: rows of missing folders are removed, new folders
  /// get rows, and each pull request is refreshed.
  private func reconcile() async throws {
    let present = try await folder.repositories(store: store)
    let ids = Set(present.map(\.id))
    for record in try await store.repositories() where !ids.contains(record.id) {
      try await store.forget(repository: record.id)
    }
    for record in present {
      try await pullRequests.refreshAll(of: record, folder.git(record))
    }
  }

  private var responder: ForgeResponder {
    let limit = RateLimit(limit: configuration.rateLimit)
    let accounts = ForgeAccounts(
      principal: configuration.login, person: configuration.person,
      others: configuration.accounts)
    let api = ForgeAPI(
      store: store, folder: folder, pullRequests: pullRequests, places: CommentPlaces(),
      accounts: accounts, webhooks: webhooks, addresses: SignedAddresses(), rateLimit: limit,
      logger: logger)
    let authenticator = Authenticator(
      token: configuration.token, login: configuration.login, others: configuration.accounts)
    let interference = Interference(latency: configuration.latency, faults: faults)
    return ForgeResponder(
      api: APIResponder(
        api: api, authenticator: authenticator, bodyLimit: configuration.bodyLimit,
        address: address,
        interference: interference, logger: logger),
      git: GitResponder(
        api: api, address: address, authenticator: authenticator, logger: logger),
      pages: PageResponder(api: api, authenticator: authenticator, address: address),
      interference: interference)
  }

  /// How many webhooks were dropped because too many waited.
  package var droppedWebhooks: Int { webhooks.dropped }

  /// Adds a receiver of the events of all repositories.
  /// - Throws: `EmbeddedForgeError` if its URL is not one of HTTP.
  package func connect(_ hook: ForgeHook) throws(EmbeddedForgeError) {
    guard WebURL(hook.url) != nil else { throw .badHook(hook.url) }
    webhooks.add(hook)
  }

  /// Replaces the rules for injected faults.
  package func setFaults(_ rules: FaultRules) { faults.set(rules) }

  /// The number of calls during a wait that the forge had requested.
  package var callsInsideWaits: Int { faults.callsInsideWaits }

  // MARK: Repositories

  /// Creates a repository with one commit on `main`, or a copy of a local git repository with all
  /// its branches and tags and its default branch. Works on the folder, whether it is served or
  /// not.
  /// - Parameters:
  ///   - fullName: `OWNER/REPO`.
  ///   - source: the path of a repository or of a working tree.
  ///   - author: of the first commit, if there is no source.
  /// - Throws: `EmbeddedForgeError`.
  package static func createRepository(
    _ fullName: String, from source: String? = nil, root: String,
    settings: RepositorySettings = RepositorySettings(),
    author: (name: String, email: String) = ("forge", "forge@forge.invalid")
  ) async throws {
    let parts = fullName.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2 else { throw EmbeddedForgeError.badName(fullName) }
    try await ForgeFolder(root: root).create(
      parts[0], parts[1], from: source, settings: settings,
      author: Signature(name: author.name, email: author.email, seconds: ForgeStore.now))
  }

  /// The repositories in a folder, as `OWNER/REPO`, by name. Works whether it is served or not.
  package static func repositories(root: String) -> [String] {
    ForgeFolder.repositories(root: root)
  }

  /// Changes the settings of a repository.
  package func setSettings(_ settings: RepositorySettings, of fullName: String) async throws {
    let parts = fullName.split(separator: "/").map(String.init)
    guard parts.count == 2,
      let record = try await folder.repository(owner: parts[0], name: parts[1], store: store)
    else { throw EmbeddedForgeError.noRepository(fullName) }
    try await store.setSettings(settings, of: record.id)
  }
}
