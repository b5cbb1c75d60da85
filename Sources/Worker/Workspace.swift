// Working trees for agents, and commits from their changes.
//
// There is one bare clone per repository, kept between delegations, so that a branch of a known
// repository costs one small fetch and the files that differ. The agent's tree has its own
// repository, created each time, which borrows the clone's objects. The agent may do anything with
// it, because the worker never runs git in it: it reads only the tree's files, with the clone as
// GIT_DIR and a separate index.
//
// Guarantees:
// - Files reach the tree unchanged: no filter, line ending or encoding is applied, whatever
//   `.gitattributes` contain (`info/attributes` of the clone has precedence, gitattributes(5)).
//   Attributes for line ends are applied when a changed file is committed, see LineEnds.swift.
// - Nothing from an agent is executed or followed: no hook, no fsmonitor, no config, no link out of
//   the tree, no repository inside it.
// - A reused tree contains exactly the commit's files: changed files are rewritten, others are
//   removed, ignored or not, and no file is a hard link to another.
// - An agent's objects never get into the clone: they are stored with the attempt.
// - Removing an attempt's files blocks nothing, see TrashBin.swift.
// - A repository that exceeds the limits is reported as such, in bounded time and memory.
// - The token is passed to git in the environment.
//
// Failures: a checkout throws a `CheckoutFault` and, unless the server was unreachable, removes the
// clone, so that the next attempt starts afresh. Picking up returns a `PickUp`, which says whether
// the agent or the machine caused the failure.

import FoundationEssentials
import Glibc
import HTTPClient
import Logging
import Processes
import SystemCalls
import WorkerProtocol
import Workflows

struct Workspace: Sendable {
  let files: WorkerFiles
  let link: ServerLink
  let trash: TrashBin
  /// See `GitEffort`.
  var gitSecondsMin = 10
  private let logger: Logger?

  init(files: WorkerFiles, link: ServerLink, logger: Logger? = nil) {
    self.files = files
    self.link = link
    self.logger = logger
    trash = TrashBin(files.trash)
  }

  /// Attributes that override those of the tree: git must not change files.
  static let attributes = "* -text -ident -filter !eol !crlf !working-tree-encoding\n"

  /// Added to the settings of `Git`.
  static let config: [(key: String, value: String)] = [
    ("core.bare", "false"), ("core.autocrlf", "false"), ("core.safecrlf", "false"),
    ("core.symlinks", "true"), ("core.fileMode", "true"), ("core.ignoreCase", "false"),
    ("core.excludesFile", "/dev/null"), ("core.attributesFile", "/dev/null"),
    ("core.untrackedCache", "false"), ("core.sparseCheckout", "false"),
    ("core.splitIndex", "false"), ("submodule.recurse", "false"), ("checkout.workers", "0"),
    ("core.commitGraph", "false"), ("safe.directory", "*"),
  ]

  /// Creates the attempt's folder with the tree at the assignment's head.
  func checkOut(_ assignment: Assignment) async throws(CheckoutFault) {
    guard let attempt = files.attempt(AttemptKey(assignment.lease)),
      let repository = files.repository(assignment.repository),
      Git.isObjectName(assignment.head.utf8)
    else {
      throw CheckoutFault(
        message: "\(assignment.repository): not a repository's name, or not a commit's")
    }
    do {
      try await trash.awaitRoom(bytes: assignment.agent.diskBytesMax ?? 0, logger: logger)
      try await trash.take([attempt.folder])
      try DurableFile.makeFolder(attempt.temporary)
      try DurableFile.makeFolder(attempt.home)
      try await openClone(repository)
      GitCache.touch(repository.clone)
      try await fetch(assignment, repository)
      await fetchTags(assignment, repository)
      try await measure(assignment.head, repository)
      do { try await fill(attempt, from: repository, for: assignment) } catch {
        if error is CheckoutFault { throw error }
        // Files of the last agent may block git in a way that it cannot undo.
        try await trash.take([attempt.tree, attempt.index])
        try await fill(attempt, from: repository, for: assignment)
      }
      try await makeAgentRepository(attempt, assignment, repository)
    } catch let fault as CheckoutFault {
      throw fault
    } catch {
      if Task.isCancelled { throw CheckoutFault(message: "cancelled") }
      try? await trash.take([repository.clone, repository.slot])
      throw CheckoutFault(message: "checkout: \(error)")
    }
  }

