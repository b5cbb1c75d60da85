// From the files that an agent left to one commit on top of the head, and its pack.

import Glibc
import Processes
import WorkerProtocol

extension Workspace {
  static let authorName = "AIPM"
  static let authorMail = "aipm@users.noreply.github.com"

  func commitRef(_ key: AttemptKey) -> String { "refs/aipm/commits/\(key)" }

  /// Takes the tree as it stands into a commit with the head as its parent. Commits that the agent
  /// made are in it by what they left in the tree.
  /// - Returns: `.committed` when the pack is on disk and a ref holds the commit.
  func pickUp(_ assignment: Assignment) async -> PickUp {
    let key = AttemptKey(assignment.lease)
    guard let attempt = files.attempt(key),
      let repository = files.repository(assignment.repository)
    else { return .fault("\(assignment.repository): not a repository's name") }
    do {
      if let unfit = try await unfitness(attempt, repository) { return .unfit(unfit) }
      if let refused = try await add(attempt, repository) { return refused }
      let changes = try await tree(
        ["diff-index", "--cached", "--raw", "--no-renames", "--abbrev=40", "-z", assignment.head],
        attempt, repository)
      guard !changes.standardOutput.isEmpty else { return .noChanges }
      if let link = Workspace.firstLink(in: changes.standardOutput) {
        return .unfit("the agent left a repository at \(link), which would be a mere link to it")
      }
      let tree = try await tree(["write-tree"], attempt, repository).trimmedOutput
      guard tree != Workspace.emptyTree else { return .unfit("the agent removed every file") }
      let commit = try await commit(tree, assignment, repository)
      try await git(["update-ref", commitRef(key), commit], repository)
      try await writePack(of: commit, on: assignment.head, attempt, repository)
      return .committed(commit)
    } catch {
      return .fault("commit: \(error)")
    }
  }

  /// A patch over this many bytes is not kept.
  static let patchBytesMax = 8 << 20

  /// Writes what the tree has beyond the head as a patch, for `git apply`: an agent's time was
  /// over, and what it had made by then may be worth a look.
  /// - Returns: false where there is nothing, or more than `patchBytesMax`.
  func salvage(_ assignment: Assignment) async throws -> Bool {
    guard let attempt = files.attempt(AttemptKey(assignment.lease)),
      let repository = files.repository(assignment.repository),
      DurableFile.isFolder(attempt.tree), try await add(attempt, repository) == nil
    else { return false }
    let patch = try await tree(
      ["diff-index", "--cached", "-p", "--binary", "--no-renames", assignment.head], attempt,
      repository, outputLimit: Self.patchBytesMax + 1
    ).standardOutput
    guard !patch.isEmpty, patch.count <= Self.patchBytesMax else { return false }
    try DurableFile.replace(attempt.patch, with: patch)
    return true
  }

  /// The name of the tree without an entry.
  private static let emptyTree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

  // MARK: The tree

  /// Why this tree is none that can be committed; nil where it is one.
  private func unfitness(
    _ attempt: AttemptFiles, _ repository: RepositoryFiles
  ) async throws -> String? {
    guard DurableFile.isFolder(attempt.tree) else { return "the agent removed its working tree" }
    let found = try await Command(
      "find", [attempt.tree, "-mindepth", "2", "-name", ".git", "-printf", "%P\\0", "-prune"],
      timeout: .seconds(300)
    ).run()
    guard !found.standardOutput.isEmpty else { return nil }
    // The folders that hold a repository; those that are ignored are not looked into by git. By
    // the `./` no name is taken for a pattern.
    let folders = found.standardOutput.split(separator: 0).map { path in
      Array("./".utf8) + path.dropLast("/.git".utf8.count)
    }
    let asked = Array(folders.joined(separator: [0]))
    let ignored = try await tree(
      ["check-ignore", "-z", "--stdin", "--no-index"], attempt, repository, input: .bytes(asked),
      accepting: [0, 1])
    let harmless = Set(ignored.standardOutput.split(separator: 0).map { Array($0) })
    guard let first = folders.first(where: { !harmless.contains($0) }) else { return nil }
    return """
      the agent left a git repository in \(String(decoding: first.dropFirst(2), as: UTF8.self)); \
      a commit would hold a mere link to it
      """
  }

  /// Takes all files into the index; nil where that went well.
  private func add(
    _ attempt: AttemptFiles, _ repository: RepositoryFiles
  ) async throws(GitFault) -> PickUp? {
    do {
      try await tree(["add", "-A", "--", "."], attempt, repository)
      return nil
    } catch {
      let ours = ["No space left", "Input/output error", "Read-only file system", "Out of memory"]
      if error.cause != nil || ours.contains(where: error.standardError.contains) { throw error }
      return .unfit("what the agent left cannot be committed: \(error)")
    }
  }

  /// The first path that `diff-index --raw -z` tells as becoming a link to another repository.
  static func firstLink(in changes: [UInt8]) -> String? {
    // :OLDMODE NEWMODE OLD NEW STATUS NUL PATH NUL
    let fields = changes.split(separator: 0)
    for index in stride(from: 0, to: fields.count - 1, by: 2) {
      let words = fields[index].split(separator: UInt8(ascii: " "))
      if words.count > 1, words[1].elementsEqual("160000".utf8) {
        return String(decoding: fields[index + 1], as: UTF8.self)
      }
    }
    return nil
  }

  // MARK: The commit

  private func commit(
    _ tree: String, _ assignment: Assignment, _ repository: RepositoryFiles
  ) async throws(GitFault) -> String {
    let identity = [
      "GIT_AUTHOR_NAME": Workspace.authorName, "GIT_AUTHOR_EMAIL": Workspace.authorMail,
      "GIT_COMMITTER_NAME": Workspace.authorName, "GIT_COMMITTER_EMAIL": Workspace.authorMail,
    ]
    return try await git(
      ["commit-tree", "-p", assignment.head, "-F", "-", tree], repository,
      input: .bytes(Array(assignment.commitMessage.utf8)), environment: identity
    ).trimmedOutput
  }

  /// Everything that the head does not have, with deltas against what it has.
  private func writePack(
    of commit: String, on head: String, _ attempt: AttemptFiles, _ repository: RepositoryFiles
  ) async throws {
    let pack = PackFile(try OpenFile(attempt.pack, O_WRONLY | O_CREAT | O_TRUNC))
    let command = Command(
      "git", ["pack-objects", "--thin", "--stdout", "--revs", "--delta-base-offset", "-q"],
      environment: Git.environment(gitDirectory: repository.clone, config: Workspace.config),
      input: .bytes(Array("\(commit)\n^\(head)\n".utf8)), timeout: .seconds(300))
    let result = try await command.run { channel, chunk in
      if channel == .output { pack.append(chunk) }
    }
    guard result.succeeded else {
      throw ToolFault(program: "git pack-objects", said: result.errorText)
    }
    try pack.finish()
    try DurableFile.syncFolder(of: attempt.pack)
  }
}
