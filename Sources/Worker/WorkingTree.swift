// An agent's tree: filled from the clone within limits, swept when it is used again.

import Domain
import Glibc
import Processes
import SystemCalls
import WorkerProtocol

extension Workspace {
  /// A repository with more files or folders is not checked out.
  static let entriesMax = 1_000_000
  /// What the names of all of them may take, in bytes.
  private static let nameBytesMax = 512 << 20

  /// Whether the commit's tree is of a size that can be checked out, read as it comes and so in
  /// little memory: some small objects can stand for more files than any disk holds.
  /// - Throws: `CheckoutFault` where it is too large.
  func measure(_ head: String, _ repository: RepositoryFiles) async throws {
    var command = Command(
      "git", ["ls-tree", "-r", "-t", "-z", "--name-only", head],
      environment: Git.environment(gitDirectory: repository.clone, config: Workspace.config),
      timeout: .seconds(120))
    command.diesWithParent = AgentProcess.canDieWithParent
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
            isUnreachable: false, isTooLarge: true)
        }
      }
    }
    try counted.get()
    guard result.succeeded else {
      throw ToolFault(program: "git ls-tree", said: result.errorText)
    }
  }

  /// Has the tree hold the commit's files and nothing else.
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
      // Whichever ends first: the checkout, or the look at the disk with what is too much.
      if let excess = try await group.next() ?? nil {
        throw CheckoutFault(
          message: "checkout: \(excess), as limits.disk of the workflow has it",
          isUnreachable: false, isTooLarge: true)
      }
    }
  }

  /// The last attempt's tree becomes this one's, where there is one that its index speaks of.
  private func takeSlot(_ repository: RepositoryFiles, for attempt: AttemptFiles) -> Bool {
    DurableFile.isFolder(repository.slotTree)
      && rename(repository.slotIndex, attempt.index) == 0
      && rename(repository.slotTree, attempt.tree) == 0
  }

  /// What is taken out of a tree that is used again; a tree with more of it is made anew.
  static let leftOversMax = 20_000

  /// Takes out of a tree what its index does not speak of, and what git would pass over: what is
  /// left is written anew by git where it was changed.
  /// - Throws: `TreeWalk.Excess` if there is too much of it: the next attempt would wait for it.
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
          // A submodule's folder is not among them: it goes with what was left in it.
          case .folder: folders.contains(entry.path) ? .enter : .remove
          case .link: tracked.contains(entry.path) && entry.facts.st_nlink == 1 ? .leave : .remove
          case .file:
            tracked.contains(entry.path) && Self.isPlain(entry.facts) ? .leave : .remove
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

  /// One name, and modes that git would give it.
  private static func isPlain(_ facts: stat) -> Bool {
    facts.st_nlink == 1 && facts.st_mode & 0o7600 == 0o600
  }

  func keep(_ attempt: AttemptFiles, in repository: RepositoryFiles) async throws {
    guard DurableFile.isFolder(attempt.tree), DurableFile.exists(attempt.index) else { return }
    try await trash.take([repository.slot])
    try DurableFile.makeFolder(repository.slot)
    // The tree first: a slot without an index is not used.
    guard rename(attempt.tree, repository.slotTree) == 0,
      rename(attempt.index, repository.slotIndex) == 0
    else { throw FileFault.last("rename", repository.slot) }
  }

  /// A text as a value of git's configuration, whatever it holds. A line's end is in no identity.
  private static func quoted(_ text: String) -> String {
    let bytes = text.utf8.flatMap { byte -> [UInt8] in
      [UInt8(ascii: "\\"), UInt8(ascii: "\"")].contains(byte)
        ? [UInt8(ascii: "\\"), byte] : [byte]
    }
    return "\"\(String(decoding: bytes, as: UTF8.self))\""
  }

  /// A repository for the agent alone, on a branch of the delegation's name at its head.
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
    for (name, content) in contents {
      try OpenFile("\(folder)/\(name)", O_WRONLY | O_CREAT | O_TRUNC).write(Array(content.utf8))
    }
    try OpenFile("\(folder)/packed-refs", O_WRONLY | O_CREAT | O_TRUNC)
      .write(try await references(assignment, repository))
    try await copyIndex(attempt.index, "\(folder)/index")
  }

  /// What the agent's repository knows by name: its branch, the base branch at the commit that the
  /// delegation started from, and the repository's tags. All of it is a copy: nothing that the
  /// agent does to it is seen by anybody else.
  private func references(
    _ assignment: Assignment, _ repository: RepositoryFiles
  ) async throws -> [UInt8] {
    var names = ["refs/heads/\(assignment.branch)": assignment.head]
    if let base = assignment.base, isObjectName(base.commit), base.name != assignment.branch {
      let known = try await git(
        ["cat-file", "-e", "\(base.commit)^{commit}"], repository, accepting: [0, 1, 128])
      if known.succeeded {
        names["refs/heads/\(base.name)"] = base.commit
        names["refs/remotes/origin/\(base.name)"] = base.commit
      }
    }
    // By their bytes, as git has it; tags come after all of these.
    let sorted = names.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    let lines = sorted.map { "\($0.value) \($0.key)\n" }
    // git reads a file with these traits without looking at each line.
    let head = "# pack-refs with: peeled fully-peeled sorted \n"
    return Array((head + lines.joined()).utf8) + packedTags(repository)
  }
}
