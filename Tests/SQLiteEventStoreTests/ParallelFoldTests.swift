import Domain
import EventLog
import LogStories
import Projections
import SQLite
import Testing
import Text

@testable import SQLiteEventStore

/// A fold by several threads, of stretches so short that there are many, against one that takes
/// event by event.
struct ParallelFoldTests {
  private static let stretchLength: Int64 = 7

  /// What a fold comes to.
  private struct Outcome: Equatable {
    var events: Int
    var head: LogHead
    var time: Timestamp
    var rows: [String]
    var digests: [ViewName: ViewDigest]
    var faults: [String]
    var textless: [Int64]

    init(_ fold: LogFold) {
      events = fold.events
      head = fold.head
      time = fold.time
      rows = ViewName.allCases.flatMap { view in
        fold.projector.rows(of: view).map { "\($0.key) \($0.row.canonicalText)" }
      }
      digests = fold.projector.digests
      faults = fold.faults
      textless = fold.unexplainedRedactions
    }
  }

  private func inOrder(_ file: LogFile, isChecking: Bool, through last: Int64) throws -> Outcome {
    var fold = LogFold(isChecking: isChecking)
    try file.scan(after: 0, through: last) {
      fold.take($0)
      return true
    }
    return Outcome(fold)
  }

  private func compare(_ folder: Folder, readers: Int) throws -> [String] {
    let file = try LogFile(path: folder.database)
    let end = try file.head().position
    var counts: [Int] = []
    let parallel = Outcome(
      try file.fold(isChecking: true, readersMax: readers, stretchLength: Self.stretchLength) {
        counts.append($0)
      })
    #expect(try parallel == inOrder(file, isChecking: true, through: end))
    #expect(counts.last == parallel.events && counts == counts.sorted())
    let unchecked = try file.fold(
      isChecking: false, readersMax: readers, stretchLength: Self.stretchLength
    ) { _ in }
    #expect(try Outcome(unchecked) == inOrder(file, isChecking: false, through: end))
    return parallel.faults + parallel.textless.map { "textless \($0)" }
  }

  @Test(arguments: 1...4) func aLogThatIsWhole(seed: Int) async throws {
    let folder = try Folder()
    try await fill(folder, seed: seed, appends: 120)
    for readers in [1, 2, 8] { #expect(try compare(folder, readers: readers).isEmpty) }
  }

  @Test(arguments: [
    ("UPDATE events SET actor = 'mallory' WHERE position = ?", 1),
    ("UPDATE events SET hash = zeroblob(32) WHERE position = ?", 2),
    ("UPDATE events SET hash = x'00' WHERE position = ?", 2),
    ("DELETE FROM payloads WHERE position = ?; DELETE FROM events WHERE position = ?", 1),
    ("UPDATE events SET time = 0 WHERE position = ?", 1),
    ("UPDATE events SET version = version + 1000 WHERE position = ?", 2),
    ("UPDATE events SET type = 99 WHERE position = ?", 1),
    ("UPDATE events SET detail = '{}}' WHERE position = ?", 1),
    ("UPDATE events SET stream = 999999 WHERE position = ?", 2),
    ("UPDATE events SET payload_hash = zeroblob(32) WHERE position = ?", 1),
  ])
  func anInvalidEvent(sql: String, faults: Int) async throws {
    // First, last and in the middle of a stretch; in the first, the last, and one between.
    let length = Self.stretchLength
    for position in [1, 2, length, length + 1, 2 * length, 3 * length + 3] {
      let folder = try Folder()
      try await fill(folder, seed: 3, appends: 60)
      try edit(
        folder,
        "PRAGMA foreign_keys = OFF; "
          + sql.split(separator: "?", omittingEmptySubsequences: false)
          .joined(separator: String(position)))
      let found = try compare(folder, readers: 3)
      #expect(found.count >= faults, "\(sql) at \(position): \(found)")
      // A missing event is detected by the next one.
      let names = ["\(position)", "\(position + 1)"]
      #expect(
        found.contains { fault in names.contains { fault.contains($0) } },
        "\(sql) at \(position): \(found)")
    }
  }

  @Test func wordsThatAreGoneOrChanged() async throws {
    let folder = try Folder()
    try await fill(folder, seed: 5, appends: 60)
    let database = try Database(path: folder.database, mode: .readOnly)
    let positions = try database.statement("SELECT position FROM payloads").rows { $0.integer(0) }
    try #require(positions.count > 10)
    try edit(
      folder,
      """
      DELETE FROM payloads WHERE position IN (\(positions[2]), \(positions[7]));
      UPDATE payloads SET body = '{}' WHERE position = \(positions[5]);
      UPDATE payloads SET salt = x'00' WHERE position = \(positions[9]);
      """)
    let found = try compare(folder, readers: 3)
    #expect(
      found == [
        "the text of event \(positions[5]) was changed: it does not fit its hash",
        "the text of event \(positions[9]) was changed: it does not fit its hash",
        "textless \(positions[2])", "textless \(positions[7])",
      ])
  }

  /// Up to each event, and up to a time; later faults are not reported.
  @Test func upToThere() async throws {
    let folder = try Folder()
    try await fill(folder, seed: 7, appends: 25)
    try edit(folder, "UPDATE events SET actor = 'mallory' WHERE position = 20")
    let file = try LogFile(path: folder.database)
    for last in 0...(try file.head().position) {
      let fold = try file.fold(
        isChecking: true, readersMax: 3, stretchLength: Self.stretchLength,
        while: { position, _ in position <= last }, onProgress: { _ in })
      #expect(try Outcome(fold) == inOrder(file, isChecking: true, through: last))
      #expect(fold.faults.isEmpty == (last < 20))
    }
  }

  /// What comes after is checked as if all had been taken event by event.
  @Test func goingOn() async throws {
    let folder = try Folder()
    try await fill(folder, seed: 8, appends: 50)
    let file = try LogFile(path: folder.database)
    let end = try file.head().position
    for middle in [0, 1, Self.stretchLength, Self.stretchLength + 1, end - 1] {
      var fold = try file.fold(
        isChecking: true, readersMax: 3, stretchLength: Self.stretchLength,
        while: { position, _ in position <= middle }, onProgress: { _ in })
      try file.scan(after: fold.head.position) {
        fold.take($0)
        return true
      }
      #expect(try Outcome(fold) == inOrder(file, isChecking: true, through: end))
      #expect(fold.faults.isEmpty)
    }
  }

  /// A position beyond all files does not stop a search before it.
  @Test(.timeLimit(.minutes(1))) func aPositionOutOfAllBounds() async throws {
    let folder = try Folder()
    try await fill(folder, seed: 9, appends: 20)
    let before = try LogFile(path: folder.database).head().position
    try edit(
      folder,
      "UPDATE events SET position = \(Int64.max - 1) WHERE position = \(before)")
    let found = try compareBeyond(folder)
    #expect(found.contains { $0.contains("the log has a gap: after position \(before - 1)") })
  }

  private func compareBeyond(_ folder: Folder) throws -> [String] {
    let file = try LogFile(path: folder.database)
    let fold = try file.fold(isChecking: true) { _ in }
    #expect(
      try Outcome(fold) == inOrder(file, isChecking: true, through: try file.head().position))
    return fold.faults
  }
}
