// From the files that an agent left to one commit on top of the head, and its pack.
//
// What git makes of it, blobs, trees and the commit, stands in a repository of the attempt's own,
// which borrows the clone's objects and goes with the attempt: a change that is refused is never to
// be read by another agent.
//
// Whose fault a failure is, is never taken from what git says, for that holds names that the agent
// chose. What is wrong with a tree is found by looking at it; where git fails all the same the
// machine is tried (`DiskProbe`), and if it is fit, the agent's work was not.

import Domain
import Glibc
import Processes
import SystemCalls
import WorkerProtocol
import Workflows

extension Workspace {
  /// Takes the tree as it stands into a commit with the head as its parent. Commits that the agent
  /// made are in it by what they left in the tree. Ends soon when the task is cancelled.
  /// - Returns: `.committed` when the pack is on disk.
  func pickUp(_ assignment: Assignment) async -> PickUp {
    guard let attempt = files.attempt(AttemptKey(assignment.lease)),
      let repository = files.repository(assignment.repository)
    else { return .fault("\(assignment.repository): not a repository's name") }
    do {
      let effort = try await stage(
        assignment, attempt, repository, assignment.change ?? .anything)
      try await applyAttributes(assignment, attempt, effort)
      if let file = assignment.taskFile { try await restoreTaskFile(file, attempt, repository) }
      let task = assignment.taskFile.map { Array($0.path.utf8) }
      // The task's file put back is no change of the agent's.
      let changes = try await stagedChanges(assignment, attempt).filter { $0.path != task }
      guard !changes.isEmpty else { return try await withoutChanges(attempt, effort) }
      if let link = changes.first(where: { $0.newMode.elementsEqual("160000".utf8) })?.name {
        return .unfit("the agent left a repository at \(link), which would be a mere link to it")
      }
      if let held = try await secretsHeld(by: changes, assignment, attempt) {
        return held
      }
      let tree = try await staged(["write-tree"], attempt).trimmedOutput
      guard tree != Workspace.emptyTree else { return .unfit("the agent removed every file") }
      let commit = try await commit(tree, assignment, attempt)
      try await writePack(of: commit, on: assignment.head, attempt, effort)
      return .committed(commit)
    } catch let finding as TreeFinding {
      return finding.pickUp
    } catch {
      if Task.isCancelled { return .fault("it was called off") }
      if let fault = await machineFault(repository, assignment.head) {
        return .fault("commit: \(fault) (\(error))")
      }
      return .unfit("what the agent left cannot be committed: \(error)")
    }
  }

  /// No file was changed, or only files that git is told to pass over.
  private func withoutChanges(
    _ attempt: AttemptFiles, _ effort: GitEffort
  ) async throws -> PickUp {
    // By the repository's rules alone: what an agent keeps for itself is nobody's work.
    let rules = ["--others", "--ignored", "--directory", "-z"]
    let ignored = try await paths(rules + ["--exclude-per-directory=.gitignore"], attempt, effort)
    guard !ignored.isEmpty else { return .noChanges }
    let own = try await paths(
      rules + ["--exclude-from=\(attempt.repository)/info/exclude"], attempt, effort)
    let made = ignored.filter { !own.contains($0) }
    guard !made.isEmpty else { return .noChanges }
    let names = made.prefix(3).map { String(decoding: $0.prefix(200), as: UTF8.self) }
    let more = made.count > names.count ? " and \(made.count - names.count) more" : ""
    return .ignoredAlone(names.joined(separator: ", ") + more)
  }

  /// Paths that `git ls-files` tells of, as far as they fit.
  private func paths(
    _ rules: [String], _ attempt: AttemptFiles, _ effort: GitEffort
  ) async throws -> [[UInt8]] {
    let collected = PathCollector()
    let command = command(["ls-files"] + rules, attempt, effort)
    let result = try await command.run { channel, chunk in
      if channel == .output { collected.append(chunk) }
    }
    if result.isOutOfCPUTime { throw effort.finding }
    guard result.succeeded else {
      throw ToolFault(program: "git ls-files", said: result.errorText)
    }
    return collected.content.bytes.split(separator: 0).map { Array($0) }
  }

  /// A patch over this many bytes is not kept.
  static let patchBytesMax = 8 << 20

