import Domain
import Engine
import Processes
import Screening
import SystemCalls

// Merges of a base branch into a branch, in the mirror. git's merge works without a working tree,
// and writes the conflicts into the files of the tree that it makes (git-merge-tree(1)). Its exit
// code says whether there are any: 0 or 1.

extension GitMirrors {
  /// The author of start commits, which are on no branch.
  private static let startAuthor = CommitIdentity.standard
  /// The limits of git's merge. Many similar names, or very large files, can take long.
  private static let mergeSecondsMax = 120
  private static let mergeMemoryMax = 2 << 30
  /// The names of the files with conflicts, in bytes.
  private static let conflictBytesMax = 16 << 20

  /// Merges two commits that the mirror has. Everything is on disk when it returns, under refs of
  /// the delegation.
  /// - Returns: nil if the head has the base's commits already.
  func merge(
    _ repository: RepositoryName, _ merging: Merging
  ) async throws(MirrorFault) -> GitMerge? {
    let mirror = try await open(repository)
    let (head, base) = (merging.head.rawValue, merging.base.rawValue)
    let common = try await local(
      ["merge-base", head, base], in: mirror, accepting: [0, 1]
    ).trimmedOutput
    if common == base { return nil }
    guard !common.isEmpty else {
      throw MirrorFault(
        kind: .refused, message: "the branch and its base branch have no common commit",
        hint: "Merge by hand, or submit the task again.")
    }
    let (tree, conflicts) = try await mergedTree(head, base, in: mirror)
    let date = try await lastDate(of: [head, base], in: mirror)
    let parents = ["-p", head, "-p", base]
    let ref = "refs/aipm/merges/\(merging.delegation)"
    func commit(_ message: String, by author: CommitIdentity, at date: String, as name: String)
      async throws(MirrorFault) -> ObjectID
    {
      let made = try await local(
        ["commit-tree", tree] + parents + ["-F", "-"], in: mirror,
        environment: [
          "GIT_AUTHOR_NAME": author.name, "GIT_AUTHOR_EMAIL": author.email,
          "GIT_COMMITTER_NAME": author.name, "GIT_COMMITTER_EMAIL": author.email,
          "GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date,
        ], input: .bytes(Array(message.utf8))
      ).trimmedOutput
      try await local(["update-ref", "\(ref)/\(name)", made], in: mirror)
      return ObjectID(made)
    }
    let start = try await commit(
      "Merge \(base)\n\nConflicts are marked in the files.\n", by: Self.startAuthor, at: date,
      as: "start")
    var made: ObjectID?
    if conflicts.isEmpty, let message = merging.message {
      let now = "\(Timestamp.now.milliseconds / 1000) +0000"
      made = try await commit(message, by: configuration.author, at: now, as: "commit")
    }
    return GitMerge(start: start, conflicts: conflicts, commit: made)
  }

  private func mergedTree(
    _ head: String, _ base: String, in mirror: String
  ) async throws(MirrorFault) -> (tree: String, conflicts: [String]) {
    let result: ProcessResult
    do {
      result = try await Git.run(
        ["merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", head, base],
        gitDirectory: mirror, config: Self.durability, accepting: [0, 1],
        timeout: configuration.localTimeout, outputLimit: Self.conflictBytesMax,
        memoryBytesMax: Self.mergeMemoryMax, cpuSecondsMax: Self.mergeSecondsMax)
    } catch {
      let isTooLarge = error.isTimeout || error.isOutOfCPUTime || error.isOverflow
      throw MirrorFault(
        kind: isTooLarge ? .refused : .local, message: "the base branch cannot be merged: \(error)",
        hint: isTooLarge
          ? "Merge it by hand." : "Check the disk of the data folder, and that git is installed.")
    }
    let parts = result.standardOutput.split(separator: 0)
    guard let tree = parts.first, Git.isObjectName(tree) else {
      throw MirrorFault(kind: .local, message: "git merge-tree named no tree")
    }
    let names = parts.dropFirst()
    // A conflict that concerns no single file is one too.
    let hasConflicts = result.exitCode == 1
    let shown = names.prefix(GitMerge.conflictsMax).map(Self.shown)
    let rest = names.count - shown.count
    return (
      String(decoding: tree, as: UTF8.self),
      !hasConflicts
        ? [] : shown + (rest > 0 ? ["and \(rest) more"] : shown.isEmpty ? ["(see git log)"] : [])
    )
  }

  /// A path for people. Bytes that are not printed are shown as `?`.
  private static func shown(_ path: some Collection<UInt8>) -> String {
    FlaggedPaths.shown(path.map { $0 < 0x20 || $0 == 0x7f ? UInt8(ascii: "?") : $0 })
  }

  /// The latest date of these commits, so that the same commits give the same merge.
  private func lastDate(
    of commits: [String], in mirror: String
  ) async throws(MirrorFault) -> String {
    let dates = try await local(
      ["log", "--no-walk", "--no-color", "--format=%ct"] + commits, in: mirror
    ).outputText.split(separator: "\n").compactMap { Int64($0) }
    return "\(max(0, dates.max() ?? 0)) +0000"
  }
}
