import Domain
import Forge
import FoundationEssentials
import Glibc
import HTTPClient

/// What was said about the forge: where it is, what opens it, how fast it may be called.
struct ForgeSettings: Sendable {
  enum Kind: String, CaseIterable { case local, github }
  /// `github`: what github.com asks for; `none`: as fast as it goes.
  enum Pace: String, CaseIterable { case github, none }

  /// What was given to open the forge with.
  enum Credential: Sendable {
    case none
    case token(String)
    case app(id: String, installation: String, keyFile: String, key: AppKey)
  }

  /// The token that was given; an app's are made as they are needed.
  var token: String? {
    guard case .token(let token) = credential else { return nil }
    return token
  }

  var kind: Kind
  var apiURL: String
  var credential: Credential
  var pace: ForgePace
  /// PEM file of the authorities to trust in place of the system's.
  var authoritiesFile: String?

  init(_ settings: Settings) throws {
    credential = try Self.credential(settings)
    let isGiven = if case .none = credential { false } else { true }
    kind = try settings.word(.forge, as: Kind.self) ?? (isGiven ? .github : .local)
    if kind == .github, !isGiven {
      throw Settings.Fault(
        description: "--forge github needs a credential: set AIPM_GITHUB_TOKEN to a token that may "
          + "write contents and pull requests, or AIPM_GITHUB_APP_ID, AIPM_GITHUB_APP_KEY_FILE and "
          + "AIPM_GITHUB_APP_INSTALLATION_ID of an app that may")
    }
    apiURL = settings.text(.githubAPIURL) ?? "https://api.github.com"
    guard apiURL.hasPrefix("https://") || apiURL.hasPrefix("http://") else {
      throw Settings.Fault(
        description: "AIPM_GITHUB_API_URL is \(apiURL): write https://HOST, of GitHub Enterprise "
          + "https://HOST/api/v3")
    }
    let known = try settings.word(.forgePace, as: Pace.self)
    switch known ?? (Self.isGitHub(apiURL) ? .github : Pace.none) {
    case .github: self.pace = .github
    case .none: self.pace = .unpaced
    }
    authoritiesFile = settings.text(.caFile) ?? settings.secret("SSL_CERT_FILE")
    if let file = authoritiesFile, access(file, R_OK) != 0 {
      throw Settings.Fault(
        description: "AIPM_CA_FILE or SSL_CERT_FILE is \(file), which cannot be read: name a PEM "
          + "file of the authorities to trust")
    }
  }

  /// GitHub's own, which sets limits; GitHub Enterprise sets none unless it is told to.
  private static func isGitHub(_ apiURL: String) -> Bool {
    let host = apiURL.split(separator: "/").dropFirst().first ?? ""
    return host == "api.github.com" || host.hasSuffix(".ghe.com")
  }

  private static func credential(_ settings: Settings) throws -> Credential {
    let parts = [
      "AIPM_GITHUB_APP_ID": settings.text(.githubAppID),
      "AIPM_GITHUB_APP_KEY_FILE": settings.text(.githubAppKeyFile),
      "AIPM_GITHUB_APP_INSTALLATION_ID": settings.text(.githubAppInstallationID),
    ]
    let missing = parts.filter { $0.value == nil }.keys.sorted()
    let token = settings.secret("AIPM_GITHUB_TOKEN")
    guard missing.count < parts.count else { return token.map { .token($0) } ?? .none }
    if token != nil {
      throw Settings.Fault(
        description: "AIPM_GITHUB_TOKEN and a GitHub App are set both: take one of the two away")
    }
    guard let id = parts["AIPM_GITHUB_APP_ID"] ?? nil,
      let file = parts["AIPM_GITHUB_APP_KEY_FILE"] ?? nil,
      let installation = parts["AIPM_GITHUB_APP_INSTALLATION_ID"] ?? nil
    else {
      throw Settings.Fault(
        description: "a GitHub App needs all three; set also \(missing.joined(separator: ", "))")
    }
    for (name, value) in [
      ("AIPM_GITHUB_APP_ID", id), ("AIPM_GITHUB_APP_INSTALLATION_ID", installation),
    ] {
      // An app is also known by its client id, such as Iv1.8a61f9b3a7aba766.
      guard !value.isEmpty,
        value.utf8.allSatisfy({ (48...57).contains($0) })
          || name == "AIPM_GITHUB_APP_ID"
            && value.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "." })
      else { throw Settings.Fault(description: "\(name) is \(value): write a whole number") }
    }
    guard let pem = try? String(contentsOfFile: file, encoding: .utf8) else {
      throw Settings.Fault(
        description:
          "AIPM_GITHUB_APP_KEY_FILE is \(file), which cannot be read: name the .pem file "
          + "that GitHub handed out for the app")
    }
    do throws(AppKey.Fault) {
      return .app(
        id: id, installation: installation, keyFile: file, key: try AppKey(pem: pem))
    } catch {
      throw Settings.Fault(description: "AIPM_GITHUB_APP_KEY_FILE is \(file): \(error)")
    }
  }

  // MARK: Parts made of it

  /// A client of HTTP that lets out as many calls at once as the pace does, and an app's renewal.
  func httpClient(version: String) -> HTTPClient {
    HTTPClient(
      configuration: .init(
        userAgent: "aipm/\(version)", authoritiesFile: authoritiesFile,
        maxConnectionsPerHost: pace.callsAtOnce + 2))
  }

  /// The file of an app's key, where others than its owner may read it.
  var openKeyFile: String? {
    guard case .app(_, _, let file, _) = credential else { return nil }
    var facts = stat()
    guard stat(file, &facts) == 0, facts.st_mode & 0o077 != 0 else { return nil }
    return file
  }

  func forgeCredential(_ http: HTTPClient) -> ForgeCredential? {
    switch credential {
    case .none: nil
    case .token(let token): .token(token)
    case .app(let id, let installation, _, let key):
      .app(
        AppCredential(
          http: http,
          configuration: .init(
            appID: id, installationID: installation, key: key, apiURL: apiURL)))
    }
  }
}