  /// The repository's own file of commands and network, from the commit on which the branch is
  /// based; nil if there is no such file.
  func repositoryFile(_ assignment: Assignment) async throws(GitFault) -> [UInt8]? {
    guard let base = assignment.commands?.base, Git.isObjectName(base.utf8),
      let repository = files.repository(assignment.repository)
    else { return nil }
    let name = "\(base):\(CommandRules.fileName)"
    let found = try await git(["cat-file", "-t", name], repository, accepting: [0, 128])
    guard found.trimmedOutput == "blob" else { return nil }
    let size = try await git(["cat-file", "-s", name], repository).trimmedOutput
    guard let bytes = Int(size), bytes <= CommandRules.fileBytesMax else {
      // The parser reports that it is too large.
      return [UInt8](repeating: UInt8(ascii: "#"), count: CommandRules.fileBytesMax + 1)
    }
    return try await git(["cat-file", "blob", name], repository).standardOutput
  }

  /// Ends an attempt: its tree is kept for the next attempt of the same repository.
  func drop(_ key: AttemptKey, repository name: String) async {
    guard let attempt = files.attempt(key) else { return }
    if let repository = files.repository(name), DurableFile.exists(repository.clone) {
      try? await keep(attempt, in: repository)
    }
    try? await trash.take([attempt.folder])
  }

  /// Removes clones by age and size, and repacks the others. Called while no checkout borrows from
  /// a clone.
  func collect(_ limits: CacheLimits) async {
    let all = await GitCache.repositories(in: files.repositories) { clone in
      ["\(clone.dropLast(".git".count)).slot"].filter(DurableFile.exists)
    }
    let evicted = GitCache.evicted(all, limits)
    for one in evicted {
      try? await trash.take([one.path, "\(one.path.dropLast(".git".count)).slot"])
    }
    for one in all where !evicted.contains(one) {
      // If it cannot be repacked, it is only slow.
      try? await GitCache.tidy(one.path)
    }
  }

