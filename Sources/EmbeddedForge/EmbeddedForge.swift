// The embedded forge: GitHub, as far as AIPM needs it, in one process and one folder.
//
// What it is for: trying AIPM without an account, its tests, and work that must not leave the
// machine. The engine talks to it by the very client that it talks to GitHub with, so everything
// here is GitHub's: addresses, statuses, error bodies, headers, limits.
//
// What it promises:
// - Repositories are real bare repositories under ROOT/OWNER/REPO.git, made and changed by git's
//   own plumbing; what GitHub keeps beside git stands in ROOT/forge.db. Both are on disk before a
//   call is answered. Branches move by compare and swap; given author, committer and dates the same
//   call makes the same commit.
// - `kill -9` at any moment leaves nothing half-done that a start does not settle: refs are the
//   truth, and pull requests are put in step with them.
// - Nothing is done without the token; names are checked before they become paths.
//
// How it fails: as GitHub does, with its codes. A git process that hangs is ended after a minute
// and answered with 500; a disk that is full with 503.
//
// Left out: forks, issues that are no pull request, reviews, checks, organisations, webhooks.

import FoundationEssentials
import HTTPServing
import Hummingbird
import Logging
import Processes
import SystemCalls

package struct EmbeddedForgeConfiguration: Sendable {
  /// The folder of repositories and database; made where it is missing.
  package var root: String
  package var host = "127.0.0.1"
  /// 0: a free one.
  package var port = 0
  /// What a client has to show, as bearer, `token`, or the password of Basic. Not empty.
  package var token: String
  /// Who the token belongs to: author of pull requests and comments.
  package var login = "aipm"
  /// How long each call of the API is held back, to be as slow as the real one.
  package var latency: Duration?
  /// A file that says which calls go wrong, and how (`FaultRules`); read again when it changes.
  package var faults: String?
  /// Calls in an hour.
  package var rateLimit = 5_000_000
  /// Bytes of a body of the API.
  package var bodyLimit = 100 << 20
  /// How long calls under way may go on when the server is to stop.
  package var shutdownGrace: Duration = .seconds(10)

  package init(root: String, token: String) {
    self.root = root
    self.token = token
  }
}

/// Why the forge, or a repository in it, cannot be made or served.
package enum EmbeddedForgeError: Error, CustomStringConvertible {
  /// GitHub allows no owner or repository of this name.
  case badName(String)
  case existsAlready(String)
  case noRepository(String)
  /// There is nothing at the path that a repository is to be made from.
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

  package var description: String {
    switch self {
    case .badName(let name): "\(name): not OWNER/REPO by GitHub's rules for names"
    case .existsAlready(let name): "\(name) exists already"
    case .noRepository(let name): "\(name): there is no such repository"
    case .noSource(let path): "\(path): there is no such folder"
    case .emptySource(let path): "\(path): has no commit"
    case .shallowSource(let path):
      "\(path): is a shallow clone, which lacks its older commits. Get them with "
        + "`git -C \(path) fetch --unshallow`, and try again"
    case .git(let name, let fault): "\(name): \(fault)"
    case .servedAlready(let root): "\(root) is served by another process"
    case .unusableFolder(let root, let reason): "\(root): \(reason)"
    case .badFaults(let fault): "faults: \(fault)"
    case .noToken: "the embedded forge needs a token"
    }
  }
}

/// The forge on one folder: made once, run once.
package final class EmbeddedForge: Sendable {
  private let configuration: EmbeddedForgeConfiguration
  private let folder: ForgeFolder
  private let lock: FolderLock
  private let store: ForgeStore
  private let pullRequests: PullRequestKeeper
  private let faults: FaultPlan
  private let logger: Logger

  /// Takes the folder for this process and clears what a killed one left in it.
  /// - Throws: `EmbeddedForgeError` where another process serves the folder; `SQLiteError`.
  package init(configuration: EmbeddedForgeConfiguration, logger: Logger) throws {
    guard !configuration.token.isEmpty else { throw EmbeddedForgeError.noToken }
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
  }

  /// Serves until the task is cancelled; calls under way are then answered, for `shutdownGrace`.
  /// Then the folder is given up, so this can be done once.
  /// - Parameter onListening: called with the port, once connections are taken.
  package func run(onListening: @escaping @Sendable (Int) -> Void) async throws {
    defer { lock.release() }
    try await reconcile()
    try await serveHTTP(
      responder, host: configuration.host, port: configuration.port,
      grace: configuration.shutdownGrace, logger: logger
    ) { onListening($0) }
    try await store.close()
  }

  /// Puts the database in step with the folder: rows of folders that are gone are forgotten,
  /// folders that are new get one, and each pull request follows its branches.
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
    let api = ForgeAPI(
      store: store, folder: folder, pullRequests: pullRequests, rateLimit: limit, logger: logger)
    let keeper = Doorkeeper(token: configuration.token, login: configuration.login)
    let address = "http://\(configuration.host):\(configuration.port)"
    let interference = Interference(latency: configuration.latency, faults: faults)
    return ForgeResponder(
      api: APIResponder(
        api: api, doorkeeper: keeper, bodyLimit: configuration.bodyLimit, address: address,
        interference: interference, logger: logger),
      git: GitResponder(
        store: store, folder: folder, pullRequests: pullRequests, doorkeeper: keeper,
        logger: logger),
      pages: PageResponder(api: api, doorkeeper: keeper, address: address),
      interference: interference)
  }

  /// Has calls go wrong by these rules from now on, in place of those before.
  package func setFaults(_ rules: FaultRules) { faults.set(rules) }

  /// How many calls came although the forge had asked for silence until later.
  package var callsInsideWaits: Int { faults.callsInsideWaits }

  // MARK: Repositories

  /// Makes a repository with one commit on `main`, or from a local git repository with all its
  /// branches and tags and its default branch. Works on the folder, whether it is served or not.
  /// - Parameters:
  ///   - fullName: `OWNER/REPO`.
  ///   - source: the path of a repository or of a working tree.
  ///   - author: of the one commit that a repository without a source gets.
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

  /// Changes what a repository lets its users do.
  package func setSettings(_ settings: RepositorySettings, of fullName: String) async throws {
    let parts = fullName.split(separator: "/").map(String.init)
    guard parts.count == 2,
      let record = try await folder.repository(owner: parts[0], name: parts[1], store: store)
    else { throw EmbeddedForgeError.noRepository(fullName) }
    try await store.setSettings(settings, of: record.id)
  }
}
