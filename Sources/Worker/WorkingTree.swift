// An agent's tree: filled from the clone within limits, and cleaned when it is reused.

import Domain
import Glibc
import Processes
import SystemCalls
import WorkerProtocol

extension Workspace {
  /// A repository with more files and folders is not checked out.
  static let entriesMax = 1_000_000
  /// The limit of all their names together, in bytes.
  private static let nameBytesMax = 512 << 20

  /// Checks that the commit's tree can be checked out. It reads the tree as a stream, in little
  /// memory: a few small objects can represent more files than fit on any disk.
  /// - Throws: `CheckoutFault` if it is too large.
  func measure(_ head: String, _ repository: RepositoryFiles) async throws {
    var command = Command(
      "git", ["ls-tree", "-r", "-t", "-z", "--name-only", head],
      environment: Git.environment(gitDirectory: repository.clone, config: Workspace.config),
      timeout: .seconds(120), diesWithParent: AgentProcess.canDieWithParent)
    command.memoryBytesMax = Self.memoryBytesMax
    command.grace = .zero
    let (counted, result) = try await command.converse { input, output in
      await input.finish()
      var entries = 0
      var bytes = 0
      for try await chunk in output {
        entries += chunk.count { $0 == 0 }
        bytes += chunk.count
        if entries > Self.entriesMax || bytes > Self.nameBytesMax {
          throw CheckoutFault(
            message: "the repository has more than \(Self.entriesMax) files, or too long names",
            isTooLarge: true)
        }
      }
    }
    try counted.get()
    guard result.succeeded else {
      throw ToolFault(program: "git ls-tree", message: result.errorText)
    }
  }

  /// Fills the tree with the commit's files and nothing else.
  func fill(
    _ attempt: AttemptFiles, from repository: RepositoryFiles, for assignment: Assignment
  ) async throws {
    if takeSlot(repository, for: attempt) {
      try await sweep(attempt, repository)
    } else {
      try await trash.take([attempt.tree, attempt.index, repository.slot])
      try DurableFile.makeFolder(attempt.tree)
    }
    let watch = ResourceWatch(
      folder: attempt.folder, diskBytesMax: assignment.agent.diskBytesMax ?? 1 << 40,
      processesMax: nil)
    try await withThrowingTaskGroup(of: String?.self) { group in
      group.addTask {
        let before = watch.filled
        try await tree(["read-tree", "-u", "--reset", assignment.head], attempt, repository)
        return await watch.excess(since: before)
      }
      group.addTask { await watch.run { nil } }
      defer { group.cancelAll() }
      // The first to end: the checkout, or the watch of the disk with an excess.
      if let excess = try await group.next() ?? nil {
        throw CheckoutFault(
          message: "checkout: \(excess), as limits.disk of the workflow has it", isTooLarge: true)
      }
    }
  }

  /// Reuses the last attempt's tree, if there is one with its index.
  private func takeSlot(_ repository: RepositoryFiles, for attempt: AttemptFiles) -> Bool {
    DurableFile.isFolder(repository.slotTree)
      && rename(repository.slotIndex, attempt.index) == 0
      && rename(repository.slotTree, attempt.tree) == 0
  }

  /// The maximum number of entries to remove from a reused tree; otherwise a new one is
  /// created.
  static let leftOversMax = 20_000

  /// Removes everything from a tree that is not in its index, and entries that git would not
  /// rewrite; git rewrites the changed files that remain.
  /// - Throws: `TreeWalk.Excess` if there is too much to remove: the next attempt would wait for
  ///   it.
  private func sweep(_ attempt: AttemptFiles, _ repository: RepositoryFiles) async throws {
    let listed = try await tree(["ls-files", "--stage", "-z"], attempt, repository)
    let tracked = IndexListing(listed.standardOutput).paths
    let folders = IndexListing.folders(above: tracked)
    try await BlockingWork.run { stop in
      let trash = try Trash(attempt.trash)
      var left = 0
      try TreeWalk(root: TreeRoot(path: attempt.tree), stop: stop, trash: trash).run { entry in
        let verdict: TreeWalk.Verdict =
          switch entry.kind {
          // A submodule's folder is not in the set: it is removed with its contents.
          case .folder: folders.contains(entry.path) ? .enter : .remove
          case .link: tracked.contains(entry.path) && entry.facts.st_nlink == 1 ? .leave : .remove
          case .file: tracked.contains(entry.path) && Self.isPlain(entry.facts) ? .leave : .remove
          case .special: .remove
          }
        if verdict == .remove {
          left += 1
          guard left <= Self.leftOversMax else { throw TreeWalk.Excess(message: "too much") }
        }
        return verdict
      }
    }
    try await trash.take([attempt.trash])
  }

