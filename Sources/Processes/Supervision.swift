// The lifetime of one program: start, input, output and end.
//
// Subprocess reaps the program only after the body of its `run` has returned. Until then the
// process id is not reused, so signals are sent only from inside the body.

import Glibc
import Subprocess
import SystemPackage

/// The write end of a running program's standard input.
package struct ProcessInput: Sendable {
  let writer: StandardInputWriter

  /// Writes all bytes, waiting while the pipe is full.
  /// - Returns: false if the program has closed its end.
  package func write(_ bytes: [UInt8]) async -> Bool {
    do { return try await writer.write(bytes) == bytes.count } catch { return false }
  }

  /// Closes it: the program reads an end of file.
  package func finish() async { try? await writer.finish() }
}

/// A running program's standard output, chunk by chunk, without reading ahead of the consumer. It
/// ends with the program, even if a child process of the program keeps the pipe open. Can be
/// iterated once.
package typealias ProcessOutput = AsyncMapSequence<SubprocessOutputSequence, [UInt8]>

struct Supervision<Value: Sendable>: Sendable {
  let command: Command
  /// How long the program may run after `body` returned before it is terminated; nil for no limit.
  let lingering: Duration?
  let onStart: (@Sendable (Int32) -> Void)?
  let onError: (@Sendable ([UInt8]) async -> Void)?
  let body: @Sendable (ProcessInput, ProcessOutput) async throws -> Value

  /// What the body returned or threw, and the result without standard output.
  typealias Outcome = (value: Result<Value, any Error>, result: ProcessResult)

  private let errors: SharedTail

  init(
    _ command: Command, lingering: Duration? = nil, onStart: (@Sendable (Int32) -> Void)?,
    onError: (@Sendable ([UInt8]) async -> Void)? = nil,
    body: @escaping @Sendable (ProcessInput, ProcessOutput) async throws -> Value
  ) {
    self.command = command
    self.lingering = lingering
    self.onStart = onStart
    self.onError = onError
    self.body = body
    errors = SharedTail(limit: command.outputLimit)
  }

  /// Runs the program to its end or to the command's time limit.
  func run() async throws(ProcessFault) -> Outcome {
    _ = brokenPipesAreErrors
    let (outcome, limitReached) = await withTaskGroup(of: Event.self) { group in
      group.addTask { .ended(await executed()) }
      group.addTask {
        do { try await Task.sleep(for: command.timeout) } catch { return .disarmed }
        return .limit
      }
      var limitReached = false
      while let event = await group.next() {
        switch event {
        case .limit:
          limitReached = true
          group.cancelAll()
        case .disarmed: continue
        case .ended(let outcome):
          group.cancelAll()
          return (outcome, limitReached)
        }
      }
      return (.failure(.cancelled(executable: command.executable)), limitReached)
    }
    if limitReached {
      throw .timedOut(
        executable: command.executable, after: command.timeout, standardError: errors.tail.bytes)
    }
    if Task.isCancelled { throw .cancelled(executable: command.executable) }
    return try outcome.get()
  }

  private enum Event: Sendable {
    case limit
    case disarmed
    case ended(Result<Outcome, ProcessFault>)
  }

  private func executed() async -> Result<Outcome, ProcessFault> {
    do {
      let result = try await Subprocess.run(
        command.configuration(), input: .inputWriter, output: .sequence, error: .sequence
      ) { execution in
        onStart?(execution.processIdentifier.value)
        return await attended(execution)
      }
      let tail = errors.tail
      let ended = ProcessResult(
        exit: ProcessResult.Exit(result.terminationStatus), standardOutput: [],
        standardError: tail.bytes, truncated: tail.truncated)
      return .success((result.closureResult, ended))
    } catch let error as SubprocessError {
      return .failure(ProcessFault(error, command))
    } catch let fault as ProcessFault {
      return .failure(fault)
    } catch {
      return .failure(.broken(executable: command.executable, reason: "\(error)"))
    }
  }

  private typealias Running = Execution<CustomWriteInput, SequenceOutput, SequenceOutput>

  /// Runs the handlers; returns once the program has ended and its group is killed.
  private func attended(_ execution: Running) async -> Result<Value, any Error> {
    async let end: Void = awaitEnd(of: execution)
    async let errors: Void = readError(of: execution)
    let value = await performBody(with: execution)
    _ = await (end, errors)
    return value
  }

  private func awaitEnd(of execution: Running) async {
    // SIGCONT has no effect on a running program: this only waits for its end.
    let beyondTheLimit = command.timeout + command.grace + .seconds(60)
    let group = execution.processIdentifier.value
    await withTaskCancellationHandler {
      await execution.teardown(using: [
        .send(signal: .resume, allowedDurationToNextStep: beyondTheLimit)
      ])
    } onCancel: {
      // The process id is not reused until this body has returned.
      if command.isShell { ProcessGroup.terminateMembers(of: group) }
    }
    if Task.isCancelled { await ProcessGroup.awaitEmpty(group, atMost: command.grace) }
    kill(-group, SIGKILL)
  }

