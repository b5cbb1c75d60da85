// The page of one check run: its output, its annotations and the end of its log.

import Hummingbird
import Text

struct ChecksView: Sendable {
  let api: ForgeAPI
  let repository: RepositoryContext
  let run: CheckRunRecord

  private static let logLines = 200

  static func mark(_ outcome: CheckSummary) -> HTML {
    switch outcome {
    case .success: "<span class=\"plus mark\">✓</span>"
    case .failure: "<span class=\"minus mark\">✗</span>"
    case .absent, .pending: "<span class=\"wait mark\">●</span>"
    }
  }

  func response() async throws -> Response {
    let name = repository.record.fullName
    let annotations = try await api.store.annotations(of: run.id, limit: 1000, offset: 0)
    let log = try await api.store.log(of: run.id)
    let details: HTML =
      run.detailsURL.map { "<p><a href=\"\($0)\" rel=\"noreferrer\">Details</a></p>" } ?? ""
    let texts = [run.title, run.summary, run.text].compactMap { $0 }.filter { !$0.isEmpty }
    let output: HTML =
      texts.isEmpty
      ? ""
      : "<section class=\"box\">\(texts.map { "<p class=\"text\">\($0)</p>" as HTML })</section>"
    return PageFrame.response(
      title: "\(run.name) · \(name)",
      """
      <p><a href="/">Repositories</a> / <a href="/\(name)">\(name)</a></p>
      <h1>\(Self.mark(run.outcome)) \(run.name) \
      <span class="dim">\((run.conclusion ?? run.status).replacing("_", with: " "))</span></h1>
      <p class="dim">on <code>\(run.head.hex.prefix(10))</code> by \(run.creator)</p>
      \(details)\(output)\(list(annotations))\(log.map(end) ?? "")
      """)
  }

  private func list(_ annotations: [AnnotationRecord]) -> HTML {
    guard !annotations.isEmpty else { return "" }
    let items = annotations.map { note -> HTML in
      let title: HTML = note.title.map { "<strong>\($0)</strong> " } ?? ""
      return """
        <li><code>\(note.path):\(Int(note.startLine))</code> \
        <span class="dim">\(note.level)</span> \(title)<p class="text">\(note.message)</p></li>

        """
    }
    return "<h2>Annotations</h2>\n<ul class=\"list\">\n\(items)</ul>"
  }

  private func end(of log: [UInt8]) -> HTML {
    let lines = log.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    let shown = Array(lines.suffix(Self.logLines).joined(separator: "\n".utf8))
    let path = "/\(repository.record.fullName)/runs/\(run.id)/log"
    let more: HTML =
      lines.count > Self.logLines ? "<p class=\"dim\">The last \(Self.logLines) lines.</p>" : ""
    return """
      <h2>Log</h2>
      <p><a href="\(path)?\(api.addresses.query(for: path))">The whole log</a></p>
      \(more)<div class="box"><pre class="log">\(String(decoding: shown, as: UTF8.self))</pre></div>
      """
  }
}
