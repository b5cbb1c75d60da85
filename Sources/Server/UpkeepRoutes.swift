import Access
import Domain
import EventLog
import Hummingbird
import Projections
import Text

/// Operations on the log and its views as a whole.
struct UpkeepRoutes {
  static let reasonMax = 500

  let server: ServerContext

  func add(to router: APIRouter) {
    router.on(.rebuildViews) { _, _ in
      Response.json(try await server.store.rebuild().json)
    }
    router.on(.redactEvent) { request, context in
      try await redact(request, context)
    }
  }

  private struct Redaction: Decodable {
    var reason: String
  }

  private func redact(_ request: Request, _ context: APIContext) async throws -> Response {
    guard let position = Int64(context.pathPart("position")), position > 0 else {
      throw Problem.field("position", "write the position of an event, such as 42")
    }
    let reason = try await server.json(Redaction.self, of: request, context).reason
    guard (1...Self.reasonMax).contains(reason.unicodeScalars.count) else {
      throw Problem.field("reason", "write why, in 1 to \(Self.reasonMax) characters")
    }
    let event = try await server.store.read(after: position - 1, limit: 1).first
    let user = try context.identified().name
    let redactions: [RecordedEvent]
    do throws(RedactionFault) {
      redactions = try await server.store.redact(
        [position], reason: reason,
        by: Actor(kind: .user, name: user))
    } catch {
      throw Problem(error)
    }
    server.encodedLog.clear()
    var outputs = 0
    if case .delegation(let id)? = event?.stream.name {
      outputs = try await server.output.remove(id)
    }
    return .json(
      .object([
        "event": redactions.first?.json ?? .null, "outputsRemoved": .integer(Int64(outputs)),
        "outOfReach": .array(Self.outOfReach.map { .string($0) }),
      ]))
  }

  /// Copies that a redaction cannot reach.
  private static let outOfReach = [
    "the branch, TASK.md, the pull request and its comments on the forge, and clones of them",
    "backups and exports that were made before",
    "what the agent's provider has kept",
  ]
}

extension Problem {
  /// Why a text was not redacted.
  init(_ fault: RedactionFault) {
    switch fault {
    case .noSuchEvent(let position): self = .notFound("event at position \(position)")
    case .noText(let position):
      self = Problem(
        .conflict, "Nothing to redact", "Event \(position) contains no payload text.",
        hint: "`aipm audit position:\(position)` shows its content.")
    case .redactedBefore(let position):
      self = Problem(
        .conflict, "Redacted already", "The text of event \(position) was removed before.")
    case .underWay(let position):
      self = Problem(
        .conflict, "Still needed",
        "The delegation of event \(position) has not ended, and still needs its text.",
        hint: "Cancel it, or wait until it has ended.")
    case .definition(let position):
      self = Problem(
        .conflict, "Still needed",
        "Event \(position) is the definition of a workflow, which its delegations stay under.")
    case .append(let fault): self = Problem(fault)
    }
  }
}
