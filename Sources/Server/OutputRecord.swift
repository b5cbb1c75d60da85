import Domain
import EventLog
import FoundationEssentials
import Text

/// A line of an output's records: the time of a part of the output, or a structured message.
struct OutputRecord: Sendable {
  /// Milliseconds since 1970, by the worker's clock.
  var at: Int64
  /// The output's length at that time.
  var offset: Int
  /// The record in one line of JSON; nil if it has only a time.
  var line: String?

  /// nil if the line is invalid: the server does not trust workers' input.
  init?(_ bytes: some Sequence<UInt8>) {
    guard let json = try? JSONValue(parsing: bytes),
      case .object(let members) = json, case .integer(let at)? = members["at"],
      case .integer(let offset)? = members["offset"], at >= 0, offset >= 0
    else { return nil }
    self.at = at
    self.offset = Int(offset)
    guard members.count > 2, let bytes = try? json.sortedBytes else { return }
    line = String(decoding: bytes, as: UTF8.self)
  }
}

/// Reads the records of an attempt as they arrive.
struct RecordReader: Sendable {
  let files: OutputFiles
  /// The offset of the next record in its file.
  private(set) var position: Int

  init(_ files: OutputFiles, from position: Int = 0) {
    self.files = files
    self.position = position
  }

  /// The next records, each with the offset of its end; none if nothing is new.
  private mutating func next(
    _ id: DelegationID, attempt: Int
  ) async throws -> [(record: OutputRecord, end: Int)] {
    var count = 1 << 16
    var bytes = try await files.read(id, attempt: attempt, .records, from: position, count: count)
    // A record is read whole.
    while bytes.count == count, !bytes.contains(0x0a), count < OutputFiles.recordBytesMax {
      count *= 2
      bytes = try await files.read(id, attempt: attempt, .records, from: position, count: count)
    }
    guard let last = bytes.lastIndex(of: 0x0a) else { return [] }
    var found: [(record: OutputRecord, end: Int)] = []
    for line in bytes[...last].split(separator: 0x0a, omittingEmptySubsequences: false).dropLast() {
      position += line.count + 1
      if let record = OutputRecord(line) { found.append((record, position)) }
    }
    return found
  }
}

extension RecordReader {
  /// All new records, each with the offset of its end.
  mutating func rest(
    _ id: DelegationID, attempt: Int
  ) async throws -> [(record: OutputRecord, end: Int)] {
    var all: [(record: OutputRecord, end: Int)] = []
    while true {
      let before = position
      all += try await next(id, attempt: attempt)
      if position == before { return all }
    }
  }
}

/// Cuts a range of lines out of pieces of a text.
struct LineRange: Sendable {
  private var number = 1
  private let first: Int
  private let end: Int

  init(first: Int, count: Int) {
    self.first = first
    end = first + count
  }

  /// Whether all lines of the range were taken.
  var isOver: Bool { number >= end }

  /// - Returns: the part of the next piece that is in the range, and how many bytes precede it.
  mutating func take(_ piece: [UInt8]) -> (bytes: ArraySlice<UInt8>, skipped: Int) {
    var (start, at) = (number >= first ? 0 : piece.count, 0)
    piece.withUnsafeBufferPointer { bytes in
      guard let base = bytes.baseAddress else { return }
      while number < end {
        guard let line = LineBreaks.next(in: base, from: at, to: bytes.count) else {
          at = bytes.count
          return
        }
        at = line + 1
        number += 1
        if number == first { start = at }
      }
    }
    return (piece[min(start, at)..<at], min(start, at))
  }
}

/// Adds the time of its output to the beginning of each line. If the time is not known, there are
/// dashes in its place.
struct TimedLines: Sendable {
  private var times: [(offset: Int, at: Int64)] = []
  /// The index of the last used time.
  private var index = 0
  private var isAtLine: Bool

  /// As long as a time.
  private static let unknown = String(repeating: "-", count: 24)

  init(isAtLine: Bool) { self.isAtLine = isAtLine }

  mutating func take(_ record: OutputRecord) { times.append((record.offset, record.at)) }

  /// - Parameters:
  /// - offset: of the bytes in the output.
  /// - now: for bytes without a record yet, in milliseconds since 1970; nil if none can follow.
  mutating func timed(_ bytes: [UInt8], at offset: Int, now: Int64?) -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(bytes.count + 64)
    var rest = bytes[...]
    while !rest.isEmpty {
      if isAtLine {
        let time = self.time(of: offset + rest.startIndex) ?? now
        let text = time.map { Timestamp(milliseconds: $0).iso8601 } ?? Self.unknown
        out += Array("\(text) ".utf8)
      }
      let end = rest.firstIndex(of: 0x0a).map { $0 + 1 } ?? rest.endIndex
      out += rest[..<end]
      isAtLine = rest[end - 1] == 0x0a
      rest = rest[end...]
    }
    return out
  }

  /// The time of the last record at or before `offset`. Offsets must not decrease.
  private mutating func time(of offset: Int) -> Int64? {
    while index + 1 < times.count, times[index + 1].offset <= offset { index += 1 }
    guard index < times.count, times[index].offset <= offset else { return nil }
    return times[index].at
  }
}
