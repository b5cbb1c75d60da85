import Access
import Domain
import Hummingbird
import Projections
import Text

/// `GET /api/usage`: what attempts used, from the rows of the view `usage`. Failed attempts are
/// included, and what no agent reported is null.
struct UsageRoutes {
  /// The parts of the key by which sums are made.
  enum Grouping: String, CaseIterable {
    case repository, requester, agent, day

    func key(of row: UsageRow) -> String {
      switch self {
      case .repository: row.repository
      case .requester: row.requester
      case .agent: row.agent
      case .day: row.day
      }
    }
  }

  /// `2026-11-23`.
  static let daySchema = JSONSchema.text(format: "date")

  let server: ServerContext

  func add(to router: APIRouter) {
    router.on(.usage) { request, context in try await usage(request, context) }
  }

  private func usage(_ request: Request, _ context: APIContext) async throws -> Response {
    let principal = try context.identified()
    let grouping =
      request.text("by").flatMap { Grouping(rawValue: $0.lowercased()) } ?? .repository
    let first = try day("since", request)
    let last = try day("until", request)
    let rows = try await server.store.usage(from: first, through: last)
      .filter { principal.isPermitted($0.repository) }
    var total = UsageRow()
    var sums: [String: UsageRow] = [:]
    for row in rows {
      total.add(row)
      sums[grouping.key(of: row), default: UsageRow()].add(row)
    }
    return .json(
      .object([
        "by": .string(grouping.rawValue), "since": Render.text(first), "until": Render.text(last),
        "items": .array(
          sums.sorted { $0.key < $1.key }.map { key, sum in
            .object(Render.usage(sum).merging(["key": .string(key)]) { $1 })
          }),
        "total": .object(Render.usage(total)),
      ]))
  }

  /// The day in UTC of a query parameter; nil if it is absent.
  private func day(_ name: String, _ request: Request) throws -> String? {
    guard let text = request.text(name) else { return nil }
    guard let time = Timestamp(iso8601: text), time.day == text else {
      throw Problem.field(name, "write a day such as 2026-11-23")
    }
    return time.day
  }
}

extension UsageRoutes {
  private static let sum: [String: JSONSchema] = {
    var members: [String: JSONSchema] = [
      "attempts": .count.described("Attempts that ended after their agent had been started."),
      "failedAttempts": .count.described("Those of them without a commit."),
      "attemptsWithTokens": .count,
      "attemptsWithCost": .count.described("What the other attempts cost is unknown."),
      "attemptsWithCredits": .count,
      "pushed": .count.described("Delegations that ended so."), "failed": .count,
    ]
    for figure in UsageFigure.allCases { members[figure.field] = JSONSchema.count.orNull }
    return members
  }()

  static let schema = JSONSchema.object(
    [
      "by": .word(Grouping.self), "since": JSONSchema.text().orNull,
      "until": JSONSchema.text().orNull,
      "items": .list(.object(sum.merging(["key": .text()]) { $1 })), "total": .object(sum),
    ], optional: ["warnings": .list(.text())])
}

extension Render {
  fileprivate static func usage(_ sum: UsageRow) -> [String: JSONValue] {
    var members: [String: JSONValue] = [
      "attempts": .integer(sum.attempts), "failedAttempts": .integer(sum.failedAttempts),
      "attemptsWithTokens": .integer(sum.attemptsWithTokens),
      "attemptsWithCost": .integer(sum.attemptsWithCost),
      "attemptsWithCredits": .integer(sum.attemptsWithCredits),
      "pushed": .integer(sum.pushed), "failed": .integer(sum.failed),
    ]
    for figure in UsageFigure.allCases {
      members[figure.field] = sum.used[figure].map { .integer($0) } ?? .null
    }
    return members
  }
}
