import Domain
import EventLog
import LogStories
import Randomness
import Testing
import Text

@testable import Projections

/// Rows written member by member against the objects that they are.
struct RowTextTests {
  private func text(_ row: some ViewRow) -> String {
    var members = MemberWriter()
    // What one row leaves behind is not seen in the next.
    for _ in 0..<2 {
      members.begin()
      row.write(to: &members)
      members.end()
    }
    return members.text
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
          switch change {
          case .delegation(_, let row):
            check(row)
            fields.formUnion((row.json.objectValue ?? [:]).keys)
          case .pullRequest(_, let row): check(row)
          case .worker(_, let row): check(row)
          }
        }
      }
    }
    #expect(fields.count > 25)
  }

  @Test func textsThatAreEscaped() {
    var row = DelegationRow(
      id: DelegationID("\"\\\u{1}"), stamp: -1, state: .requested, repository: "a/ü\u{2028}",
      branch: "\n\t", baseBranch: "", baseSHA: "x", requester: "\u{1F600}", priority: 0, agent: "",
      workflow: "w", digest: "d", pr: 1, prURL: "u", prState: .open, taskCommitSHA: "t",
      commitSHA: "c", worker: "w", attempt: 2, failureStep: .push, failureCode: .pushRejected,
      failureRetryable: false, nextIntent: "n", cancelRequested: true, retryAt: Int64.min,
      troubleCode: .noAnswer, requestedAt: Int64.max, stateSince: 0, updatedAt: 5, version: 6,
      position: 7, quarantine: "why")
    check(row)
    #expect(row.json.objectValue?.count == 32)
    row.failureRetryable = nil
    check(row)
    check(
      WorkerRow(
        id: WorkerID("w\""), state: .busy, host: "h", agents: ["a\"", "b"], version: "1",
        incarnation: 1, local: true, delegation: DelegationID("d"), since: 3, restarts: 4))
    check(
      WorkerRow(
        id: WorkerID("w"), state: .idle, host: "h", agents: [], version: "1", incarnation: 1,
        local: false, delegation: nil, since: 3, restarts: 4))
  }
}
