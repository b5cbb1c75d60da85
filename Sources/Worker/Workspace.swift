// Working trees for agents, and commits from what they leave there.
//
// Per repository there is one bare clone of our own, kept from delegation to delegation, so that a
// branch of a repository that is known costs one small fetch and the files that differ. The agent's
// tree has a repository of its own, made anew each time, which borrows the clone's objects; the
// agent may do with it what it likes, for git is never run in it by us: we look at the tree's files
// alone, with the clone as GIT_DIR and an index of our own.
//
// What it promises:
// - Files reach the tree as they are: no filter, no line ending, no encoding is changed, whatever
//   `.gitattributes` say (`info/attributes` of the clone has the last word, gitattributes(5)). What
//   attributes say of line ends is done where a changed file is committed, see LineEnds.swift.
// - Nothing that an agent wrote is run or followed: no hook, no fsmonitor, no config, no link out
//   of the tree, no repository inside of it.
// - A tree that is used again holds exactly the commit's files: whatever was changed is written
//   anew, whatever is not of it is removed, ignored or not, and no two files are one (hard links).
// - Nothing that an agent made gets into the clone: its objects live with the attempt.
// - Nobody waits for the removal of what an attempt left, see TrashBin.swift.
// - A repository that is larger than the limits allow is told as such, in bounded time and memory.
// - The token goes to git by the environment.
//
// How it fails: a checkout with a `CheckoutFault` and, unless the server was merely away, without
// the clone, so that the next try begins from nothing; picking up with a `PickUp` that says whose
// fault it was.

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

  /// What git must do with files: nothing. `text` and the like in the tree have no say.
  static let attributes = "* -text -ident -filter !eol !crlf !working-tree-encoding\n"

  /// On top of what `Git` sets for each call.
  static let config: [(key: String, value: String)] = [
    ("core.bare", "false"), ("core.autocrlf", "false"), ("core.safecrlf", "false"),
    ("core.symlinks", "true"), ("core.fileMode", "true"), ("core.ignoreCase", "false"),
    ("core.excludesFile", "/dev/null"), ("core.attributesFile", "/dev/null"),
    ("core.untrackedCache", "false"), ("core.sparseCheckout", "false"),
    ("core.splitIndex", "false"), ("submodule.recurse", "false"), ("checkout.workers", "0"),
    ("core.commitGraph", "false"), ("safe.directory", "*"),
  ]

  /// Makes the attempt's folder with the tree at the assignment's head.
  func checkOut(_ assignment: Assignment) async throws(CheckoutFault) {
    guard let attempt = files.attempt(AttemptKey(assignment.lease)),
      let repository = files.repository(assignment.repository),
      isObjectName(assignment.head)
    else {
      throw CheckoutFault(
        message: "\(assignment.repository): not a repository's name, or not a commit's",
        isUnreachable: false)
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
        // What the last agent left may be in the way in a manner that git cannot undo.
        try await trash.take([attempt.tree, attempt.index])
        try await fill(attempt, from: repository, for: assignment)
      }
      try await makeAgentRepository(attempt, assignment, repository)
    } catch let fault as CheckoutFault {
      throw fault
    } catch {
      if Task.isCancelled { throw CheckoutFault(message: "called off", isUnreachable: false) }
      try? await trash.take([repository.clone, repository.slot])
      throw CheckoutFault(message: "checkout: \(error)", isUnreachable: false)
    }
  }

  /// The repository's own file of commands and of the network, as it stands in the commit that the
  /// branch was made from; nil where it has none.
  func repositoryFile(_ assignment: Assignment) async throws(GitFault) -> [UInt8]? {
    guard let base = assignment.commands?.base, isObjectName(base),
      let repository = files.repository(assignment.repository)
    else { return nil }
    let name = "\(base):\(CommandRules.fileName)"
    let found = try await git(
      ["cat-file", "-t", name], repository, accepting: [0, 128])
    guard found.trimmedOutput == "blob" else { return nil }
    let size = try await git(["cat-file", "-s", name], repository).trimmedOutput
    guard let bytes = Int(size), bytes <= CommandRules.fileBytesMax else {
      // Its reader says that it is too large.
      return [UInt8](repeating: UInt8(ascii: "#"), count: CommandRules.fileBytesMax + 1)
    }
    return try await git(["cat-file", "blob", name], repository).standardOutput
  }

  /// Takes leave of an attempt: its tree is kept for the next one of the same repository.
  func drop(_ key: AttemptKey, repository name: String) async {
    guard let attempt = files.attempt(key) else { return }
    if let repository = files.repository(name), DurableFile.exists(repository.clone) {
      try? await keep(attempt, in: repository)
    }
    try? await trash.take([attempt.folder])
  }

  /// Removes clones by age and size, and keeps the others fast; called while nothing is checked out
  /// that borrows from one.
  func collect(_ limits: CacheLimits) async {
    let all = await GitCache.repositories(in: files.repositories) { clone in
      ["\(clone.dropLast(".git".count)).slot"].filter(DurableFile.exists)
    }
    let evicted = GitCache.evicted(all, limits)
    for one in evicted {
      try? await trash.take([one.path, "\(one.path.dropLast(".git".count)).slot"])
    }
    for one in all where !evicted.contains(one) {
      // One that cannot be tidied is slow and no more.
      try? await GitCache.tidy(one.path)
    }
  }

  /// Removes what attempts of former lives left, but for `kept`, and what they had begun to remove.
  func sweep(keeping kept: AttemptKey?) async {
    var command = Command(
      "find", [files.attempts, "-mindepth", "1", "-maxdepth", "1", "-print0"],
      timeout: .seconds(60))
    command.diesWithParent = AgentProcess.canDieWithParent
    guard let found = try? await command.run() else { return }
    let folders = found.outputText.split(separator: "\0").map(String.init)
    try? await trash.take(
      folders.filter { folder in kept.map { !folder.hasSuffix("/\($0)") } ?? true })
    await trash.empty()
  }

  // MARK: The clone

  /// A file in a clone that holds nothing but what was fetched.
  private static let cloneMark = "aipm-fetched-only"

  private func openClone(_ repository: RepositoryFiles) async throws {
    if DurableFile.exists("\(repository.clone)/\(Self.cloneMark)") { return }
    // One without the mark was made by a version that put agents' objects into it.
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

  /// Where the last head that was fetched is kept; it is what the next fetch starts from.
  private var headRef: String { "refs/aipm/head" }

  /// Brings the commit and all that belongs to it, unless it is the last one that was brought.
  private func fetch(_ assignment: Assignment, _ repository: RepositoryFiles) async throws {
    let known = try await git(
      ["rev-list", "--max-count=\(FetchRequest.haveMax)", headRef, "--"], repository,
      accepting: [0, 128])
    let have = known.outputText.split(separator: "\n").map(String.init)
    if have.first == assignment.head { return }
    let stream = try await link.pack(
      of: assignment.head, for: assignment.lease, have: have)
    do { try await index(stream, repository) } catch let fault as HTTPFault {
      throw CheckoutFault(message: "fetch: \(fault)", isUnreachable: true)
    }
    // What came is believed if the commit that was ordered is in it, whole: its name stands for all
    // that belongs to it. What is missing is missing in the clone.
    try await git(
      ["rev-list", "--objects", "--quiet", assignment.head] + have.prefix(1).map { "^\($0)" },
      repository, timeout: .seconds(600))
    try await git(["update-ref", headRef, assignment.head], repository)
  }

  /// Below so many objects they are kept one by one, as `git fetch` has it: a pack for each of many
  /// small checkouts would make each look-up slower.
  private static let looseMax = 100

  /// Takes a pack into the clone as it comes.
  /// - Throws: `HTTPFault` where the pack breaks off, `CheckoutFault` where git does not take it.
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
      timeout: .seconds(1800), outputLimit: 64 << 10)
    command.diesWithParent = AgentProcess.canDieWithParent
    // When the pack has come whole, git has the longer part of its work before it.
    command.grace = command.timeout
    let (value, result) = try await command.converse { [head, chunks] input, _ in
      var chunks = chunks
      var next: [UInt8]? = head
      // A git that reads no more says why by its end.
      while let chunk = next, await input.write(chunk) { next = try await chunks.next() }
      await input.finish()
    }
    try value.get()
    guard result.succeeded else {
      let code: Int32? = if case .exited(let code) = result.exit { code } else { nil }
      throw GitFault(
        operation: arguments[0], exitCode: code, standardError: result.errorText,
        cause: nil)
    }
  }

  // MARK: Calls

  /// git on the clone alone.
  @discardableResult
  func git(
    _ arguments: [String], _ repository: RepositoryFiles, input: Command.Input = .none,
    environment: [String: String] = [:], config: [(key: String, value: String)] = [],
    accepting: Set<Int32> = [0], timeout: Duration = .seconds(60)
  ) async throws(GitFault) -> ProcessResult {
    try await Git.run(
      arguments, gitDirectory: repository.clone, extraEnvironment: environment,
      config: Workspace.config + config, input: input, accepting: accepting, timeout: timeout,
      diesWithParent: AgentProcess.canDieWithParent)
  }

  /// git on the tree's files, with the clone for a repository and the attempt's index.
  @discardableResult
  func tree(
    _ arguments: [String], _ attempt: AttemptFiles, _ repository: RepositoryFiles,
    outputLimit: Int = 256 << 20
  ) async throws(GitFault) -> ProcessResult {
    try await Git.run(
      arguments, gitDirectory: repository.clone, workTree: attempt.tree,
      workingDirectory: attempt.tree,
      extraEnvironment: ["GIT_INDEX_FILE": attempt.index],
      config: Workspace.config, timeout: .seconds(300), outputLimit: outputLimit,
      diesWithParent: AgentProcess.canDieWithParent, memoryBytesMax: Self.memoryBytesMax)
  }

  /// Removes what stands at these paths and was made by us; what is not there is removed already.
  func remove(_ paths: [String]) async throws {
    let standing = paths.filter(DurableFile.exists)
    guard !standing.isEmpty else { return }
    do { try await run("rm", ["-rf", "--"] + standing) } catch {
      // An agent can take the right to write from its own folders.
      try await run("chmod", ["-R", "u+rwX", "--"] + standing)
      try await run("rm", ["-rf", "--"] + standing)
    }
  }

  func run(_ program: String, _ arguments: [String]) async throws {
    var command = Command(program, arguments, timeout: .seconds(300))
    command.diesWithParent = AgentProcess.canDieWithParent
    let result = try await command.run()
    guard result.succeeded else { throw ToolFault(program: program, said: result.errorText) }
  }

  func isObjectName(_ text: String) -> Bool {
    text.utf8.count == 40 && text.allSatisfy { $0.isHexDigit }
  }
}

/// `rm`, `find` or `cp` ended with an error.
struct ToolFault: Error, CustomStringConvertible {
  let program: String
  let said: String
  var description: String { "\(program): \(said.prefix(500))" }
}
