// Records next to an agent's output: the times of the output, and structured information. One line
// of JSON each:
//
//   {"at":1764176151123,"offset":420}             the output from byte 420 on arrived then
//   {"at":…,"offset":420,"plan":[{…}]}            the complete plan
//   {"at":…,"offset":420,"tool":{"id":…,…}}       a tool call, or an update of one
//   {"at":…,"offset":420,"usage":{"words":…,…}}   the usage so far
//   {"at":…,"offset":420,"network":{"hosts":[…],…}}   at its end: its connections, NetworkRecord
//
// `at` is in milliseconds since 1970, by this machine's clock.

import Domain
import Glibc
import Synchronization
import SystemCalls
import Text

/// Appends to `records.jsonl`, up to a limit.
final class OutputRecords: Sendable {
  /// In bytes; later records are not kept.
  static let bytesMax = 4 << 20
  /// The minimum time between two records of the time.
  private static let stampInterval: Int64 = 100

  private struct State {
    var size = 0
    var lastStamp: Int64 = .min / 2
    var isFull = false
  }

  private let file: OpenFile
  private let secrets: [String]
  private let clock: @Sendable () -> Int64
  private let state = Mutex(State())

  /// Starts with an empty file.
  /// - Parameters:
  ///   - secrets: masked in information of the agent.
  ///   - clock: milliseconds since 1970.
  init(
    path: String, secrets: [String],
    clock: @escaping @Sendable () -> Int64 = { Timestamp.now.milliseconds }
  ) throws(FileFault) {
    file = try OpenFile(path, O_WRONLY | O_CREAT | O_TRUNC)
    self.secrets = secrets
    self.clock = clock
  }

  /// In bytes.
  var size: Int { state.withLock { $0.size } }

  /// Records the time of the output from `offset` on.
  func stamp(at offset: Int) {
    let now = clock()
    state.withLock { state in
      guard now - state.lastStamp >= Self.stampInterval else { return }
      state.lastStamp = now
      put(Array("{\"at\":\(now),\"offset\":\(offset)}\n".utf8), &state)
    }
  }

  /// Records structured information, with the size of the output at that time.
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

  /// A line is written completely or not at all.
  private func put(_ line: [UInt8], _ state: inout State) {
    guard !state.isFull, state.size + line.count <= Self.bytesMax else {
      state.isFull = true
      return
    }
    guard Glibc.write(file.descriptor, line, line.count) == line.count else {
      // A full disk is reported by the output log, which needs it as well.
      _ = ftruncate(file.descriptor, off_t(state.size))
      state.isFull = true
      return
    }
    state.size += line.count
  }
}