  /// Removes remains of attempts of earlier processes, except `kept`, and completes their removals.
  func sweep(keeping kept: AttemptKey?) async {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: files.attempts)) ?? []
    try? await trash.take(
      names.filter { $0 != kept?.description }.map { "\(files.attempts)/\($0)" })
    await trash.empty()
  }

  // MARK: The clone

  /// Marks a clone that contains only fetched objects.
  private static let cloneMark = "aipm-fetched-only"

  private func openClone(_ repository: RepositoryFiles) async throws {
    if DurableFile.exists("\(repository.clone)/\(Self.cloneMark)") { return }
    // A clone without the mark is from a version that added agents' objects.
    let fresh = "\(repository.clone).new"
    try await trash.take([repository.clone, repository.slot, fresh])
    try DurableFile.makeFolder(fresh)
    try await Git.run(
      ["init", "-q", "--bare", "--template=", "-b", "main", fresh],
      diesWithParent: AgentProcess.canDieWithParent)
    try DurableFile.makeFolder("\(fresh)/info")
    try DurableFile.replace("\(fresh)/info/attributes", with: Array(Workspace.attributes.utf8))
    try DurableFile.replace("\(fresh)/\(Self.cloneMark)", with: [])
    guard rename(fresh, repository.clone) == 0 else {
      throw FileFault.last("rename", repository.clone)
    }
  }

  /// The last fetched head, from which the next fetch starts.
  private var headRef: String { "refs/aipm/head" }

  /// Fetches the commit with everything that it needs, unless it was the last one.
  private func fetch(_ assignment: Assignment, _ repository: RepositoryFiles) async throws {
    let known = try await git(
      ["rev-list", "--max-count=\(FetchRequest.haveMax)", headRef, "--"], repository,
      accepting: [0, 128])
    let have = known.outputText.split(separator: "\n").map(String.init)
    if have.first == assignment.head { return }
    let stream = try await link.pack(of: assignment.head, for: assignment.lease, have: have)
    do { try await index(stream, repository) } catch let fault as HTTPFault {
      throw CheckoutFault(message: "fetch: \(fault)", isUnreachable: true)
    }
    // The pack is accepted if it contains the assigned commit and everything that the commit needs:
    // object names are hashes. Missing objects are missing in the clone.
    try await git(
      ["rev-list", "--objects", "--quiet", assignment.head] + have.prefix(1).map { "^\($0)" },
      repository, timeout: .seconds(600))
    try await git(["update-ref", headRef, assignment.head], repository)
  }

  /// Fewer objects are stored loose, as in `git fetch`: a pack for each of many small fetches would
  /// slow every look-up down.
  private static let looseMax = 100

  /// Writes a pack into the clone as it arrives.
  /// - Throws: `HTTPFault` if the pack breaks off, `CheckoutFault` if it is not a pack.
  func index(_ pack: HTTPStream, _ repository: RepositoryFiles) async throws {
    var chunks = pack.makeAsyncIterator()
    var head: [UInt8] = []
    // "PACK", a version and the number of objects, of four bytes each (gitformat-pack(5)).
    while head.count < 12, let chunk = try await chunks.next() { head += chunk }
    guard head.count >= 12, head.starts(with: Array("PACK".utf8)) else {
      throw CheckoutFault(message: "fetch: the server sent no pack", isUnreachable: true)
    }
    let count = head[8..<12].reduce(0) { $0 << 8 | Int($1) }
    let arguments =
      count < Self.looseMax ? ["unpack-objects", "-q"] : ["index-pack", "--stdin", "--fix-thin"]
    var command = Command(
      "git", arguments,
      environment: Git.environment(gitDirectory: repository.clone, config: Workspace.config),
      timeout: .seconds(1800), outputLimit: 64 << 10,
      diesWithParent: AgentProcess.canDieWithParent)
    // After the last byte of the pack, git has most of its work ahead.
    command.grace = command.timeout
    let (value, result) = try await command.converse { [head, chunks] input, _ in
      var chunks = chunks
      var next: [UInt8]? = head
      // If git stops reading, its exit says why.
      while let chunk = next, await input.write(chunk) { next = try await chunks.next() }
      await input.finish()
    }
    try value.get()
    guard result.succeeded else {
      throw GitFault(arguments[0], result)
    }
  }

  // MARK: git

  /// Runs git on the clone alone.
  @discardableResult
  func git(
    _ arguments: [String], _ repository: RepositoryFiles, environment: [String: String] = [:],
    accepting: Set<Int32> = [0], timeout: Duration = .seconds(60)
  ) async throws(GitFault) -> ProcessResult {
    try await Git.run(
      arguments, gitDirectory: repository.clone, extraEnvironment: environment,
      config: Workspace.config, accepting: accepting, timeout: timeout,
      diesWithParent: AgentProcess.canDieWithParent)
  }

  /// Runs git on the tree's files, with the clone as repository and the attempt's index.
  @discardableResult
  func tree(
    _ arguments: [String], _ attempt: AttemptFiles, _ repository: RepositoryFiles
  ) async throws(GitFault) -> ProcessResult {
    try await Git.run(
      arguments, gitDirectory: repository.clone, workTree: attempt.tree,
      workingDirectory: attempt.tree,
      extraEnvironment: ["GIT_INDEX_FILE": attempt.index],
      config: Workspace.config, timeout: .seconds(300), outputLimit: 256 << 20,
      diesWithParent: AgentProcess.canDieWithParent, memoryBytesMax: Self.memoryBytesMax)
  }

}

/// `cp`, or a git whose output is streamed, failed.
struct ToolFault: Error, CustomStringConvertible {
  let program: String
  let message: String
  var description: String { "\(program): \(message.prefix(500))" }
}
