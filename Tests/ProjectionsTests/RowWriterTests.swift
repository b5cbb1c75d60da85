import Domain
import EventLog
import LogStories
import Randomness
import Testing
import Text

@testable import Projections

/// Rows as `RowWriter` writes them, and as objects.
struct RowWriterTests {
  private func text(_ row: some ViewRow) -> String {
    var writer = RowWriter()
    // Nothing of one row is left in the next.
    for _ in 0..<2 { writer.write(row) }
    return writer.text
  }

  private func digest(_ row: some ViewRow) -> ViewDigest {
    var hasher = RowHasher()
    var digest = ViewDigest()
    digest.add(row, &hasher)
    return digest
  }

  private func check(_ row: some ViewRow) {
    #expect(text(row) == row.json.canonicalText)
    var expected = ViewDigest()
    expected.add(row.json)
    #expect(digest(row) == expected)
  }

  /// Every row that random logs come to, at each of their events.
  @Test(arguments: 1...6) func rowsOfRandomLogs(seed: Int) throws {
    var random = RandomLog(seed: seed)
    var fields: Set<String> = []
    var sealer = EventSealer(last: nil, random: Seeded(seed))
    var projector = Projector()
    for _ in 0..<150 {
      let append = random.next()
      for event in try sealer.record(append, at: random.now) {
        for change in projector.fold(try StoredEvent(exported: event.json.canonical)) {
          check(change.new)
          fields.formUnion((change.new.json.objectValue ?? [:]).keys)
        }
      }
    }
    #expect(fields.count > 40)
  }

  @Test func textsThatAreEscaped() {
    var row = DelegationRow()
    row.id = DelegationID("\"\\\u{1}")
    row.stamp = -1
    row.repository = "a/ü\u{2028}"
    row.branch = "\n\t"
    row.baseBranch = ""
    row.baseSHA = "x"
    row.requester = "\u{1F600}"
    row.pr = 1
    row.prURL = "u"
    row.prState = .open
    row.taskCommitSHA = "t"
    row.commitSHA = "c"
    row.worker = "w"
    row.failureStep = .push
    row.failureCode = .pushRejected
    row.failureRetryable = false
    row.nextIntent = "n"
    row.cancelRequested = true
    row.retryAt = Int64.min
    row.troubleCode = .noAnswer
    row.requestedAt = Int64.max
    row.quarantine = "why"
    check(row)
    #expect(row.json.objectValue?.count == 32)
    row.failureRetryable = nil
    check(row)
    var worker = WorkerRow()
    check(worker)
    worker.id = WorkerID("w\"")
    worker.agents = ["a\"", "b"]
    worker.local = true
    worker.delegation = DelegationID("d")
    check(worker)
  }
}
