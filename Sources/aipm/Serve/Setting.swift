import Domain
import OpenID

/// The settings. The raw value is the setting's name: the key in the configuration file, and with
/// `--` before it the flag of `aipm serve`.
enum Setting: String, CaseIterable {
  case data, store, host, port, access, connections, workers, agent
  case streams
  case requestRate = "request-rate"
  case logFormat = "log-format"
  case logLevel = "log-level"
  case submissionRate = "submission-rate"
  case waitingSubmissions = "waiting-submissions"
  case agentCommand = "agent-command"
  case agentEnv = "agent-env"
  case agentAllow = "agent-allow"
  case agentPrivateNetwork = "agent-private-network"
  case agentTimeout = "agent-timeout"
  case attempts
  case budgetDelegation = "budget-delegation"
  case budgetRequester = "budget-requester"
  case budgetRepository = "budget-repository"
  case sandbox
  case sandboxReadable = "sandbox-readable"
  case workflows
  case basePath = "base-path"
  case publicURL = "public-url"
  case ownURL = "own-url"
  case trustedProxy = "trusted-proxy"
  case insecureHTTP = "insecure-http"
  case openidIssuer = "openid-issuer"
  case openidClientID = "openid-client-id"
  case openidNameClaim = "openid-name-claim"
  case openidGroupsClaim = "openid-groups-claim"
  case openidForgeUserClaim = "openid-forge-user-claim"
  case openidGroup = "openid-group"
  case allowOrigin = "allow-origin"
  case notify
  case notifyStates = "notify-states"
  case notifyPatience = "notify-patience"
  case smtp
  case mailFrom = "mail-from"
  case mailTo = "mail-to"
  case mailRequester = "mail-requester"
  case commitAuthor = "commit-author"
  case keepOutput = "keep-output"
  case keepWords = "keep-words"
  case maskPatterns = "mask-patterns"
  case cacheAge = "cache-age"
  case cacheSize = "cache-size"
  case workerUser = "worker-user"
  case forge
  case forgePace = "forge-pace"
  case feedbackInterval = "feedback-interval"
  case githubAPIURL = "github-api-url"
  case githubAppID = "github-app-id"
  case githubAppKeyFile = "github-app-key-file"
  case githubAppInstallationID = "github-app-installation-id"
  case caFile = "ca-file"
  case defaultRepo = "default-repo"
  case require

  /// The environment variable of the setting.
  var variable: String {
    if self == .allowOrigin { return "AIPM_ALLOW_ORIGINS" }
    let name = rawValue.map { $0 == "-" ? "_" : String($0).uppercased() }
    return "AIPM_" + name.joined()
  }

  /// The former key in the configuration file, from before keys were named like flags. It stays
  /// valid.
  var formerKey: String {
    switch self {
    case .allowOrigin: return "allowOrigins"
    case .githubAPIURL: return "githubApiURL"
    case .githubAppID: return "githubAppID"
    case .githubAppInstallationID: return "githubAppInstallationID"
    case _:
      let words = rawValue.split(separator: "-")
      return words.dropFirst().reduce(String(words[0])) { key, word in
        key + word.prefix(1).uppercased() + word.dropFirst()
      }
    }
  }

  /// Whether it may have several values: a list in the file, separated by commas in the variable.
  var isList: Bool {
    [
      .agentEnv, .agentAllow, .agentPrivateNetwork, .sandboxReadable, .allowOrigin, .maskPatterns,
      .openidGroup, .trustedProxy, .require, .notify, .notifyStates, .mailTo,
    ].contains(self)
  }

  /// The default, as text.
  var standard: String {
    switch self {
    case .data: "./.aipm"
    case .store: "the SQLite database in the data folder"
    case .ownURL: "http://HOST:PORT"
    case .host: "127.0.0.1"
    case .port: "8080"
    case .access: "open"
    case .logFormat: "auto"
    case .logLevel: "info"
    case .insecureHTTP: "false"
    case .trustedProxy: "this machine, with public-url"
    case .connections: "384"
    case .streams: "128"
    case .requestRate: "2000"
    case .submissionRate: "100"
    case .waitingSubmissions: "320"
    case .workers: "2"
    case .agent: "the workflow's first that is installed"
    case .agentTimeout, .attempts: "the workflow's"
    case .sandbox: "on"
    case .workflows: "the ones built in"
    case .basePath: "/"
    case .openidNameClaim: OpenIDSettings.standardNameClaim
    case .openidGroupsClaim: OpenIDSettings.standardGroupsClaim
    case .keepOutput, .keepWords: "for ever"
    case .cacheAge: "30d"
    case .notifyStates: "Pushed,Failed"
    case .notifyPatience: "24h"
    case .mailRequester: "off"
    case .commitAuthor: CommitIdentity.standard.description
    case .cacheSize: "50GiB"
    case .forge: "local"
    case .forgePace: "none"
    case .feedbackInterval: "30s"
    case .githubAPIURL: "https://api.github.com"
    case .caFile: "the system's"
    case .workerUser: "aipm-worker, aipm or nobody, the first that exists"
    case .agentCommand, .agentEnv, .agentAllow, .agentPrivateNetwork, .sandboxReadable,
      .allowOrigin, .publicURL, .openidIssuer, .openidClientID, .openidForgeUserClaim, .openidGroup,
      .maskPatterns,
      .githubAppID, .githubAppKeyFile,
      .githubAppInstallationID,
      .defaultRepo, .require, .notify, .smtp, .mailFrom, .mailTo, .budgetDelegation,
      .budgetRequester, .budgetRepository:
      "none"
    }
  }

  /// The setting of a key in the configuration file.
  init?(key: String) {
    guard let known = Self.allCases.first(where: { [$0.rawValue, $0.formerKey].contains(key) })
    else { return nil }
    self = known
  }
}

/// The settings that were given as flags.
struct GivenFlags {
  private(set) var values: [Setting: [String]] = [:]

  mutating func put(_ setting: Setting, _ value: String?) {
    if let value { values[setting] = [value] }
  }

  mutating func put(_ setting: Setting, _ value: Int?) { put(setting, value.map { String($0) }) }

  mutating func put(_ setting: Setting, _ list: [String]) {
    if !list.isEmpty { values[setting] = list }
  }
}
