// The output of an agent, kept in a file up to a limit, with its digest, in bounded memory.

import Cryptography
import Glibc
import Processes
import Synchronization
import SystemCalls
import Text
import Workflows

/// Appends to `output.log` from both streams in the order of arrival. Values of the agent's secret
/// variables are masked, even if split between two chunks. The times are in the records next to it.
final class OutputLog: Sendable {
  private struct State: ~Copyable {
    var mask: OutputMask
    var written = 0
    var dropped = 0
    var fault: FileFault?
    var hash = SHA256()
    var tail = Tail(limit: 2000)
  }

  private let file: OpenFile
  private let bytesMax: Int
  private let state: Mutex<State>
  private let records: OutputRecords?

  /// The size of the two files.
  struct Size: Equatable, Sendable {
    var text: Int
    var records: Int
  }

  /// Starts with an empty file.
  /// - Parameter records: for the times of the output; nil for none.
  init(
    path: String, bytesMax: Int, secrets: [String], records: OutputRecords? = nil
  ) throws(FileFault) {
    self.records = records
    self.bytesMax = bytesMax
    file = try OpenFile(path, O_WRONLY | O_CREAT | O_TRUNC)
    state = Mutex(State(mask: OutputMask(secrets: secrets)))
  }

  var size: Size {
    state.withLock { Size(text: $0.written, records: records?.size ?? 0) }
  }

  /// - Returns: the current size of the files.
  @discardableResult
  func append(_ chunk: [UInt8]) -> Size {
    state.withLock { state in
      records?.stamp(at: state.written)
      keep(state.mask.mask(chunk), &state)
      return Size(text: state.written, records: records?.size ?? 0)
    }
  }

  /// Records structured information of the agent.
  func record(_ name: String, _ value: JSONValue) {
    state.withLock { records?.write(name, value, at: $0.written) }
  }

  /// Writes the pending bytes, and a note if some were dropped.
  func finish() -> OutputSummary {
    state.withLock { state in
      keep(state.mask.finish(), &state)
      if state.dropped > 0 {
        put(Array("\n[aipm: \(state.dropped) more bytes of output were not kept]\n".utf8), &state)
      }
      if let fault = state.fault { state.tail.append(Array("\n[aipm: \(fault)]".utf8)) }
      return OutputSummary(
        bytes: state.written, digest: Hex.encode(state.hash.finish()),
        lastLines: lastLines(of: state.tail.bytes), records: records?.size ?? 0)
    }
  }

  private func keep(_ bytes: [UInt8], _ state: inout State) {
    guard !bytes.isEmpty else { return }
    state.tail.append(bytes)
    let room = state.dropped > 0 ? 0 : max(0, bytesMax - state.written)
    state.dropped += max(0, bytes.count - room)
    put(Array(bytes.prefix(room)), &state)
  }

  private func put(_ bytes: [UInt8], _ state: inout State) {
    guard state.fault == nil else { return }
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes { buffer in
        write(file.descriptor, buffer.baseAddress?.advanced(by: done), bytes.count - done)
      }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else {
        state.fault = .last("write", file.path)
        break
      }
      done += count
    }
    state.hash.update(bytes[..<done])
    state.written += done
  }

  /// The last nonempty lines, without terminal sequences.
  private func lastLines(of bytes: [UInt8]) -> String {
    let lines = bytes.split { $0 == 0x0a || $0 == 0x0d }.map {
      String(decoding: TerminalFilter.filtered($0), as: UTF8.self)
    }
    let full = lines.filter { !$0.allSatisfy(\.isWhitespace) }.suffix(5).joined(separator: "\n")
    return String(full.suffix(500))
  }
}

/// Replaces secrets in a stream by `***`. It delays only a possible beginning of one.
struct OutputMask: Sendable {
  private let secrets: [[UInt8]]
  private let firsts: [UInt8]
  private var held: [UInt8] = []

  /// - Parameter secrets: those shorter than 8 bytes are ignored, because they occur by chance.
  init(secrets: [String]) {
    self.secrets = secrets.map { Array($0.utf8) }.filter { $0.count >= 8 }
      .sorted { $0.count > $1.count }
    firsts = Set(self.secrets.map { $0[0] }).sorted()
  }

  mutating func mask(_ chunk: [UInt8]) -> [UInt8] {
    guard !secrets.isEmpty else { return chunk }
    let bytes = held + chunk
    held = []
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    var index = 0
    // The next position of each of `firsts`; the bytes before all of them are copied.
    var positions = firsts.map { _ in -1 }
    while true {
      for (number, first) in firsts.enumerated() where positions[number] < index {
        positions[number] =
          bytes.withUnsafeBytes { ByteSearch.index(of: [first], in: $0, from: index) }
          ?? bytes.count
      }
      let next = positions.min() ?? bytes.count
      result += bytes[index..<next]
      index = next
      guard index < bytes.count else { return result }
      switch match(bytes[index...]) {
      case .whole(let count):
        result += Array("***".utf8)
        index += count
      case .beginning:
        held = Array(bytes[index...])
        return result
      case .none:
        result.append(bytes[index])
        index += 1
      }
    }
  }

  /// The pending bytes. They began a secret that is incomplete, but may contain shorter ones.
  mutating func finish() -> [UInt8] {
    defer { held = [] }
    var result: [UInt8] = []
    var rest = held[...]
    while let byte = rest.first {
      if let whole = secrets.first(where: { rest.starts(with: $0) }) {
        result += Array("***".utf8)
        rest = rest.dropFirst(whole.count)
      } else {
        result.append(byte)
        rest = rest.dropFirst()
      }
    }
    return result
  }

  /// A text with the secrets replaced.
  static func masked(_ text: String, secrets: [String]) -> String {
    var mask = OutputMask(secrets: secrets)
    return String(decoding: mask.mask(Array(text.utf8)) + mask.finish(), as: UTF8.self)
  }

  private enum Match { case whole(Int), beginning, none }

  private func match(_ bytes: ArraySlice<UInt8>) -> Match {
    for secret in secrets where secret[0] == bytes[bytes.startIndex] {
      if bytes.starts(with: secret) { return .whole(secret.count) }
      if secret.starts(with: bytes) { return .beginning }
    }
    return .none
  }
}
