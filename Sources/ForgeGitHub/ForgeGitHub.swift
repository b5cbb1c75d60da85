// The adapter for GitHub, GitHub Enterprise and the embedded forge, which has the same API. They
// differ in address and credential only.
//
// Purpose: this module implements the port (`ForgeAdapter`) with GitHub's REST API. Everything
// specific to GitHub is in this module: requests, answers, statuses and error texts, rate limits,
// credentials, webhooks, settings, and rules for names.
//
// Guarantees:
// - A call ends within its own time limit. A lost answer is never reported as a refusal.
// - It repeats nothing except a call that was certainly not carried out: one that a renamed
//   repository redirected, one whose app token had expired, and a read on a dead connection.
// - It obeys GitHub's limits for the whole credential: until a limit ends it sends nothing.
// - The credential is in the `Authorization` header and nowhere else: not in URLs or messages. It
//   is sent only to the API's own address.
//
// Failures: `ForgeFault`, with GitHub's own message and, if a person can do something about it, a
// hint.

import Domain
import ForgePort
import HTTPClient

/// GitHub as a forge.
package struct GitHubAdapter: ForgeAdapter {
  private let settings: GitHubSettings
  private let github: GitHubClient
  package let gitCredential: any GitCredential

  /// The dependencies that are independent of GitHub.
  package struct Surroundings: Sendable {
    /// Names AIPM and its version, as GitHub requires it.
    package var userAgent: String
    /// PEM file of the authorities to trust instead of the system's.
    package var authoritiesFile: String?
    /// Author and committer of the commits that are made through the API.
    package var author = CommitIdentity.standard
    /// The command that adds a repository, to be followed by its name; nil: people add it on
    /// GitHub.
    package var creation: String?
    /// Called for each request.
    package var onExchange: ForgeExchangeObserver = { _ in }
    /// Asked before each request that changes something.
    package var mayWrite: WritePermission = { true }
    /// The longest time between the permission to write and the request; nil for the usual one.
    package var writeConnectTimeout: Duration?

    package init(userAgent: String) { self.userAgent = userAgent }
  }

  package init(_ settings: GitHubSettings, _ surroundings: Surroundings) {
    self.settings = settings
    // As many connections as calls at the same time, and two for the renewal of an app's token.
    let http = HTTPClient(
      configuration: .init(
        userAgent: surroundings.userAgent, authoritiesFile: surroundings.authoritiesFile,
        maxConnectionsPerHost: settings.pace.callsAtOnce + 2))
    let credential = settings.credential(http, onExchange: surroundings.onExchange)
    var configuration = GitHubClient.Configuration(apiURL: settings.apiURL, credential: credential)
    configuration.pace = settings.pace
    configuration.author = surroundings.author
    configuration.creation = surroundings.creation
    configuration.onExchange = surroundings.onExchange
    configuration.mayWrite = surroundings.mayWrite
    configuration.writeConnectTimeout = surroundings.writeConnectTimeout
    github = GitHubClient(http: http, configuration: configuration)
    gitCredential = GitHubGitCredential(credential, apiURL: settings.apiURL)
  }

  package var client: any ForgeClient { github }
  /// Repositories without drafts respond with their own fault.
  package let capabilities = ForgeCapabilities()
  package let names: any RepositoryRules = GitHubNames()
  package var address: String { settings.apiURL }
  package var repositoriesAddress: String { settings.repositoriesURL }

  /// See `ForgeAdapter`.
  package func webhooks(secret: String) -> any WebhookReader { GitHubWebhooks(secret: secret) }

  /// See `ForgeAdapter`.
  package func examine(_ repository: RepositoryName?) async -> [Finding] {
    var findings: [Finding] = []
    let isLocal = ["http://127.", "http://localhost", "http://[::1]"].contains {
      settings.apiURL.hasPrefix($0)
    }
    if !settings.apiURL.hasPrefix("https://"), !isLocal {
      findings.append(
        .poor(
          "forge", "\(settings.apiURL) is not https: the credential can be read on its way",
          "Use https."))
    }
    if let file = settings.openKeyFile {
      findings.append(.poor("app key", "\(file) can be read by others", "chmod 600 \(file)"))
    }
    guard let repository, let fault = names.faults(in: repository).first else {
      return findings + (await github.examine(repository))
    }
    findings += await github.examine(nil)
    return findings + [.bad("\(repository)", fault.message, fault.instead)]
  }
}
