import Domain
import EventLog
import Hummingbird
import Projections
import Text

/// Finds lines of an attempt's output, all of it, however much of it a page has loaded.
struct OutputSearchRoute {
  static let matchesMax = 1000
  /// The text of a match, in bytes: the match, with some of what is around it.
  private static let excerptBytesMax = 200
  private static let bytesBefore = 40

  let server: ServerContext

  func add(to router: APIRouter) {
    router.on(.searchOutput) { request, context in try await search(request, context) }
  }

  private func search(_ request: Request, _ context: APIContext) async throws -> Response {
    let detail = try await server.delegation(context)
    let attempt = try DelegationRoutes.attempt(of: detail, asked: request)
    let text = request.text("q") ?? ""
    guard text.unicodeScalars.count <= 200 else {
      throw Problem.field("q", "write at most 200 characters")
    }
    let wanted = text.isEmpty ? OutputSearch.errors : OutputSearch(text: text)
    let limit = Int(request.integer("limit") ?? Int64(Self.matchesMax))
    var items: [JSONValue] = []
    var last = 0
    let lines = OutputLines(files: server.output, id: detail.row.id, attempt: attempt)
    let isWhole = try await lines.forEach(overlap: wanted.lengthMax - 1) { first, text in
      wanted.forEachLine(of: text) { match in
        let number = first + match.number
        // The pieces of a very long line.
        guard number > last else { return true }
        last = number
        items.append(
          .object([
            "line": JSONValue(number),
            "text": .string(Self.excerpt(text[match.line], match.at)),
          ]))
        return items.count < limit
      }
    }
    return .json(.object(["items": .array(items), "complete": .bool(isWhole)]))
  }

  private static func excerpt(_ line: ArraySlice<UInt8>, _ at: Int) -> String {
    let start = max(line.startIndex, at - bytesBefore)
    return String(decoding: line[start...].prefix(excerptBytesMax), as: UTF8.self)
  }
}
