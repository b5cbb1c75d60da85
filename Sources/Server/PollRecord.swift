// What the watch of feedback has read, in a file, so that a start reads only what changed since.
// With a thousand open pull requests, reading all again would use up the forge's limit of an hour.
//
// Nothing depends on the file: without it everything is read again, and what is recorded already is
// recognized. It is used only with the log that it was written beside, whose head of that moment
// must be in the log. A log that was restored from an older copy misses what was read since.
//
// It is in the files that servers share, too, if the store has such: after a takeover the next
// server reads only what changed, as well.

import Domain
import EventLog
import ForgePort
import FoundationEssentials
import Projections
import SystemCalls
import Text

/// What was read of the forge, and the head of the log in which it is recorded.
struct PollRecord: Codable, Equatable, Sendable {
  struct Conversation: Codable, Equatable, Sendable {
    var repository: String
    var number: Int64
    /// Milliseconds since 1970; nil if the forge does not say.
    var updatedAt: Int64?
  }

  var version = Self.versionNow
  /// Where the forge is.
  var forge: String
  /// Of the log, in hex.
  var position: Int64 = 0
  var hash = ""
  /// The validators of the lists of open pull requests, by repository.
  var lists: [String: String] = [:]
  var conversations: [Conversation] = []
  var checks: [CheckSchedule.Saved] = []

  private static let versionNow = 1
  private static let bytesMax = 16 << 20

  init(forge: String) { self.forge = forge }

  private static let sharedPath = "polls.json"

  /// Reads the file.
  /// - Parameter shared: the files that servers share, which are asked first; nil: none.
  /// - Returns: nil if it is absent, damaged, of another forge, or of another log.
  static func read(
    _ path: String, forge: String, log: any LogReader, shared: (any SharedFiles)? = nil
  ) async -> PollRecord? {
    // If the store does not answer, everything is read again.
    let found = try? await shared?.whole(sharedPath, atMost: bytesMax)
    guard let bytes = found ?? (try? DurableFile.read(path, atMost: bytesMax)),
      let record = try? JSONDecoder().decode(Self.self, from: Data(bytes)),
      record.version == versionNow, record.forge == forge, record.position > 0,
      let event = try? await log.read(after: record.position - 1, limit: 1).first,
      event.position == record.position, Hex.encode(event.hash) == record.hash
    else { return nil }
    return record
  }

  /// Writes the file, with the log's head.
  /// - Throws: `StoreFault`, `FileFault`, `SharedFileFault`.
  mutating func write(
    _ path: String, log: any LogReader, shared: (any SharedFiles)? = nil
  ) async throws {
    let head = try await log.head()
    (position, hash) = (head.position, Hex.encode(head.hash))
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    let bytes = [UInt8](try encoder.encode(self))
    try DurableFile.replace(path, with: bytes)
    try await shared?.put(Self.sharedPath, bytes)
  }

  /// Whether another one says the same, whatever the log's head.
  func says(_ other: PollRecord) -> Bool {
    var other = other
    (other.position, other.hash) = (position, hash)
    return self == other
  }
}
