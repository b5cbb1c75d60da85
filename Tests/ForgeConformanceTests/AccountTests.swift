import Domain
import ForgeConformance
import ForgeGitHub
import ForgePort
import Foundation
import RawSockets
import Testing

/// The suite on a real account of GitHub. It runs by hand: the guide's page "How it is tested" says
/// how. It leaves branches and pull requests behind, so it needs a repository for tests.
private enum Account {
  private static func variable(_ name: String) -> String? {
    ProcessInfo.processInfo.environment["AIPM_CONFORMANCE_\(name)"].flatMap {
      $0.isEmpty ? nil : $0
    }
  }

  /// nil if the run has no account.
  static let subject: Subject? = {
    guard let name = variable("REPO"), let repository = RepositoryName(name),
      let token = variable("TOKEN")
    else { return nil }
    return Subject(
      repository: repository, token: token,
      url: variable("API_URL") ?? GitHubSettings.standardAPIURL,
      reviewers: variable("REVIEWERS")?.split(separator: ",").map(String.init) ?? [])
  }()

  struct Subject: ForgeUnderTest {
    let repository: RepositoryName
    let url: String
    let reviewers: [String]
    let adapter: any ForgeAdapter
    let prefix = "aipm-conformance-\(Int(Date().timeIntervalSince1970))"
    /// GitHub asks for a slow pace, and 200 writes would take minutes.
    let testsPages = false
    let people: (any ForgePeople)? = nil
    let situations: Set<Situation> = [.wrongCredential, .unreachable]

    init(repository: RepositoryName, token: String, url: String, reviewers: [String]) {
      self.repository = repository
      self.url = url
      self.reviewers = reviewers
      adapter = GitHub.adapter(url, token: token)
    }

    func enter(_ situation: Situation) async throws -> (any ForgeClient, RepositoryName) {
      let port = try ClosedPort()
      let address = situation == .unreachable ? "http://127.0.0.1:\(port.number)" : url
      return (GitHub.adapter(address, token: "ghp_wrong").client, repository)
    }

    func webhook(
      _ event: WebhookEvent, id: String, secret: String
    ) throws -> (headers: [String: String], body: [UInt8]) {
      try GitHub.webhook(event, id: id, secret: secret)
    }
  }
}

@Suite("The conformance of a real account", .serialized, .enabled(if: Account.subject != nil))
struct AccountTests {
  @Test(arguments: ForgeConformance.checks)
  func conforms(check: ConformanceCheck) async throws {
    try await check.run(try #require(Account.subject))
  }
}
