// The repository for the change of an attempt: created after the agent has ended, next to its tree,
// with the clone's objects as alternates and new objects in its own folder.

import Glibc
import Processes
import Synchronization
import SystemCalls
import WorkerProtocol

/// The CPU time for git on an agent's files. A few hundred patterns of a `.gitignore` can keep git
/// busy for hours, so the limit depends on the size of the work. Wall-clock time would be
/// meaningless, because the machine may be busy.
struct GitEffort: Equatable, Sendable {
  /// Files and folders of the tree.
  var entries: Int
  var ruleBytes: Int
  /// Of the files that were changed.
  var changedBytes = 0

  /// In seconds, even for the smallest tree.
  var secondsMin: Int

  /// For one command, in seconds. git reads a hundred thousand files, or packs tens of megabytes,
  /// in one second.
  var cpuSeconds: Int { secondsMin + entries / 25_000 + changedBytes >> 23 }

  /// If git ended at that limit.
  var finding: TreeFinding {
    .unfit(
      """
      git needed more than \(cpuSeconds) s of CPU time for what the agent left (\(entries) files \
      and folders, .gitignore and .gitattributes of \(ruleBytes) bytes); simpler patterns, or \
      fewer, take less
      """)
  }
}

extension Workspace {
  /// The memory of one git command on a tree.
  static let memoryBytesMax = 2 << 30
  /// For one git command on a tree, whose size is known.
  private static let treeTimeout = Duration.seconds(120)

  /// Creates the repository, replacing an earlier one, with an index of the head.
  /// - Parameter ownFiles: patterns of ignored files, except those of the head.
  func makeRepository(
    _ attempt: AttemptFiles, _ repository: RepositoryFiles, ownFiles: [String]
  ) async throws {
    let folder = attempt.repository
    try await remove([folder])
    for name in ["objects/info", "objects/pack", "refs", "info"] {
      try DurableFile.makeFolder("\(folder)/\(name)")
    }
    let contents = [
      "objects/info/alternates": "\(repository.clone)/objects\n",
      "HEAD": "ref: refs/heads/none\n", "info/attributes": Workspace.attributes,
      "config": "[core]\n\trepositoryformatversion = 0\n",
      "info/exclude": ownFiles.map { "\($0)\n" }.joined(),
    ]
    for (name, content) in contents {
      try OpenFile("\(folder)/\(name)", O_WRONLY | O_CREAT | O_TRUNC).write(Array(content.utf8))
    }
    // The checkout's own index is kept: the next checkout finds changes by it.
    try await copyIndex(attempt.index, attempt.stagedIndex)
  }

  /// Copies an index with its modification time, by which git detects files that may have changed
  /// since although their times and sizes are the same.
  func copyIndex(_ source: String, _ target: String) async throws {
    try await run("cp", ["--preserve=timestamps", "--", source, target])
  }

  /// git on the tree's files, in the attempt's repository and with its index.
  @discardableResult
  func staged(
    _ arguments: [String], _ attempt: AttemptFiles, input: Command.Input = .none,
    environment: [String: String] = [:], accepting: Set<Int32> = [0],
    outputLimit: Int = 256 << 20, cpuSecondsMax: Int? = nil
  ) async throws(GitFault) -> ProcessResult {
    try await Git.run(
      arguments, gitDirectory: attempt.repository, workTree: attempt.tree,
      workingDirectory: attempt.tree,
      extraEnvironment: ["GIT_INDEX_FILE": attempt.stagedIndex].merging(environment) { $1 },
      config: Workspace.config, input: input, accepting: accepting, timeout: Self.treeTimeout,
      outputLimit: outputLimit, diesWithParent: AgentProcess.canDieWithParent,
      memoryBytesMax: Self.memoryBytesMax, cpuSecondsMax: cpuSecondsMax)
  }

  /// Like the other `staged`, for a command that reads the agent's files.
  /// - Throws: `TreeFinding` if it needs more CPU time than `effort`.
  @discardableResult
  func staged(
    _ arguments: [String], _ attempt: AttemptFiles, _ effort: GitEffort,
    input: Command.Input = .none, environment: [String: String] = [:],
    accepting: Set<Int32> = [0], outputLimit: Int = 256 << 20
  ) async throws -> ProcessResult {
    do {
      return try await staged(
        arguments, attempt, input: input, environment: environment, accepting: accepting,
        outputLimit: outputLimit, cpuSecondsMax: effort.cpuSeconds)
    } catch {
      if error.isOutOfCPUTime { throw effort.finding }
      throw error
    }
  }

  /// Such a command, for a caller that processes its output while it runs.
  func command(
    _ arguments: [String], _ attempt: AttemptFiles, _ effort: GitEffort,
    input: Command.Input = .none
  ) -> Command {
    var command = Command(
      "git", arguments,
      environment: Git.environment(
        gitDirectory: attempt.repository, workTree: attempt.tree,
        extra: ["GIT_INDEX_FILE": attempt.stagedIndex], config: Workspace.config),
      workingDirectory: attempt.tree, input: input, timeout: Self.treeTimeout)
    command.diesWithParent = AgentProcess.canDieWithParent
    command.memoryBytesMax = Self.memoryBytesMax
    command.cpuSecondsMax = effort.cpuSeconds
    return command
  }
}

/// Collects paths that a program writes, each with a zero at its end: all are counted, those up to
/// a limit are kept.
final class PathCollector: Sendable {
  static let bytesMax = 64 << 20
  private let state = Mutex((count: 0, bytes: [UInt8]()))

  func append(_ chunk: [UInt8]) {
    let count = chunk.withUnsafeBytes { bytes in
      var (count, rest) = (0, bytes[...])
      while let start = UnsafeRawBufferPointer(rebasing: rest).baseAddress,
        let found = memchr(start, 0, rest.count)
      {
        count += 1
        rest = rest.dropFirst(UnsafeRawPointer(found) - start + 1)
      }
      return count
    }
    state.withLock { state in
      state.count += count
      // One byte beyond the limit shows that there was more.
      state.bytes += chunk.prefix(max(0, Self.bytesMax + 1 - state.bytes.count))
    }
  }

  var content: (count: Int, bytes: [UInt8]) { state.withLock { $0 } }
}
