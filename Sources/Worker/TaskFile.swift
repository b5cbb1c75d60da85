// The file with the task is restored before the commit: otherwise all pull requests of a repository
// would conflict in it, and the last one would leave it on the base branch.

import Processes
import WorkerProtocol

struct IndexEntry: Sendable {
  /// Zeros if absent.
  let mode: [UInt8]
  let object: [UInt8]
  let path: [UInt8]

  /// For `update-index -z --index-info`.
  var line: [UInt8] { mode + [UInt8(ascii: " ")] + object + [UInt8(ascii: "\t")] + path + [0] }
}

extension Workspace {
  /// Sets these entries in the staged index, and removes conflicting ones.
  func replace(_ entries: [IndexEntry], _ attempt: AttemptFiles) async throws {
    guard !entries.isEmpty else { return }
    try await staged(
      ["update-index", "--replace", "-z", "--index-info"], attempt,
      input: .bytes(entries.flatMap(\.line)))
  }

  /// Restores the task's file from the base, whatever the agent did with it. It is left unchanged
  /// if the base is unknown here because the branch was rewritten.
  func restoreTaskFile(
    _ file: RestoredFile, _ attempt: AttemptFiles, _ repository: RepositoryFiles
  ) async throws {
    guard Git.isObjectName(file.base.utf8) else { return }
    let known = try await git(
      ["cat-file", "-e", "\(file.base)^{commit}"], repository, accepting: [0, 1, 128])
    guard known.succeeded else { return }
    let listed = try await git(
      ["--literal-pathspecs", "ls-tree", "-z", file.base, "--", file.path], repository
    ).standardOutput
    // MODE SP TYPE SP OBJECT TAB PATH NUL
    let path = Array(file.path.utf8)
    let facts = listed.prefix { $0 != UInt8(ascii: "\t") }.split(separator: UInt8(ascii: " "))
    if facts.count == 3 {
      let entry = IndexEntry(mode: Array(facts[0]), object: Array(facts[2]), path: path)
      try await replace([entry], attempt)
    } else {
      // The agent may have replaced it by a folder.
      try await staged(
        [
          "rm", "-r", "-f", "-q", "--cached", "--ignore-unmatch", "--",
          ":(top,literal)\(file.path)",
        ], attempt)
    }
  }
}
