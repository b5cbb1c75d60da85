import Domain
import EventLog
import EventStoreConformance
import LogStories
import Projections
import Testing
import Text

@testable import SQLiteEventStore

/// Events of the log that this program cannot decode.
struct UnreadableTests {
  /// Ways to break events, by the condition on those that are broken.
  private static let damage = [
    ("UPDATE events SET type = 9999 WHERE position % 17 = 3", "type 9999 is not known"),
    ("UPDATE events SET detail = '{\"a' WHERE position % 17 = 5", "is no JSON object"),
    ("UPDATE payloads SET body = '[1' WHERE position % 17 < 9", "is no JSON object"),
    ("UPDATE events SET actor_kind = 'ghost' WHERE position % 17 = 11", "actor kind ghost"),
    ("UPDATE events SET stamp = NULL WHERE type = 1 AND position % 2 = 0", "stamp is absent"),
    ("UPDATE streams SET name = 'x' || name WHERE id % 7 = 0", "is no stream"),
  ]

  @Test(arguments: damage)
  func eachIsReadWithItsColumnsAndTheReason(change: String, reason: String) async throws {
    let folder = try Folder()
    try await fill(folder, appends: 150)
    let before = try SQLiteReader(path: folder.database)
    let readable = try await before.read(after: 0, limit: 10_000)
    try edit(folder, change)
    let store = try open(folder)
    let log = try await store.read(after: 0, limit: 10_000)
    #expect(log.map(\.position) == readable.map(\.position))
    var unreadable = 0
    for (event, whole) in zip(log, readable) {
      let envelope = event.json
      for name in ["position", "id", "version", "time", "hash", "payloadHash"] {
        #expect(envelope[name] == whole.json[name], "\(name) of \(event.position)")
      }
      guard envelope["type"].stringValue == StoredEvent.unreadableType else {
        #expect(envelope == whole.json)
        continue
      }
      unreadable += 1
      #expect(envelope["data"] == .null)
      #expect(envelope["unreadable"]["reason"].stringValue?.contains(reason) == true, "\(envelope)")
      #expect(AuditTable.row(envelope)[7].contains(reason))
      let again = try StoredEvent(exported: envelope.canonical)
      #expect(again.json == envelope)
      #expect(again.type == event.type && again.body == event.body)
      #expect(again.facts == event.facts && again.detail == event.detail)
    }
    #expect(unreadable > 0 && unreadable < log.count)
    await store.close()
  }

  /// Of a stream whose name is corrupt no row is known by its name.
  @Test(arguments: damage.dropLast())
  func anAuditJudgesThemByTheirColumns(change: String, reason: String) async throws {
    let folder = try Folder()
    try await fill(folder, appends: 150)
    try edit(folder, change)
    let store = try open(folder)
    let log = try await store.read(after: 0, limit: 10_000)
    let rows = try await store.delegations(.init(), before: nil, limit: 1000).map {
      ("\(StreamName.delegation($0.row.id))", $0.row)
    }
    let byStream = Dictionary(uniqueKeysWithValues: rows)
    let now = (log.last?.time ?? Story.start) + .seconds(60)
    var queries = RandomQueries(seed: 3, commits: log.compactMap { $0.facts.text(.sha) })
    for _ in 0..<150 {
      let text = queries.next()
      let query = try AuditQuery(text, now: now)
      let expected = log.reversed().filter {
        query.matches(AuditedEvent(event: $0, row: byStream[$0.stream.text]))
      }
      let found = try await store.audit(query, before: nil, limit: 1000)
      #expect(found.map(\.position) == expected.map(\.position), "\(text)")
    }
    await store.close()
  }

  /// A text that cannot be decoded can still be taken away.
  @Test func oneIsRedacted() async throws {
    let folder = try Folder()
    let store = try open(folder)
    _ = try await store.append(Story.append(Story.goodDay(1), to: 1))
    try edit(folder, "UPDATE payloads SET body = '{\"title' WHERE position = 1")
    #expect(try await store.read(after: 0, limit: 1).first?.json["data"] == .null)
    _ = try await store.redact([1], reason: "r", by: Story.user)
    #expect(try await store.read(after: 0, limit: 1).first?.isRedacted == true)
    await store.close()
  }
}