  /// Writes what the tree has beyond the head as a patch, for `git apply`: an agent's time was
  /// over, and what it had made by then may be worth a look.
  /// - Returns: false where there is nothing, or more than `patchBytesMax`.
  func salvage(_ assignment: Assignment) async throws -> Bool {
    guard let attempt = files.attempt(AttemptKey(assignment.lease)),
      let repository = files.repository(assignment.repository), DurableFile.isFolder(attempt.tree)
    else { return false }
    let effort = try await stage(
      assignment, attempt, repository, ChangeLimits(filesMax: 20_000, bytesMax: 64 << 20))
    let patch = try await staged(
      ["diff-index", "--cached", "-p", "--binary", "--no-renames", assignment.head], attempt,
      effort, outputLimit: Self.patchBytesMax + 1
    ).standardOutput
    guard !patch.isEmpty, patch.count <= Self.patchBytesMax else { return false }
    try DurableFile.replace(attempt.patch, with: patch)
    return true
  }

  /// The name of the tree without an entry.
  private static let emptyTree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

  // MARK: Whose fault it is

  /// What is wrong with this machine, or its clone; nil where nothing is.
  private func machineFault(_ repository: RepositoryFiles, _ head: String) async -> String? {
    let folder = files.root
    let probed = try? await BlockingWork.run { _ in DiskProbe.fault(in: folder, room: 1 << 20) }
    if let fault = probed ?? nil { return fault }
    let index = "\(folder)/probe-index"
    defer { unlink(index) }
    do {
      try await git(["read-tree", head], repository, environment: ["GIT_INDEX_FILE": index])
      return nil
    } catch {
      return "the clone cannot be read: \(error)"
    }
  }

  // MARK: The tree

  /// Takes all that the agent changed into the attempt's own index.
  /// - Returns: what git may take for it from here on.
  /// - Throws: `TreeFinding` where it is known why that cannot be.
  private func stage(
    _ assignment: Assignment, _ attempt: AttemptFiles, _ repository: RepositoryFiles,
    _ limits: ChangeLimits
  ) async throws -> GitEffort {
    guard DurableFile.isFolder(attempt.tree) else {
      throw TreeFinding.unfit("the agent removed its working tree")
    }
    // git cannot stand in a folder that the agent closed. What is below is opened as it is walked.
    chmod(attempt.tree, 0o755)
    try await makeRepository(attempt, repository, ownFiles: assignment.agent.ownFiles ?? [])
    let listed = try await staged(["ls-files", "--stage", "-z"], attempt)
    let index = IndexListing(listed.standardOutput)
    let root = TreeRoot(path: attempt.tree)
    let survey = try await BlockingWork.run { stop in
      let trash = try Trash(attempt.trash)
      let survey = try TreeSurvey.make(root, index, trash: trash, stop: stop)
      for module in survey.modules {
        try Self.check(module, at: index.modules[module] ?? [], root)
        // git would read what the agent put there.
        try root.remove(module + "/.git".utf8, trash: trash)
      }
      return survey
    }
    var effort = GitEffort(
      entries: survey.entries, ruleBytes: survey.ruleBytes, secondsMin: gitSecondsMin)
    try await checkNotIgnored(survey, attempt, effort)
    effort.changedBytes = try await changedBytes(limits, root, attempt, effort)
    try await staged(["add", "-A", "--", "."], attempt, effort)
    return effort
  }

  /// A submodule is as the commit has it, checked out or not.
  private static func check(_ module: [UInt8], at commit: [UInt8], _ root: TreeRoot) throws {
    let name = String(decoding: module, as: UTF8.self)
    switch try ModuleFolder(module, in: root) {
    case .notCheckedOut: return
    case .at(let found):
      if found == commit { return }
      throw TreeFinding.unfit(
        """
        the agent moved the submodule \(name) to another commit; a change of submodules is not \
        taken over
        """)
    case .unclear:
      throw TreeFinding.unfit("the agent left a git repository in the submodule \(name)")
    }
  }

  /// What git cannot take does no harm in a folder that is ignored: git does not look there.
  private func checkNotIgnored(
    _ survey: TreeSurvey, _ attempt: AttemptFiles, _ effort: GitEffort
  ) async throws {
    let suspects = survey.repositories + survey.tooLong
    guard !suspects.isEmpty else { return }
    // By the `./` no name is taken for a pattern.
    let asked = suspects.map { Array("./".utf8) + $0 }
    let ignored = try await staged(
      ["check-ignore", "-z", "--stdin", "--no-index"], attempt, effort,
      input: .bytes(Array(asked.joined(separator: [0]))), accepting: [0, 1])
    let harmless = Set(ignored.standardOutput.split(separator: 0).map { Array($0) })
    guard let first = asked.indices.first(where: { !harmless.contains(asked[$0]) }) else { return }
    let name = String(decoding: suspects[first].prefix(200), as: UTF8.self)
    throw TreeFinding.unfit(
      first < survey.repositories.count
        ? "the agent left a git repository in \(name); a commit would hold a mere link to it"
        : "the agent left a path of over \(TreeWalk.pathBytesMax) bytes, below \(name)")
  }

