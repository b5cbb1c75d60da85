import Domain
import Engine
import EventLog
import ForgePort
import HTTPServing
import Hummingbird
import Projections
import Synchronization
import Text

/// `POST /webhooks/github`: messages of the forge. The forge's adapter verifies and reads them.
///
/// A message may arrive twice, late, or after a newer one. It contains the time of its state, and
/// an older state changes nothing. The response is sent when the effect is on disk: without a
/// response, a forge may send the message again.
struct WebhookRoutes {
  static let path = Server.webhookPath

  let server: ServerContext
  let feedback: FeedbackWatch
  private let deliveries = Deliveries()

  init(server: ServerContext, feedback: FeedbackWatch) {
    self.server = server
    self.feedback = feedback
  }

  func add(to router: APIRouter) {
    router.on(.webhook) { request, _ in try await receive(request) }
  }

  private func receive(_ request: Request) async throws -> Response {
    guard let reader = server.configuration.webhooks else {
      throw Self.noWebhooks
    }
    let headers = Dictionary(
      request.headers.map { ($0.name.canonicalName, $0.value) }, uniquingKeysWith: { a, _ in a })
    guard reader.mayBeAuthentic(headers: headers) else {
      throw server.configuration.takesOutsideWebhooks
        ? Problem(reader.notAuthentic) : Self.noWebhooks
    }
    let held = try await request.uncheckedBytes(limit: reader.bodyBytesMax)
    let delivery: WebhookDelivery
    do throws(WebhookFault) {
      delivery = try reader.read(headers: headers, body: held.bytes)
    } catch {
      if error.kind == .notAuthentic, !server.configuration.takesOutsideWebhooks {
        throw Self.noWebhooks
      }
      throw Problem(error)
    }
    let id = delivery.id ?? ""
    if deliveries.isKnown(id) { return Self.answer("received before") }
    let outcome = try await take(delivery.event)
    deliveries.note(id)
    return Self.answer(outcome)
  }

  private static let noWebhooks = Problem(
    .forbidden, "No webhooks", "This server takes no webhooks.",
    hint: "Set AIPM_WEBHOOK_SECRET to the secret that the forge's webhook has, and restart.")

  private static func answer(_ outcome: String) -> Response {
    .json(.object(["outcome": .string(outcome)]))
  }

  private func take(_ event: WebhookEvent) async throws -> String {
    switch event {
    case .ping: "pong"
    case .pullRequest(let change): try await update(change)
    case .push(let repository, let branch): try await branchMoved(branch, of: repository)
    case .feedback(let report): try await hear(report)
    case .ignored(let reason): "ignored: \(reason)"
    }
  }

  private func update(_ change: PullRequestChange) async throws -> String {
    let ids = try await delegations(of: change)
    guard !ids.isEmpty else { return "ignored: no delegation has this pull request" }
    let actor = Actor(kind: .forge, name: change.sender)
    for id in ids {
      let command = DelegationCommand.updatePullRequest(change.state, asOf: change.asOf)
      switch await server.engine.command(id, command, by: actor) {
      case .done, .rejected: break
      case .failed(let fault): throw Problem(fault)
      }
    }
    return change.state.rawValue
  }

  /// Gives feedback to the pull request's first delegation.
  private func hear(_ report: FeedbackReport) async throws -> String {
    var heard = 0
    let actor = Actor(kind: .forge, name: report.sender)
    for first in try await firstDelegations(of: report) {
      // A workflow that did not start has no check that could be read.
      let isRun = report.feedback.contains { $0.id.rawValue.hasPrefix("check/run-") }
      if report.head != nil, !isRun, let number = first.pr {
        // A check's report is read from the forge, which takes longer than a webhook may wait.
        Task { [feedback] in
          await feedback.readChecks(ofPullRequest: number, in: first.repository)
        }
        heard += 1
        continue
      }
      let reply = await server.engine.hear(
        report.feedback, on: first.id, digest: first.digest, by: actor)
      switch reply {
      case nil, .rejected: break
      case .done(let changed): heard += changed ? 1 : 0
      case .failed(let fault): throw Problem(fault)
      }
    }
    return heard == 0 ? "ignored: nothing new for AIPM" : "recorded"
  }

  private func firstDelegations(of report: FeedbackReport) async throws -> [DelegationRow] {
    guard let repository = report.repository?.description else { return [] }
    var numbers = report.pullRequests
    if numbers.isEmpty, let commit = report.head {
      let filter = DelegationFilter(repository: repository, commit: commit.rawValue)
      let pushed = try await server.store.delegations(filter, before: nil, limit: 10)
      numbers = pushed.compactMap(\.row.pr)
    }
    var rows: [DelegationRow] = []
    for number in Set(numbers).sorted() {
      let rounds = try await server.rounds(ofPullRequest: number, in: repository)
      if let first = rounds.first { rows.append(first.row) }
    }
    return rows
  }

  /// The delegations of the pull request, by its number. Also the delegation that opened it,
  /// by the marker in its body, which stays valid if the repository is renamed.
  private func delegations(of change: PullRequestChange) async throws -> [DelegationID] {
    var ids: [DelegationID] = []
    if let repository = change.repository {
      ids = try await server.rounds(ofPullRequest: change.number, in: repository.description)
        .map(\.row.id)
    }
    if let opener = DelegationMarker.delegation(in: change.body), !ids.contains(opener),
      let detail = try await server.store.delegation(.id(opener)), detail.row.pr == change.number
    {
      ids.append(opener)
    }
    return ids
  }

  /// The head that was read from the branch may be outdated.
  private func branchMoved(
    _ branch: String, of repository: RepositoryName?
  ) async throws -> String {
    let name = repository?.description.lowercased()
    let rows = try await server.store.liveDelegations(branch: branch).filter {
      $0.repository.lowercased() == name
    }
    for row in rows { await server.engine.branchMoved(row.id) }
    if let repository {
      // The forge is asked, which takes longer than a webhook may wait.
      Task { [feedback] in await feedback.baseMoved(branch, in: repository) }
    }
    return rows.isEmpty ? "ignored: no delegation is at work on this branch" : "taken note of"
  }
}

extension Server {
  /// The path of the route for webhooks, below the base path.
  package static let webhookPath = "/webhooks/github"
}

extension Problem {
  fileprivate init(_ fault: WebhookFault) {
    switch fault.kind {
    case .notAuthentic:
      self.init(.unauthorized, "Not signed", fault.message, hint: fault.hint)
    case .wrongMediaType:
      self.init(.unsupportedMediaType, "Not JSON", fault.message, hint: fault.hint)
    case .malformed:
      self.init(.badRequest, "Not the event's form", fault.message, hint: fault.hint)
    }
  }
}

/// The last processed deliveries. The forge repeats a delivery under the same ID.
private final class Deliveries: Sendable {
  private static let keptMax = 1000
  private let known = Mutex<(order: [String], set: Set<String>)>(([], []))

  func isKnown(_ id: String) -> Bool { !id.isEmpty && known.withLock { $0.set.contains(id) } }

  func note(_ id: String) {
    guard !id.isEmpty else { return }
    known.withLock { known in
      guard known.set.insert(id).inserted else { return }
      known.order.append(id)
      if known.order.count > Self.keptMax { known.set.remove(known.order.removeFirst()) }
    }
  }
}
