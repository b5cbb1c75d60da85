import HTTPClient
import NetworkRules
import Screening

/// The server of a gateway, and the credential that the gateway adds.
package struct GatewayUpstream: Sendable {
  /// A header field with a key: `x-api-key: KEY`, `Authorization: Bearer KEY`.
  package struct Credential: Sendable {
    let name: String
    let prefix: String
    let secret: String

    /// - Parameters:
    ///   - name: the field's name.
    ///   - prefix: the text before the key, including its space (`Bearer `); may be empty.
    ///   - secret: the key, at least 8 bytes: a shorter one could not be distinguished from other
    ///     text in a response.
    package init(name: String, prefix: String = "", secret: String) throws(EgressFault) {
      guard !name.isEmpty, name.utf8.allSatisfy(isTokenByte) else {
        throw EgressFault(
          description: "the name of the key's header is not a token; write one such as x-api-key")
      }
      // The search ignores lines that begin as in a PEM file.
      guard secret.utf8.count >= 8, !secret.utf8.starts(with: "-----".utf8),
        (prefix + secret).utf8.allSatisfy({ (0x20...0x7e).contains($0) })
      else {
        throw EgressFault(
          description: "the key for \(name) is under 8 bytes or not printable ASCII; "
            + "write the whole key, without line ends")
      }
      self.name = name
      self.prefix = prefix
      self.secret = secret
    }
  }

  /// As in the URL, without brackets.
  let host: String
  let port: UInt16
  /// Scheme, host, port and path, without a slash at the end.
  let base: String
  let credential: Credential?

  /// - Parameters:
  ///   - baseURL: `https://HOST[:PORT][/PATH]`, or http for the operator's own server.
  ///   - credential: nil if the server needs none.
  package init(baseURL: String, credential: Credential?) throws(EgressFault) {
    let bytes = Array(baseURL.utf8)
    let isSecure = bytes.starts(with: "https://".utf8)
    let form = "write a base URL such as https://api.example.com/v1 or http://127.0.0.1:11434"
    guard isSecure || bytes.starts(with: "http://".utf8),
      bytes.allSatisfy({ (0x21...0x7e).contains($0) && !"?#@\\%\"<>".utf8.contains($0) })
    else { throw EgressFault(description: "the base URL is invalid; \(form)") }
    let rest = bytes[(isSecure ? 8 : 7)...]
    let authority = rest.prefix { $0 != UInt8(ascii: "/") }
    var path = rest.dropFirst(authority.count)
    while path.last == UInt8(ascii: "/") { path.removeLast() }
    guard let (host, port) = try? RequestHead.authority(authority), Self.isHost(host),
      !path.hasDotSegment
    else { throw EgressFault(description: "the base URL has no valid host; \(form)") }
    self.host = String(
      decoding: host.filter { $0 != UInt8(ascii: "[") && $0 != UInt8(ascii: "]") }, as: UTF8.self)
    self.port = port ?? (isSecure ? 443 : 80)
    base =
      (isSecure ? "https://" : "http://") + String(decoding: authority, as: UTF8.self)
      + String(decoding: path, as: UTF8.self)
    self.credential = credential
  }

  /// Whether it is a name of one or more labels, or an address. The operator is trusted.
  private static func isHost(_ host: ArraySlice<UInt8>) -> Bool {
    if host.first == UInt8(ascii: "[") {
      let inner = String(decoding: host.dropFirst().dropLast(), as: UTF8.self)
      return host.last == UInt8(ascii: "]") && IPAddress(inner) != nil
    }
    return host.allSatisfy { isDigit($0) || isTokenByte($0) && $0 != UInt8(ascii: "*") }
  }
}

/// The one server of a gateway, and the search for its key in responses.
package struct KeyGateway: Sendable {
  let upstream: GatewayUpstream
  let client: HTTPClient
  let key: SecretSearch

  /// - Parameter client: with the operator's proxy and authorities.
  package init(upstream: GatewayUpstream, client: HTTPClient) {
    self.upstream = upstream
    self.client = client
    key = SecretSearch(
      values: upstream.credential.map { [$0.secret] } ?? [], shapes: false, purpose: .masking)
  }
}

extension ArraySlice<UInt8> {
  /// Whether a path has a `.` or `..` segment, also percent-encoded: appended to a base path, it
  /// would lead outside.
  var hasDotSegment: Bool {
    let path = prefix { $0 != UInt8(ascii: "?") }
    if path.contains(UInt8(ascii: "\\")) { return true }
    return path.split(separator: UInt8(ascii: "/")).contains { part in
      let plain = String(decoding: part, as: UTF8.self).lowercased().split(separator: "%2e")
      let isAllDots = plain.allSatisfy { $0.utf8.allSatisfy { $0 == UInt8(ascii: ".") } }
      return isAllDots && part.count <= 6
    }
  }
}
