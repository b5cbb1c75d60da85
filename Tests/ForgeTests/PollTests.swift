import Domain
import ForgeGitHub
import ForgePort
import RawSockets
import Synchronization
import Testing

/// Lists that are read again and again cost one request each, and nothing of the rate limit.
@Suite struct PollTests {
  private static let sha = ObjectID(String(repeating: "a", count: 40))

  /// A forge whose lists have entity tags, as GitHub has them. `change` makes new ones.
  private final class Tagged: Sendable {
    /// The bodies by a part of their path, and how often each was changed.
    private let bodies: Mutex<[String: (body: String, version: Int)]>
    private let counts = Mutex((full: 0, unchanged: 0))

    init(_ bodies: [String: String]) {
      self.bodies = Mutex(bodies.mapValues { ($0, 0) })
    }

    /// How often a list was sent, and how often 304 was enough.
    var answers: (full: Int, unchanged: Int) { counts.withLock { $0 } }

    func change(_ path: String, to body: String) {
      bodies.withLock { $0[path] = (body, ($0[path]?.version ?? 0) + 1) }
    }

    func forge() throws -> OneAnswer {
      try OneAnswer { connection, request in
        // With a space at its end, so that `page=1` is not a part of `page=10`.
        let path = String(request.line.split(separator: " ")[1]) + " "
        let found = self.bodies.withLock { bodies in
          bodies.first { path.contains($0.key) }?.value
        }
        let tag = "W/\"\(path.hashValue)-\(found?.version ?? 0)\""
        let headers = ["ETag: \(tag)", "x-ratelimit-remaining: 4999"]
        if request.header("if-none-match") == tag {
          self.counts.withLock { $0.unchanged += 1 }
          connection.answer("", status: "304 Not Modified", headers: headers)
        } else {
          self.counts.withLock { $0.full += 1 }
          connection.answer(found?.body ?? "[]", headers: headers)
        }
      }
    }
  }

  private static func pull(_ number: Int) -> String {
    #"{"number":\#(number),"html_url":"https://x","state":"open","body":"",""#
      + #"updated_at":"2026-11-23T12:00:00Z","head":{"ref":"b","sha":"1"},"#
      + #""base":{"ref":"main","sha":"2"}}"#
  }

  private static func pulls(_ numbers: [Int]) -> String {
    "[\(numbers.map(pull).joined(separator: ","))]"
  }

  private static func run(_ id: Int, _ conclusion: String, app: String = "github-actions")
    -> String
  {
    let isDone = conclusion != "null"
    return #"{"id":\#(id),"name":"run \#(id)","head_sha":"\#(sha)","#
      + #""status":"\#(isDone ? "completed" : "in_progress")","conclusion":\#(conclusion),"#
      + #""output":{"title":"t","summary":"s","annotations_count":2},"#
      + #""completed_at":"2026-11-23T12:00:00Z","app":{"slug":"\#(app)"}}"#
  }

  private static func runs(_ items: String...) -> String {
    #"{"total_count":\#(items.count),"check_runs":[\#(items.joined(separator: ","))]}"#
  }

  private static func status(_ id: Int, _ context: String, _ state: String) -> String {
    #"{"id":\#(id),"context":"\#(context)","state":"\#(state)","description":"d","#
      + #""created_at":"2026-11-23T12:00:00Z","creator":{"login":"ci","type":"User"}}"#
  }

  @Test func openPullRequestsThatAreAsTheyWereCostOneRequestEach() async throws {
    let tagged = Tagged(["/pulls?": Self.pulls([3, 2, 1])])
    let forge = try tagged.forge()
    let first = await forge.client.perform(.openPullRequests(repository, since: nil))
    guard case .success(.openPullRequests(let found, .some(let validator))) = first else {
      Issue.record("\(first)")
      return
    }
    #expect(found.map(\.number) == [3, 2, 1])
    let call = ForgeCall.openPullRequests(repository, since: validator)
    for _ in 1...1000 {
      guard await forge.client.perform(call) == .success(.unchanged) else {
        Issue.record("it has changed")
        return
      }
    }
    #expect(tagged.answers == (1, 1000))
    #expect(forge.requests.list.count == 1001)
    tagged.change("/pulls?", to: Self.pulls([4, 3]))
    guard
      case .success(.openPullRequests(let next, .some(let newer))) =
        await forge.client.perform(call)
    else {
      Issue.record("no change")
      return
    }
    #expect(next.map(\.number) == [4, 3] && newer != validator)
    #expect(forge.requests.list.count == 1002)
  }

