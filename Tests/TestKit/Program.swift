import FoundationEssentials
import Glibc
import Processes
import Synchronization

/// A program that runs while a test does other things.
package final class Program: Sendable {
  private struct State {
    var lines: [String] = []
    var rest = ""
    var errorText = ""
    var processID: Int32?
    var hasEnded = false
    var waiting: [CheckedContinuation<Void, Never>] = []
  }

  private let state = Mutex(State())
  private let run = Mutex<Task<ProcessResult?, Never>?>(nil)

  /// The programs under test, as the build that runs the tests has made them.
  package static let aipm = built("aipm")
  package static let aipmReplay = built("aipm-replay")
  package static let bench = built("aipm-bench")

  private static func built(_ name: String) -> String {
    // Those of a release, where figures are taken.
    if let folder = ProcessInfo.processInfo.environment["AIPM_TEST_PROGRAMS"] {
      return "\(folder)/\(name)"
    }
    // The tests' own program stands beside them.
    let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    let arguments = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? own
    var folder = arguments.split(separator: "/", omittingEmptySubsequences: false).dropLast()
    while !folder.isEmpty {
      let path = (folder + [Substring(name)]).joined(separator: "/")
      if access(path, X_OK) == 0 { return path }
      folder = folder.dropLast()
    }
    return "\(FileManager.default.currentDirectoryPath)/.build/debug/\(name)"
  }

  /// An environment with nothing of AIPM's or git's in it.
  package static let plainEnvironment: [String: String] = {
    var environment = ["PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent"]
    for name in ["PATH", "LD_LIBRARY_PATH"] {
      environment[name] = ProcessInfo.processInfo.environment[name] ?? environment[name]
    }
    return environment
  }()

  package static func start(
    _ executable: String, _ arguments: [String],
    environment: [String: String] = Program.plainEnvironment, workingDirectory: String
  ) async throws -> Program {
    let command = Command(
      executable, arguments, environment: environment, workingDirectory: workingDirectory,
      timeout: .seconds(900))
    let program = Program()
    let task = Task {
      let result = try? await command.run(
        onStart: { pid in program.change { $0.processID = pid } },
        onOutput: { channel, bytes in program.take(channel, bytes) })
      program.change { $0.hasEnded = true }
      return result
    }
    program.run.withLock { $0 = task }
    try await program.wait("\(executable) to start") { $0.processID != nil || $0.hasEnded }
    return program
  }

  package var processID: Int32? { state.withLock { $0.hasEnded ? nil : $0.processID } }
  package var errorText: String { state.withLock { $0.errorText } }

  private func take(_ channel: OutputChannel, _ bytes: [UInt8]) {
    let text = String(decoding: bytes, as: UTF8.self)
    change { state in
      guard channel == .output else {
        state.errorText += text
        return
      }
      state.rest += text
      while let end = state.rest.firstIndex(of: "\n") {
        state.lines.append(String(state.rest[..<end]))
        state.rest.removeSubrange(...end)
      }
    }
  }

  private func change(_ body: (inout State) -> Void) {
    let waiting = state.withLock { state in
      body(&state)
      defer { state.waiting = [] }
      return state.waiting
    }
    for one in waiting { one.resume() }
  }

  private func wait(
    _ what: String, limit: Duration = Installation.patience,
    until holds: @escaping @Sendable (State) -> Bool
  ) async throws {
    try await within(limit, what) {
      await withTaskCancellationHandler {
        while !Task.isCancelled, !self.state.withLock({ holds($0) }) {
          await self.somethingNew { holds($0) || Task.isCancelled }
        }
      } onCancel: {
        self.change { _ in }
      }
    }
  }

  private func somethingNew(unless isEnough: (State) -> Bool) async {
    await withCheckedContinuation { continuation in
      let isEnough = state.withLock { state in
        if !isEnough(state) {
          state.waiting.append(continuation)
          return false
        }
        return true
      }
      if isEnough { continuation.resume() }
    }
  }

  /// Waits for a line of standard output.
  package func line(where fits: @escaping @Sendable (String) -> Bool) async throws -> String {
    try await wait("a line of output") { $0.hasEnded || $0.lines.contains(where: fits) }
    guard let line = state.withLock({ $0.lines.first(where: fits) }) else {
      throw KitFault("the program ended before it said so: \(errorText)")
    }
    return line
  }

  /// Sends a signal that ends it, and returns when it is gone.
  package func end(_ signal: Int32) async {
    if let processID { Glibc.kill(processID, signal) }
    _ = await run.withLock { $0 }?.value
  }

  /// Whether it is gone, or goes within `limit`.
  package func ends(within limit: Duration) async -> Bool {
    (try? await wait("the program to end", limit: limit) { $0.hasEnded }) != nil
  }

  /// SIGTERM.
  /// - Returns: how it ended.
  package func terminate() async throws -> ProcessResult.Exit {
    if let processID { Glibc.kill(processID, SIGTERM) }
    let task = run.withLock { $0 }
    let result = try await within(Installation.patience, "the program to end") {
      await task?.value
    }
    guard let exit = result?.exit else { throw KitFault("it could not be followed to its end") }
    return exit
  }
}

/// Runs `body`, and throws where it takes longer than `limit`.
package func within<Value: Sendable>(
  _ limit: Duration, _ what: String, _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value {
  try await withThrowingTaskGroup(of: Value?.self) { group in
    group.addTask { try await body() }
    group.addTask {
      try await Task.sleep(for: limit)
      return nil
    }
    defer { group.cancelAll() }
    guard let first = try await group.next(), let value = first else {
      throw KitFault("waited \(limit) in vain for \(what)")
    }
    return value
  }
}
