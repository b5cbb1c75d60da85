// git, isolated from everything except what the caller passes: no configuration of the system or
// the user, no prompt, no hook, no fsmonitor, no automatic collection. Settings, and with them
// every credential, are passed in the environment, which the process list does not show.

import Glibc
import Text

/// Why a git command gave no result.
package struct GitFault: Error, Equatable, CustomStringConvertible {
  /// The subcommand: `fetch`, `commit-tree` …
  package let operation: String
  /// git's exit code; nil if a signal ended git.
  package let exitCode: Int32?
  /// What git wrote to standard error, without credentials.
  package let standardError: String
  /// Set if git could not be run to its end.
  package let cause: ProcessFault?
  /// True if git's output exceeded its limit.
  package let isOverflow: Bool
  /// True if the kernel ended git at its limit of CPU time.
  package let isOutOfCPUTime: Bool

  package init(
    operation: String, exitCode: Int32?, standardError: String, cause: ProcessFault? = nil,
    isOverflow: Bool = false, isOutOfCPUTime: Bool = false
  ) {
    self.isOverflow = isOverflow
    self.isOutOfCPUTime = isOutOfCPUTime
    self.operation = operation
    self.exitCode = exitCode
    self.standardError = standardError
    self.cause = cause
  }

  /// Of a git that ran to its end. The message is masked.
  package init(_ operation: String, _ result: ProcessResult, secrets: [String] = []) {
    self.init(
      operation: operation, exitCode: result.exitCode,
      standardError: Credentials.masked(result.errorText, secrets: secrets),
      isOutOfCPUTime: result.isOutOfCPUTime)
  }

  package var description: String {
    if let cause { return "git \(operation): \(cause)" }
    let ended = exitCode.map { "exit \($0)" } ?? "ended by a signal"
    let message = standardError.split(separator: "\n").suffix(4).joined(separator: "; ")
    return message.isEmpty
      ? "git \(operation): \(ended)" : "git \(operation): \(message) (\(ended))"
  }

  /// True if git reached its time limit.
  package var isTimeout: Bool {
    if case .timedOut = cause { return true }
    return false
  }
}

/// Calls of git, independent of the user's configuration.
package enum Git {
  /// The settings of every call; the caller's `config` follows them.
  private static let settings: [(String, String)] = [
    ("core.hooksPath", "/dev/null"), ("core.fsmonitor", "false"), ("core.quotePath", "false"),
    ("core.askPass", ""), ("credential.helper", ""), ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("advice.detachedHead", "false"), ("protocol.ext.allow", "never"),
  ]

  /// The whole environment of a git command.
  /// - Parameters:
  ///   - gitDirectory: `GIT_DIR`; if it is set, git does not search for a repository.
  ///   - workTree: `GIT_WORK_TREE`.
  ///   - extra: further variables, such as `GIT_INDEX_FILE` and `GIT_AUTHOR_DATE`.
  ///   - config: settings in order; a later one of the same key wins or is added, as in git.
  package static func environment(
    gitDirectory: String? = nil, workTree: String? = nil, extra: [String: String] = [:],
    config: [(key: String, value: String)] = []
  ) -> [String: String] {
    var environment = Command.baseEnvironment
    environment["GIT_TERMINAL_PROMPT"] = "0"
    environment["GIT_CONFIG_NOSYSTEM"] = "1"
    environment["GIT_CONFIG_GLOBAL"] = "/dev/null"
    environment["GIT_ATTR_NOSYSTEM"] = "1"
    environment["GIT_DIR"] = gitDirectory
    environment["GIT_WORK_TREE"] = workTree
    environment.merge(extra) { _, given in given }
    let all = settings + config.map { ($0.key, $0.value) }
    environment["GIT_CONFIG_COUNT"] = String(all.count)
    for (index, setting) in all.enumerated() {
      environment["GIT_CONFIG_KEY_\(index)"] = setting.0
      environment["GIT_CONFIG_VALUE_\(index)"] = setting.1
    }
    return environment
  }

  /// Runs git to its end.
  /// - Parameters:
  ///   - arguments: the subcommand and its arguments.
  ///   - accepting: exit codes that are results, such as 1 of `merge-base --is-ancestor`.
  ///   - outputLimit: the limit of standard output in bytes; more is an error.
  ///   - diesWithParent: as the other limits, see `Command`.
  /// - Throws: `GitFault` on any other exit code, at a limit, and if git cannot be run.
  @discardableResult
  package static func run(
    _ arguments: [String], gitDirectory: String? = nil, workTree: String? = nil,
    workingDirectory: String? = nil, extraEnvironment: [String: String] = [:],
    config: [(key: String, value: String)] = [], input: Command.Input = .none,
    accepting: Set<Int32> = [0], timeout: Duration = .seconds(60), outputLimit: Int = 64 << 20,
    diesWithParent: Bool = false, memoryBytesMax: Int? = nil, fileBytesMax: Int? = nil,
    cpuSecondsMax: Int? = nil
  ) async throws(GitFault) -> ProcessResult {
    let operation = operation(arguments)
    let secrets = config.map(\.value)
    var command = Command(
      "git", arguments,
      environment: environment(
        gitDirectory: gitDirectory, workTree: workTree, extra: extraEnvironment, config: config),
      workingDirectory: workingDirectory, input: input, timeout: timeout, outputLimit: outputLimit,
      diesWithParent: diesWithParent)
    command.memoryBytesMax = memoryBytesMax
    command.fileBytesMax = fileBytesMax
    command.cpuSecondsMax = cpuSecondsMax
    let result: ProcessResult
    do { result = try await command.run() } catch {
      throw GitFault(
        operation: operation, exitCode: nil, standardError: masked(error, secrets), cause: error)
    }
    guard let code = result.exitCode, accepting.contains(code) else {
      throw GitFault(operation, result, secrets: secrets)
    }
    guard result.standardOutput.count < outputLimit || !result.truncated else {
      throw GitFault(
        operation: operation, exitCode: code,
        standardError: "the output is longer than \(outputLimit) bytes", isOverflow: true)
    }
    return result
  }

  /// Whether a text is the whole name of an object: 40 hexadecimal digits in lowercase.
  package static func isObjectName(_ text: some Collection<UInt8>) -> Bool {
    text.count == 40 && text.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
  }

  static func operation(_ arguments: [String]) -> String {
    arguments.first { !$0.hasPrefix("-") } ?? ""
  }

  static func masked(_ fault: ProcessFault, _ secrets: [String]) -> String {
    guard case .timedOut(_, _, let bytes) = fault else { return "" }
    return Credentials.masked(String(decoding: bytes, as: UTF8.self), secrets: secrets)
  }
}

extension ProcessResult {
  /// True if the kernel ended the program at its `cpuSecondsMax`.
  package var isOutOfCPUTime: Bool { exit == .signalled(SIGXCPU) }

  /// Standard output as text without white space at its ends: the result of most git commands.
  package var trimmedOutput: String { outputText.trimmed }
}