  @Test func everyPageOfALongListIsAskedFor() async throws {
    let tagged = Tagged([
      "&page=1 ": Self.pulls(Array(201...300)), "&page=2 ": Self.pulls(Array(101...200)),
      "&page=3 ": Self.pulls([200, 1]),
    ])
    let forge = try tagged.forge()
    let first = await forge.client.perform(.openPullRequests(repository, since: nil))
    guard case .success(.openPullRequests(let found, .some(let validator))) = first else {
      Issue.record("\(first)")
      return
    }
    // One moved to the next page while they were read.
    #expect(found.count == 201)
    let call = ForgeCall.openPullRequests(repository, since: validator)
    #expect(await forge.client.perform(call) == .success(.unchanged))
    #expect(tagged.answers == (3, 3))
    tagged.change("&page=3 ", to: "[]")
    guard
      case .success(.openPullRequests(let next, _)) = await forge.client.perform(call)
    else {
      Issue.record("no change")
      return
    }
    #expect(next.count == 200)
  }

  /// GitHub's times are whole seconds: what is said within the same second changes no time.
  @Test func aPullRequestThatJustChangedIsReadAgain() async throws {
    let cases: [(date: String, isFresh: Bool)] = [
      ("Mon, 23 Nov 2026 11:59:59 GMT", true), ("Mon, 23 Nov 2026 12:00:00 GMT", true),
      ("Mon, 23 Nov 2026 12:00:01 GMT", true), ("Mon, 23 Nov 2026 12:00:02 GMT", false),
      ("nonsense", false),
    ]
    for (date, isFresh) in cases {
      let forge = try OneAnswer(
        "200 OK", Self.pulls([1]), headers: ["ETag: \"a\"", "Date: \(date)"])
      let answer = await forge.client.perform(.openPullRequests(repository, since: nil))
      guard case .success(.openPullRequests(let found, let validator)) = answer else {
        Issue.record("\(answer)")
        return
      }
      #expect((found.first?.updatedAt == nil) == isFresh && (validator == nil) == isFresh)
    }
  }

  /// The list takes ten pages, and the checks of each pull request one request.
  @Test func aCycleOfAThousandPullRequestsTakesFewRequests() async throws {
    var bodies = ["/check-runs?": Self.runs(), "/statuses?": "[]"]
    for page in 1...10 {
      let numbers = ((page - 1) * 100 + 1)...(page * 100)
      bodies["/pulls?state=open&sort=updated&direction=desc&per_page=100&page=\(page) "] =
        Self.pulls(Array(numbers))
    }
    let tagged = Tagged(bodies)
    let forge = try tagged.forge()
    let commits = (1...1000).map { number in
      let digits = String(number, radix: 16)
      return ObjectID(String(repeating: "0", count: 40 - digits.count) + digits)
    }
    var validators: [ObjectID: ForgeValidator] = [:]
    var pulls: ForgeValidator?
    for cycle in 1...3 {
      let before = forge.requests.list.count
      let list = await forge.client.perform(.openPullRequests(repository, since: pulls))
      if case .success(.openPullRequests(let found, let next)) = list {
        #expect(found.count == 1000)
        pulls = next
      }
      for commit in commits {
        let call = ForgeCall.checks(repository, commit: commit, since: validators[commit])
        let answer = await forge.client.perform(call)
        if case .success(.checks(_, let next)) = answer { validators[commit] = next }
        #expect(cycle == 1 || answer == .success(.unchanged))
      }
      let sent = forge.requests.list.count - before
      #expect(sent == (cycle == 1 ? 2010 : 1010))
    }
    #expect(tagged.answers == (2010, 2020))
    let asked = forge.requests.list.suffix(2020)
    #expect(asked.allSatisfy { $0.header("if-none-match") != nil })
    #expect(asked.count { $0.line.contains("/statuses?") } == 1000)
  }

  @Test func aForgeWithoutTagsGivesNoValidator() async throws {
    let forge = try OneAnswer("200 OK", Self.pulls([1]))
    let answer = await forge.client.perform(.openPullRequests(repository, since: nil))
    guard case .success(.openPullRequests(_, nil)) = answer else {
      Issue.record("\(answer)")
      return
    }
  }

