import Domain
import Engine
import EventLog
import Hummingbird
import Projections
import Text

/// `GET /api/pull-requests/{ref}`: a pull request with its rounds, and with what became of each
/// piece of feedback.
struct PullRequestRoutes {
  let server: ServerContext

  func add(to router: APIRouter) {
    router.on(.getPullRequest) { _, context in try await one(context) }
  }

  /// A pull request, and a log position. It is at least as new as the position, so a reader that
  /// follows the log from there misses nothing.
  private func one(_ context: APIContext) async throws -> Response {
    let position = try await server.store.head().position
    let newest = try await server.delegation(context)
    let rounds = try await server.rounds(of: newest)
    guard let first = rounds.first, let last = rounds.last, let number = newest.row.pr else {
      throw Problem.notFound(
        "pull request of this delegation", hint: "Its state is \(newest.row.state.rawValue).")
    }
    var row = PullRequestRow(
      id: PullRequestRow.ID(repository: newest.row.repository, number: number))
    row.url = first.row.prURL ?? ""
    row.branch = first.row.branch
    row.state = rounds.reversed().compactMap(\.row.prState).first ?? .open
    row.delegation = last.row.id
    row.delegationState = last.row.state
    guard case .object(var object) = Render.pullRequest(row, title: first.text?.pullRequestTitle)
    else { return .json(.null) }
    var events: [DelegationID: [RecordedEvent]] = [:]
    for round in rounds {
      let stored = try await server.store.events(of: .delegation(round.row.id))
      events[round.row.id] = stored.compactMap { try? $0.recorded() }
    }
    let underWay = await server.engine.underWaySince(rounds.map(\.row.id))
    object["position"] = .integer(position)
    object["rounds"] = .array(
      rounds.map {
        Render.delegation(
          $0, underWaySince: underWay[$0.row.id],
          attempts: Render.attempts(events[$0.row.id] ?? []))
      })
    object["feedback"] = Render.feedback(
      events[first.row.id] ?? [],
      commits: Dictionary(
        rounds.compactMap { round in round.row.commitSHA.map { (round.row.id, $0) } },
        uniquingKeysWith: { a, _ in a }))
    return .json(.object(object))
  }
}

extension Render {
  /// What was said about a pull request, in the order in which it was recorded, and what became of
  /// it.
  /// - Parameters:
  ///   - events: of the pull request's first delegation.
  ///   - commits: the pushed commits of its delegations.
  static func feedback(
    _ events: [RecordedEvent], commits: [DelegationID: String]
  ) -> JSONValue {
    var items: [FeedbackID: [String: JSONValue]] = [:]
    var order: [FeedbackID] = []
    func note(_ standing: FeedbackStanding, of id: FeedbackID) {
      switch standing {
      case .counts: items[id]?["standing"] = .string("counts")
      case .examined: items[id]?["standing"] = .string("examined")
      case .ignored(let reason):
        items[id]?["standing"] = .string("ignored")
        items[id]?["reason"] = .string(reason.rawValue)
      }
    }
    for event in events {
      guard case .delegation(.conversation(let known)) = event.event else { continue }
      switch known {
      case .feedbackRecorded(let e):
        order.append(e.feedback.id)
        items[e.feedback.id] = object(e.feedback, recordedAt: event.time)
        note(e.standing, of: e.feedback.id)
      case .feedbackJudged(let e): note(e.standing, of: e.id)
      case .roundStarted(let e):
        for id in e.takes {
          items[id]?["round"] = .string(e.delegation.rawValue)
          items[id]?["commitSHA"] = text(commits[e.delegation])
        }
      case .roundsStopped(let e):
        for id in e.drops {
          items[id]?["standing"] = .string("ignored")
          items[id]?["reason"] = .string("rounds-\(e.reason.rawValue)")
        }
      case .roundEnded, .roundResumed: break
      }
    }
    return .array(order.compactMap { items[$0].map { .object($0) } })
  }

  private static func object(_ feedback: Feedback, recordedAt: Timestamp) -> [String: JSONValue] {
    [
      "id": .string(feedback.id.rawValue), "source": .string(feedback.source.rawValue),
      "author": .string(feedback.author), "bot": .bool(feedback.isByBot),
      "path": text(feedback.text?.path), "line": feedback.line.map { .integer(Int64($0)) } ?? .null,
      "commit": text(feedback.commit?.rawValue), "body": text(feedback.text?.body),
      "saidAt": text(feedback.saidAt?.iso8601), "recordedAt": .string(recordedAt.iso8601),
      "reason": .null, "round": .null, "commitSHA": .null,
    ]
  }
}
