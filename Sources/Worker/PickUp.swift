// Makes one commit on top of the head from the files that an agent left, and its pack.
//
// The blobs, trees and the commit are created in the attempt's own repository, which uses the
// clone's objects and is deleted with the attempt: no other agent may read a refused change.
//
// git's output never determines who is responsible for a failure, because it contains names that
// the agent chose. Known problems of a tree are found by inspecting it. If git fails nevertheless,
// the machine is tested (`DiskProbe`); if it works, the agent's files are the cause.

import Domain
import Glibc
import Processes
import SystemCalls
import WorkerProtocol
import Workflows

extension Workspace {
  /// Makes a commit of the current tree with the head as its parent. Commits by the agent are
  /// included as far as their changes are in the tree. Ends soon if the task is cancelled.
  /// - Returns: `.committed` if the pack is on disk.
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
      // The restored task file is not the agent's change.
      let changes = try await stagedChanges(assignment, attempt).filter { $0.path != task }
      // A merge is a change, even if there was nothing to resolve.
      guard !changes.isEmpty || assignment.parents != nil else {
        return try await withoutChanges(attempt, effort)
      }
      if let link = changes.first(where: { $0.newMode.elementsEqual("160000".utf8) })?.name {
        return .unfit("the agent left a repository at \(link), which would be a mere link to it")
      }
      if let held = try await secretsHeld(by: changes, assignment, attempt) {
        return held
      }
      let tree = try await staged(["write-tree"], attempt).trimmedOutput
      guard tree != Workspace.emptyTree else { return .unfit("the agent removed every file") }
      let commit = try await commit(tree, assignment, attempt)
      try await checkConflicts(in: commit, assignment, attempt)
      try await writePack(of: commit, on: assignment.head, attempt, effort)
      return .committed(commit)
    } catch let found as PickUp {
      return found
    } catch {
      if Task.isCancelled { return .fault("it was cancelled") }
      if let fault = await machineFault(repository, assignment.head) {
        return .fault("commit: \(fault) (\(error))")
      }
      return .unfit("what the agent left cannot be committed: \(error)")
    }
  }

  /// No file was changed, or only ignored ones.
  private func withoutChanges(
    _ attempt: AttemptFiles, _ effort: GitEffort
  ) async throws -> PickUp {
    // Only by the repository's rules: files that an agent writes for itself are not work.
    func ignored(by rules: String) async throws -> [ArraySlice<UInt8>] {
      try await paths(["--others", "--ignored", "--directory", rules], attempt, effort)
        .bytes.split(separator: 0)
    }
    let all = try await ignored(by: "--exclude-per-directory=.gitignore")
    guard !all.isEmpty else { return .noChanges }
    let own = try await ignored(by: "--exclude-from=\(attempt.repository)/info/exclude")
    let made = all.filter { !own.contains($0) }
    guard !made.isEmpty else { return .noChanges }
    let names = made.prefix(3).map { String(decoding: $0.prefix(200), as: UTF8.self) }
    let more = made.count > names.count ? " and \(made.count - names.count) more" : ""
    return .ignoredAlone(names.joined(separator: ", ") + more)
  }

  /// A larger patch is not kept.
  static let patchBytesMax = 8 << 20

  /// Writes the changes of the tree as a patch for `git apply`: the work of an attempt without a
  /// commit may be useful.
  /// - Returns: false without changes, if they exceed `patchBytesMax`, or if they contain a
  ///   credential of the agent.
  func salvage(_ assignment: Assignment) async throws -> Bool {
    guard let attempt = files.attempt(AttemptKey(assignment.lease)),
      let repository = files.repository(assignment.repository), DurableFile.isFolder(attempt.tree)
    else { return false }
    let effort = try await stage(
      assignment, attempt, repository, ChangeLimits(filesMax: 20_000, bytesMax: 64 << 20))
    let changes = try await stagedChanges(assignment, attempt)
    guard try await secretsHeld(by: changes, assignment, attempt) == nil else { return false }
    // The server masks what looks like a credential. It cannot see one in git's form of a binary
    // file, so the bytes themselves are sent then.
    let suspects = try await SecretCheck.lookalikes.holding(changes, in: attempt.repository)
    let patch = try await staged(
      [
        "diff-index", "--cached", "-p", suspects.isEmpty ? "--binary" : "--text", "--no-renames",
        assignment.head,
      ], attempt, effort, outputLimit: Self.patchBytesMax + 1
    ).standardOutput
    guard !patch.isEmpty, patch.count <= Self.patchBytesMax else { return false }
    try DurableFile.replace(attempt.patch, with: patch)
    return true
  }

  private static let emptyTree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

  // MARK: The cause of a failure

  /// What is wrong with this machine or its clone; nil if nothing.
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

  /// Adds all changes of the agent to the attempt's index.
  /// - Returns: the CPU time for the following git commands.
  /// - Throws: `PickUp` if that is impossible for a known reason.
  private func stage(
    _ assignment: Assignment, _ attempt: AttemptFiles, _ repository: RepositoryFiles,
    _ limits: ChangeLimits
  ) async throws -> GitEffort {
    guard DurableFile.isFolder(attempt.tree) else {
      throw PickUp.unfit("the agent removed its working tree")
    }
    // git cannot work in an inaccessible folder. Folders below are made accessible by the walk.
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
        // git would read the agent's files there.
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

  /// The commit of a submodule must not change, whether it is checked out or not.
  private static func check(_ module: [UInt8], at commit: [UInt8], _ root: TreeRoot) throws {
    let name = String(decoding: module, as: UTF8.self)
    switch try ModuleFolder(module, in: root) {
    case .notCheckedOut: return
    case .at(let found):
      if found == commit { return }
      throw PickUp.unfit(
        """
        the agent moved the submodule \(name) to another commit; a change of submodules is not \
        taken over
        """)
    case .unclear:
      throw PickUp.unfit("the agent left a git repository in the submodule \(name)")
    }
  }

  /// Entries that git cannot add do not matter in ignored folders, which git does not visit.
  private func checkNotIgnored(
    _ survey: TreeSurvey, _ attempt: AttemptFiles, _ effort: GitEffort
  ) async throws {
    let suspects = survey.repositories + survey.tooLong
    guard !suspects.isEmpty else { return }
    // With `./`, no name is read as a pattern.
    let asked = suspects.map { Array("./".utf8) + $0 }
    let ignored = try await staged(
      ["check-ignore", "-z", "--stdin", "--no-index"], attempt, effort,
      input: .bytes(Array(asked.joined(separator: [0]))), accepting: [0, 1])
    let harmless = Set(ignored.standardOutput.split(separator: 0).map { Array($0) })
    guard let first = asked.indices.first(where: { !harmless.contains(asked[$0]) }) else { return }
    let name = String(decoding: suspects[first].prefix(200), as: UTF8.self)
    throw PickUp.unfit(
      first < survey.repositories.count
        ? "the agent left a git repository in \(name); a commit would hold a mere link to it"
        : "the agent left a path of over \(TreeWalk.pathBytesMax) bytes, below \(name)")
  }

  /// The size of the changed files, determined before git reads and packs them.
  /// - Throws: `PickUp` if it exceeds the limits.
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
    throw PickUp.refused(
      message: """
        the change takes \(total) bytes, more than \(limits.bytesMax); its largest files: \
        \(largest.joined(separator: ", "))
        """,
      hint: "Have the agent leave large files out, or raise limits.change in the workflow.")
  }

  /// Paths of files that were changed, added or removed, and are not ignored.
  private func changedPaths(
    _ limits: ChangeLimits, _ attempt: AttemptFiles, _ effort: GitEffort
  ) async throws -> [[UInt8]] {
    let (count, bytes) = try await paths(
      ["--modified", "--others", "--exclude-standard"], attempt, effort)
    guard count <= limits.filesMax, bytes.count <= PathCollector.bytesMax else {
      throw PickUp.refused(
        message: "the change holds \(count) files, more than \(limits.filesMax)",
        hint: "Have the agent leave generated and downloaded files out, by .gitignore for "
          + "example, or raise limits.changed-files in the workflow.")
    }
    return bytes.split(separator: 0).map { Array($0) }
  }

  // MARK: The commit

  private func commit(
    _ tree: String, _ assignment: Assignment, _ attempt: AttemptFiles
  ) async throws -> String {
    let author = assignment.identity
    let identity = [
      "GIT_AUTHOR_NAME": author.name, "GIT_AUTHOR_EMAIL": author.email,
      "GIT_COMMITTER_NAME": author.name, "GIT_COMMITTER_EMAIL": author.email,
    ]
    let parents = (assignment.parents ?? [assignment.head]).flatMap { ["-p", $0] }
    return try await staged(
      ["commit-tree"] + parents + ["-F", "-", tree], attempt,
      input: .bytes(Array(assignment.commitMessage.utf8)), environment: identity
    ).trimmedOutput
  }

  /// - Throws: `PickUp` if the agent has left a conflict of a merge.
  private func checkConflicts(
    in commit: String, _ assignment: Assignment, _ attempt: AttemptFiles
  ) async throws {
    guard let parents = assignment.parents else { return }
    let files = MergedFiles(try await staged(MergedFiles.command(commit), attempt).standardOutput)
    let marks = try await Git.blobs(
      files.all.map(\.blob), gitDirectory: attempt.repository, timeout: .seconds(120),
      diesWithParent: AgentProcess.canDieWithParent, into: ConflictMarks(parents)
    ) { $0.take($1, $2) }
    let left = files.left(marks)
    if !left.isEmpty {
      throw PickUp.unfit("the agent left conflicts in \(MergedFiles.listed(left))")
    }
  }

  /// Writes all objects that the head does not have, with deltas against its objects.
  private func writePack(
    of commit: String, on head: String, _ attempt: AttemptFiles, _ effort: GitEffort
  ) async throws {
    let pack = PackFile(try OpenFile(attempt.pack, O_WRONLY | O_CREAT | O_TRUNC))
    try await stream(
      ["pack-objects", "--thin", "--stdout", "--revs", "--delta-base-offset", "-q"], attempt,
      effort, input: .bytes(Array("\(commit)\n^\(head)\n".utf8))
    ) { pack.append($0) }
    try pack.finish()
    try DurableFile.syncFolder(of: attempt.pack)
  }
}

extension Assignment {
  /// Author and committer of the commit; AIPM itself if the server sends no author.
  var identity: CommitIdentity { author.flatMap { CommitIdentity($0) } ?? .standard }
}

extension ChangeLimits {
  /// If the server sends no limits.
  fileprivate static let anything = ChangeLimits(
    filesMax: 1_000_000, bytesMax: Workflow.Limits.changedBytesLargest)
}
