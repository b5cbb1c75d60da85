// git with its output processed as it arrives. The size of the output is not bounded, because a
// hostile repository determines it.

/// Thrown to stop reading early, with the final state.
private struct Enough<State: Sendable>: Error {
  let state: State
}

extension Git {
  /// Runs git and folds its output chunk by chunk.
  /// - Parameters:
  ///   - input: bytes of standard input.
  ///   - timeout: for the whole call.
  ///   - diesWithParent: see `Command`.
  ///   - state: the initial state.
  ///   - take: folds the next chunk; false to stop. A git without input is then ended; otherwise
  ///     its remaining output is discarded.
  /// - Throws: `GitFault` on an exit code other than 0, at the time limit, and if git cannot be
  ///   run.
  package static func fold<State: Sendable>(
    _ arguments: [String], gitDirectory: String, extraEnvironment: [String: String] = [:],
    config: [(key: String, value: String)] = [], input: [UInt8] = [], timeout: Duration,
    diesWithParent: Bool = false, into state: State,
    _ take: @escaping @Sendable (inout State, [UInt8]) -> Bool
  ) async throws(GitFault) -> State {
    let command = Command(
      "git", arguments,
      environment: environment(
        gitDirectory: gitDirectory, extra: extraEnvironment, config: config),
      timeout: timeout, outputLimit: 1 << 16, diesWithParent: diesWithParent)
    let operation = operation(arguments)
    let ended: (value: Result<State, any Error>, result: ProcessResult)
    do {
      ended = try await command.converse { writer, output in
        try await withThrowingTaskGroup(of: State?.self) { group in
          group.addTask {
            if !input.isEmpty { _ = await writer.write(input) }
            await writer.finish()
            return nil
          }
          group.addTask { try await read(output, isFed: !input.isEmpty, state, take) }
          var state = state
          for try await folded in group { state = folded ?? state }
          return state
        }
      }
    } catch {
      throw GitFault(
        operation: operation, exitCode: nil, standardError: masked(error, []), cause: error)
    }
    switch ended.value {
    case .failure(let enough as Enough<State>): return enough.state
    case .failure(let error):
      throw GitFault(
        operation: operation, exitCode: nil, standardError: "",
        cause: .broken(executable: "git", reason: "\(error)"))
    case .success(let state):
      guard ended.result.succeeded else { throw GitFault(operation, ended.result) }
      return state
    }
  }

  private static func read<State: Sendable>(
    _ output: ProcessOutput, isFed: Bool, _ state: State,
    _ take: @escaping @Sendable (inout State, [UInt8]) -> Bool
  ) async throws -> State {
    var state = state
    var isEnough = false
    for try await piece in output where !isEnough {
      if take(&state, piece) { continue }
      // git must read all of its input before it ends.
      if !isFed { throw Enough(state: state) }
      isEnough = true
    }
    return state
  }

  /// Reads blobs one after the other.
  /// - Parameters:
  ///   - names: the names of existing objects.
  ///   - take: folds the next part of the blob with this index.
  /// - Throws: `GitFault`; also if an object is missing.
  package static func blobs<State: Sendable>(
    _ names: [String], gitDirectory: String, extraEnvironment: [String: String] = [:],
    timeout: Duration, diesWithParent: Bool = false, into state: State,
    _ take: @escaping @Sendable (inout State, Int, BlobPart) -> Void
  ) async throws(GitFault) -> State {
    if names.isEmpty { return state }
    var input: [UInt8] = []
    for name in names { input += name.utf8 + [10] }
    let (reader, folded) = try await fold(
      ["cat-file", "--batch"], gitDirectory: gitDirectory, extraEnvironment: extraEnvironment,
      input: input, timeout: timeout, diesWithParent: diesWithParent, into: (BlobReader(), state)
    ) { state, piece in
      state.0.read(piece) { index, part in take(&state.1, index, part) }
    }
    guard !reader.isCorrupt, reader.count == names.count else {
      throw GitFault(
        operation: "cat-file", exitCode: 0,
        standardError: "object \(reader.count + 1) of \(names.count) cannot be read")
    }
    return folded
  }
}

/// A part of a blob.
package enum BlobPart: Sendable {
  case piece(ArraySlice<UInt8>)
  case end
}

/// The output of `git cat-file --batch`: `NAME TYPE SIZE`, LF, the bytes, LF.
private struct BlobReader: Sendable {
  private var header: [UInt8] = []
  /// The remaining bytes of the blob; nil between two blobs.
  private var rest: Int?
  /// The number of blobs that were read.
  private(set) var count = 0
  private(set) var isCorrupt = false

  /// - Returns: false if this is not the output of git.
  mutating func read(_ piece: [UInt8], _ take: (Int, BlobPart) -> Void) -> Bool {
    var piece = piece[...]
    while !piece.isEmpty, !isCorrupt {
      guard let left = rest else {
        readHeader(&piece)
        continue
      }
      if left > 0 {
        let part = piece.prefix(left)
        take(count, .piece(part))
        rest = left - part.count
        piece = piece.dropFirst(part.count)
      } else {
        piece = piece.dropFirst()
        take(count, .end)
        count += 1
        rest = nil
      }
    }
    return !isCorrupt
  }

  private mutating func readHeader(_ piece: inout ArraySlice<UInt8>) {
    let end = piece.firstIndex(of: 10)
    header += piece[..<(end ?? piece.endIndex)]
    piece = end.map { piece[($0 + 1)...] } ?? []
    guard end != nil else {
      isCorrupt = header.count > 1000
      return
    }
    let fields = header.split(separator: UInt8(ascii: " "))
    header.removeAll()
    let size = fields.count == 3 ? Int(String(decoding: fields[2], as: UTF8.self)) : nil
    rest = size
    // `NAME missing`
    isCorrupt = size == nil
  }
}
