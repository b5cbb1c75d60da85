import Domain
import Engine
import FoundationEssentials
import Processes
import Screening
import Synchronization
import SystemCalls

/// A bare mirror per repository, `ROOT/OWNER/REPO.git`, that workers fetch from and commits are
/// pushed from.
///
/// A branch stands in it as it stood on the forge at the last fetch or push; an accepted commit
/// under `refs/aipm/hand-ins/DELEGATION/ATTEMPT`, which no worker gets to see. Nothing in a mirror
/// is collected; a mirror as a whole goes by `collect`. One git command at a time works on one.
package final class GitMirrors: Mirrors {
  /// Where the mirrors stand, what opens the forge's git, and limits.
  package struct Configuration: Sendable {
    /// The folder of all mirrors.
    package var root: String
    /// What gives the forge's git the password of `x-access-token`.
    package var credential: ForgeCredential
    /// PEM file of the authorities to trust in place of the system's.
    package var authoritiesFile: String?
    /// The API's address: where that is https, no credential goes to a `clone_url` that is not.
    package var apiURL: String
    package var fetchTimeout: Duration = .seconds(300)
    package var pushTimeout: Duration = .seconds(120)
    /// For what stays on this machine.
    package var localTimeout: Duration = .seconds(120)
    /// For all that is done to look at one hand-in.
    package var handInTimeout: Duration = .seconds(120)
    /// Credentials that this process holds besides the forge's: no change may hold one.
    package var secrets: [String] = []
    /// For the list of a repository's tags.
    package var tagsTimeout: Duration = .seconds(60)
    /// How old that list may be before the forge is asked again.
    package var tagsInterval: Duration = .seconds(60)
    /// The largest pack that a fetch may bring, and so the largest repository.
    package var fetchBytesMax = 8 << 30

    package init(root: String, credential: ForgeCredential, apiURL: String) {
      self.root = root
      self.credential = credential
      self.apiURL = apiURL
    }

    package init(root: String, token: String, apiURL: String) {
      self.init(root: root, credential: .token(token), apiURL: apiURL)
    }
  }

  /// Reading does nothing to the forge: an answer that was lost is asked for again at once, so
  /// often in all, before the delegation has to wait.
  private static let readTriesMax = 4
  /// The most commits that are looked at on a branch.
  private static let commitsMax = 1000

  let configuration: Configuration
  /// One at a time for each repository.
  let locks = AsyncSemaphore(1)
  let failures = FailureCounts()
  let tagTimes = TagTimes()
  private let forge: any ForgePort
  private let cloneURLs = Mutex<[RepositoryName: String]>([:])
  /// The mirrors that this process has looked over.
  private let opened = Mutex<Set<String>>([])

  /// - Parameter forge: tells where a repository's git stands.
  package init(forge: any ForgePort, configuration: Configuration) {
    self.forge = forge
    self.configuration = configuration
  }

  /// The path of a repository's mirror; it exists once a branch was fetched.
  /// - Returns: nil where the name cannot be a folder's.
  package func directory(of repository: RepositoryName) -> String? {
    repository.isValid
      ? "\(configuration.root)/\(repository.owner)/\(repository.name).git" : nil
  }

  /// What no change may hold, now: an app's tokens change.
  var secrets: SecretSearch {
    SecretSearch(
      values: configuration.secrets + configuration.credential.secrets, purpose: .refusing)
  }

  /// Carries out one call, after those that wait for the same mirror; see `GitFault` of the ports
  /// for how it fails.
  package func perform(_ call: GitCall) async -> GitAnswer {
    do throws(MirrorFault) {
      try await passForge()
      switch call {
      case .fetch(let repository, let branch, let after):
        return .success(
          .branch(
            try await locks.withPermit(for: lockKey(repository)) { () async throws(MirrorFault) in
              try await fetch(repository, branch: branch, after: after)
            }))
      case .push(let repository, let branch, let sha, let expected):
        try await locks.withPermit(for: lockKey(repository)) { () async throws(MirrorFault) in
          try await push(repository, branch: branch, sha: sha, expected: expected)
        }
        return .success(.pushed)
      }
    } catch {
      return .failure(error)
    }
  }

  /// A wait that the forge asked for is kept by git too. Asked first of all, and again right before
  /// a command that calls the forge: what comes between, the turn at the mirror above all, may take
  /// long.
  private func passForge() async throws(MirrorFault) {
    do throws(ForgeFault) { try await forge.pass() } catch { throw MirrorFault(error) }
  }

  // MARK: Between the mirror and the forge

  private func fetch(
    _ repository: RepositoryName, branch: String, after: ObjectID
  ) async throws(MirrorFault) -> GitBranch? {
    let mirror = try await open(repository)
    let url = try await cloneURL(of: repository)
    let token = try await token()
    let ref = "refs/heads/\(branch)"
    let trace = CurlTrace(in: configuration.root)
    var tries = 0
    while true {
      try await passForge()
      do {
        try await fetch(ref, from: url, token: token, into: mirror, trace)
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
        try? await Task.sleep(for: .milliseconds(Int64.random(in: 50...100) << tries))
      }
    }
    await refreshTags(repository, from: url, token: token, into: mirror)
    let head = ObjectID(try await local(["rev-parse", "--verify", ref], in: mirror).trimmedOutput)
    return GitBranch(
      head: head, commits: try await commits(in: mirror, after: after, upTo: head))
  }

  private func fetch(
    _ ref: String, from url: String, token: String, into mirror: String, _ trace: CurlTrace
  ) async throws(CommandFault) {
    let settings = remoteSettings(url, token: token) + FetchGuard.settings
    func attempt() async throws(CommandFault) {
      let result = try await Git.run(
        [
          "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", url,
          "+\(ref):\(ref)",
        ], gitDirectory: mirror, extraEnvironment: Self.network(url, trace), config: settings,
        timeout: configuration.fetchTimeout, fileBytesMax: configuration.fetchBytesMax)
      // git leaves the ref as it was, and ends with 0.
      guard !FetchGuard.isFromShallow(result.errorText) else {
        throw CommandFault(
          operation: "fetch", exitCode: 0, standardError: result.errorText)
      }
    }
    do { try await attempt() } catch {
      guard error.standardError.contains("cannot lock ref") else { throw error }
      // A branch `a` that is gone from the forge stands in the way of `a/b`. The mirror's branches
      // and tags are copies: all go, and what is wanted comes back.
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

  /// The commits that `head` has and `after` has not, oldest first. Where `after` is not in the
  /// mirror the branch was rewritten: then the newest ones, none of which stands on it.
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
    guard try await has(sha, in: mirror) else {
      throw MirrorFault(
        kind: .objectMissing, message: "the commit \(sha) is not in the mirror of \(repository)")
    }
    let url = try await cloneURL(of: repository)
    let settings = remoteSettings(url, token: try await token())
    let ref = "refs/heads/\(branch)"
    let result: ProcessResult
    let trace = CurlTrace(in: configuration.root)
    try await passForge()
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
    let secrets = configuration.credential.secrets
    if let fault = PushReport(result).fault(secrets: secrets) { throw fault }
    try await local(["update-ref", ref, sha.rawValue], in: mirror)
  }

  /// The address of the repository's git, as the API names it.
  private func cloneURL(of repository: RepositoryName) async throws(MirrorFault) -> String {
    if let known = cloneURLs.withLock({ $0[repository] }) { return known }
    let url: String
    switch await forge.perform(.repository(repository)) {
    case .success(.repository(let found)): url = found.cloneURL
    case .success:
      throw MirrorFault(kind: .noAnswer, message: "the forge does not say where its git is")
    case .failure(let fault): throw MirrorFault(fault)
    }
    let isSecure = url.hasPrefix("https://")
    guard isSecure || (url.hasPrefix("http://") && !configuration.apiURL.hasPrefix("https://"))
    else {
      throw MirrorFault(
        kind: .unauthorized,
        message: "the forge's clone_url is not https, and its API is: no credential is sent there",
        hint: "Correct the forge's own address of its git.")
    }
    cloneURLs.withLock { $0[repository] = url }
    return url
  }

  func remoteFault(
    _ fault: CommandFault, _ repository: RepositoryName, _ trace: CurlTrace
  ) -> MirrorFault {
    var remote = MirrorFault(remote: fault, repository)
    if fault.standardError.contains("returned error: 429") {
      // Where the forge names no end, a minute, as it asks of its API.
      if let until = forge.noteLimit(trace.retryAfter ?? .seconds(60)) {
        remote.kind = .limited(until: until)
      }
    } else if remote.kind == .notFound || remote.kind == .unreachable {
      // It may stand elsewhere by now: the API is asked anew.
      cloneURLs.withLock { $0[repository] = nil }
    }
    return remote
  }

  private func token() async throws(MirrorFault) -> String {
    do throws(ForgeFault) { return try await configuration.credential.token() } catch {
      throw MirrorFault(error)
    }
  }

  // MARK: The mirror itself

  /// git 2.39 syncs packs by itself, but neither loose objects nor refs.
  static let durability: [(key: String, value: String)] = [
    ("core.fsync", "all"), ("core.fsyncMethod", "fsync"),
  ]

  /// The path of the mirror, made where there is none.
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

  /// The mirror is gone: the next call makes it anew.
  func forget(_ mirror: String) { opened.withLock { _ = $0.remove(mirror) } }

  /// Made beside its place and moved there whole: what stands there is always a repository.
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

  /// What git reads when it serves the mirror: workers may fetch the very commit that they were
  /// given, though the branch has moved, and see no hand-in.
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

  /// Whether a commit is there. Only git's word `missing` says that it is not: whoever is told so
  /// gives up work that was paid for, so a fault of git must not look like it.
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

  /// A git command that stays on this machine.
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

extension GitMirrors {
  /// The forge's names do not differ by case alone.
  func lockKey(_ repository: RepositoryName) -> String { repository.description.lowercased() }
}
