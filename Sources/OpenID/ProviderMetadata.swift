import Text

/// What a provider says about itself (OpenID Connect Discovery 1.0, section 3).
struct ProviderMetadata: Equatable, Sendable {
  /// How a client proves itself at the token endpoint (OpenID Connect Core 1.0, section 9).
  enum ClientProof: Equatable { case basic, form, none }

  let authorizationEndpoint: WebURL
  let tokenEndpoint: WebURL
  let keysURL: WebURL
  let clientProof: ClientProof
  /// The provider adds `iss` to callbacks (RFC 9207).
  let namesIssuer: Bool

  static let path = "/.well-known/openid-configuration"
  static let bytesMax = 256 << 10

  /// Where the issuer's document is (section 4).
  static func location(of issuer: String) -> String {
    (issuer.hasSuffix("/") ? String(issuer.dropLast()) : issuer) + path
  }

  /// - Throws: `OpenIDFault.provider` if the document is invalid or not the issuer's.
  init(_ document: JSONValue, for settings: OpenIDSettings) throws(OpenIDFault) {
    guard document["issuer"].stringValue == settings.issuer else {
      throw .provider(
        "The provider names another issuer than openid-issuer. Write it exactly as the field "
          + "issuer of \(Self.location(of: settings.issuer)).")
    }
    func endpoint(_ name: String) throws(OpenIDFault) -> WebURL {
      guard let url = document[name].stringValue.flatMap({ WebURL($0) }), settings.permits(url)
      else {
        throw .provider(
          "The provider's configuration has no \(name) of https. Check openid-issuer.")
      }
      return url
    }
    authorizationEndpoint = try endpoint("authorization_endpoint")
    tokenEndpoint = try endpoint("token_endpoint")
    keysURL = try endpoint("jwks_uri")
    namesIssuer = document["authorization_response_iss_parameter_supported"].boolValue ?? false
    if let algorithms = document["id_token_signing_alg_values_supported"].arrayValue,
      !algorithms.contains("RS256"), !algorithms.contains("ES256")
    {
      throw .provider(
        "The provider signs ID tokens neither with RS256 nor with ES256. Change that in its "
          + "settings.")
    }
    if let methods = document["code_challenge_methods_supported"].arrayValue,
      !methods.contains("S256")
    {
      throw .provider("The provider does not support PKCE with S256. Change that in its settings.")
    }
    guard settings.clientSecret != nil else {
      clientProof = .none
      return
    }
    let proofs = document["token_endpoint_auth_methods_supported"].arrayValue
    if proofs?.contains("client_secret_basic") ?? true {
      clientProof = .basic
    } else if proofs?.contains("client_secret_post") ?? false {
      clientProof = .form
    } else {
      throw .provider(
        "The provider accepts client secrets neither as client_secret_basic nor as "
          + "client_secret_post. Change that in its settings.")
    }
  }
}