  @Test func checksThatAreAsTheyWereCostOneRequestEach() async throws {
    let tagged = Tagged([
      "/check-runs?": Self.runs(Self.run(1, #""success""#)),
      "/statuses?": "[\(Self.status(7, "ci", "pending"))]",
    ])
    let forge = try tagged.forge()
    func checks(_ validator: ForgeValidator?) async -> ForgeAnswer {
      await forge.client.perform(.checks(repository, commit: Self.sha, since: validator))
    }
    guard case .success(.checks(let found, .some(let validator))) = await checks(nil) else {
      Issue.record("no checks")
      return
    }
    #expect(found.map(\.id.rawValue) == ["check/1", "check/status-7"])
    #expect(found.map(\.outcome) == [.succeeded, .pending])
    for _ in 1...1000 {
      guard await checks(validator) == .success(.unchanged) else {
        Issue.record("they have changed")
        return
      }
    }
    #expect(tagged.answers == (2, 1000))
    let asked = forge.requests.list.dropFirst(2).map { $0.line.contains("/check-runs?") }
    #expect(asked.count { $0 } == 500)
    // A change in either list is seen at the second call at the latest.
    var last = validator
    for (path, body) in [
      ("/statuses?", "[\(Self.status(8, "ci", "error")),\(Self.status(7, "ci", "pending"))]"),
      ("/check-runs?", Self.runs(Self.run(1, #""success""#), Self.run(2, #""failure""#))),
    ] {
      tagged.change(path, to: body)
      var answer = await checks(last)
      if answer == .success(.unchanged) { answer = await checks(last) }
      guard case .success(.checks(let next, .some(let newer))) = answer else {
        Issue.record("no change: \(answer)")
        return
      }
      #expect(next.contains { $0.outcome == .failed })
      #expect(next.count { $0.id.rawValue.hasPrefix("check/status-") } == 1)
      last = newer
    }
  }

  /// Each verdict of GitHub, and whose job's log can be read.
  @Test func eachCheckHasItsOutcome() async throws {
    let verdicts: [(String, ForgeCheck.Outcome)] = [
      (#""success""#, .succeeded), (#""failure""#, .failed), (#""timed_out""#, .failed),
      (#""cancelled""#, .succeeded), (#""neutral""#, .succeeded), (#""skipped""#, .succeeded),
      (#""stale""#, .succeeded), (#""action_required""#, .pending), ("null", .pending),
    ]
    let items = verdicts.enumerated().map {
      Self.run($0 + 1, $1.0, app: $0 == 0 ? "ci" : "github-actions")
    }
    let states: [(String, ForgeCheck.Outcome)] = [
      ("error", .failed), ("failure", .failed), ("pending", .pending), ("success", .succeeded),
    ]
    let statuses = states.enumerated().map { Self.status($0 + 1, $1.0, $1.0) }
    let tagged = Tagged([
      "/check-runs?": #"{"total_count":9,"check_runs":[\#(items.joined(separator: ","))]}"#,
      "/statuses?": "[\(statuses.joined(separator: ","))]",
    ])
    let forge = try tagged.forge()
    let answer = await forge.client.perform(
      .checks(repository, commit: Self.sha, since: nil))
    guard case .success(.checks(let found, _)) = answer else {
      Issue.record("\(answer)")
      return
    }
    #expect(found.map(\.outcome) == verdicts.map(\.1) + states.map(\.1))
    #expect(found.prefix(3).map(\.job) == [nil, 2, 3])
    #expect(found[1].summary == "t\ns" && found[1].annotations == 2)
    #expect(found.prefix(2).map(\.author) == ["ci", "github-actions"])
    #expect(found.last?.author == "ci" && found.last?.job == nil && found.last?.isByBot == false)
    #expect(found.allSatisfy { $0.commit == Self.sha })
    let line = try #require(forge.requests.list.first).line
    #expect(line.contains("/commits/\(Self.sha)/check-runs?filter=latest&per_page=100"))
  }

  /// What it was asked with is another adapter's, or cut.
  @Test(arguments: ["", "x", "\n\n", "a\n\n", "\nb"])
  func aValidatorThatCannotBeReadIsAQuestionWithoutOne(text: String) async throws {
    let tagged = Tagged(["/check-runs?": Self.runs(), "/statuses?": "[]"])
    let forge = try tagged.forge()
    let answer = await forge.client.perform(
      .checks(repository, commit: Self.sha, since: ForgeValidator(text)))
    guard case .success(.checks([], .some)) = answer else {
      Issue.record("\(answer)")
      return
    }
  }
}
