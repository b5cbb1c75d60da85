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
  var changedBytes = 0

  /// In seconds, even for the smallest tree.
  var secondsMin: Int

  /// For one command, in seconds. git reads a hundred thousand files, or packs tens of megabytes,
  /// in one second.
  var cpuSeconds: Int { secondsMin + entries / 25_000 + changedBytes >> 23 }

  /// If git ended at that limit.
  var finding: PickUp {
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
    try await trash.take([folder])
    for name in ["objects/info", "objects/pack", "refs", "info"] {
      try DurableFile.makeFolder("\(folder)/\(name)")
    }
    let contents = [
      "objects/info/alternates": "\(repository.clone)/objects\n",
      "HEAD": "ref: refs/heads/none\n", "info/attributes": Workspace.attributes,
      "config": "[core]\n\trepositoryformatversion = 0\n",
      "info/exclude": ownFiles.map { "\($0)\n" }.joined(),
    ]
    for (name, content) in contents { try write(content.utf8, "\(folder)/\(name)") }
    // The checkout's own index is kept: the next checkout finds changes by it.
    try await copyIndex(attempt.index, attempt.stagedIndex)
  }

  /// Writes a file of a repository that can be made again.
  func write(_ content: some Collection<UInt8>, _ path: String) throws(FileFault) {
    try OpenFile(path, O_WRONLY | O_CREAT | O_TRUNC).write(content)
  }

  /// Copies an index with its modification time, by which git detects files that may have changed
  /// since although their times and sizes are the same.
  func copyIndex(_ source: String, _ target: String) async throws {
    let command = Command(
      "cp", ["--preserve=timestamps", "--", source, target], timeout: .seconds(300),
      diesWithParent: AgentProcess.canDieWithParent)
    let result = try await command.run()
    guard result.succeeded else { throw ToolFault(program: "cp", message: result.errorText) }
  }

  /// git on the tree's files, in the attempt's repository and with its index.
  /// - Parameter effort: for a command that reads the agent's files.
  /// - Throws: `GitFault`, or `PickUp` if it needs more CPU time than `effort`.
  @discardableResult
  func staged(
    _ arguments: [String], _ attempt: AttemptFiles, _ effort: GitEffort? = nil,
    input: Command.Input = .none, environment: [String: String] = [:],
    accepting: Set<Int32> = [0], outputLimit: Int = 256 << 20
  ) async throws -> ProcessResult {
    do {
      return try await Git.run(
        arguments, gitDirectory: attempt.repository, workTree: attempt.tree,
        workingDirectory: attempt.tree,
        extraEnvironment: ["GIT_INDEX_FILE": attempt.stagedIndex].merging(environment) { $1 },
        config: Workspace.config, input: input, accepting: accepting, timeout: Self.treeTimeout,
        outputLimit: outputLimit, diesWithParent: AgentProcess.canDieWithParent,
        memoryBytesMax: Self.memoryBytesMax, cpuSecondsMax: effort?.cpuSeconds)
    } catch {
      if error.isOutOfCPUTime, let effort { throw effort.finding }
      throw error
    }
  }

  /// Like `staged`, for a command whose output is taken as it comes.
  /// - Throws: `PickUp` if it needs more CPU time than `effort`, `ToolFault` if it fails.
  func stream(
    _ arguments: [String], _ attempt: AttemptFiles, _ effort: GitEffort,
    input: Command.Input = .none, _ take: @escaping @Sendable ([UInt8]) -> Void
  ) async throws {
    var command = Command(
      "git", arguments,
      environment: Git.environment(
        gitDirectory: attempt.repository, workTree: attempt.tree,
        extra: ["GIT_INDEX_FILE": attempt.stagedIndex], config: Workspace.config),
      workingDirectory: attempt.tree, input: input, timeout: Self.treeTimeout,
      diesWithParent: AgentProcess.canDieWithParent)
    command.memoryBytesMax = Self.memoryBytesMax
    command.cpuSecondsMax = effort.cpuSeconds
    let result = try await command.run { channel, chunk in
      if channel == .output { take(chunk) }
    }
    if result.isOutOfCPUTime { throw effort.finding }
    guard result.succeeded else {
      throw ToolFault(program: "git \(arguments[0])", message: result.errorText)
    }
  }

  /// The paths from `git ls-files`, each with a zero at its end.
  func paths(
    _ options: [String], _ attempt: AttemptFiles, _ effort: GitEffort
  ) async throws -> (count: Int, bytes: [UInt8]) {
    let collected = PathCollector()
    try await stream(["ls-files", "-z"] + options, attempt, effort) { collected.append($0) }
    return collected.content
  }
}

/// Collects paths that a program writes, each with a zero at its end: all are counted, those up to
/// a limit are kept.
final class PathCollector: Sendable {
  static let bytesMax = 64 << 20
  private let state = Mutex((count: 0, bytes: [UInt8]()))

  func append(_ chunk: [UInt8]) {
    state.withLock { state in
      state.count += chunk.count { $0 == 0 }
      // One byte beyond the limit shows that there was more.
      state.bytes += chunk.prefix(max(0, Self.bytesMax + 1 - state.bytes.count))
    }
  }

  var content: (count: Int, bytes: [UInt8]) { state.withLock { $0 } }
}
