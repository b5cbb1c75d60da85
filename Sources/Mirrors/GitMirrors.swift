import Domain
import Engine
import ForgePort
import FoundationEssentials
import Processes
import Projections
import Screening
import Synchronization
import SystemCalls

/// A bare mirror for each repository, `ROOT/OWNER/REPO.git`, that workers fetch from and commits
/// are pushed from.
///
/// A mirror has the branches as they were on the forge at the last fetch or push. Accepted commits
/// are under `refs/aipm/hand-ins/DELEGATION/ATTEMPT` and merges under `refs/aipm/merges`, which
/// workers do not see. Objects are never
/// removed from a mirror; `collect` removes whole mirrors. One git command at a time works on a
/// mirror.
package final class GitMirrors: RepositoryMirrors {
  /// The mirrors' folder, the credential for git, and limits.
  package struct Configuration: Sendable {
    /// The folder of all mirrors.
    package var root: String
    /// Gives git access to the forge.
    package var credential: any GitCredential
    /// Author and committer of merges that the server makes.
    package var author = CommitIdentity.standard
    /// PEM file of the authorities to trust instead of the system's.
    package var authoritiesFile: String?
    package var fetchTimeout: Duration = .seconds(300)
    package var pushTimeout: Duration = .seconds(120)
    /// For git commands that do not connect to the forge.
    package var localTimeout: Duration = .seconds(120)
    /// For all checks of one hand-in together.
    package var handInTimeout: Duration = .seconds(120)
    /// Credentials that this process holds besides the forge's. No change may contain one.
    package var secrets: [String] = []
    /// For listing a repository's tags.
    package var tagsTimeout: Duration = .seconds(60)
    /// How old the list of tags may be before it is read again.
    package var tagsInterval: Duration = .seconds(60)
    /// The size of the largest pack that a fetch may bring, and so of the largest repository.
    package var fetchBytesMax = 8 << 30
    /// Asked before each push.
    package var mayWrite: WritePermission = { true }
    /// Where accepted commits are until they are pushed, besides the mirror; nil: nowhere.
    package var packs: (any SharedFiles)?

    package init(root: String, credential: any GitCredential) {
      self.root = root
      self.credential = credential
    }
  }

  /// The most tries of a fetch before the delegation waits. A fetch changes nothing on the forge,
  /// so it is repeated at once if its answer was lost.
  private static let readTriesMax = 4
  private static let readBackoff = Backoff(first: Milliseconds(200), maximum: .seconds(2))
  /// How many commits of a branch are read.
  private static let commitsMax = 1000

  let configuration: Configuration
  /// One at a time for each repository.
  let locks = AsyncSemaphore(1)
  let failures = FailureCounts()
  let tagTimes = TagTimes()
  private let forge: any ForgeClient
  private let cloneURLs = Mutex<[RepositoryName: String]>([:])
  /// The mirrors that this process has cleaned up.
  private let opened = Mutex<Set<String>>([])

  /// - Parameter forge: knows the address of a repository's git.
  package init(forge: any ForgeClient, configuration: Configuration) {
    self.forge = forge
    self.configuration = configuration
  }

  /// The path of a repository's mirror, which exists after the first fetch.
  /// - Returns: nil if the name is not safe as a path.
  package func directory(of repository: RepositoryName) -> String? {
    repository.isValid
      ? "\(configuration.root)/\(repository.owner)/\(repository.name).git" : nil
  }

  /// The forge's names do not differ by case alone.
  func lockKey(_ repository: RepositoryName) -> String { repository.description.lowercased() }

  /// The secrets that no change may contain. They change while the server runs, because an app's
  /// tokens do.
  var secrets: SecretSearch {
    SecretSearch(
      values: configuration.secrets + configuration.credential.secrets, purpose: .refusing)
  }

  /// Carries out one call, after the earlier calls for the same mirror.
  package func perform(_ call: GitCall) async -> GitAnswer {
    do throws(MirrorFault) {
      switch call {
      case .merge(let repository, let merging):
        return .success(
          .merged(
            try await locks.withPermit(for: lockKey(repository)) { () async throws(MirrorFault) in
              try await merge(repository, merging)
            }))
      case .fetch(let repository, let branch, let after):
        try await passForge()
        return .success(
          .branch(
            try await locks.withPermit(for: lockKey(repository)) { () async throws(MirrorFault) in
              try await fetch(repository, branch: branch, after: after)
            }))
      case .push(let repository, let branch, let sha, let expected):
        try await passForge()
        try await locks.withPermit(for: lockKey(repository)) { () async throws(MirrorFault) in
          try await push(repository, branch: branch, sha: sha, expected: expected)
        }
        return .success(.pushed)
      }
    } catch {
      return .failure(error)
    }
  }

  /// Git obeys the forge's limits too. This is called first, and again right before git connects,
  /// because the wait for the mirror may be long.
  func passForge() async throws(MirrorFault) {
    do throws(ForgeFault) { try await forge.pass() } catch { throw MirrorFault(error) }
  }

  // MARK: Between the mirror and the forge

  private func fetch(
    _ repository: RepositoryName, branch: String, after: ObjectID
  ) async throws(MirrorFault) -> GitBranch? {
    let mirror = try await open(repository)
    let url = try await cloneURL(of: repository)
    let login = try await login()
    let ref = "refs/heads/\(branch)"
    let trace = CurlTrace(in: configuration.root)
    var tries = 0
    while true {
      try await passForge()
      do {
        try await fetch(ref, from: url, login, into: mirror, trace)
        break
      } catch {
        if error.standardError.contains("couldn't find remote ref") {
          try await local(["update-ref", "-d", ref], in: mirror)
          return nil
        }
        let refused = FetchGuard.fault(
          error, repository, largest: MirrorFolder(mirror).takeUnfinishedPacks(),
          limit: configuration.fetchBytesMax)
        if let refused { throw refused }
        tries += 1
        guard tries < Self.readTriesMax, error.mayPassAtOnce(repository) else {
          throw remoteFault(error, repository, trace)
        }
        let wait = Self.readBackoff.delay(after: tries, seed: "\(UInt64.random(in: 0 ... .max))")
        try? await Task.sleep(for: .milliseconds(wait.count))
      }
    }
    await refreshTags(repository, from: url, login, into: mirror)
    let head = ObjectID(try await local(["rev-parse", "--verify", ref], in: mirror).trimmedOutput)
    return GitBranch(
      head: head, commits: try await commits(in: mirror, after: after, upTo: head))
  }

  private func fetch(
    _ ref: String, from url: String, _ login: GitLogin, into mirror: String, _ trace: CurlTrace
  ) async throws(GitFault) {
    let settings = remoteSettings(url, login) + FetchGuard.settings
    func attempt() async throws(GitFault) {
      let result = try await Git.run(
        [
          "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", url,
          "+\(ref):\(ref)",
        ], gitDirectory: mirror, extraEnvironment: Self.network(url, trace), config: settings,
        timeout: configuration.fetchTimeout, fileBytesMax: configuration.fetchBytesMax)
      // git leaves the ref unchanged and exits with 0.
      guard !FetchGuard.isFromShallow(result.errorText) else {
        throw GitFault(
          operation: "fetch", exitCode: 0, standardError: result.errorText)
      }
    }
    do { try await attempt() } catch {
      guard error.standardError.contains("cannot lock ref") else { throw error }
      // A branch `a` that was deleted on the forge prevents `a/b`. The mirror's branches and tags
      // are copies: all are deleted, and the wanted branch is fetched again.
      let refs = try await Git.run(
        ["for-each-ref", "--format=delete %(refname)", "refs/heads", "refs/tags"],
        gitDirectory: mirror,
        timeout: configuration.localTimeout)
      try await Git.run(
        ["update-ref", "--stdin"], gitDirectory: mirror, config: Self.durability,
        input: .bytes(refs.standardOutput), timeout: configuration.localTimeout)
      try await attempt()
    }
  }

  /// The commits of `head` that are not in `after`, oldest first. If `after` is not in the mirror,
  /// the branch was rewritten, and the newest commits are listed.
  private func commits(
    in mirror: String, after: ObjectID, upTo head: ObjectID
  ) async throws(MirrorFault) -> [ForgeCommit] {
    let isKnown = try await has(after, in: mirror)
    let listing = try await local(
      [
        "log", "--no-color", "--reverse", "--topo-order", "--max-count=\(Self.commitsMax)", "-z",
        "--format=format:%H%n%P%n%B", head.rawValue,
      ] + (isKnown ? ["^\(after.rawValue)"] : []), in: mirror)
    return listing.standardOutput.split(separator: 0).compactMap { record in
      let lines = record.split(
        separator: UInt8(ascii: "\n"), maxSplits: 2,
        omittingEmptySubsequences: false)
      guard lines.count == 3 else { return nil }
      let texts = lines.map { String(decoding: $0, as: UTF8.self) }
      return ForgeCommit(
        sha: ObjectID(texts[0]),
        parents: texts[1].split(separator: " ").map { ObjectID(String($0)) },
        message: texts[2])
    }
  }

  private func push(
    _ repository: RepositoryName, branch: String, sha: ObjectID, expected: ObjectID
  ) async throws(MirrorFault) {
    let mirror = try await open(repository)
    if try await !has(sha, in: mirror), try await !putBack(sha, of: repository, in: mirror) {
      throw MirrorFault(
        kind: .objectMissing, message: "the commit \(sha) is not in the mirror of \(repository)")
    }
    let url = try await cloneURL(of: repository)
    let settings = remoteSettings(url, try await login())
    let ref = "refs/heads/\(branch)"
    let result: ProcessResult
    let trace = CurlTrace(in: configuration.root)
    try await passForge()
    guard await configuration.mayWrite() else { throw MirrorFault(ForgeFault.notPermitted) }
    do {
      result = try await Git.run(
        [
          "push", "--porcelain", "--no-verify", "--force-with-lease=\(ref):\(expected)", url,
          "\(sha):\(ref)",
        ], gitDirectory: mirror, extraEnvironment: Self.network(url, trace), config: settings,
        accepting: [0, 1], timeout: configuration.pushTimeout)
    } catch {
      throw remoteFault(error, repository, trace)
    }
    if let fault = PushReport(result).fault(configuration.credential) { throw fault }
    try await local(["update-ref", ref, sha.rawValue], in: mirror)
    await forgetPack(sha)
  }

  /// The address of the repository's git, from the API.
  func cloneURL(of repository: RepositoryName) async throws(MirrorFault) -> String {
    if let known = cloneURLs.withLock({ $0[repository] }) { return known }
    let url: String
    switch await forge.perform(.repository(repository)) {
    case .success(.repository(let found)): url = found.cloneURL
    case .success:
      throw MirrorFault(kind: .noAnswer, message: "the forge does not say where its git is")
    case .failure(let fault): throw MirrorFault(fault)
    }
    let isSecure = url.hasPrefix("https://")
    guard isSecure || url.hasPrefix("http://") && !configuration.credential.requiresHTTPS else {
      throw MirrorFault(
        kind: .unauthorized,
        message: "the forge's clone_url is not https, and its API is: no credential is sent there",
        hint: "Correct the forge's own address of its git.")
    }
    cloneURLs.withLock { $0[repository] = url }
    return url
  }

  func remoteFault(
    _ fault: GitFault, _ repository: RepositoryName, _ trace: CurlTrace
  ) -> MirrorFault {
    var remote = MirrorFault(remote: fault, repository)
    if remote.kind == .unauthorized {
      remote.hint = configuration.credential.accessHint(repository)
    }
    if fault.standardError.contains("returned error: 429") {
      // A minute if the forge names no end, as for its API.
      if let until = forge.noteLimit(trace.retryAfter ?? .seconds(60)) {
        remote.kind = .limited(until: until)
      }
    } else if remote.kind == .notFound || remote.kind == .unreachable {
      // The address may have changed: read it again.
      cloneURLs.withLock { $0[repository] = nil }
    }
    return remote
  }

  func login() async throws(MirrorFault) -> GitLogin {
    do throws(ForgeFault) { return try await configuration.credential.login() } catch {
      throw MirrorFault(error)
    }
  }

  // MARK: The mirror itself

  /// git 2.39 syncs packs by default, but neither loose objects nor refs.
  static let durability: [(key: String, value: String)] = [
    ("core.fsync", "all"), ("core.fsyncMethod", "fsync"),
  ]

  /// The path of the mirror, which is made if it does not exist.
  func open(_ repository: RepositoryName) async throws(MirrorFault) -> String {
    guard let mirror = directory(of: repository) else {
      throw MirrorFault(kind: .notFound, message: "\(repository) is no repository's name")
    }
    if opened.withLock({ $0.contains(mirror) }) {
      GitCache.touch(mirror)
      return mirror
    }
    if FileManager.default.fileExists(atPath: "\(mirror)/HEAD") {
      MirrorFolder(mirror).sweep()
    } else {
      try await make(mirror)
    }
    GitCache.touch(mirror)
    opened.withLock { _ = $0.insert(mirror) }
    return mirror
  }

  /// Records that the mirror was removed. The next call makes it again.
  func forget(_ mirror: String) { opened.withLock { _ = $0.remove(mirror) } }

  /// Makes a mirror under another name and moves it into place, so that it is always complete.
  private func make(_ mirror: String) async throws(MirrorFault) {
    let draft = "\(configuration.root)/.new-\(UUID().uuidString)"
    do {
      try FileManager.default.createDirectory(
        atPath: MirrorFolder(mirror).parent, withIntermediateDirectories: true)
      try await Git.run(
        ["init", "--quiet", "--bare", "--template=", "--initial-branch=main", draft],
        timeout: configuration.localTimeout)
      let settings = URL(filePath: "\(draft)/config")
      let made = try Data(contentsOf: settings)
      try (made + Data(Self.mirrorSettings.utf8)).write(to: settings)
      try? FileManager.default.removeItem(atPath: mirror)
      try FileManager.default.moveItem(atPath: draft, toPath: mirror)
      try DurableFile.syncFolder(of: mirror)
      try DurableFile.syncFolder(configuration.root)
    } catch {
      try? FileManager.default.removeItem(atPath: draft)
      throw MirrorFault(
        kind: .local, message: "the mirror \(mirror) cannot be made: \(error)",
        hint: "Check that the data folder can be written and that git is installed.")
    }
  }

  /// Settings for serving the mirror. Workers may fetch the commit that they were assigned, even if
  /// the branch has moved, and they do not see hand-ins.
  private static let mirrorSettings = """
    [uploadpack]
    \tallowAnySHA1InWant = true
    [transfer]
    \thideRefs = refs/aipm
    [gc]
    \tauto = 0
    [core]
    \tfsync = all

    """

  /// Whether the mirror has a commit. Only git's answer `missing` counts as no: the caller then
  /// gives up paid work, so a failure of git must not look like it.
  func has(_ commit: ObjectID, in mirror: String) async throws(MirrorFault) -> Bool {
    let result = try await local(
      ["cat-file", "--batch-check"], in: mirror, input: .bytes(Array("\(commit)^{commit}\n".utf8)))
    let words = result.trimmedOutput.split(separator: " ")
    if words.count == 3, words[1] == "commit" { return true }
    if words.count == 2, words[1] == "missing", result.standardError.isEmpty { return false }
    throw MirrorFault(
      kind: .local,
      message: "git cannot tell whether \(commit) is there: "
        + Credentials.masked(result.trimmedOutput + " " + result.errorText),
      hint: "Check the disk of the data folder.")
  }

  /// Runs a git command that does not connect to the forge.
  @discardableResult
  func local(
    _ arguments: [String], in mirror: String, environment: [String: String] = [:],
    input: Command.Input = .none, accepting: Set<Int32> = [0]
  ) async throws(MirrorFault) -> ProcessResult {
    do {
      return try await Git.run(
        arguments, gitDirectory: mirror, extraEnvironment: environment, config: Self.durability,
        input: input, accepting: accepting, timeout: configuration.localTimeout)
    } catch {
      throw MirrorFault(
        kind: .local, message: "\(error)",
        hint: "Check the disk of the data folder, and that git is installed.")
    }
  }
}
