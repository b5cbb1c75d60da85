// Sign-in by a provider of OpenID Connect: who a person is, and what they may do here.
//
// Purpose: a company signs its people in at one place. AIPM is a client of that provider by the
// authorization code flow (OpenID Connect Core 1.0, section 3.1) with PKCE (RFC 7636): it sends the
// browser there, gets a code back, and exchanges the code for an ID token. The token's claims give
// the person's name and groups, and the configuration says what a group may do.
//
// Guarantees:
// - An ID token is accepted only if it is signed with RS256 or ES256 by a key of the provider, for
//   this client, now, and for this very sign-in (`nonce`). The key decides the algorithm.
// - A sign-in ends in the browser in which it began, if the caller binds `PendingSignIn` to that
//   browser, and once, if the caller forgets it when it ends. It has ten minutes.
// - Requests go to https only, and to http if the issuer is of this machine. Redirects are not
//   followed. Each request has a time-out, and each response and each list in it a bound.
// - The name comes from one claim. There is no second choice: people can change some claims, and
//   would otherwise choose whose name they get. No name is also a token's.
// - Keys are fetched again if a token is signed with another one, at most once in ten seconds.
//
// Failures: each one is an `OpenIDFault`, which says what to do and contains no secret, code or
// token. Nothing is retried; the person starts again. The module stores and logs nothing.

/// Why nobody was signed in.
package enum OpenIDFault: Error, Equatable, CustomStringConvertible {
  /// The provider did not answer, or not as OpenID Connect requires.
  case provider(String)
  /// The provider ended the sign-in with an error, such as `access_denied`.
  case ended(code: String, description: String?)
  /// The callback is not that of the pending sign-in, or came too late.
  case request(String)
  /// The ID token is not valid.
  case token(TokenFault)
  /// The token has no usable name of the person.
  case noName(String)
  /// The person is known, and no group of theirs may do anything.
  case notPermitted(name: String)

  /// Whose failure it is.
  package enum Origin: Sendable {
    /// The browser's request.
    case request
    /// The provider's answers or its configuration.
    case provider
    /// The person's rights.
    case person
  }

  package var origin: Origin {
    switch self {
    case .provider, .token, .noName: .provider
    case .request: .request
    case .ended(let code, _): code == "access_denied" ? .person : .provider
    case .notPermitted: .person
    }
  }

  package var description: String {
    switch self {
    case .provider(let message): message
    case .ended("access_denied", _):
      "The provider did not let you in: you cancelled, or may not use this application there."
    case .ended(let code, let description):
      "The provider ended the sign-in with \(code)"
        + (description.map { " (\($0))" } ?? "")
        + ". The administrator of AIPM finds this error in the provider's documentation."
    case .request(let message): message
    case .token(let fault): "The provider's ID token is not valid: \(fault)."
    case .noName(let message): message
    case .notPermitted(let name):
      "You are \(name), and none of your groups may use AIPM. Ask its administrator to add one "
        + "with openid-group."
    }
  }
}

/// Why an ID token is refused.
package enum TokenFault: Error, Equatable, CustomStringConvertible {
  /// It is not a signed JSON Web Token.
  case form
  /// It is signed with another algorithm than RS256 and ES256, or with none.
  case algorithm
  /// It names no key of the provider.
  case key
  case signature
  /// A claim is absent or has another value than it must have.
  case claim(String)
  /// It is over.
  case expired
  /// It begins later than now.
  case early

  package var description: String {
    switch self {
    case .form: "it is not a signed JSON Web Token"
    case .algorithm:
      "it is signed with another algorithm than RS256 and ES256; change the client's "
        + "settings at the provider"
    case .key: "the provider does not publish the key that it names; try again in 10 seconds"
    case .signature: "its signature is wrong"
    case .claim(let name): "its claim \(name) is absent or wrong"
    case .expired: "it is expired; compare the clocks of AIPM and the provider"
    case .early: "it is from the future; compare the clocks of AIPM and the provider"
    }
  }
}
