// The record of the current attempt, which survives the worker's process.

import FoundationEssentials
import Glibc
import SystemCalls

struct Journal: Sendable {
  let path: String

  private struct Content: Codable {
    var version = 1
    var attempt: JournalRecord?
  }

  /// nil if there was no attempt, or if the file is damaged: then the server releases the lease
  /// when the worker registers without it.
  func read() -> JournalRecord? {
    guard let bytes = try? DurableFile.read(path, atMost: 1 << 20),
      let content = try? JSONDecoder().decode(Content.self, from: Data(bytes)),
      content.version == 1
    else { return nil }
    return content.attempt
  }

  /// Returns after it is on disk.
  func write(_ record: JournalRecord?) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    try DurableFile.replace(path, with: [UInt8](encoder.encode(Content(attempt: record))))
  }
}
