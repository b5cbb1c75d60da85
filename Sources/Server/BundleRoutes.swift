import Domain
import EventLog
import HTTPTypes
import Hummingbird
import NIOCore
import Projections
import Text

/// The evidence of one delegation as a file.
struct BundleRoutes {
  private static let pageLength = 500

  let server: ServerContext

  func add(to router: APIRouter) {
    router.on(.getBundle) { _, context in try await bundle(context) }
  }

  private func bundle(_ context: APIContext) async throws -> Response {
    let detail = try await server.delegation(context)
    let header = try await header(detail.row)
    let positions = try await server.store.events(of: .delegation(detail.row.id)).map(\.position)
    let (server, principal) = (server, context.principal)
    return Response(
      status: .ok, headers: [.contentType: "application/jsonl", .cacheControl: "no-store"],
      body: ResponseBody { writer in
        try await writer.write(ByteBuffer(string: header.json.canonicalText + "\n"))
        var lines = BundleWriter(delegation: header.delegation, positions: positions)
        var position = header.before.position
        while position < header.head.position {
          let left = Int(header.head.position - position)
          let page = try await server.store.read(
            after: position, limit: min(left, Self.pageLength))
          guard let last = page.last else { break }
          try server.access.requireAccepted(principal)
          position = last.position
          var text = ""
          for event in page { text += lines.take(event) }
          if position == header.head.position { text += lines.flush() }
          if !text.isEmpty { try await writer.write(ByteBuffer(string: text)) }
        }
        try await writer.finish(nil)
      })
  }

  private func header(_ row: DelegationRow) async throws -> BundleHeader {
    let head = try await server.store.head()
    let events = try await server.store.events(of: .delegation(row.id)).filter {
      $0.position <= head.position
    }
    guard let first = events.first else { throw Problem.notFound("event of \(row.id)") }
    var before = LogHead.empty
    if first.position > 1,
      let event = try await server.store.read(after: first.position - 2, limit: 1).first
    {
      before = LogHead(position: event.position, hash: event.hash)
    }
    var workflow: (name: String, digest: String, source: String?)?
    for event in try await server.store.read(.system, types: [.workflowDefined]) {
      if case .system(.workflowDefined(let name, row.digest, let source)) = event.event {
        workflow = (name, row.digest, source)
      }
    }
    return BundleHeader(
      delegation: row.id, before: before, head: head,
      redacted: events.filter(\.isRedacted).map(\.position), workflow: workflow)
  }
}
