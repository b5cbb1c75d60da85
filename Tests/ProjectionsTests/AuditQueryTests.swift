import Domain
import EventLog
import LogStories
import Projections
import Testing

/// The parser of the audit language.
struct AuditQueryTests {
  private static let now = Timestamp(milliseconds: 1_733_400_000_000)

  private func condition(_ text: String) throws -> AuditQuery.Condition {
    let terms = try AuditQuery(text, now: Self.now).terms
    #expect(terms.count == 1 && terms.first?.isNegated == false)
    return try #require(terms.first?.condition)
  }

  private func fault(_ text: String) -> AuditFault? {
    do throws(AuditFault) {
      _ = try AuditQuery(text, now: Self.now)
      return nil
    } catch {
      return error
    }
  }

  @Test func terms() throws {
    #expect(try condition("repo:ebaejun/tools") == .repository("ebaejun/tools"))
    #expect(try condition("REPO:ebaejun/tools") == .repository("ebaejun/tools"))
    #expect(try condition("pr:12") == .pullRequest(repository: nil, number: 12))
    #expect(try condition("pr:#12") == .pullRequest(repository: nil, number: 12))
    #expect(
      try condition("pr:ebaejun/tools#12")
        == .pullRequest(repository: "ebaejun/tools", number: 12))
    #expect(try condition("code:PR1733356800123") == .stamp(1_733_356_800_123))
    #expect(try condition("id:01890A5D-x") == .id("01890a5d-x"))
    #expect(try condition("branch:\"a b\"") == .branch("a b"))
    #expect(try condition("type:delegation.failed") == .type([.failed]))
    #expect(try condition("type:recovered") == .type([.workerRecovered, .systemRecovered]))
    #expect(try condition("actor:local") == .actor("local"))
    #expect(try condition("sha:3F2A9C1") == .sha(prefix: "3f2a9c1"))
    #expect(try condition("state:prcreated") == .state(.pullRequestCreated))
    #expect(try condition("stuck:yes") == .stuck(true))
    #expect(try condition("stuck:no") == .stuck(false))
    #expect(try condition("refused:PyPI.org") == .refused("pypi.org"))
  }

  @Test func spans() throws {
    func span(_ lower: Int64?, _ upper: Int64?) -> AuditQuery.Span {
      .init(lower: lower, upper: upper)
    }
    let now = Self.now.milliseconds
    let day: Int64 = 1_733_356_800_000
    #expect(try condition("position:42") == .position(span(42, 42)))
    #expect(try condition("position:10..20") == .position(span(10, 20)))
    #expect(try condition("position:10..") == .position(span(10, nil)))
    #expect(try condition("position:..20") == .position(span(nil, 20)))
    #expect(try condition("position:>10") == .position(span(11, nil)))
    #expect(try condition("position:<10") == .position(span(nil, 9)))
    #expect(try condition("position:>=10") == .position(span(10, nil)))
    #expect(try condition("since:24h") == .time(span(now - 86_400_000, nil)))
    #expect(try condition("since:2024-12-05") == .time(span(day, nil)))
    #expect(try condition("since:2024-12-05T00:01Z") == .time(span(day + 60_000, nil)))
    #expect(try condition("until:2024-12-05") == .time(span(nil, day + 86_399_999)))
    #expect(try condition("until:1h") == .time(span(nil, now - 3_600_000)))
    #expect(
      try condition("since:2024-12-05T00:00Z..2024-12-05T01:00Z")
        == .time(span(day, day + 3_600_000)))
    #expect(try condition("age:>10m") == .age(span(600_001, nil)))
    #expect(try condition("age:7d") == .age(span(604_800_000, nil)))
    #expect(try condition("age:<30s") == .age(span(nil, 29_999)))
    #expect(try condition("age:1m..2m") == .age(span(60_000, 120_000)))
  }

  @Test func freeTextAndQuotes() throws {
    #expect(try condition("TimeOut") == .words("timeout"))
    #expect(try condition("\"repo:a b\"") == .words("repo:a b"))
    #expect(try condition("\"a \\\"quoted\\\" \\\\ b\"") == .words("a \"quoted\" \\ b"))
    #expect(try condition("-") == .words("-"))
    #expect(try condition("12:30") == .words("12:30"))
    let query = try AuditQuery("  repo:a/b   -state:Failed -\"no way\" x ", now: Self.now)
    #expect(
      query.terms == [
        .init(condition: .repository("a/b"), isNegated: false),
        .init(condition: .state(.failed), isNegated: true),
        .init(condition: .words("no way"), isNegated: true),
        .init(condition: .words("x"), isNegated: false),
      ])
    #expect(try AuditQuery("", now: Self.now).terms.isEmpty)
  }

  /// A fault names the term, its position, and a correction.
  @Test(arguments: [
    ("x repo:tools", "repo:tools", 3, "write OWNER/REPO"),
    ("pr:x", "pr:x", 1, "write a number"), ("pr:a#1", "pr:a#1", 1, "write a number"),
    ("pr:0", "pr:0", 1, "write a number"), ("code:12", "code:12", 1, "PR1733356800123"),
    ("ü type:faild", "type:faild", 3, "delegation.failed"),
    ("-state:Done", "-state:Done", 1, "Requested, BranchCreated"),
    ("sha:xyz", "sha:xyz", 1, "digits of a commit"), ("sha:abc", "sha:abc", 1, "four or more"),
    ("since:soon", "since:soon", 1, "such as 24h"),
    ("until:2024-13-01", "until:2024-13-01", 1, "such as 24h"),
    ("age:10", "age:10", 1, "such as 30s"), ("position:-1", "position:-1", 1, "such as 42"),
    ("position:9..3", "position:9..3", 1, "ends before it begins"),
    ("position:..", "position:..", 1, "a bound"), ("stuck:maybe", "stuck:maybe", 1, "yes or no"),
    ("refused:pypi", "refused:pypi", 1, "write the full name, as in pypi.org"),
    ("refused:1.2.3.4", "refused:1.2.3.4", 1, "is an address"),
    ("refused:*.pypi.org", "refused:*.pypi.org", 1, "write the host's name alone"),
    ("repo:", "repo:", 1, "write a value"), ("a  http://x", "http://x", 4, "quote the text"),
    ("ok \"not closed", "\"not closed", 4, "not closed"),
    ("branch:\"a", "branch:\"a", 1, "not closed"),
  ])
  func faults(text: String, term: String, column: Int, message: String) throws {
    let fault = try #require(self.fault(text))
    #expect(fault.term == term && fault.column == column)
    #expect(fault.message.contains(message), "\(fault.message)")
  }

  @Test func tooManyTerms() {
    let words = (0..<33).map { "w\($0)" }.joined(separator: " ")
    #expect(fault(words)?.term == "w32")
  }

  @Test func stuck() throws {
    var projector = Projector()
    for (index, event) in Story.goodDay(1, to: .branched).enumerated() {
      _ = projector.apply(
        .delegation(event), stream: .delegation(Story.id(1)), version: Int64(index + 1),
        position: Int64(index + 1), time: Story.start)
    }
    var row = try #require(projector.delegations[Story.id(1)]?.row)
    #expect(!row.isStuck(at: Story.start + .seconds(60)))
    #expect(row.isStuck(at: Story.start + .seconds(61)))
    row.retryAt = (Story.start + .seconds(600)).milliseconds
    #expect(!row.isStuck(at: Story.start + .seconds(660)))
    #expect(row.isStuck(at: Story.start + .seconds(661)))
    row.state = .pushed
    #expect(!row.isStuck(at: Story.start + .seconds(100_000)))
    row.quarantine = "hurt"
    #expect(row.isStuck(at: Story.start))
  }
}
