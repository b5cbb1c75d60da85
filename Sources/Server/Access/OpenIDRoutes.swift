import Domain
import HTTPServing
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import OpenID
import Text

/// `GET /sign-in/openid` sends a browser to the provider, and the provider sends it back to
/// `GET /sign-in/openid/callback`, where its session begins. Both answer to browsers, not to
/// programs, so they are no operations of the API.
///
/// The browser then goes to the page, and nowhere else: no request can name another address. Its
/// session is new, so nobody can choose it in advance.
package struct OpenIDRoutes: Sendable {
  static let path = "/sign-in/openid"
  /// The path to which the provider sends browsers back.
  package static let callbackPath = path + "/callback"

  private let server: ServerContext
  private let provider: OpenIDProvider
  /// The address of the page in browsers, without a slash at its end.
  private let page: WebURL
  private let cookie: SecretCookie
  private let logger: Logger
  private let pending = PendingSignIns()
  /// With the bound of `PendingSignIns`, one address cannot push out others' sign-ins before they
  /// had some minutes.
  private let rate = AddressRateLimit(perSecond: 2)

  init(server: ServerContext, provider: OpenIDProvider, page: WebURL, logger: Logger) {
    self.server = server
    self.provider = provider
    self.page = page
    // It must come along when another site, the provider, sends the browser back.
    cookie = SecretCookie(
      base: PendingSignIns.cookieName, path: page.path + Self.path, sameSite: .lax,
      isSecure: page.isSecure, seconds: PendingSignIn.lifetime.count / 1000)
    self.logger = logger
  }

  func add(to router: some RouterMethods<APIContext>) {
    router.get(RouterPath(Self.path)) { _, context in try await begin(context) }
    router.get(RouterPath(Self.callbackPath)) { request, _ in await finish(request) }
  }

  private func begin(_ context: APIContext) async throws -> Response {
    try rate.check(context, "sign-ins")
    do throws(OpenIDFault) {
      let begun = try await provider.begin()
      return redirect(
        to: begun.authorizationURL, cookies: [cookie.field(pending.add(begun.pending))])
    } catch { return failure(error) }
  }

  private func finish(_ request: Request) async -> Response {
    guard
      let browser = PendingSignIns.browser(in: request.headers[.cookie], cookie),
      let pending = pending.take(browser)
    else {
      return failure(
        .request("No sign-in began in this browser, or it has ended. Sign in again."))
    }
    do throws(OpenIDFault) {
      let person = try await provider.finish(pending, query: request.uri.query ?? "")
      let session = server.access.signIn(person.principal)
      return redirect(to: "\(page)/", cookies: [session, cookie.field(nil)])
    } catch { return failure(error) }
  }

  private func redirect(to url: String, cookies: [String]) -> Response {
    var response = Response(
      status: .seeOther, headers: [.location: url, .cacheControl: "no-store"])
    for cookie in cookies { response.headers.append(HTTPField(name: .setCookie, value: cookie)) }
    return response
  }

  /// A page for the person.
  private func failure(_ fault: OpenIDFault) -> Response {
    let status: HTTPResponse.Status
    switch fault.origin {
    case .request: status = .badRequest
    case .person: status = .forbidden
    case .provider:
      status = .badGateway
      logger.warning("sign-in failed: \(fault)")
    }
    let text = """
      <!doctype html>
      <html lang="en">
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width">
      <title>Sign in - AIPM</title>
      <h1>You are not signed in</h1>
      <p>\(Self.escaped(fault.description))</p>
      <p><a href="\(Self.escaped("\(page)\(Self.path)"))">Sign in again</a></p>
      """
    return Response(
      status: status,
      headers: [
        .contentType: "text/html; charset=utf-8", .cacheControl: "no-store",
        .contentSecurityPolicy: "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
        .xContentTypeOptions: "nosniff", .setCookie: cookie.field(nil),
      ],
      body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
  }

  private static func escaped(_ text: String) -> String {
    text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
      .replacing("\"", with: "&quot;")
  }
}
