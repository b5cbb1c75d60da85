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
      <style>\(HTML(stringLiteral: style))</style>
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

  /// No script, frame, form or other source; the style is allowed by its hash.
  private static let headers: HTTPFields = {
    let hash = Data(SHA256.hash(style.utf8)).base64EncodedString()
    var headers: HTTPFields = [:]
    headers[.contentType] = "text/html; charset=utf-8"
    headers[.contentSecurityPolicy] =
      "default-src 'none'; style-src 'sha256-\(hash)'; base-uri 'none'; form-action 'none'; "
      + "frame-ancestors 'none'"
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"
    headers[.cacheControl] = "no-store"
    return headers
  }()

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

  private static let style = """

    :root { --back: #fff; --text: #1f2328; --dim: #59636e; --line: #d1d9e0; --box: #f6f8fa;
      --link: #0969da; --add: #dafbe1; --del: #ffebe9; --hunk: #ddf4ff;
      --open: #1a7f37; --closed: #cf222e; --merged: #8250df; --draft: #59636e; }
    @media (prefers-color-scheme: dark) {
      :root { --back: #0d1117; --text: #e6edf3; --dim: #9198a1; --line: #3d444d; --box: #151b23;
        --link: #4493f8; --add: #12261e; --del: #25171c; --hunk: #121d2f;
        --open: #238636; --closed: #da3633; --merged: #8957e5; --draft: #656c76; }
    }
    * { box-sizing: border-box; }
    body { margin: 0; background: var(--back); color: var(--text);
      font: 15px/1.5 system-ui, sans-serif; }
    main { max-width: 64rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
    a { color: var(--link); text-decoration: none; }
    a:hover { text-decoration: underline; }
    h1 { font-size: 1.7rem; font-weight: 500; margin: .3rem 0 .6rem; overflow-wrap: anywhere; }
    h2 { font-size: 1.1rem; margin: 2rem 0 .6rem; }
    .dim { color: var(--dim); }
    code, pre { font: 12.5px/1.55 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
    .ref { background: var(--hunk); border-radius: 6px; padding: .1rem .4rem; }
    .state { color: #fff; border-radius: 2rem; padding: .25rem .8rem; font-weight: 600;
      margin-right: .5rem; display: inline-block; }
    .open { background: var(--open); } .closed { background: var(--closed); }
    .merged { background: var(--merged); } .draft { background: var(--draft); }
    .label { border: 1px solid var(--line); border-radius: 2rem; padding: .05rem .6rem;
      font-size: .85rem; }
    .box, details { border: 1px solid var(--line); border-radius: 6px; margin: .6rem 0;
      overflow: hidden; }
    .box > header, summary { background: var(--box); padding: .5rem .8rem; }
    .box > header { border-bottom: 1px solid var(--line); }
    summary { cursor: pointer; overflow-wrap: anywhere; }
    .text { margin: 0; padding: .8rem; white-space: pre-wrap; overflow-wrap: anywhere;
      font: inherit; }
    ul.list { list-style: none; margin: .6rem 0; padding: 0; border: 1px solid var(--line);
      border-radius: 6px; }
    ul.list > li { padding: .6rem .8rem; border-top: 1px solid var(--line); }
    ul.list > li:first-child { border-top: 0; }
    ul.list .text { padding: .3rem 0 0; font-size: .9rem; color: var(--dim); }
    .right { float: right; margin-left: 1rem; }
    pre.diff { margin: 0; overflow-x: auto; border-top: 1px solid var(--line); }
    pre.diff span { display: block; padding: 0 .8rem; min-width: max-content; }
    .plus { color: var(--open); } .minus { color: var(--closed); }
    span.add { background: var(--add); } span.del { background: var(--del); }
    span.hunk { background: var(--hunk); color: var(--dim); }

    """
}
