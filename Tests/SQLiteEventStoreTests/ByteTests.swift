import Domain
import EventLog
import Foundation
import LogStories
import Projections
import Randomness
import SQLite
import Testing

@testable import SQLiteEventStore

/// Bits of the files are flipped, one at a time: a check finds and locates the change, or the
/// content of the log and the views is the same.
///
/// Each day tests a sample; with `AIPM_EVERY_BYTE=1` each byte of both files is tested.
struct ByteTests {
  private static let isWhole = ProcessInfo.processInfo.environment["AIPM_EVERY_BYTE"] == "1"
  private static let sampleSize = 250

  /// The files of a log at one moment, without a writer.
  private struct Files {
    var database: Data
    var wal: Data
    var head: Data
    var rows: [String] = []
  }

  /// A small log: part of it in the database, the rest still in the write-ahead log.
  private func files() async throws -> Files {
    let folder = try Folder()
    let store = try open(folder)
    _ = try await store.append(Story.append([Story.registered]))
    _ = try await store.append(Story.append(Story.goodDay(1), to: 1))
    await store.close()
    let again = try open(folder)
    // While a reader is active, nothing new is moved from the write-ahead log into the database.
    let reader = try Database(path: folder.database, mode: .readOnly)
    try reader.execute("BEGIN; SELECT count(*) FROM events")
    _ = try await again.append(Story.append(Story.goodDay(2), to: 2))
    _ = try await again.append(
      Story.append([.started(epoch: 1, version: "1"), .restored(lostAfter: 3)]))
    let head = try await again.head()
    while try HeadFile.read(path: folder.path + "/head") != .head(head) { await Task.yield() }
    func read(_ name: String) throws -> Data {
      try Data(contentsOf: URL(fileURLWithPath: "\(folder.path)/\(name)"))
    }
    var files = Files(
      database: try read("aipm.db"), wal: try read("aipm.db-wal"), head: try read("head"))
    try reader.execute("COMMIT")
    await again.close()
    #expect(!files.wal.isEmpty)
    files.rows = try Self.rows(of: try place(files))
    #expect(files.rows.count > 30)
    return files
  }

  private func place(_ files: Files) throws -> Folder {
    let folder = try Folder()
    try files.database.write(to: URL(fileURLWithPath: folder.database))
    try files.wal.write(to: URL(fileURLWithPath: folder.database + "-wal"))
    try files.head.write(to: URL(fileURLWithPath: folder.path + "/head"))
    return folder
  }

  /// The content of the log, its views, and the files beside it.
  private static func rows(of folder: Folder) throws -> [String] {
    let database = try Database(path: folder.database, mode: .readOnly)
    return try [
      "streams", "events", "payloads", "delegations", "pull_requests", "workers", "view_digests",
      "idempotency",
    ].flatMap { table in
      let columns = try database.rows("SELECT name FROM pragma_table_info('\(table)')")
      let texts = columns.map { "quote(\($0))" }.joined(separator: " || ',' || ")
      return try database.rows("SELECT '\(table) ' || \(texts) FROM \(table) ORDER BY 1")
    }
  }

  /// The faults that a check finds in changed files; empty if it finds none.
  private func findings(_ files: Files) throws -> [String] {
    let folder = try place(files)
    let found: Verification
    do throws(StoreFault) {
      found = try LogFile(path: folder.database).verify(headPath: folder.path + "/head")
    } catch {
      return ["\(error)"]
    }
    let findings = found.faults + found.comparison.differences.map { "\($0.key)" }
    if findings.isEmpty {
      // Nothing was found, so nothing may have changed.
      #expect(try Self.rows(of: folder) == files.rows)
    }
    return findings
  }

  private func offsets(in data: Data, seed: Int) -> [Int] {
    if Self.isWhole { return Array(data.indices) }
    var random = Seeded(seed)
    return (0..<Self.sampleSize).map { _ in Int.random(in: data.indices, using: &random) }
  }

  @Test func nothingIsFoundInFilesThatAreWhole() async throws {
    #expect(try findings(try await files()).isEmpty)
  }

  @Test func aBitOfTheDatabase() async throws {
    let whole = try await files()
    var found = 0
    for offset in offsets(in: whole.database, seed: 5) {
      var changed = whole
      changed.database[offset] ^= 1 << UInt8(offset % 8)
      if try !findings(changed).isEmpty { found += 1 }
    }
    #expect(found > 0)
  }

  @Test func aBitOfTheWriteAheadLog() async throws {
    let whole = try await files()
    var found = 0
    for offset in offsets(in: whole.wal, seed: 6) {
      var changed = whole
      changed.wal[offset] ^= 1 << UInt8(offset % 8)
      if try !findings(changed).isEmpty { found += 1 }
    }
    // SQLite drops such a frame and all that follow, without a word.
    #expect(found > 0)
  }

  /// At the end of each frame, in the middle of each, and at none.
  @Test func aWriteAheadLogThatWasCut() async throws {
    let whole = try await files()
    let frame = 4096 + 24
    var found = 0
    for length in stride(from: 0, to: whole.wal.count - 1, by: frame / 2) {
      var changed = whole
      changed.wal = whole.wal.prefix(length)
      let faults = try findings(changed)
      let isShorter = faults.contains { $0.contains("it once reached") }
      if isShorter { found += 1 }
      // The server sees it too, and writes nothing.
      let store = try open(try place(changed))
      #expect(store.damage?.contains("it once reached") ?? false == isShorter)
      await store.close()
    }
    // The last frames hold the index for audit, which can be made again.
    #expect(found > 4)
  }
}
