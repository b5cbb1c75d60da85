import ArgumentParser
import HTTPClient
import OpenID
import Server
import Text

/// Sign-in with a provider of OpenID Connect.
struct OpenIDOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The provider of OpenID Connect that people sign in with (none).", valueName: "url"))
  var openidIssuer: String?
  @Option(help: ArgumentHelp("AIPM's client id at the provider.", valueName: "id"))
  var openidClientID: String?
  @Option(help: ArgumentHelp("The claim that names a person (email).", valueName: "claim"))
  var openidNameClaim: String?
  @Option(help: ArgumentHelp("The claim with a person's groups (groups).", valueName: "claim"))
  var openidGroupsClaim: String?
  @Option(
    help: ArgumentHelp(
      "The claim with a person's name on the forge: the person then submits only to repositories "
        + "that the forge lets them push to (none).", valueName: "claim"))
  var openidForgeUserClaim: String?
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "What a group may do, such as platform=operator or web=submit:acme/*; the group * is "
        + "everybody (none).", valueName: "group=role"))
  var openidGroup: [String] = []

  func put(into flags: inout GivenFlags) {
    flags.put(.openidIssuer, openidIssuer)
    flags.put(.openidClientID, openidClientID)
    flags.put(.openidNameClaim, openidNameClaim)
    flags.put(.openidGroupsClaim, openidGroupsClaim)
    flags.put(.openidForgeUserClaim, openidForgeUserClaim)
    flags.put(.openidGroup, openidGroup)
  }
}

extension OpenIDSettings {
  /// The environment variable of the client's secret.
  static let secretVariable = "AIPM_OPENID_CLIENT_SECRET"

  /// - Parameter publicURL: of `ServeOptions`.
  /// - Returns: nil if no provider is configured.
  /// - Throws: `Settings.Fault` with a remedy.
  static func read(_ settings: Settings, publicURL: WebURL?) throws -> OpenIDSettings? {
    guard let issuer = settings.find(.openidIssuer) else {
      let others: [Setting] = [
        .openidClientID, .openidNameClaim, .openidGroupsClaim, .openidForgeUserClaim,
        .openidGroup,
      ]
      if let other = others.lazy.compactMap(settings.find).first {
        throw Settings.Fault(
          description: "\(other.name) is set, and openid-issuer is not: write the address of the "
            + "provider, or leave it out")
      }
      return nil
    }
    guard let clientID = settings.text(.openidClientID) else {
      throw Settings.Fault(
        description: "\(issuer.name) needs openid-client-id: register AIPM at the provider")
    }
    guard let publicURL else {
      throw Settings.Fault(
        description:
          "\(issuer.name) needs public-url: write the address that browsers use, such as "
          + "https://aipm.example, and register its \(OpenIDRoutes.callbackPath) at the provider")
    }
    do throws(OpenIDSettings.Fault) {
      return try OpenIDSettings(
        issuer: issuer.value, clientID: clientID,
        clientSecret: settings.secret(secretVariable),
        redirectURI: "\(publicURL)\(OpenIDRoutes.callbackPath)",
        nameClaim: settings.text(.openidNameClaim) ?? standardNameClaim,
        groupsClaim: settings.text(.openidGroupsClaim) ?? standardGroupsClaim,
        forgeUserClaim: settings.text(.openidForgeUserClaim), grants: try grants(settings))
    } catch { throw Settings.Fault(description: "\(issuer.name): \(error)") }
  }

  private static func grants(_ settings: Settings) throws(OpenIDSettings.Fault) -> OpenIDGrants {
    var texts: [String] = []
    for text in settings.list(.openidGroup) {
      // A variable with commas was split between the patterns of a group, which contain no =.
      if let last = texts.last, !text.utf8.contains(UInt8(ascii: "=")) {
        texts[texts.count - 1] = "\(last),\(text)"
      } else {
        texts.append(text)
      }
    }
    var list: [OpenIDGrant] = []
    for text in texts {
      guard let grant = OpenIDGrant(text) else {
        throw OpenIDSettings.Fault(
          description: "openid-group contains \(text): \(OpenIDGrant.form)")
      }
      list.append(grant)
    }
    guard !list.isEmpty else {
      throw OpenIDSettings.Fault(
        description: "nobody could do anything: add openid-group, \(OpenIDGrant.form)")
    }
    return OpenIDGrants(list)
  }
}

extension OpenIDProvider {
  /// The provider of these settings, with the proxy of the environment.
  /// - Parameter authoritiesFile: a PEM file of trusted authorities, instead of the system's.
  init(_ settings: OpenIDSettings, authoritiesFile: String?) {
    self.init(
      settings,
      http: HTTPClient(
        configuration: .init(
          userAgent: "aipm/\(ServerProcess.version)", authoritiesFile: authoritiesFile,
          maxConnectionsPerHost: 8, maxTransfers: 128)))
  }
}
