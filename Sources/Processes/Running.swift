// The three ways to run a command: with collected output, with streamed output, and interactively.

import Glibc
import SystemCalls

extension Command {
  /// Runs the program to its end and returns its output.
  /// - Parameter onStart: called with the process id, which is also the group's.
  /// - Throws: `ProcessFault`; an exit code other than 0 is a result.
  package func run(onStart: (@Sendable (Int32) -> Void)? = nil) async throws(ProcessFault)
    -> ProcessResult
  {
    let supervision = Supervision(self, onStart: onStart) { input, output in
      try await feeding(input) {
        var head: (bytes: [UInt8], truncated: Bool) = ([], false)
        for try await chunk in output {
          let room = outputLimit - head.bytes.count
          head.bytes += chunk.prefix(room)
          if chunk.count > room { head.truncated = true }
        }
        return head
      }
    }
    var (outcome, result) = try await supervision.run()
    let head = try value(of: outcome)
    result.standardOutput = head.bytes
    result.truncated = result.truncated || head.truncated
    return result
  }

  /// Runs the program and streams its output; the program is blocked while the consumer is busy.
  /// The chunks of one channel are in order; the channels are concurrent.
  /// - Returns: the result without standard output.
  package func run(
    onStart: (@Sendable (Int32) -> Void)? = nil,
    onOutput: @escaping @Sendable (OutputChannel, [UInt8]) async -> Void
  ) async throws(ProcessFault) -> ProcessResult {
    let supervision = Supervision(
      self, onStart: onStart, onError: { await onOutput(.error, $0) }
    ) { input, output in
      try await feeding(input) {
        for try await chunk in output { await onOutput(.output, chunk) }
      }
    }
    let (outcome, result) = try await supervision.run()
    try value(of: outcome)
    return result
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
    try await Supervision(
      self, lingering: grace, onStart: onStart, onError: onError, body: body
    ).run()
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
      do throws(FileFault) {
        let file = try OpenFile(path, O_RDONLY)
        var offset = 0
        while true {
          let chunk = try file.read(from: offset, atMost: 1 << 16)
          guard !chunk.isEmpty, await input.write(chunk) else { break }
          offset += chunk.count
        }
      } catch {
        throw ProcessFault.broken(executable: executable, reason: "\(path): \(error.reason)")
      }
    }
    await input.finish()
  }
}
