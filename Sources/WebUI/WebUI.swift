// The web page: the files in the folder `page`, which are part of the binary and served without
// their comments. There is no build step: a browser reads the edited files under the same paths.
//
// Guarantees: the page works under any base path, since all its addresses are relative. A browser
// requests each file once, and then gets 304 until the file changes. Text of users, agents and
// forges cannot become a program: the policy allows only this server's scripts and styles, no
// inline ones, and no markup made of text (Trusted Types).
//
// Failures: none. A missing file has no route.

import CAssets
import Cryptography
import HTTPTypes
import Hummingbird
import NIOCore
import Text

package enum WebUI {
  /// Adds the page at the root of `router`, and each of its files beside it.
  ///
  /// Under a base path, pass the group of that path. A request without a trailing slash is
  /// redirected to the address with one, since relative addresses need it.
  package static func add<Context: RequestContext>(to router: some RouterMethods<Context>) {
    for file in files {
      if file.name == "index.html" {
        router.get("") { request, _ in
          let path = request.uri.path
          if path.hasSuffix("/") { return file.answer(request) }
          let last = path.split(separator: "/").last ?? ""
          return Response(status: .permanentRedirect, headers: [.location: "\(last)/"])
        }
      }
      router.get(RouterPath(file.name)) { request, _ in file.answer(request) }
    }
  }

  private static let files: [WebFile] = (0..<aipm_web_file_count()).map {
    WebFile(aipm_web_file($0))
  }
}

/// One file, with its bytes in one buffer that all responses share.
private struct WebFile: Sendable {
  let name: String
  private let type: String
  private let tag: String
  private let body: ByteBuffer

  init(_ file: aipm_file) {
    name = String(cString: file.name)
    type = String(cString: file.type)
    let source = UnsafeBufferPointer(start: file.asset.bytes, count: file.asset.size)
    let isProgram = name.hasSuffix(".js") || name.hasSuffix(".css")
    let bytes = isProgram ? PlainSource.withoutComments(source) : Array(source)
    body = ByteBuffer(bytes: bytes)
    tag = "\"\(Hex.encode(SHA256.hash(bytes).prefix(12)))\""
  }

  func answer(_ request: Request) -> Response {
    var headers: HTTPFields = [
      .eTag: tag, .cacheControl: "no-cache", .contentSecurityPolicy: Self.policy,
      .xContentTypeOptions: "nosniff", .referrerPolicy: "no-referrer",
      .crossOriginOpenerPolicy: "same-origin", .crossOriginResourcePolicy: "same-origin",
    ]
    let known = request.headers[.ifNoneMatch]?.split(separator: ",").map {
      $0.filter { $0 != " " }
    }
    if let known, known.contains(where: { $0 == tag || $0 == "W/\(tag)" || $0 == "*" }) {
      return Response(status: .notModified, headers: headers)
    }
    headers[.contentType] = type
    return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: body))
  }

  /// https://www.w3.org/TR/CSP3/, https://www.w3.org/TR/trusted-types/
  private static let policy = [
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'",
    "connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
    "require-trusted-types-for 'script'", "trusted-types 'none'",
  ].joined(separator: "; ")
}

extension HTTPField.Name {
  fileprivate static let referrerPolicy = known("Referrer-Policy")
  fileprivate static let crossOriginOpenerPolicy = known("Cross-Origin-Opener-Policy")

  /// - Parameter name: a token (RFC 9110, section 5.6.2), as a literal.
  private static func known(_ name: StaticString) -> HTTPField.Name {
    HTTPField.Name("\(name)") ?? .server
  }
}