  /// How much is changed: counted before git reads and packs it.
  /// - Throws: `TreeFinding` if it is more than the limits have.
  private func changedBytes(
    _ limits: ChangeLimits, _ root: TreeRoot, _ attempt: AttemptFiles, _ effort: GitEffort
  ) async throws -> Int {
    let changed = try await changedPaths(limits, attempt, effort)
    let sizes = try await BlockingWork.run { stop in
      guard let folder = try root.open([]) else { throw FileFault.last("open", root.path) }
      defer { close(folder) }
      return try changed.map { path in
        if stop.isRaised { throw CancellationError() }
        var facts = stat()
        let isThere = fstatat(folder, CName(path).bytes, &facts, AT_SYMLINK_NOFOLLOW) == 0
        return isThere ? Int(facts.st_size) : 0
      }
    }
    let total = sizes.reduce(0) { $0.addingReportingOverflow($1).partialValue }
    guard total > limits.bytesMax || total < 0 else { return total }
    let largest = zip(sizes, changed).sorted { $0.0 > $1.0 }.prefix(5)
      .map { "\(String(decoding: $0.1, as: UTF8.self)) (\($0.0) bytes)" }
    throw TreeFinding.refused(
      """
      the change takes \(total) bytes, more than \(limits.bytesMax); its largest files: \
      \(largest.joined(separator: ", "))
      """,
      hint: "Have the agent leave large files out, or raise limits.change in the workflow.")
  }

  /// Paths of files that were changed, added or removed, and are not ignored.
  private func changedPaths(
    _ limits: ChangeLimits, _ attempt: AttemptFiles, _ effort: GitEffort
  ) async throws -> [[UInt8]] {
    let collected = PathCollector()
    let command = command(
      ["ls-files", "-z", "--modified", "--others", "--exclude-standard"], attempt, effort)
    let result = try await command.run { channel, chunk in
      if channel == .output { collected.append(chunk) }
    }
    if result.isOutOfCPUTime { throw effort.finding }
    guard result.succeeded else {
      throw ToolFault(program: "git ls-files", said: result.errorText)
    }
    let (count, bytes) = collected.content
    guard count <= limits.filesMax, bytes.count <= PathCollector.bytesMax else {
      throw TreeFinding.refused(
        "the change holds \(count) files, more than \(limits.filesMax)",
        hint: "Have the agent leave generated and downloaded files out, by .gitignore for "
          + "example, or raise limits.changed-files in the workflow.")
    }
    return bytes.split(separator: 0).map { Array($0) }
  }

  // MARK: The commit

  private func commit(
    _ tree: String, _ assignment: Assignment, _ attempt: AttemptFiles
  ) async throws(GitFault) -> String {
    let author = assignment.identity
    let identity = [
      "GIT_AUTHOR_NAME": author.name, "GIT_AUTHOR_EMAIL": author.email,
      "GIT_COMMITTER_NAME": author.name, "GIT_COMMITTER_EMAIL": author.email,
    ]
    return try await staged(
      ["commit-tree", "-p", assignment.head, "-F", "-", tree], attempt,
      input: .bytes(Array(assignment.commitMessage.utf8)), environment: identity
    ).trimmedOutput
  }

  /// Everything that the head does not have, with deltas against what it has.
  private func writePack(
    of commit: String, on head: String, _ attempt: AttemptFiles, _ effort: GitEffort
  ) async throws {
    let pack = PackFile(try OpenFile(attempt.pack, O_WRONLY | O_CREAT | O_TRUNC))
    let command = command(
      ["pack-objects", "--thin", "--stdout", "--revs", "--delta-base-offset", "-q"], attempt,
      effort, input: .bytes(Array("\(commit)\n^\(head)\n".utf8)))
    let result = try await command.run { channel, chunk in
      if channel == .output { pack.append(chunk) }
    }
    if result.isOutOfCPUTime { throw effort.finding }
    guard result.succeeded else {
      throw ToolFault(program: "git pack-objects", said: result.errorText)
    }
    try pack.finish()
    try DurableFile.syncFolder(of: attempt.pack)
  }
}

extension Assignment {
  /// Author and committer of the commit. A server that names nobody leaves it to AIPM's own name.
  var identity: CommitIdentity { author.flatMap { CommitIdentity($0) } ?? .standard }
}

extension ChangeLimits {
  /// Where the server names none.
  fileprivate static let anything = ChangeLimits(
    filesMax: 1_000_000, bytesMax: Workflow.Limits.changedBytesLargest)
}
