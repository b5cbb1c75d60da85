// The frame, style and headers of all pages.

import Cryptography
import FoundationEssentials
import HTTPTypes
import Hummingbird

enum PageFrame {
  static func response(_ status: HTTPResponse.Status = .ok, title: String, _ main: HTML) -> Response
  {
    let page: HTML = """
      <!doctype html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <meta name="color-scheme" content="light dark">
      <title>\(title)</title>
      <style>\(HTML(stringLiteral: PageStyle.text))</style>
      </head>
      <body>
      <main>
      \(main)
      </main>
      </body>
      </html>

      """
    return Response(status, headers, page.text.utf8)
  }

  /// No script, frame or other source; the style is allowed by its hash, and forms go only to this
  /// forge. With a stricter policy for referrers, browsers would send no `Origin` with forms.
  private static let headers: HTTPFields = {
    let hash = Data(SHA256.hash(PageStyle.text.utf8)).base64EncodedString()
    var headers: HTTPFields = [:]
    headers[.contentType] = "text/html; charset=utf-8"
    headers[.contentSecurityPolicy] =
      "default-src 'none'; style-src 'sha256-\(hash)'; base-uri 'none'; form-action 'self'; "
      + "frame-ancestors 'none'"
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "same-origin"
    headers[.cacheControl] = "no-store"
    return headers
  }()

  /// The answer to a form that was carried out.
  static func see(_ location: String) -> Response {
    plain(.seeOther, "See \(location)\n", [.location: location])
  }

  static func plain(_ status: HTTPResponse.Status, _ text: String, _ more: HTTPFields = [:])
    -> Response
  {
    plain(status, bytes: Array(text.utf8), more)
  }

  static func plain(_ status: HTTPResponse.Status, bytes: [UInt8], _ more: HTTPFields = [:])
    -> Response
  {
    var headers = headers
    headers[.contentType] = "text/plain; charset=utf-8"
    for field in more { headers[field.name] = field.value }
    return Response(status, headers, bytes)
  }
}
