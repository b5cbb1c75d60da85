// One program's life: started, fed, read, and ended by itself or by us.
//
// Subprocess reaps the program only after the body of its `run` returned. So long its number is
// taken, and signals to its group can hit nobody else: all of them are sent from inside the body.

import Subprocess
import SystemPackage

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The writing end of a running program's standard input.
package struct ProcessInput: Sendable {
  let writer: StandardInputWriter

  /// Writes all bytes, waiting while the pipe is full.
  /// - Returns: false where the program reads no more.
  package func write(_ bytes: [UInt8]) async -> Bool {
    do { return try await writer.write(bytes) == bytes.count } catch { return false }
  }

  /// Closes it: the program sees an end of file.
  package func finish() async { try? await writer.finish() }
}

/// A running program's standard output, chunk by chunk; nothing is read ahead of the consumer. It
/// ends with the program, even where something that the program started still holds the pipe. Can
/// be iterated once.
package struct ProcessOutput: AsyncSequence, Sendable {
  let base: SubprocessOutputSequence

  /// Reads the chunks as they come.
  package struct AsyncIterator: AsyncIteratorProtocol {
    var base: SubprocessOutputSequence.Iterator

    /// The next chunk; nil at the end of the output.
    package mutating func next() async throws -> [UInt8]? {
      guard let buffer = try await base.next() else { return nil }
      return buffer.withUnsafeBytes { Array($0) }
    }
  }

  /// The one reader; a second one would take chunks from the first.
  package func makeAsyncIterator() -> AsyncIterator {
    AsyncIterator(base: base.makeAsyncIterator())
  }
}

/// A program and what is done with it while it runs.
struct Supervision<Value: Sendable>: Sendable {
  let command: Command
  /// How long the program may go on after `body` returned before it is told to end; nil: as long
  /// as it likes.
  let lingering: Duration?
  let onStart: (@Sendable (Int32) -> Void)?
  let onError: (@Sendable ([UInt8]) async -> Void)?
  let body: @Sendable (ProcessInput, ProcessOutput) async throws -> Value

  struct Outcome: Sendable {
    var value: Result<Value, any Error>
    var exit: ProcessResult.Exit
  }

  private let said: SharedTail

  init(
    _ command: Command, lingering: Duration?, onStart: (@Sendable (Int32) -> Void)?,
    onError: (@Sendable ([UInt8]) async -> Void)?,
    body: @escaping @Sendable (ProcessInput, ProcessOutput) async throws -> Value
  ) {
    self.command = command
    self.lingering = lingering
    self.onStart = onStart
    self.onError = onError
    self.body = body
    said = SharedTail(limit: command.outputLimit)
  }

  /// The end of what the program wrote to its standard error.
  var standardError: Tail { said.tail }

