import Cryptography
import Domain
import Text

/// A GitHub App's private key, which signs its tokens
/// (https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app).
package struct AppKey: Sendable {
  /// Why a file is not a key.
  package struct Fault: Error, CustomStringConvertible {
    package let description: String
  }

  private let key: RSAPrivateKey

  /// - Parameter pem: `RSA PRIVATE KEY` as GitHub issues it, or `PRIVATE KEY` (PKCS#8).
  /// - Throws: `Fault`, which contains no part of the key.
  package init(pem: String) throws(Fault) {
    do {
      key = try RSAPrivateKey(pem: pem)
    } catch {
      switch error {
      case .encrypted:
        throw Fault(description: "the key is encrypted: write it without a pass phrase")
      case .short(let bits):
        throw Fault(description: "the key has \(bits) bits, and 2048 are the least that sign")
      case .unreadable:
        throw Fault(description: "it holds no RSA private key in PEM")
      }
    }
  }

  /// A JWT that authenticates the app (RS256). It begins a minute ago, because clocks differ, and
  /// ends in nine minutes. GitHub allows ten.
  func jwt(issuer: String, at now: Timestamp) -> String? {
    let seconds = now.milliseconds / 1000
    let header = #"{"alg":"RS256","typ":"JWT"}"#
    let claims = #"{"iat":\#(seconds - 60),"exp":\#(seconds + 540),"iss":"\#(issuer)"}"#
    let signed = Base64URL.encode(header.utf8) + "." + Base64URL.encode(claims.utf8)
    guard let signature = key.signature(of: Array(signed.utf8)) else { return nil }
    return signed + "." + Base64URL.encode(signature)
  }
}
