import Domain
import EmbeddedForge
import ForgeConformance
import ForgeGitHub
import ForgePort
import RawSockets
import Synchronization
import Testing

/// What a webhook reports is what a poll reads, to the last field: so it is recorded once,
/// whichever comes first.
@Suite struct ForgeWebhookTests {
  private static let secret = "a secret of the webhook"

  /// What was reported so far, and a stream of it.
  private final class Receiver: Sendable {
    let reports: AsyncStream<FeedbackReport>
    private let next: AsyncStream<FeedbackReport>.Continuation
    private let faults = Mutex<[WebhookFault]>([])
    private let server = Mutex<RawServer?>(nil)

    var refused: [WebhookFault] { faults.withLock { $0 } }

    init() { (reports, next) = AsyncStream.makeStream() }

    func start() throws -> String {
      let reader = GitHubWebhooks(secret: ForgeWebhookTests.secret)
      let server = try RawServer { [self] connection in
        while let request = connection.readRequest() {
          let names = [
            "content-type", "x-hub-signature-256", "x-github-event", "x-github-delivery",
          ]
          let headers = names.reduce(into: [:]) { $0[$1] = request.header($1) }
          do throws(WebhookFault) {
            let delivery = try reader.read(headers: headers, body: request.body)
            if case .feedback(let report) = delivery.event { next.yield(report) }
          } catch {
            faults.withLock { $0.append(error) }
          }
          connection.answer("{}")
        }
      }
      self.server.withLock { $0 = server }
      return server.url
    }

    func stop() {
      next.finish()
      server.withLock { $0?.stop() }
    }
  }

  @Test(.timeLimit(.minutes(2))) func webhooksAndPollsReportTheSame() async throws {
    let receiver = Receiver()
    let url = try receiver.start()
    defer { receiver.stop() }
    try await HostedForge.run(hooks: [ForgeHook(url: url, secret: Self.secret)]) { hosted in
      let (name, people) = (HostedForge.repository, hosted.people)
      let client = GitHub.adapter(hosted.url, token: HostedForge.token).client
      guard
        case .head(.some(let base)) = try await client.perform(
          .branchHead(name, branch: nil)
        ).get()
      else { throw WrongAnswer(description: "no head") }
      _ = try await client.perform(.createBranch(name, branch: "b", sha: base)).get()
      let file = FileCommit(
        path: "notes/x.md", branch: "b", content: "one\ntwo\n", message: "m", replaces: nil,
        date: Timestamp(milliseconds: 1_733_356_800_000))
      _ = try await client.perform(.putFile(name, file)).get()
      let new = NewPullRequest(title: "t", head: "b", base: "main", body: "", draft: false)
      guard
        case .pullRequest(let pull) = try await client.perform(.openPullRequest(name, new)).get()
      else { throw WrongAnswer(description: "no pull request") }

      let places = [LineComment("notes/x.md", 2, "why?"), LineComment("notes/x.md", 1, "hm")]
      try await people.review("Please change it.", places, on: pull)
      try await people.comment("@aipm wörds", on: pull)
      try await people.failJob("build", log: "error\n", on: pull.headSHA)
      try await people.report("tests", failed: true, on: pull.headSHA)
      try await people.report("style", failed: false, on: pull.headSHA)
      try await people.comment("last", on: pull)

      var reported: [FeedbackReport] = []
      for await report in receiver.reports {
        reported.append(report)
        if reported.count == 7 { break }
      }
      guard
        case .feedback(let said) = try await client.perform(
          .feedback(name, number: pull.number)
        ).get(),
        case .checks(let checks, _) = try await client.perform(
          .checks(name, commit: pull.headSHA, since: nil)
        ).get()
      else { throw WrongAnswer(description: "nothing was said") }
      let failed = checks.filter { $0.outcome == .failed }.map { $0.feedback() }
      #expect(said.count == 5 && failed.count == 2)
      func sorted(_ all: [Feedback]) -> [Feedback] { all.sorted { $0.id < $1.id } }
      #expect(sorted(reported.flatMap(\.feedback)) == sorted(said + failed))
      for report in reported {
        #expect(report.repository == name)
        let isStatus = report.feedback.first?.id.rawValue.hasPrefix("check/status-") == true
        #expect(report.pullRequests == (isStatus ? [] : [Int64(pull.number)]))
        let isCheck = report.feedback.first?.source == .check
        #expect(report.head == (isCheck ? pull.headSHA : nil))
      }
      #expect(receiver.refused == [])
    }
  }
}
