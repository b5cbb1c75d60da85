// Other programs, run so that none can hurt us by hanging, flooding or outliving its caller.
//
// What it is for: git, agents and CGI programs. Everything that AIPM starts goes through `Command`.
//
// What it promises:
// - Nothing is inherited: the environment is exactly the one that is given, signals are at their
//   defaults, and the program leads a session of its own, so that a Ctrl-C in our terminal is not
//   sent to it and its whole group can be signalled at once.
// - A call ends. At the time limit, or when the Swift task is cancelled, the group gets SIGTERM and
//   after `grace` SIGKILL. When the program itself ended, whatever it left behind in its group is
//   killed, so a grandchild that keeps the pipe open cannot hold the call.
// - Memory is bounded: of standard output the first `outputLimit` bytes are kept, of standard error
//   the last ones; the streaming calls read no faster than their consumer takes.
//
// How it fails: with a `ProcessFault`. A program that ran and exited with an error is no fault but
// a `ProcessResult`. What leaves the group on purpose (`setsid`) is not caught here: only a
// container or a cgroup holds that.

/// A program to run, with everything that it gets to see.
package struct Command: Sendable {
  /// What stands on the program's standard input.
  package enum Input: Sendable {
    /// An end of file at once.
    case none
    case bytes([UInt8])
    /// The content of the file at this path.
    case file(String)
  }

  /// A name that is looked up in the `PATH` of `environment`, or a path.
  package var executable: String
  package var arguments: [String]
  /// The whole environment; nothing is inherited.
  package var environment: [String: String]
  /// nil: that of this process.
  package var workingDirectory: String?
  package var input: Input
  /// From the start to the end of the program.
  package var timeout: Duration
  /// Between SIGTERM and SIGKILL.
  package var grace: Duration = .seconds(2)
  /// In bytes, for standard output and standard error each.
  package var outputLimit: Int
  /// Has the kernel kill the program when this process dies, by `setpriv` of util-linux. Only the
  /// program itself, not what it started.
  package var diesWithParent = false
  /// What the program, and each that it starts, may take of memory as data, in bytes
  /// (RLIMIT_DATA, setrlimit(2)), by `prlimit` of util-linux; nil: no limit.
  package var memoryBytesMax: Int?
  /// How large a file the program, and each that it starts, may write, in bytes (RLIMIT_FSIZE),
  /// where there is `prlimit`: the kernel ends one that would write more. nil: no limit.
  package var fileBytesMax: Int?
  /// CPU time that the program, and each that it starts, may take, in seconds (RLIMIT_CPU), by
  /// `prlimit`: the kernel ends one that takes more with SIGXCPU, however busy the machine is with
  /// others. nil: no limit.
  package var cpuSecondsMax: Int?
  /// Has a SIGTERM go to everything in the group but the program itself: a sandbox that is ended
  /// takes with it what it holds, before that could end in good order.
  package var isShell = false

  package init(
    _ executable: String, _ arguments: [String] = [],
    environment: [String: String] = Command.baseEnvironment, workingDirectory: String? = nil,
    input: Input = .none, timeout: Duration, outputLimit: Int = 16 << 20
  ) {
    self.executable = executable
    self.arguments = arguments
    self.environment = environment
    self.workingDirectory = workingDirectory
    self.input = input
    self.timeout = timeout
    self.outputLimit = outputLimit
  }
}

/// How a program ended and what it said.
package struct ProcessResult: Sendable, Equatable {
  /// By its own code, or by a signal.
  package enum Exit: Sendable, Equatable {
    case exited(Int32)
    case signalled(Int32)
  }

  package var exit: Exit
  /// The first `outputLimit` bytes; empty where the output was streamed.
  package var standardOutput: [UInt8]
  /// The last `outputLimit` bytes.
  package var standardError: [UInt8]
  /// True where either was longer than its limit.
  package var truncated: Bool

  package var succeeded: Bool { exit == .exited(0) }
  /// Standard output as text; bytes that are no UTF-8 are replaced.
  package var outputText: String { String(decoding: standardOutput, as: UTF8.self) }
  /// Standard error as text; bytes that are no UTF-8 are replaced.
  package var errorText: String { String(decoding: standardError, as: UTF8.self) }
}

/// Why there is no `ProcessResult`.
package enum ProcessFault: Error, Equatable, CustomStringConvertible {
  case executableNotFound(String)
  /// It could not be started: its folder is missing, memory is short …
  case notStarted(executable: String, reason: String)
  /// It ran into its limit and was killed with its group. Holds the end of its standard error.
  case timedOut(executable: String, after: Duration, standardError: [UInt8])
  /// The Swift task was cancelled; the program was killed with its group.
  case cancelled(executable: String)
  /// Its pipes or its end could not be watched, or the file for its input could not be read.
  case broken(executable: String, reason: String)

  package var description: String {
    switch self {
    case .executableNotFound(let name): "\(name): no such program"
    case .notStarted(let name, let reason): "\(name) could not be started: \(reason)"
    case .timedOut(let name, let limit, _): "\(name) did not end within \(limit)"
    case .cancelled(let name): "\(name) was cancelled"
    case .broken(let name, let reason): "\(name) could not be followed: \(reason)"
    }
  }
}

/// Which of its two streams a program wrote to.
package enum OutputChannel: Sendable, Equatable {
  case output
  case error
}
