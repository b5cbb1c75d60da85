import Access
import Text

/// The configuration of sign-in.
package struct OpenIDSettings: Sendable {
  /// The provider's identifier, exactly as its ID tokens contain it.
  package let issuer: String
  /// AIPM's identifier at the provider.
  package let clientID: String
  /// nil for a client without one, which PKCE alone protects.
  package let clientSecret: String?
  /// The callback of AIPM that is registered at the provider.
  package let redirectURI: String
  /// Contains `openid`.
  package let scopes: [String]
  /// The claim that names the person.
  package let nameClaim: String
  package let groupsClaim: String
  /// The claim with the person's name as a user of the forge; nil: it is not read.
  package let forgeUserClaim: String?
  package let grants: OpenIDGrants

  package static let standardNameClaim = "email"
  package static let standardGroupsClaim = "groups"
  package static let standardScopes = ["openid", "email", "profile"]

  /// What is wrong with a configuration.
  package struct Fault: Error, Equatable, CustomStringConvertible {
    package let description: String

    package init(description: String) { self.description = description }
  }

  /// - Parameter scopes: `openid` is added if absent.
  /// - Throws: `Fault` if the issuer is neither of https nor of this machine, or a text is empty.
  package init(
    issuer: String, clientID: String, clientSecret: String?, redirectURI: String,
    scopes: [String] = standardScopes, nameClaim: String = standardNameClaim,
    groupsClaim: String = standardGroupsClaim, forgeUserClaim: String? = nil,
    grants: OpenIDGrants
  ) throws(Fault) {
    guard let url = WebURL(issuer), url.query == nil, url.isSecure || url.isLoopback else {
      throw Fault(
        description: "\(issuer) cannot be an issuer: write the provider's https address without a "
          + "query, as its documentation gives it (http only on this machine)")
    }
    guard !clientID.isEmpty, !nameClaim.isEmpty, !groupsClaim.isEmpty, forgeUserClaim != "" else {
      throw Fault(description: "the client's id and the names of claims must not be empty")
    }
    self.issuer = issuer
    self.clientID = clientID
    self.clientSecret = clientSecret
    self.redirectURI = redirectURI
    self.scopes = scopes.contains("openid") ? scopes : ["openid"] + scopes
    self.nameClaim = nameClaim
    self.groupsClaim = groupsClaim
    self.forgeUserClaim = forgeUserClaim
    self.grants = grants
  }

  /// Whether requests to this URL are permitted: https, or http on this machine if the issuer is
  /// on it too.
  func permits(_ url: WebURL) -> Bool {
    url.isSecure || url.isLoopback && WebURL(issuer)?.isLoopback ?? false
  }
}
