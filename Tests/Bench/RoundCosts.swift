import ArgumentParser
import Cryptography
import Domain
import EventLog
import FoundationEssentials
import LogStories
import RawSockets
import SQLiteEventStore
import TestKit
import Text
import Workflows

/// How soon what people say on a pull request is in the log and at a worker, and what it costs the
/// forge to be asked for it.
struct RoundCosts: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rounds",
    abstract: "From a webhook to the log, from a request to a worker, and what polling costs.")

  @Flag(help: "Small numbers, to see that it runs; what it measures says nothing.")
  var quick = false

  func run() async throws {
    try await measureConversation()
    try await measurePolls(quick ? 20 : 1000, repositories: quick ? 2 : 50)
  }

  // MARK: One pull request

  private static let secret = "bench-webhook-secret"

  private func measureConversation() async throws {
    try await Installation.withForge([]) { root, forge in
      let environment = [
        "AIPM_GITHUB_API_URL": forge, "AIPM_GITHUB_TOKEN": GatedInstallation.token,
        "AIPM_FORGE": "github", "AIPM_WEBHOOK_SECRET": Self.secret,
        "AIPM_FEEDBACK_INTERVAL": "0s",
      ]
      try await Installation.with(
        arguments: ["--agent", "demo", "--workers", "1"], environment: environment, starts: false
      ) { server in
        _ = try await server.createRepository("acme/tools", root: root)
        try await server.start()
        let first = try await server.submit()
        guard try await server.end(of: first)["state"].stringValue == "Pushed" else {
          throw BenchFault(description: "the first delegation was not pushed")
        }
        try measureWebhooks(server.url)
        try await measureRequests(server, first)
      }
    }
  }

  /// A webhook is answered when what it reports is on disk.
  private func measureWebhooks(_ url: String) throws {
    let client = try PlainHTTP(url)
    var times: [Double] = []
    for n in 0..<(quick ? 5 : 300) {
      let body = Self.comment(n)
      let signature = Hex.encode(
        HMACSHA256.code(for: Array(body.utf8), key: Array(Self.secret.utf8)))
      let began = ContinuousClock.now
      let response = try client.call(
        "POST", "/webhooks/github", body,
        headers: "X-GitHub-Event: issue_comment\r\nX-GitHub-Delivery: \(n)\r\n"
          + "X-Hub-Signature-256: sha256=\(signature)\r\n")
      times.append((ContinuousClock.now - began) / .milliseconds(1))
      guard String(decoding: response.body, as: UTF8.self).contains("recorded") else {
        throw BenchFault(description: "a webhook was answered \(response.status)")
      }
    }
    let slow = percentile(99, of: times)
    Figure(
      name: "webhook-recorded-p99", value: slow, unit: "ms", limit: nil, target: "< 50 ms",
      met: slow < 50
    ).tell()
  }

  /// Each comment is of another person, so that none is left out.
  private static func comment(_ n: Int) -> String {
    """
    {"action":"created","issue":{"number":1,"pull_request":{}},"comment":{"id":\(1000 + n),\
    "user":{"login":"person-\(n)","type":"User"},"body":"@aipm look","created_at":\
    "2099-01-01T00:00:00Z"},"repository":{"full_name":"acme/tools"},\
    "sender":{"login":"person-\(n)","type":"User"}}
    """
  }

  private func measureRequests(_ server: Installation, _ first: String) async throws {
    var times: [Double] = []
    for n in 0..<(quick ? 1 : 20) {
      let asked = Date()
      let answer = try await server.post(
        "/api/delegations/\(first)/follow-ups", .object(["message": .string("Change \(n).")]))
      guard let id = answer.json["id"].stringValue else {
        throw BenchFault(description: "a request was answered \(answer.status): \(answer.text)")
      }
      let dispatched = try await server.event("delegation.dispatched", of: id)
      let time = try Date(
        dispatched["time"].stringValue ?? "",
        strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true))
      times.append(time.timeIntervalSince(asked) * 1000)
      _ = try await server.end(of: id)
    }
    let slow = percentile(99, of: times)
    Figure(
      name: "ask-dispatched-p99", value: slow, unit: "ms", limit: nil, target: "< 1000 ms",
      met: slow < 1000
    ).tell()
  }

  // MARK: Many pull requests

  /// What github.com allows a credential, if all of its calls are reads.
  private static let readsPerMinute = 900

  private func measurePolls(_ count: Int, repositories: Int) async throws {
    let forge = try PolledForge(count, repositories: repositories)
    defer { forge.stop() }
    let environment = [
      "AIPM_GITHUB_API_URL": forge.url, "AIPM_GITHUB_TOKEN": GatedInstallation.token,
      "AIPM_FORGE": "github", "AIPM_FEEDBACK_INTERVAL": "500ms",
    ]
    try await Installation.with(
      arguments: ["--agent", "demo", "--workers", "0"], environment: environment, starts: false,
      prepare: { try await Self.fill($0.data, count, repositories: repositories) }
    ) { server in
      try await server.start()
      // More cycles than it takes until each commit's checks were asked for.
      let cycles = await forge.quietCycles(30)
      let most = cycles.map(\.requests).max() ?? 0
      let all = cycles.reduce(0) { $0 + $1.requests }
      let free = cycles.reduce(0) { $0 + $1.unchanged }
      let limit = count + 2 * repositories
      Figure(
        name: "poll-\(count)", value: Double(most), unit: "requests", limit: Double(limit),
        target: "<= \(limit)", met: most <= limit
      ).tell()
      Figure(
        name: "poll-\(count)-free", value: Double(free), unit: "requests", limit: Double(all),
        target: "all of them", met: free == all && all > 0
      ).tell()
      // With the interval of 30 s before it, what no webhook reported is known within a minute.
      let span = Double(most) / Double(Self.readsPerMinute) * 60
      Figure(
        name: "poll-\(count)-at-pace", value: span, unit: "s", limit: nil, target: "< 30 s",
        met: span < 30
      ).tell()
    }
  }

  /// Writes a log with pushed delegations, whose pull requests are open.
  private static func fill(_ data: String, _ count: Int, repositories: Int) async throws {
    try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
    guard let workflow = try WorkflowCatalog()["personal-delegate"] else {
      throw BenchFault(description: "the built-in workflow is missing")
    }
    let clock = TaleClock()
    let store = try SQLiteEventStore.open(
      directory: data, clock: { clock.now() }, onCommit: { _ in })
    for n in 0..<count {
      let place = PolledForge.place(of: n, repositories)
      var request = Story.request(n, repository: place.repository)
      request.workflow.digest = workflow.digest
      request.notices = []
      _ = try await store.append(
        Story.append(Story.goodDay(n, request: request, number: place.number), to: n))
    }
    await store.close()
  }
}
