import Domain
import EventLog
import FoundationEssentials
import Text

/// A line of an output's records: when something was said, or what was told in a structured form.
struct OutputRecord: Sendable {
  /// Milliseconds since 1970, by the worker's clock.
  var at: Int64
  /// How long the output was then.
  var offset: Int
  /// The record in one line of JSON, where it holds more than a time.
  var line: String?

  /// nil where it is none: a worker is not believed blindly.
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

/// The records of an attempt, read as they come.
struct RecordReader: Sendable {
  let files: OutputFiles
  /// Where the next record begins, in its file.
  private(set) var place: Int

  init(_ files: OutputFiles, from place: Int = 0) {
    self.files = files
    self.place = place
  }

  /// More of the records, each with the place behind it; none where there is nothing new.
  private mutating func next(
    _ id: DelegationID, attempt: Int
  ) async throws -> [(record: OutputRecord, end: Int)] {
    var count = 1 << 16
    var bytes = try await files.read(id, attempt: attempt, .records, from: place, count: count)
    // A record is taken whole.
    while bytes.count == count, !bytes.contains(0x0a), count < OutputFiles.recordBytesMax {
      count *= 2
      bytes = try await files.read(id, attempt: attempt, .records, from: place, count: count)
    }
    guard let last = bytes.lastIndex(of: 0x0a) else { return [] }
    var found: [(record: OutputRecord, end: Int)] = []
    for line in bytes[...last].split(separator: 0x0a, omittingEmptySubsequences: false).dropLast() {
      place += line.count + 1
      if let record = OutputRecord(line) { found.append((record, place)) }
    }
    return found
  }
}

extension RecordReader {
  /// All that came since, each with the place behind it.
  mutating func rest(
    _ id: DelegationID, attempt: Int
  ) async throws -> [(record: OutputRecord, end: Int)] {
    var all: [(record: OutputRecord, end: Int)] = []
    while true {
      let before = place
      all += try await next(id, attempt: attempt)
      if place == before { return all }
    }
  }
}

/// Puts before each line of an output when it was said.
struct TimedLines: Sendable {
  private var times: [(offset: Int, at: Int64)] = []
  /// The last one that was used.
  private var index = 0
  private var isAtLine: Bool

  init(isAtLine: Bool) { self.isAtLine = isAtLine }

  mutating func take(_ record: OutputRecord) { times.append((record.offset, record.at)) }

  /// - Parameters:
  ///   - offset: where the bytes stand in the output.
  ///   - now: for what no record speaks of yet, in milliseconds since 1970.
  mutating func timed(_ bytes: [UInt8], at offset: Int, now: Int64) -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(bytes.count + 64)
    var rest = bytes[...]
    while !rest.isEmpty {
      if isAtLine {
        let time = self.time(of: offset + rest.startIndex) ?? now
        out += Array("\(Timestamp(milliseconds: time).iso8601) ".utf8)
      }
      let end = rest.firstIndex(of: 0x0a).map { $0 + 1 } ?? rest.endIndex
      out += rest[..<end]
      isAtLine = rest[end - 1] == 0x0a
      rest = rest[end...]
    }
    return out
  }

  /// What was told last at or before `offset`; lines come in order.
  private mutating func time(of offset: Int) -> Int64? {
    while index + 1 < times.count, times[index + 1].offset <= offset { index += 1 }
    guard index < times.count, times[index].offset <= offset else { return nil }
    return times[index].at
  }
}
