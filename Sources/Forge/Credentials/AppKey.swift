import Crypto
import CryptoExtras
import Domain
import FoundationEssentials

/// A GitHub App's private key, and the tokens that it signs
/// (https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app).
package struct AppKey: Sendable {
  /// Why a file is no key.
  package struct Fault: Error, CustomStringConvertible {
    package let description: String
  }

  private let key: _RSA.Signing.PrivateKey

  /// - Parameter pem: `RSA PRIVATE KEY` as GitHub hands it out, or `PRIVATE KEY` (PKCS#8).
  /// - Throws: `Fault` that says what is wrong with it, and holds nothing of it.
  package init(pem: String) throws(Fault) {
    do {
      key = try _RSA.Signing.PrivateKey(pemRepresentation: pem)
    } catch {
      throw Fault(
        description: pem.contains("ENCRYPTED")
          ? "the key is encrypted: write it without a pass phrase"
          : "it holds no RSA private key of 2048 bits or more in PEM")
    }
  }

  /// A JWT by which the app speaks for itself (RS256). It begins a minute ago, for clocks that
  /// differ, and ends in nine minutes: GitHub takes ten at most.
  func jwt(issuer: String, at now: Timestamp) -> String? {
    let seconds = now.milliseconds / 1000
    let header = #"{"alg":"RS256","typ":"JWT"}"#
    let claims = #"{"iat":\#(seconds - 60),"exp":\#(seconds + 540),"iss":"\#(issuer)"}"#
    let signed = Self.base64URL(Data(header.utf8)) + "." + Self.base64URL(Data(claims.utf8))
    // PKCS #1 v1.5 is what RS256 is (RFC 7518, section 3.3), whatever its name here says.
    guard
      let signature = try? key.signature(
        for: SHA256.hash(data: Data(signed.utf8)), padding: .insecurePKCS1v1_5)
    else { return nil }
    return signed + "." + Self.base64URL(signature.rawRepresentation)
  }

  /// RFC 4648, section 5, without padding.
  private static func base64URL(_ data: Data) -> String {
    String(
      data.base64EncodedString().compactMap { character -> Character? in
        switch character {
        case "+": "-"
        case "/": "_"
        case "=": nil
        case let plain: plain
        }
      })
  }
}
