import Domain
import EventLog
import LogStories
import Projections
import Testing

extension EventStoreConformance {
  static let audits: [ConformanceCheck] = [
    ConformanceCheck("each term of an audit finds its events", auditTerms),
    ConformanceCheck("an audit finds the attempts that were refused a host", refusedHosts),
    ConformanceCheck("any audit finds what its terms say, and nothing else", anyAudit),
  ]

  private static func auditTerms(_ subject: StoreUnderTest) async throws {
    _ = try await subject.store.append(Story.append([Story.registered]))
    try await subject.tell(1)
    let other = RepositoryName(owner: "ebaejun", name: "site")
    try await subject.tell(2, to: .prepared, request: Story.request(2, repository: other))
    let failed = Story.failed(
      .push, .agentTimeout, message: "gave up after \"10\" minutes", hint: "try Again")
    try await subject.tell([failed], to: 2, after: 5)
    let now = subject.clock.now + .seconds(30)
    func found(_ text: String) async throws -> [Int64] {
      let query = try AuditQuery(text, now: now)
      return try await subject.store.audit(query, before: nil, limit: 100).map(\.position)
    }
    let first = Array((2...10).reversed()).map { Int64($0) }
    let second = Array((11...16).reversed()).map { Int64($0) }
    #expect(try await found("") == second + first + [1])
    #expect(try await found("repo:ebaejun/site") == second)
    #expect(try await found("pr:101") == first)
    #expect(try await found("pr:ebaejun/site#102") == second)
    #expect(try await found("code:\(Story.stamp(2).confirmationCode)") == second)
    #expect(try await found("id:\(Story.id(1))") == first)
    #expect(try await found("branch:\(Story.request(2).branch)") == second)
    #expect(try await found("type:pr-created") == [15, 6])
    #expect(try await found("worker:worker-1") == [7, 1])
    #expect(try await found("agent:demo") == [11, 8, 2])
    #expect(try await found("sha:\(Story.sha(2001))") == [10, 9])
    #expect(try await found("state:failed") == second)
    #expect(try await found("state:Failed age:>20s") == second)
    #expect(try await found("state:Failed age:>40s").isEmpty)
    #expect(try await found("position:3..5") == [5, 4, 3])
    #expect(try await found("since:31s") == [16, 15])
    #expect(try await found("timeout") == [16])
    #expect(try await found("\"After \\\"10\\\" min\"") == [16])
    #expect(try await found("\"try again\" state:Failed") == [16])
    #expect(try await found("actor:worker") == [1])
    #expect(try await found("-repo:ebaejun/tools -repo:ebaejun/site") == [1])
    #expect(try await found("state:Pushed -type:pushed position:>8") == [9])
    let event = try #require(try await subject.log().last)
    #expect(try await found("id:\(event.id)") == [16])
  }

  private static func refusedHosts(_ subject: StoreUnderTest) async throws {
    _ = try await subject.store.append(Story.append([Story.registered]))
    try await subject.tell(1, to: .generating)
    let used = NetworkUsed(attempt: 1, token: Story.token(2), use: Story.network)
    try await subject.tell([.networkUsed(used)], to: 1, after: 7)
    let failed = Story.failed(.generate, .agentFailed, message: "no pypi.org: \"host-unlisted\"")
    try await subject.tell([failed], to: 1, after: 8)
    func found(_ text: String) async throws -> [Int64] {
      let query = try AuditQuery(text, now: subject.clock.now)
      return try await subject.store.audit(query, before: nil, limit: 100).map(\.position)
    }
    #expect(try await found("refused:pypi.org") == [9])
    #expect(try await found("refused:Files.Example.ORG") == [9])
    // The whole name, and that of a host alone.
    for other in ["ypi.org", "example.org", "pypi.or", "a.pypi.org", "x.host-unlisted"] {
      #expect(try await found("refused:\(other)").isEmpty, "\(other)")
    }
    #expect(try await found("-refused:pypi.org position:>7") == [10, 8])
    #expect(try await found("refused:pypi.org agent:demo").isEmpty)
    #expect(try await found("refused:pypi.org state:Failed id:\(Story.id(1))") == [9])
    #expect(try await found("type:network-used") == [9])
  }

  private static func anyAudit(_ subject: StoreUnderTest) async throws {
    try await fill(subject, seed: 5, appends: 250)
    let now = subject.clock.now + .seconds(60)
    let log = try await subject.stored()
    let rows = try await subject.store.delegations(
      DelegationFilter(), before: nil, limit: 1000
    ).map { ("\(StreamName.delegation($0.row.id))", $0.row) }
    let byStream = Dictionary(uniqueKeysWithValues: rows)
    let audited = log.reversed().map { AuditedEvent(event: $0, row: byStream[$0.stream.text]) }
    let commits = log.compactMap { $0.facts.text(.sha) }
    var queries = RandomQueries(seed: 5, commits: commits)
    var answered = 0
    for _ in 0..<300 {
      let text = queries.next()
      let query = try AuditQuery(text, now: now)
      let expected = audited.filter { query.matches($0) }.map(\.event.position)
      let found = try await subject.store.audit(query, before: nil, limit: 1000).map(\.position)
      #expect(found == expected, "\(text)")
      if !expected.isEmpty { answered += 1 }
      guard expected.count > 3 else { continue }
      let page = try await subject.store.audit(query, before: expected[1], limit: 2)
      #expect(page.map(\.position) == Array(expected[2...3]), "\(text)")
    }
    #expect(answered > 60)
  }
}
