import Domain
import EventLog
import LogStories
import Projections
import Testing
import Text

extension EventStoreConformance {
  static let proofs: [ConformanceCheck] = [
    ConformanceCheck("the chain holds from the first event to the head", chain),
    ConformanceCheck("the live views are what the log makes, row by row", viewsAreTheLogs),
    ConformanceCheck("every view is what the log makes, also after a rebuild", everyView),
  ]

  private static func chain(_ subject: StoreUnderTest) async throws {
    try await fill(subject, seed: 1, appends: 120)
    var check = ChainCheck()
    for event in try await subject.log() {
      let stored = try StoredEvent(exported: event.json.canonical)
      #expect(check.take(stored) == nil)
    }
    #expect(try await subject.store.head() == check.head)
  }

  private static func viewsAreTheLogs(_ subject: StoreUnderTest) async throws {
    try await fill(subject, seed: 2, appends: 400)
    var fold = LogFold(isChecking: true)
    for event in try await subject.log() {
      fold.take(try StoredEvent(exported: event.json.canonical))
    }
    #expect(fold.faults.isEmpty)
    let live = try await subject.store.digests()
    #expect(live.position == fold.head.position)
    #expect(live.digests == fold.projector.digests)
    let rows = try await subject.store.delegations(
      DelegationFilter(), before: nil, limit: 1000)
    let folded = fold.projector.delegations.values.compactMap(\.row)
    #expect(rows.map(\.row) == folded.sorted { $0.stamp > $1.stamp })
    let workers = fold.projector.workers.values.compactMap(\.row)
    #expect(try await subject.store.workers() == workers.sorted { $0.id < $1.id })
    let pullRequests = fold.projector.rows(PullRequestRow.self)
    #expect(
      try await subject.store.pullRequests(in: [], limit: 1000).map(\.row)
        == pullRequests.sorted { $0.delegationStamp > $1.delegationStamp })
    #expect(!rows.isEmpty && !workers.isEmpty && !pullRequests.isEmpty)
  }

  private static func everyView(_ subject: StoreUnderTest) async throws {
    try await fill(subject, seed: 3, appends: 400)
    for n in [900, 901] {
      var fold = LogFold(isChecking: true)
      for event in try await subject.log() {
        fold.take(try StoredEvent(exported: event.json.canonical))
      }
      let live = try await subject.store.digests()
      #expect(live.position == fold.head.position)
      for view in ViewName.allCases {
        let rows = fold.projector.rows(of: view)
        #expect(!rows.isEmpty, "\(view.rawValue)")
        var digest = ViewDigest()
        for (_, row) in rows { digest.add(row) }
        #expect(live.digests[view] == digest, "\(view.rawValue)")
      }
      let rebuild = try await subject.store.rebuild()
      #expect(rebuild.isIdentical && rebuild.rebuilt == live.digests)
      // Later events change the views that were swapped in.
      try await subject.tell(n)
    }
  }

  /// Appends what a random log holds.
  static func fill(_ subject: StoreUnderTest, seed: Int, appends: Int) async throws {
    var random = RandomLog(seed: seed)
    for _ in 0..<appends {
      let append = random.next()
      subject.clock.set(random.now)
      _ = try await subject.store.append(append)
    }
  }
}
