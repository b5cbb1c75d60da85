import Cryptography
import Domain
import Engine
import EventLog
import FoundationEssentials
import HTTPServing
import HTTPTypes
import Hummingbird
import Projections
import Synchronization
import Text

/// `POST /webhooks/github`: what the forge tells by itself
/// (https://docs.github.com/webhooks/webhook-events-and-payloads).
///
/// A message counts if it is signed. It may come twice, late, or after a newer one: what it says of
/// a pull request holds as of the moment that it names, and an older moment changes nothing. It is
/// answered when what it says is on disk, so a forge that hears nothing may send it again.
struct WebhookRoutes {
  static let path = "/webhooks/github"
  /// GitHub sends no more (25 MB).
  private static let bodyLimit = 25 << 20

  let server: ServerContext
  private let deliveries = Deliveries()

  init(server: ServerContext) { self.server = server }

  func add(to router: some RouterMethods<APIContext>) {
    router.post("webhooks/github") { request, _ in try await receive(request) }
  }

  private func receive(_ request: Request) async throws -> Response {
    guard let secret = server.configuration.webhookSecret else {
      throw Problem(
        .forbidden, "No webhooks", "This server takes no webhooks.",
        hint: "Set AIPM_WEBHOOK_SECRET to the secret that the forge's webhook has, and restart.")
    }
    guard let signature = request.headers[.hubSignature] else { throw Self.notSigned }
    let held = try await request.uncheckedBytes(limit: Self.bodyLimit)
    let bytes = held.bytes
    guard Self.isSigned(bytes, signature, secret: secret) else { throw Self.notSigned }
    let media = request.headers[.contentType]?.split(separator: ";").first ?? ""
    guard media.filter({ $0 != " " }).lowercased() == "application/json" else {
      throw Problem(
        .unsupportedMediaType, "Not JSON", "The message must be JSON.",
        hint: "Choose the content type application/json in the forge's webhook.")
    }
    let delivery = request.headers[.hubDelivery] ?? ""
    if deliveries.isKnown(delivery) { return Self.answer("received before") }
    let outcome = try await take(request.headers[.hubEvent] ?? "", bytes)
    deliveries.note(delivery)
    return Self.answer(outcome)
  }

  private static var notSigned: Problem {
    Problem(
      .unauthorized, "Not signed",
      "X-Hub-Signature-256 is missing, or is not this body's with the secret that is set here.",
      hint: "Give the forge's webhook the secret of AIPM_WEBHOOK_SECRET.")
  }

  /// HMAC-SHA256 of the very bytes, compared in a time that tells nothing.
  static func isSigned(_ bytes: [UInt8], _ signature: String?, secret: String) -> Bool {
    let prefix = "sha256="
    guard let signature, signature.hasPrefix(prefix),
      let code = Hex.decode(signature.dropFirst(prefix.count).lowercased())
    else { return false }
    return HMACSHA256.isValid(code, for: bytes, key: Array(secret.utf8))
  }

  private static func answer(_ outcome: String) -> Response {
    .json(.object(["outcome": .string(outcome)]))
  }

  private func take(_ event: String, _ bytes: [UInt8]) async throws -> String {
    switch event {
    case "ping": return "pong"
    case "pull_request": return try await pullRequest(try Self.decode(bytes))
    case "push": return try await push(try Self.decode(bytes))
    case _: return "ignored: only pull_request and push are of interest"
    }
  }

  private static func decode<Body: Decodable>(_ bytes: [UInt8]) throws -> Body {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    do { return try decoder.decode(Body.self, from: Data(bytes)) } catch {
      throw Problem(
        .badRequest, "Not the event's form", "The body is not what the event's name promises.")
    }
  }

  // MARK: Pull requests

  private struct PullRequestMessage: Decodable {
    struct PullRequest: Decodable {
      let number: Int64
      let state: String
      let merged: Bool?
      let updatedAt: String
      let body: String?
    }
    let action: String
    let pullRequest: PullRequest
    let repository: RepositoryPart
    let sender: SenderPart?
  }

  private struct RepositoryPart: Decodable { let fullName: String }
  private struct SenderPart: Decodable { let login: String }

  private func pullRequest(_ message: PullRequestMessage) async throws -> String {
    guard ["closed", "reopened"].contains(message.action) else {
      return "ignored: \(message.action) changes no state"
    }
    let told = message.pullRequest
    let state: PullRequestState =
      told.merged == true ? .merged : told.state == "open" ? .open : .closed
    let asOf = ISO8601.seconds(told.updatedAt).map { Timestamp(milliseconds: $0.seconds * 1000) }
    let ids = try await delegations(of: message)
    guard !ids.isEmpty else { return "ignored: no delegation has this pull request" }
    let actor = Actor(kind: .forge, name: message.sender?.login ?? "github")
    for id in ids {
      switch await server.engine.command(id, .updatePullRequest(state, asOf: asOf), by: actor) {
      case .done, .rejected: break
      case .failed(let fault): throw Problem(fault)
      }
    }
    return state.rawValue
  }

  /// The newest delegation of the pull request, by its number; and the one that opened it, by the
  /// mark in its body, which stays right where the repository has another name by now.
  private func delegations(of message: PullRequestMessage) async throws -> [DelegationID] {
    var ids: [DelegationID] = []
    let number = message.pullRequest.number
    if let repository = RepositoryName(message.repository.fullName),
      let detail = try await server.store.delegation(.pullRequest(repository, number: number))
    {
      ids.append(detail.row.id)
    }
    if let opener = Self.marked(message.pullRequest.body ?? ""), !ids.contains(opener),
      let detail = try await server.store.delegation(.id(opener)), detail.row.pr == number
    {
      ids.append(opener)
    }
    return ids
  }

  /// The delegation that a pull request's body names.
  private static func marked(_ body: String) -> DelegationID? {
    let opening = "<!-- aipm: "
    guard let start = body.firstRange(of: opening)?.upperBound,
      case .id(let id) = DelegationReference(String(body[start...].prefix(36))),
      body[start...].dropFirst(36).hasPrefix(" -->")
    else { return nil }
    return id
  }

  // MARK: Pushes

  private struct PushMessage: Decodable {
    let ref: String
    let repository: RepositoryPart
  }

  /// Somebody moved a branch: what was read of it is old.
  private func push(_ message: PushMessage) async throws -> String {
    let prefix = "refs/heads/"
    guard message.ref.hasPrefix(prefix) else { return "ignored: \(message.ref) is no branch" }
    let branch = String(message.ref.dropFirst(prefix.count))
    let repository = message.repository.fullName.lowercased()
    let rows = try await server.store.liveDelegations(branch: branch).filter {
      $0.repository.lowercased() == repository
    }
    for row in rows { await server.engine.branchMoved(row.id) }
    return rows.isEmpty ? "ignored: no delegation is at work on this branch" : "taken note of"
  }
}

/// The last deliveries that were taken in: the forge sends one again under the same id.
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

extension HTTPField.Name {
  static let hubSignature = Self("X-Hub-Signature-256")
  static let hubDelivery = Self("X-GitHub-Delivery")
  static let hubEvent = Self("X-GitHub-Event")
}
