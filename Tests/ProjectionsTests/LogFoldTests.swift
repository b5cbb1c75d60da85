import Domain
import EventLog
import LogStories
import Randomness
import Testing
import Text

@testable import Projections

/// What a replay notices beyond the chain.
struct LogFoldTests {
  private func log(_ appends: [Append]) throws -> [RecordedEvent] {
    var sealer = EventSealer(last: nil, random: Seeded(1))
    return try appends.flatMap { try sealer.record($0, at: Story.start) }
  }

  private func fold(_ log: [RecordedEvent], isChecking: Bool = true) throws -> LogFold {
    var fold = LogFold(isChecking: isChecking)
    for event in log { fold.take(try StoredEvent(exported: event.json.canonical)) }
    return fold
  }

  /// Versions with a gap, in a log whose hashes fit: only another program can have written it.
  @Test func versionsWithAGap() throws {
    let log = try log([
      Story.append(Story.goodDay(1, to: .requested), to: 1),
      Story.append([Story.goodDay(1)[1]], to: 1, after: 2),
    ])
    let folded = try fold(log)
    #expect(
      folded.faults == [
        "event 2 has version 3 of delegation-\(Story.id(1)), whose next is 2"
      ])
    #expect(try fold(log, isChecking: false).faults.isEmpty)
  }

  @Test func textThatIsGoneNeedsAnEventThatSaysWhy() throws {
    var log = try log([
      Story.append(Story.goodDay(1), to: 1), Story.append(Story.goodDay(2), to: 2),
      Story.append([.redacted(position: 10, reason: "a password")]),
    ])
    for index in [0, 9] {
      guard case .delegation(.requested(var request)) = log[index].event else { continue }
      request.text = nil
      log[index].event = .delegation(.requested(request))
      log[index].salt = []
    }
    let folded = try fold(log)
    #expect(folded.faults.isEmpty)
    #expect(folded.unexplainedRedactions == [1])
    #expect(folded.projector.delegations[Story.id(1)]?.row?.state == .pushed)
  }

  @Test func faultsAreBounded() throws {
    let log = try log((0..<300).map { Story.append([Story.registered], after: Int64($0)) })
    var fold = LogFold(isChecking: true)
    for event in log {
      var changed = try StoredEvent(exported: event.json.canonical)
      changed.actor = "mallory"
      fold.take(changed)
    }
    #expect(fold.faults.count == LogCheck.faultsMax)
    #expect(fold.events == 300)
  }
}

struct ViewDigestTests {
  private struct Row: ViewRow {
    var n: Int64 = 0
    var id: Int64 { n }
    static func countMax(in _: Projector) -> Int { 0 }
    static let view = View<Row>("rows", version: 1, columns: [Column("n", \.n, .key)])
    static func forEach(in _: Projector, _ body: (Row) throws -> Void) rethrows {}
    static func row(like _: Row, in _: Projector) -> Row? { nil }
  }

  private let rows = (0..<20).map { Row(n: $0) }

  @Test func theOrderDoesNotMatterAndEachRowCounts() {
    var hasher = RowHasher()
    var forward = ViewDigest()
    var backward = ViewDigest()
    for row in rows { forward.add(row, &hasher) }
    for row in rows.reversed() { backward.add(row.json) }
    #expect(forward == backward)
    backward.remove(hasher.rowHash(of: rows[3]))
    #expect(forward != backward)
    backward.add(rows[3], &hasher)
    #expect(forward == backward)
    backward.add(rows[3], &hasher)
    #expect(forward != backward, "a row that stands twice is not one")
  }

  @Test func replacingAndBytes() {
    var hasher = RowHasher()
    var digest = ViewDigest()
    digest.replace(nil, with: hasher.rowHash(of: rows[0]))
    digest.replace(hasher.rowHash(of: rows[0]), with: hasher.rowHash(of: rows[1]))
    var other = ViewDigest()
    other.add(rows[1].json)
    #expect(digest == other)
    #expect(ViewDigest(bytes: digest.bytes) == digest)
    #expect(ViewDigest(bytes: [1, 2]) == nil)
    #expect(digest.hex.count == 64)
    digest.remove(hasher.rowHash(of: rows[1]))
    #expect(digest == ViewDigest())
  }

  /// The sum of the rows' SHA-256 in four parts that wrap; computed by another program.
  @Test func vector() {
    var digest = ViewDigest()
    digest.add(rows[0].json)
    digest.add(rows[1].json)
    #expect(digest.hex == "1efe548778b7b486a0fe767928261d231b30b872d870ab09a2538eae774934ad")
  }
}

struct DelegationReferenceTests {
  @Test func forms() {
    #expect(DelegationReference(Story.id(1).rawValue) == .id(Story.id(1)))
    #expect(
      DelegationReference("PR1733356800123") == .stamp(Stamp(milliseconds: 1_733_356_800_123)))
    #expect(
      DelegationReference("ebaejun/tools#12") == .pullRequest(Story.repository, number: 12))
    let nested = RepositoryName(owner: "a/b", name: "c")
    #expect(DelegationReference("a/b/c#12") == .pullRequest(nested, number: 12))
  }

  @Test(arguments: [
    "", "12", "PR", "PRx", "PR-1", "PR0", "ebaejun/tools", "ebaejun/tools#", "ebaejun/tools#0",
    "ebaejun/tools#x", "a//c#1", "ebaejun/tools#1#2", "01890a5d-ac96-774b-bcce-b302099a805",
    "01890a5d-ac96-774b-bcce-b302099a805g",
  ])
  func noReferences(text: String) { #expect(DelegationReference(text) == nil) }
}
