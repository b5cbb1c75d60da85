// git whose output is looked at as it comes, however much of it there is: what an enemy wrote
// decides how much git has to say.

/// What ends a reading that has enough.
private struct Enough<State: Sendable>: Error {
  let state: State
}

extension Git {
  /// Runs git and folds its output piece by piece.
  /// - Parameters:
  ///   - input: bytes of standard input.
  ///   - timeout: of the whole.
  ///   - diesWithParent: see `Command`.
  ///   - state: what is folded into.
  ///   - take: takes the next piece; false: that is enough. A git that is not being written to is
  ///     ended then, another one is read to its end and no more is taken.
  /// - Throws: `GitFault` on an exit code other than 0, at the limit, and where git cannot be run.
  package static func fold<State: Sendable>(
    _ arguments: [String], gitDirectory: String, extraEnvironment: [String: String] = [:],
    config: [(key: String, value: String)] = [], input: [UInt8] = [], timeout: Duration,
    diesWithParent: Bool = false, into state: State,
    _ take: @escaping @Sendable (inout State, [UInt8]) -> Bool
  ) async throws(GitFault) -> State {
    var command = Command(
      "git", arguments,
      environment: environment(
        gitDirectory: gitDirectory, extra: extraEnvironment, config: config),
      timeout: timeout, outputLimit: 1 << 16)
    command.diesWithParent = diesWithParent
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
      switch ended.result.exit {
      case .exited(0): return state
      case .exited(let code):
        throw GitFault(
          operation: operation, exitCode: code,
          standardError: Credentials.masked(ended.result.errorText))
      case .signalled:
        throw GitFault(
          operation: operation, exitCode: nil,
          standardError: Credentials.masked(ended.result.errorText))
      }
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
      // One that is written to would not end before it has read all.
      if !isFed { throw Enough(state: state) }
      isEnough = true
    }
    return state
  }

  /// Reads blobs one after the other.
  /// - Parameters:
  ///   - names: of objects that are there.
  ///   - take: takes the next part of the blob of this index.
  /// - Throws: `GitFault`, also where one of them is not there.
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

/// What is read of a blob.
package enum BlobPart: Sendable {
  /// The next bytes of it.
  case piece(ArraySlice<UInt8>)
  /// There is no more of it.
  case end
}

/// The output of `git cat-file --batch`: `NAME TYPE SIZE`, LF, the bytes, LF.
private struct BlobReader: Sendable {
  private var header: [UInt8] = []
  /// Bytes of the blob that are still to come; nil between two.
  private var rest: Int?
  /// How many were read.
  private(set) var count = 0
  private(set) var isCorrupt = false

  /// - Returns: false where this is not what git writes.
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
    let words = header.split(separator: UInt8(ascii: " "))
    header.removeAll()
    let size = words.count == 3 ? Int(String(decoding: words[2], as: UTF8.self)) : nil
    rest = size
    // `NAME missing`
    isCorrupt = size == nil
  }
}
