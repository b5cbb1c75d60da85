import FoundationEssentials
import HTTPClient
import Text

/// The requests to a provider.
struct ProviderCalls: Sendable {
  let http: HTTPClient

  private static let timeout = Duration.seconds(10)
  private static let tokenBytesMax = 512 << 10

  /// Fetches a JSON document.
  /// - Parameter limit: of its size in bytes.
  func document(_ url: String, limit: Int) async throws(OpenIDFault) -> JSONValue {
    let request = HTTPRequest(
      url: url, headers: [("Accept", "application/json")], timeout: Self.timeout,
      responseLimit: limit)
    let response = try await send(request, to: url)
    guard response.status == 200 else {
      throw .provider(
        "\(url) answered with status \(response.status), and must with 200; redirects are not "
          + "followed. Check openid-issuer.")
    }
    return try Self.json(response, of: url)
  }

  /// Exchanges a code for an ID token (OpenID Connect Core 1.0, section 3.1.3).
  func token(
    for code: String, verifier: String, settings: OpenIDSettings, _ metadata: ProviderMetadata
  ) async throws(OpenIDFault) -> String {
    let url = "\(metadata.tokenEndpoint)"
    var fields = [
      ("grant_type", "authorization_code"), ("code", code),
      ("redirect_uri", settings.redirectURI), ("code_verifier", verifier),
    ]
    var headers = [
      ("Accept", "application/json"), ("Content-Type", "application/x-www-form-urlencoded"),
    ]
    let secret = settings.clientSecret ?? ""
    switch metadata.clientProof {
    case .basic:
      // Both are encoded as in a form before that (RFC 6749, section 2.3.1).
      let pair = "\(Percent.encode(settings.clientID)):\(Percent.encode(secret))"
      headers.append(("Authorization", "Basic \(Data(pair.utf8).base64EncodedString())"))
    case .form: fields += [("client_id", settings.clientID), ("client_secret", secret)]
    case .none: fields.append(("client_id", settings.clientID))
    }
    let request = HTTPRequest(
      method: "POST", url: url, headers: headers, body: .bytes(Array(Form.encode(fields).utf8)),
      timeout: Self.timeout, responseLimit: Self.tokenBytesMax)
    let response = try await send(request, to: url)
    guard response.status == 200 else { throw Self.refusal(response, of: url) }
    guard let token = try Self.json(response, of: url)["id_token"].stringValue else {
      throw .provider(
        "The provider sent no ID token. Permit the scope openid for this client at the provider.")
    }
    return token
  }

  private func send(
    _ request: HTTPRequest, to url: String
  ) async throws(OpenIDFault) -> HTTPResponse {
    do throws(HTTPFault) { return try await http.send(request) } catch {
      throw .provider(
        "The provider cannot be reached at \(url): \(ErrorText.plain(error.detail)). Try again, "
          + "and see whether the server may reach it.")
    }
  }

  private static func json(_ response: HTTPResponse, of url: String) throws(OpenIDFault)
    -> JSONValue
  {
    guard let value = try? JSONValue(parsing: response.body), value.objectValue != nil else {
      throw .provider(
        "\(url) answered with something else than a JSON object. Check openid-issuer.")
    }
    return value
  }

  /// The error of a token endpoint (RFC 6749, section 5.2).
  private static func refusal(_ response: HTTPResponse, of url: String) -> OpenIDFault {
    let error = (try? JSONValue(parsing: response.body))?["error"].stringValue
    switch error {
    case "invalid_client", "unauthorized_client":
      return .provider(
        "The provider does not accept this client. Check openid-client-id and "
          + "AIPM_OPENID_CLIENT_SECRET.")
    case "invalid_grant":
      return .request(
        "The provider does not accept the code: it was used before, or is too old. Sign in again.")
    case let error?:
      return .provider(
        "The provider's token endpoint answered with \(ErrorText.code(error)). Check the settings "
          + "of this client at the provider.")
    case nil:
      return .provider(
        "\(url) answered with status \(response.status), and must with 200. Check the settings of "
          + "this client at the provider.")
    }
  }
}

/// A form (https://url.spec.whatwg.org/#application/x-www-form-urlencoded).
enum Form {
  static func encode(_ fields: [(String, String)]) -> String {
    fields.map { "\(Percent.encode($0.0))=\(Percent.encode($0.1))" }.joined(separator: "&")
  }
}

/// Texts of others in messages.
enum ErrorText {
  private static let scalarsMax = 200

  /// Without control characters and characters that are not ASCII, and not long.
  static func plain(_ text: String) -> String {
    String(
      String.UnicodeScalarView(
        text.unicodeScalars.prefix(scalarsMax).map { (" "..."~").contains($0) ? $0 : "?" }))
  }

  /// The error code if it has the form of one, else a text that says so.
  static func code(_ text: String) -> String {
    let isCode =
      (1...64).contains(text.utf8.count)
      && text.utf8.allSatisfy {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0 | 0x20) || $0 == UInt8(ascii: "_")
      }
    return isCode ? text : "an unknown error"
  }
}
