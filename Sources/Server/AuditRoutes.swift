import Domain
import EventLog
import HTTPTypes
import Hummingbird
import Projections
import SystemCalls
import Text

/// Queries of the log.
struct AuditRoutes {
  /// The cursor of the next page, for formats whose body has no member for it.
  private static let nextCursor = HTTPField.Name("Next-Cursor")

  enum Format: String, CaseIterable { case json, jsonl, csv }

  let server: ServerContext

  func add(to router: APIRouter) {
    router.on(.searchEvents) { request, _ in try await audit(request) }
  }

  private func audit(_ request: Request) async throws -> Response {
    let query = try query(request.text("q") ?? "")
    let limit = Int(request.integer("limit") ?? 100)
    let before = request.integer("cursor")
    let format = format(request)
    let found = try await server.store.audit(query, before: before, limit: limit + 1)
    let page = found.prefix(limit).map(\.json)
    let next = found.count > limit ? String(found[limit - 1].position) : nil
    var response: Response
    switch format {
    case .json:
      return .json(
        .object([
          "items": .array(page), "next": Render.text(next),
          "delegations": .array(try await delegations(of: found.prefix(limit))),
        ]))
    case .jsonl:
      let lines = page.map { $0.canonicalText + "\n" }
      response = .text(lines.joined(), type: "application/jsonl")
    case .csv:
      let lines = [AuditTable.titles] + page.map(AuditTable.row)
      response = .text(
        lines.map(AuditTable.line).joined(), type: "text/csv; charset=utf-8; header=present")
    }
    if let next, let name = Self.nextCursor { response.headers[name] = next }
    return response
  }

  /// The delegations that events are about, each with its title, so that people know them.
  private func delegations(of events: ArraySlice<StoredEvent>) async throws -> [JSONValue] {
    var seen: Set<DelegationID> = []
    var shown: [JSONValue] = []
    for event in events {
      guard case .delegation(let id)? = event.stream.name, seen.insert(id).inserted,
        let detail = try await server.store.delegation(.id(id))
      else { continue }
      shown.append(
        .object([
          "id": .string(id.rawValue),
          "confirmationCode": .string(Stamp(milliseconds: detail.row.stamp).confirmationCode),
          "taskTitle": Render.text(detail.text?.title),
        ]))
    }
    return shown
  }

  private func query(_ text: String) throws -> AuditQuery {
    do throws(AuditFault) {
      return try AuditQuery(text, now: .now)
    } catch {
      var problem = Problem.field("q", error.description)
      problem.members["term"] = .string(error.term)
      problem.members["column"] = .integer(Int64(error.column))
      throw problem
    }
  }

  private func format(_ request: Request) -> Format {
    Format(rawValue: request.text("format")?.lowercased() ?? "") ?? .json
  }
}
