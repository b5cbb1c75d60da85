import EventLog
import Foundation
import LogStories
import Projections
import SQLite
import Testing
import Text

@testable import SQLiteEventStore

/// Logs of each schema that was ever released are read for ever. `Fixtures` holds one for each, as
/// SQL, and what it came to when it was written; none of them is ever made again.
struct MigrationTests {
  private struct Frozen: Decodable {
    var position: Int64
    var hash: String
    var views: [String: String]
  }

  private static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Fixtures")

  private func frozen(_ version: Int64, in folder: Folder) throws -> Frozen {
    let name = "schema-\(version)"
    let sql = try String(
      contentsOf: Self.fixtures.appendingPathComponent(name + ".sql"), encoding: .utf8)
    try edit(folder, sql)
    return try JSONDecoder().decode(
      Frozen.self, from: Data(contentsOf: Self.fixtures.appendingPathComponent(name + ".json")))
  }

  @Test(arguments: 1...Schema.version)
  func aFrozenLog(version: Int64) async throws {
    let folder = try Folder()
    let frozen = try frozen(version, in: folder)
    let store = try open(folder)
    #expect(store.damage == nil)
    let head = try await store.head()
    #expect(head.position == frozen.position && Hex.encode(head.hash) == frozen.hash)
    // It is gone on with as with any other.
    _ = try await store.append(Story.append(Story.goodDay(900), to: 900))
    await store.close()
    let file = try LogFile(path: folder.database)
    #expect(try file.differences().isEmpty)
    var fold = LogFold(isChecking: true)
    try file.scan(after: 0, through: frozen.position) { event in
      fold.take(event)
      return true
    }
    #expect(fold.faults.isEmpty)
    // A view that came later is built when the log is opened: `differences` has compared it.
    for (view, digest) in frozen.views {
      #expect(fold.projector.digests[ViewName(stringLiteral: view)]?.hex == digest, "\(view)")
    }
  }

  /// Who only reads does not migrate, and says what to do.
  @Test func aReaderLeavesAnOlderLogAlone() throws {
    let folder = try Folder()
    _ = try frozen(1, in: folder)
    guard Schema.version > 1 else { return }
    let fault = #expect(throws: StoreFault.self) { try LogFile(path: folder.database) }
    #expect(fault?.message.contains("start `aipm serve` once") == true)
  }
}