  private func readError(of execution: Running) async {
    do {
      for try await buffer in execution.standardError {
        let chunk = buffer.withUnsafeBytes { Array($0) }
        errors.append(chunk)
        await onError?(chunk)
      }
    } catch {
      // An unreadable pipe means no more output; the program's end is observed elsewhere.
    }
  }

  private func performBody(with execution: Running) async -> Result<Value, any Error> {
    let result: Result<Value, any Error>
    var grace = lingering
    do {
      result = .success(
        try await body(
          ProcessInput(writer: execution.standardInputWriter),
          execution.standardOutput.map { $0.withUnsafeBytes { Array($0) } }))
    } catch {
      result = .failure(error)
      grace = .zero
    }
    guard let grace else { return result }
    try? await execution.standardInputWriter.finish()
    await execution.teardown(using: [
      .send(signal: .resume, allowedDurationToNextStep: grace),
      .send(signal: .terminate, toProcessGroup: true, allowedDurationToNextStep: command.grace),
    ])
    return result
  }
}

/// A write to a closed pipe must be an error, and not end this process.
private let brokenPipesAreErrors: Void = { _ = signal(SIGPIPE, SIG_IGN) }()

extension Command {
  fileprivate func configuration() throws(ProcessFault) -> Configuration {
    var options = PlatformOptions()
    options.createSession = true
    options.teardownSequence = [
      .send(
        signal: isShell ? .resume : .terminate, toProcessGroup: true,
        allowedDurationToNextStep: grace)
    ]
    var variables: [Subprocess.Environment.Key: String] = [:]
    for (name, value) in environment { variables[.init(stringLiteral: name)] = value }
    var arguments = arguments
    var program = try path(of: executable)
    if let fileBytesMax, let limiter = try? path(of: "prlimit") {
      arguments = ["--fsize=\(fileBytesMax)", "--core=0", "--", program] + arguments
      program = limiter
    }
    let limits =
      (memoryBytesMax.map { ["--data=\($0)"] } ?? [])
      // SIGKILL follows at the second limit, if the program ignores SIGXCPU.
      + (cpuSecondsMax.map { ["--cpu=\($0):\($0 + 2)", "--core=0"] } ?? [])
    if !limits.isEmpty {
      arguments = limits + ["--", program] + arguments
      program = try path(of: "prlimit")
    }
    if diesWithParent {
      arguments = ["--pdeathsig", "KILL", "--", program] + arguments
      program = try path(of: "setpriv")
      // The programs that must die with this process are those that are not part of AIPM.
      if let limit = Descriptors.ofOthers, let prlimit = try? path(of: "prlimit") {
        arguments = ["--nofile=\(limit):", "--", program] + arguments
        program = prlimit
      }
    }
    return Configuration(
      executable: .path(FilePath(program)), arguments: Arguments(arguments),
      environment: .custom(variables), workingDirectory: workingDirectory.map { FilePath($0) },
      platformOptions: options)
  }
}

extension Command {
  /// The path of the executable, for callers that start it through another program, which would
  /// report a missing executable as its own failure.
  package func resolved() throws(ProcessFault) -> String { try path(of: executable) }

  /// The path of a program in `PATH`. It is resolved here, because spawning a process for each
  /// folder of PATH is expensive, and because `setpriv` would report a missing program as its own
  /// failure.
  fileprivate func path(of program: String) throws(ProcessFault) -> String {
    if program.contains("/") {
      guard Self.canRun(program) else { throw .executableNotFound(program) }
      return program
    }
    for folder in (environment["PATH"] ?? "").split(separator: ":") where folder.hasPrefix("/") {
      let path = "\(folder)/\(program)"
      if Self.canRun(path) { return path }
    }
    throw .executableNotFound(program)
  }

  private static func canRun(_ path: String) -> Bool {
    var found = stat()
    return stat(path, &found) == 0 && found.st_mode & S_IFMT == S_IFREG && access(path, X_OK) == 0
  }
}

extension ProcessFault {
  fileprivate init(_ error: SubprocessError, _ command: Command) {
    if error.code == .executableNotFound {
      self = .executableNotFound(command.executable)
    } else if error.code == .spawnFailed || error.code == .failedToChangeWorkingDirectory {
      self = .notStarted(executable: command.executable, reason: error.description)
    } else {
      self = .broken(executable: command.executable, reason: error.description)
    }
  }
}

extension ProcessResult.Exit {
  fileprivate init(_ status: TerminationStatus) {
    switch status {
    case .exited(let code): self = .exited(code)
    case .signaled(let signal): self = .signalled(signal)
    }
  }
}
