import ForgePort
import FoundationEssentials
import Glibc
import HTTPClient

/// GitHub's address, the credential, and the allowed pace of calls.
package struct GitHubSettings: Sendable {
  /// The settings as they were given. Nil: not given.
  package struct Given: Sendable {
    package var apiURL: String?
    package var token: String?
    package var appID: String?
    package var appKeyFile: String?
    package var appInstallationID: String?
    package var pace: ForgePace?

    package init() {}

    /// Whether any credential was given, complete or not.
    package var hasCredential: Bool {
      [token, appID, appKeyFile, appInstallationID].contains { $0 != nil }
    }
  }

  /// A setting that cannot be used.
  package struct Fault: Error, CustomStringConvertible {
    package let description: String
  }

  /// The credential for GitHub.
  package enum Credential: Sendable {
    case token(String)
    case app(id: String, installation: String, keyFile: String, key: AppKey)
  }

  package static let standardAPIURL = "https://api.github.com"
  /// The environment variable of the token. Like every credential it has no flag and no key in the
  /// configuration file.
  package static let tokenVariable = "AIPM_GITHUB_TOKEN"
  /// The prefix of all variables of this adapter.
  package static let variablePrefix = "AIPM_GITHUB_"

  package let apiURL: String
  package let credential: Credential
  package let pace: ForgePace

  /// - Throws: `Fault` if no credential was given, or a setting cannot be used.
  package init(_ given: Given) throws(Fault) {
    guard let credential = try Self.credential(given) else {
      throw Fault(
        description: "--forge github needs a credential: set AIPM_GITHUB_TOKEN to a token that may "
          + "write contents and pull requests, or AIPM_GITHUB_APP_ID, AIPM_GITHUB_APP_KEY_FILE and "
          + "AIPM_GITHUB_APP_INSTALLATION_ID of an app that may")
    }
    self.credential = credential
    apiURL = given.apiURL ?? Self.standardAPIURL
    guard apiURL.hasPrefix("https://") || apiURL.hasPrefix("http://") else {
      throw Fault(
        description: "AIPM_GITHUB_API_URL is \(apiURL): write https://HOST, of GitHub Enterprise "
          + "https://HOST/api/v3")
    }
    pace = given.pace ?? (Self.hasLimits(apiURL) ? .github : .unpaced)
  }

  /// The embedded forge, which has GitHub's API.
  package init(embeddedAt url: String, token: String) {
    apiURL = url
    credential = .token(token)
    pace = .unpaced
  }

  /// GitHub has its API at `api.HOST`, GitHub Enterprise at `HOST/api/v3`, and the embedded forge
  /// beside its repositories.
  package var repositoriesURL: String {
    var url = apiURL[...]
    while url.last == "/" { url = url.dropLast() }
    let enterprise = "/api/v3"
    if url.hasSuffix(enterprise) { return String(url.dropLast(enterprise.count)) }
    guard Self.hasLimits(apiURL) else { return String(url) }
    return url.replacing("//api.", with: "//", maxReplacements: 1).description
  }

  /// Whether it is GitHub's own service. GitHub Enterprise has no limits unless it is configured
  /// to.
  private static func hasLimits(_ apiURL: String) -> Bool {
    let host = apiURL.split(separator: "/").dropFirst().first ?? ""
    return host == "api.github.com" || host.hasSuffix(".ghe.com")
  }

  /// - Returns: nil if no credential was given.
  private static func credential(_ given: Given) throws(Fault) -> Credential? {
    let parts = [
      "AIPM_GITHUB_APP_ID": given.appID, "AIPM_GITHUB_APP_KEY_FILE": given.appKeyFile,
      "AIPM_GITHUB_APP_INSTALLATION_ID": given.appInstallationID,
    ]
    let missing = parts.filter { $0.value == nil }.keys.sorted()
    guard missing.count < parts.count else { return given.token.map { .token($0) } }
    if given.token != nil {
      throw Fault(
        description: "AIPM_GITHUB_TOKEN and a GitHub App are set both: take one of the two away")
    }
    guard let id = given.appID, let file = given.appKeyFile,
      let installation = given.appInstallationID
    else {
      throw Fault(
        description: "a GitHub App needs all three; set also \(missing.joined(separator: ", "))")
    }
    func isNumber(_ text: String) -> Bool {
      !text.isEmpty && text.utf8.allSatisfy { (48...57).contains($0) }
    }
    // An app is also known by its client ID, such as Iv1.8a61f9b3a7aba766.
    guard isNumber(id) || !id.isEmpty && id.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "." })
    else { throw Fault(description: "AIPM_GITHUB_APP_ID is \(id): write a whole number") }
    guard isNumber(installation) else {
      throw Fault(
        description: "AIPM_GITHUB_APP_INSTALLATION_ID is \(installation): write a whole number")
    }
    return .app(id: id, installation: installation, keyFile: file, key: try key(file))
  }

  private static func key(_ file: String) throws(Fault) -> AppKey {
    guard let pem = try? String(contentsOfFile: file, encoding: .utf8) else {
      throw Fault(
        description:
          "AIPM_GITHUB_APP_KEY_FILE is \(file), which cannot be read: name the .pem file "
          + "that GitHub handed out for the app")
    }
    do throws(AppKey.Fault) { return try AppKey(pem: pem) } catch {
      throw Fault(description: "AIPM_GITHUB_APP_KEY_FILE is \(file): \(error)")
    }
  }

  /// The app's key file, if others than its owner may read it.
  var openKeyFile: String? {
    guard case .app(_, _, let file, _) = credential else { return nil }
    var facts = stat()
    guard stat(file, &facts) == 0, facts.st_mode & 0o077 != 0 else { return nil }
    return file
  }

  func credential(
    _ http: HTTPClient, onExchange: @escaping ForgeExchangeObserver
  ) -> GitHubCredential {
    switch credential {
    case .token(let token): return .token(token)
    case .app(let id, let installation, _, let key):
      var configuration = AppCredential.Configuration(
        appID: id, installationID: installation, key: key, apiURL: apiURL)
      configuration.onExchange = onExchange
      return .app(AppCredential(http: http, configuration: configuration))
    }
  }
}
