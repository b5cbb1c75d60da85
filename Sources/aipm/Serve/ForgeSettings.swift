import Domain
import ForgeGitHub
import ForgePort
import Glibc

/// The selected forge and its settings. No other type knows every kind of forge.
struct ForgeSettings: Sendable {
  enum Kind: String, CaseIterable { case local, github }
  /// `github`: the pace that github.com requires; `none`: as fast as possible.
  enum Pace: String, CaseIterable { case github, none }

  enum Choice: Sendable {
    /// The embedded forge, which has its own credential.
    case local
    case github(GitHubSettings)
  }

  let choice: Choice
  /// The credentials of all forges, for masking.
  let secrets: [String]
  /// PEM file of the authorities to trust instead of the system's.
  let authoritiesFile: String?

  /// The environment variables of forges' credentials.
  static let secretVariables = [GitHubSettings.tokenVariable]
  /// The prefixes of the forges' environment variables. Agents get none of them.
  static let variablePrefixes = [GitHubSettings.variablePrefix]

  init(_ settings: Settings) throws {
    var given = GitHubSettings.Given()
    given.apiURL = settings.text(.githubAPIURL)
    given.token = settings.secret(GitHubSettings.tokenVariable)
    secrets = [given.token].compactMap(\.self)
    given.appID = settings.text(.githubAppID)
    given.appKeyFile = settings.text(.githubAppKeyFile)
    given.appInstallationID = settings.text(.githubAppInstallationID)
    given.pace = try settings.word(.forgePace, as: Pace.self).map {
      switch $0 {
      case .github: .github
      case .none: .unpaced
      }
    }
    switch try settings.word(.forge, as: Kind.self) ?? (given.hasCredential ? .github : .local) {
    case .local: choice = .local
    case .github:
      do throws(GitHubSettings.Fault) { choice = .github(try GitHubSettings(given)) } catch {
        throw Settings.Fault(description: error.description)
      }
    }
    authoritiesFile = settings.text(.caFile) ?? settings.secret("SSL_CERT_FILE")
    if let file = authoritiesFile, access(file, R_OK) != 0 {
      throw Settings.Fault(
        description: "AIPM_CA_FILE or SSL_CERT_FILE is \(file), which cannot be read: name a PEM "
          + "file of the authorities to trust")
    }
  }

  var kind: Kind {
    switch choice {
    case .local: .local
    case .github: .github
    }
  }

  /// The pace of calls.
  var pace: Pace {
    switch choice {
    case .local: .none
    case .github(let settings): settings.pace == .github ? .github : .none
    }
  }

  /// The adapter of the selected forge; nil for the embedded forge, which must be started first.
  /// - Parameters:
  ///   - mayWrite: asked before each request that changes something; nil if no other server can
  ///     take over.
  ///   - onExchange: called for each request to the forge.
  func adapter(
    author: CommitIdentity, mayWrite: WritePermission? = nil,
    onExchange: @escaping ForgeExchangeObserver = { _ in }
  ) -> (any ForgeAdapter)? {
    switch choice {
    case .local: return nil
    case .github(let settings):
      var surroundings = surroundings(author, onExchange)
      if let mayWrite {
        surroundings.mayWrite = mayWrite
        // Others take over two seconds after the end of the permission.
        surroundings.writeConnectTimeout = .milliseconds(1500)
      }
      return GitHubAdapter(settings, surroundings)
    }
  }

  /// The adapter of the embedded forge.
  /// - Parameters:
  /// - url: the address on which it listens.
  /// - creation: the command that adds a repository to it.
  /// - onExchange: called for each request to it.
  func embedded(
    at url: String, token: String, author: CommitIdentity, creation: String,
    onExchange: @escaping ForgeExchangeObserver
  ) -> any ForgeAdapter {
    var surroundings = surroundings(author, onExchange)
    surroundings.creation = creation
    return GitHubAdapter(GitHubSettings(embeddedAt: url, token: token), surroundings)
  }

  private func surroundings(
    _ author: CommitIdentity, _ onExchange: @escaping ForgeExchangeObserver
  ) -> GitHubAdapter.Surroundings {
    var surroundings = GitHubAdapter.Surroundings(userAgent: "aipm/\(ServerProcess.version)")
    surroundings.authoritiesFile = authoritiesFile
    surroundings.author = author
    surroundings.onExchange = onExchange
    return surroundings
  }
}
