// Child processes that cannot harm this process by hanging, flooding or outliving it.
//
// Purpose: git, agents and CGI programs. Everything that AIPM starts goes through `Command`.
//
// Guarantees:
// - Nothing is inherited: the environment is exactly the given one and signals have their defaults.
//   The program leads its own session, so a Ctrl-C in the terminal is not sent to it, and its whole
//   group can be signalled at once.
// - A call ends. At the time limit, or when the Swift task is cancelled, the group gets SIGTERM and
//   after `grace` SIGKILL. When the program ends, all remaining processes of its group are killed,
//   so a grandchild that keeps the pipe open cannot block the call.
// - Memory is bounded: the first `outputLimit` bytes of standard output are kept, and the last ones
//   of standard error; the streaming calls read no faster than their consumer.
//
// Failures: `ProcessFault`. A program that ran and exited with an error is a `ProcessResult`.
// Processes that leave the group on purpose (`setsid`) are not ended here; that needs a container
// or a cgroup.

/// A program to run, with its arguments, environment and limits.
package struct Command: Sendable {
  /// The program's standard input.
  package enum Input: Sendable {
    /// Empty.
    case none
    case bytes([UInt8])
    /// The content of the file at this path.
    case file(String)
  }

  /// A name to look up in the `PATH` of `environment`, or a path.
  package var executable: String
  package var arguments: [String]
  /// The whole environment; nothing is inherited.
  package var environment: [String: String]
  /// nil for this process's working directory.
  package var workingDirectory: String?
  package var input: Input
  /// The time limit of the program.
  package var timeout: Duration
  /// The time between SIGTERM and SIGKILL.
  package var grace: Duration = .seconds(2)
  /// For standard output and standard error each, in bytes.
  package var outputLimit: Int
  /// Has the kernel kill the program when this process dies, by `setpriv` of util-linux. This does
  /// not include the program's child processes.
  package var diesWithParent: Bool
  /// The memory limit of each process in bytes (RLIMIT_DATA, setrlimit(2)), set by `prlimit` of
  /// util-linux; nil for no limit.
  package var memoryBytesMax: Int?
  /// The largest file that each process may write, in bytes (RLIMIT_FSIZE). The kernel ends a
  /// process that writes more. Ignored if `prlimit` is missing; nil for no limit.
  package var fileBytesMax: Int?
  /// The CPU time of each process in seconds (RLIMIT_CPU), set by `prlimit`. The kernel ends a
  /// process that takes more with SIGXCPU. Unlike `timeout`, it does not depend on other load. nil
  /// for no limit.
  package var cpuSecondsMax: Int?
  /// Sends SIGTERM to everything in the group except the program itself. For a sandbox, whose end
  /// would otherwise kill its contents before they could end in good order.
  package var isShell = false

  package init(
    _ executable: String, _ arguments: [String] = [],
    environment: [String: String] = Command.baseEnvironment, workingDirectory: String? = nil,
    input: Input = .none, timeout: Duration, outputLimit: Int = 16 << 20,
    diesWithParent: Bool = false
  ) {
    self.executable = executable
    self.arguments = arguments
    self.environment = environment
    self.workingDirectory = workingDirectory
    self.input = input
    self.timeout = timeout
    self.outputLimit = outputLimit
    self.diesWithParent = diesWithParent
  }
}

/// How a program ended, and its output.
package struct ProcessResult: Sendable, Equatable {
  /// By its own code, or by a signal.
  package enum Exit: Sendable, Equatable {
    case exited(Int32)
    case signalled(Int32)
  }

  package var exit: Exit
  /// The first `outputLimit` bytes; empty if the output was streamed.
  package var standardOutput: [UInt8]
  /// The last `outputLimit` bytes.
  package var standardError: [UInt8]
  /// True if either was longer than its limit.
  package var truncated: Bool

  package var succeeded: Bool { exit == .exited(0) }
  /// nil if a signal ended the program.
  package var exitCode: Int32? { if case .exited(let code) = exit { code } else { nil } }
  /// Standard output as text; invalid UTF-8 is replaced.
  package var outputText: String { String(decoding: standardOutput, as: UTF8.self) }
  /// Standard error as text; invalid UTF-8 is replaced.
  package var errorText: String { String(decoding: standardError, as: UTF8.self) }
}

/// Why a program gave no `ProcessResult`.
package enum ProcessFault: Error, Equatable, CustomStringConvertible {
  case executableNotFound(String)
  /// It could not be started, for example because its folder is missing or memory is short.
  case notStarted(executable: String, reason: String)
  /// It reached its time limit and was killed with its group. Contains the end of standard error.
  case timedOut(executable: String, after: Duration, standardError: [UInt8])
  /// The Swift task was cancelled; the program was killed with its group.
  case cancelled(executable: String)
  /// Its pipes or its end could not be observed, or the file for its input could not be read.
  case broken(executable: String, reason: String)

  package var description: String {
    switch self {
    case .executableNotFound(let name): "\(name): no such program"
    case .notStarted(let name, let reason): "\(name) could not be started: \(reason)"
    case .timedOut(let name, let limit, _): "\(name) did not end within \(limit)"
    case .cancelled(let name): "\(name) was cancelled"
    case .broken(let name, let reason): "\(name) could not be observed: \(reason)"
    }
  }
}

/// The two output streams of a program.
package enum OutputChannel: Sendable, Equatable {
  case output
  case error
}