  /// Whether a file has one name and a mode that git would give it.
  private static func isPlain(_ facts: stat) -> Bool {
    facts.st_nlink == 1 && facts.st_mode & 0o7600 == 0o600
  }

  func keep(_ attempt: AttemptFiles, in repository: RepositoryFiles) async throws {
    guard DurableFile.isFolder(attempt.tree), DurableFile.exists(attempt.index) else { return }
    try await trash.take([repository.slot])
    try DurableFile.makeFolder(repository.slot)
    // The tree is moved first: a slot without an index is not used.
    guard rename(attempt.tree, repository.slotTree) == 0,
      rename(attempt.index, repository.slotIndex) == 0
    else { throw FileFault.last("rename", repository.slot) }
  }

  /// Quotes any text as a value of git's configuration. Identities contain no line ends.
  private static func quoted(_ text: String) -> String {
    let bytes = text.utf8.flatMap { byte -> [UInt8] in
      [UInt8(ascii: "\\"), UInt8(ascii: "\"")].contains(byte)
        ? [UInt8(ascii: "\\"), byte] : [byte]
    }
    return "\"\(String(decoding: bytes, as: UTF8.self))\""
  }

  /// Creates the agent's repository, on the delegation's branch at its head.
  func makeAgentRepository(
    _ attempt: AttemptFiles, _ assignment: Assignment, _ repository: RepositoryFiles
  ) async throws {
    let folder = "\(attempt.tree)/.git"
    for name in ["objects/info", "objects/pack", "refs/heads", "refs/tags", "info"] {
      try DurableFile.makeFolder("\(folder)/\(name)")
    }
    let author = assignment.identity
    let contents = [
      "objects/info/alternates": "\(repository.clone)/objects\n",
      "HEAD": "ref: refs/heads/\(assignment.branch)\n",
      "config": """
      [core]
      \trepositoryformatversion = 0
      \tfilemode = true
      \tbare = false
      \tlogallrefupdates = true
      [user]
      \tname = \(Self.quoted(author.name))
      \temail = \(Self.quoted(author.email))
      [gc]
      \tauto = 0

      """,
    ]
    for (name, content) in contents { try write(content.utf8, "\(folder)/\(name)") }
    try write(try await references(assignment, repository), "\(folder)/packed-refs")
    try await copyIndex(attempt.index, "\(folder)/index")
  }

  /// The refs of the agent's repository: its branch, the base branch at the delegation's base
  /// commit, and the repository's tags. They are copies, so the agent's changes to them have no
  /// other effect.
  private func references(
    _ assignment: Assignment, _ repository: RepositoryFiles
  ) async throws -> [UInt8] {
    var names = ["refs/heads/\(assignment.branch)": assignment.head]
    if let base = assignment.base, Git.isObjectName(base.commit.utf8),
      base.name != assignment.branch
    {
      let known = try await git(
        ["cat-file", "-e", "\(base.commit)^{commit}"], repository, accepting: [0, 1, 128])
      if known.succeeded {
        names["refs/heads/\(base.name)"] = base.commit
        names["refs/remotes/origin/\(base.name)"] = base.commit
      }
    }
    // Sorted by bytes, as in git; tags follow all of these.
    let sorted = names.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    let lines = sorted.map { "\($0.value) \($0.key)\n" }
    // git does not check each line of a file with these traits.
    let head = "# pack-refs with: peeled fully-peeled sorted \n"
    return Array((head + lines.joined()).utf8) + packedTags(repository)
  }
}
