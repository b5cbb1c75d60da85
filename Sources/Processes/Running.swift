// The three ways to run a command: with collected output, with streamed output, and interactively.

import SystemPackage

extension Command {
  /// Runs the program to its end and returns its output.
  /// - Parameter onStart: called with the process id, which is also the group's.
  /// - Throws: `ProcessFault`; an exit code other than 0 is a result.
  package func run(onStart: (@Sendable (Int32) -> Void)? = nil) async throws(ProcessFault)
    -> ProcessResult
  {
    let supervision = Supervision(self, lingering: nil, onStart: onStart, onError: nil) {
      input, output in
      try await feeding(input) {
        var head = Head(limit: outputLimit)
        for try await chunk in output { head.append(chunk) }
        return head
      }
    }
    let outcome = try await supervision.run()
    let head = try value(of: outcome.value)
    let tail = supervision.standardError
    return ProcessResult(
      exit: outcome.exit, standardOutput: head.bytes, standardError: tail.bytes,
      truncated: head.truncated || tail.truncated)
  }

  /// Runs the program and streams its output; the program is blocked while the consumer is busy.
  /// The chunks of one channel are in order; the channels are concurrent.
  /// - Returns: the result without standard output.
  package func run(
    onStart: (@Sendable (Int32) -> Void)? = nil,
    onOutput: @escaping @Sendable (OutputChannel, [UInt8]) async -> Void
  ) async throws(ProcessFault) -> ProcessResult {
    let supervision = Supervision(
      self, lingering: nil, onStart: onStart, onError: { await onOutput(.error, $0) }
    ) { input, output in
      try await feeding(input) {
        for try await chunk in output { await onOutput(.output, chunk) }
      }
    }
    let outcome = try await supervision.run()
    try value(of: outcome.value)
    let tail = supervision.standardError
    return ProcessResult(
      exit: outcome.exit, standardOutput: [], standardError: tail.bytes, truncated: tail.truncated)
  }

  /// Runs the program and lets `body` write to it and read from it, as for CGI and persistent
  /// agents; `input` is ignored. When `body` returns, standard input is closed, and a program that
  /// does not end within `grace` is terminated. If `body` throws, it is terminated at once.
  /// - Returns: what `body` returned or threw, and the result without standard output.
  package func converse<Value: Sendable>(
    onStart: (@Sendable (Int32) -> Void)? = nil,
    onError: (@Sendable ([UInt8]) async -> Void)? = nil,
    _ body: @escaping @Sendable (ProcessInput, ProcessOutput) async throws -> Value
  ) async throws(ProcessFault) -> (value: Result<Value, any Error>, result: ProcessResult) {
    let supervision = Supervision(
      self, lingering: grace, onStart: onStart, onError: onError, body: body)
    let outcome = try await supervision.run()
    let tail = supervision.standardError
    let result = ProcessResult(
      exit: outcome.exit, standardOutput: [], standardError: tail.bytes, truncated: tail.truncated)
    return (outcome.value, result)
  }

  @discardableResult
  private func value<Value>(of result: Result<Value, any Error>) throws(ProcessFault) -> Value {
    do { return try result.get() } catch {
      throw (error as? ProcessFault) ?? .broken(executable: executable, reason: "\(error)")
    }
  }

  /// Writes the command's input while `reading` runs. Input that cannot be read completely is an
  /// error, so that a program never processes an incomplete input as a complete one.
  private func feeding<Value: Sendable>(
    _ input: ProcessInput, while reading: @escaping @Sendable () async throws -> Value
  ) async throws -> Value {
    try await withThrowingTaskGroup(of: Value?.self) { group in
      group.addTask {
        try await feed(input)
        return nil
      }
      group.addTask { try await reading() }
      var value: Value?
      for try await result in group { value = result ?? value }
      guard let value else { throw CancellationError() }
      return value
    }
  }

  /// Writes the command's input; it is no error if the program stops reading.
  private func feed(_ input: ProcessInput) async throws {
    switch self.input {
    case .none: break
    case .bytes(let bytes): _ = await input.write(bytes)
    case .file(let path):
      do {
        let file = try FileDescriptor.open(FilePath(path), .readOnly, options: .closeOnExec)
        defer { try? file.close() }
        try await feed(input, from: file)
      } catch let error as Errno {
        throw ProcessFault.broken(executable: executable, reason: "\(path): \(error)")
      }
    }
    await input.finish()
  }

  private func feed(_ input: ProcessInput, from file: FileDescriptor) async throws {
    while true {
      let chunk = try [UInt8](unsafeUninitializedCapacity: 1 << 16) { buffer, count in
        count = try file.read(into: UnsafeMutableRawBufferPointer(buffer))
      }
      guard !chunk.isEmpty, await input.write(chunk) else { return }
    }
  }
}
