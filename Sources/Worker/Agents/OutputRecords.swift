// Beside an agent's output: when it said what, and what it told in a structured form. A line of
// JSON each:
//
//   {"at":1764176151123,"offset":420}             what stands from byte 420 on came then
//   {"at":…,"offset":420,"plan":[{…}]}            the plan, whole
//   {"at":…,"offset":420,"tool":{"id":…,…}}       a tool call, or what became of it
//   {"at":…,"offset":420,"usage":{"words":…,…}}   what it used so far
//   {"at":…,"offset":420,"network":{"hosts":[…],…}}   at its end: what it reached, NetworkRecord
//
// `at` is in milliseconds since 1970, by this machine's clock.

import Domain
import Glibc
import Synchronization
import SystemCalls
import Text

/// Appends to `records.jsonl`, up to a limit.
final class OutputRecords: Sendable {
  /// In bytes; what comes after is not kept.
  static let bytesMax = 4 << 20
  /// Times are told at most so often.
  private static let stampInterval: Int64 = 100

  private struct State {
    var size = 0
    var lastStamp: Int64 = .min / 2
    var isFull = false
  }

  private let descriptor: Int32
  private let secrets: [String]
  private let clock: @Sendable () -> Int64
  private let state = Mutex(State())

  /// Starts the file anew.
  /// - Parameters:
  ///   - secrets: what is masked in what the agent told.
  ///   - clock: milliseconds since 1970.
  init(
    path: String, secrets: [String],
    clock: @escaping @Sendable () -> Int64 = { Timestamp.now.milliseconds }
  ) throws(FileFault) {
    descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw .last("open", path) }
    self.secrets = secrets
    self.clock = clock
  }

  deinit { close(descriptor) }

  /// In bytes.
  var size: Int { state.withLock { $0.size } }

  /// Notes the time of what is written from `offset` on.
  func stamp(at offset: Int) {
    let now = clock()
    state.withLock { state in
      guard now - state.lastStamp >= Self.stampInterval else { return }
      state.lastStamp = now
      put(Array("{\"at\":\(now),\"offset\":\(offset)}\n".utf8), &state)
    }
  }

  /// Notes something that was told when the output was `offset` bytes long.
  func write(_ name: String, _ value: JSONValue, at offset: Int) {
    let line = JSONValue.object([
      "at": .integer(clock()), "offset": JSONValue(offset), name: masked(value),
    ]).canonical
    state.withLock { put(line + [0x0a], &$0) }
  }

  private func masked(_ value: JSONValue) -> JSONValue {
    switch value {
    case .string(let text): .string(OutputMask.masked(text, secrets: secrets))
    case .array(let items): .array(items.map(masked))
    case .object(let members): .object(members.mapValues(masked))
    case .null, .bool, .integer, .number: value
    }
  }

  /// A line goes in whole or not at all.
  private func put(_ line: [UInt8], _ state: inout State) {
    guard !state.isFull, state.size + line.count <= Self.bytesMax else {
      state.isFull = true
      return
    }
    guard Glibc.write(descriptor, line, line.count) == line.count else {
      // A disk that takes no more is told by the output, which needs it as well.
      _ = ftruncate(descriptor, off_t(state.size))
      state.isFull = true
      return
    }
    state.size += line.count
  }
}