  /// Runs the program to its end, at the latest to the command's limit.
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
        executable: command.executable, after: command.timeout, standardError: said.tail.bytes)
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
      return .success(
        Outcome(
          value: result.closureResult, exit: ProcessResult.Exit(result.terminationStatus)))
    } catch let error as SubprocessError {
      return .failure(ProcessFault(error, command))
    } catch let fault as ProcessFault {
      return .failure(fault)
    } catch {
      return .failure(.broken(executable: command.executable, reason: "\(error)"))
    }
  }

  private typealias Running = Execution<CustomWriteInput, SequenceOutput, SequenceOutput>

  /// Feeds and reads the program; returns once it has ended and its group is gone.
  private func attended(_ execution: Running) async -> Result<Value, any Error> {
    await withTaskGroup(of: Result<Value, any Error>?.self) { group in
      group.addTask {
        await awaitEnd(of: execution)
        return nil
      }
      group.addTask {
        await readError(of: execution)
        return nil
      }
      group.addTask { await performBody(with: execution) }
      var value: Result<Value, any Error> = .failure(CancellationError())
      for await result in group { if let result { value = result } }
      return value
    }
  }

  private func awaitEnd(of execution: Running) async {
    // SIGCONT means nothing to a program that runs: this only waits for the end.
    let beyondTheLimit = command.timeout + command.grace + .seconds(60)
    let group = execution.processIdentifier.value
    await withTaskCancellationHandler {
      await execution.teardown(using: [
        .send(signal: .resume, allowedDurationToNextStep: beyondTheLimit)
      ])
    } onCancel: {
      // Its number is taken until this body has returned.
      if command.isShell { ProcessGroup.terminateMembers(of: group) }
    }
    if Task.isCancelled { await ProcessGroup.awaitEmpty(group, atMost: command.grace) }
    kill(-group, SIGKILL)
  }

  private func readError(of execution: Running) async {
    do {
      for try await buffer in execution.standardError {
        let chunk = buffer.withUnsafeBytes { Array($0) }
        said.append(chunk)
        await onError?(chunk)
      }
    } catch {
      // A pipe that cannot be read has nothing more to say; the program's end is seen elsewhere.
    }
  }

  private func performBody(with execution: Running) async -> Result<Value, any Error> {
    let result: Result<Value, any Error>
    do {
      result = .success(
        try await body(
          ProcessInput(writer: execution.standardInputWriter),
          ProcessOutput(base: execution.standardOutput)))
    } catch {
      result = .failure(error)
    }
    let courtesy: Duration?
    switch result {
    case .success: courtesy = lingering
    case .failure: courtesy = .zero
    }
    guard let courtesy else { return result }
    try? await execution.standardInputWriter.finish()
    await execution.teardown(using: [
      .send(signal: .resume, allowedDurationToNextStep: courtesy),
      .send(signal: .terminate, toProcessGroup: true, allowedDurationToNextStep: command.grace),
    ])
    return result
  }
}

/// A write to a program that reads no more is an answer, not the end of this process.
private let brokenPipesAreErrors: Void = { _ = signal(SIGPIPE, SIG_IGN) }()

extension Command {
  fileprivate func configuration() throws(ProcessFault) -> Configuration {
    var options = PlatformOptions()
    options.createSession = true
    options.teardownSequence =
      isShell
      ? [.send(signal: .resume, toProcessGroup: true, allowedDurationToNextStep: grace)]
      : [.send(signal: .terminate, toProcessGroup: true, allowedDurationToNextStep: grace)]
    var variables: [Subprocess.Environment.Key: String] = [:]
    for (name, value) in environment { variables[.init(stringLiteral: name)] = value }
    var words = arguments
    var program = try path(of: executable)
    if let fileBytesMax, let limiter = try? path(of: "prlimit") {
      words = ["--fsize=\(fileBytesMax)", "--core=0", "--", program] + words
      program = limiter
    }
    let limits =
      (memoryBytesMax.map { ["--data=\($0)"] } ?? [])
      // SIGKILL comes at the second one, for a program that does not listen to SIGXCPU.
      + (cpuSecondsMax.map { ["--cpu=\($0):\($0 + 2)", "--core=0"] } ?? [])
    if !limits.isEmpty {
      words = limits + ["--", program] + words
      program = try path(of: "prlimit")
    }
    if diesWithParent {
      words = ["--pdeathsig", "KILL", "--", program] + words
      program = try path(of: "setpriv")
      // Programs that are not ours are those that must not outlive us.
      if let limit = Descriptors.ofOthers, let prlimit = try? path(of: "prlimit") {
        words = ["--nofile=\(limit):", "--", program] + words
        program = prlimit
      }
    }
    return Configuration(
      executable: .path(FilePath(program)), arguments: Arguments(words),
      environment: .custom(variables), workingDirectory: workingDirectory.map { FilePath($0) },
      platformOptions: options)
  }

}

extension Command {
  /// The path of the executable: for programs that start this one and would report one that is
  /// missing as their own failure.
  package func resolved() throws(ProcessFault) -> String { try path(of: executable) }

  /// Where a program stands. It is looked for here, since a process that is made for each folder
  /// of PATH in turn costs more than most of what git is asked, and since `setpriv` would report a
  /// program that is missing as its own failure.
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
