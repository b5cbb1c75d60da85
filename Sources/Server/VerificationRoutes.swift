import Domain
import Engine
import EventLog
import FoundationEssentials
import Hummingbird
import Projections
import SystemCalls
import Text

/// `GET /api/verification`: whether the log is intact, for the page. `aipm verify` checks more (the
/// views, the head outside of the database) and does not need a trusted server.
struct VerificationRoutes {
  private let verifier: LogVerifier

  init(server: ServerContext) { verifier = LogVerifier(store: server.store) }

  func add(to router: APIRouter) {
    router.on(.verifyLog) { _, _ in Response.json(try await verifier.look()) }
  }
}

/// The result of checking the log's hashes.
enum VerificationState: String, CaseIterable { case checking, whole, broken }

/// Hashes the whole log again while the server works: in parts, and only on request. A complete
/// pass older than ten minutes is repeated from the start. A younger one is continued, so frequent
/// requests only cost the new events.
private actor LogVerifier {
  private static let chunk = 500
  private static let faultsMax = 10
  private static let passMax = Duration.seconds(600)

  private let store: Engine.Store
  private var check = ChainCheck()
  private var faults: [String] = []
  private var begun = ContinuousClock.now
  private var running: Task<Void, Never>?
  /// The time at which the check last reached the log's head; nil before that.
  private var wholeAt: Timestamp?

  init(store: Engine.Store) { self.store = store }

  /// The current result. This also starts the next check.
  func look() async throws -> JSONValue {
    if running == nil {
      if ContinuousClock.now - begun > Self.passMax { restart() }
      running = Task { await self.pass() }
    }
    // A short rest is checked before the response.
    let patience = Task { try? await Task.sleep(for: .milliseconds(200)) }
    await withTaskGroup(of: Void.self) { [running] group in
      group.addTask { await running?.value }
      group.addTask { await patience.value }
      await group.next()
      patience.cancel()
      group.cancelAll()
    }
    return try await answer()
  }

  private func restart() {
    check = ChainCheck()
    faults = []
    wholeAt = nil
    begun = .now
  }

  private func pass() async {
    defer { running = nil }
    while faults.count < Self.faultsMax {
      do {
        let events = try await store.read(after: check.head.position, limit: Self.chunk)
        if events.isEmpty {
          wholeAt = .now
          return
        }
        for event in events { take(event) }
        await Task.yield()
      } catch {
        faults.append("\(error)")
        return
      }
    }
  }

  private func take(_ event: StoredEvent) {
    guard faults.count < Self.faultsMax, let fault = check.take(event) else { return }
    faults.append(fault)
  }

  private func answer() async throws -> JSONValue {
    let head = try await store.head()
    let state: VerificationState =
      !faults.isEmpty ? .broken : wholeAt == nil ? .checking : .whole
    return .object([
      "state": .string(state.rawValue), "checkedTo": .integer(check.head.position),
      "at": wholeAt.map { Render.time($0.milliseconds) } ?? .null,
      "faults": Render.list(faults),
      "head": .object([
        "position": .integer(head.position), "hash": .string(Hex.encode(head.hash)),
      ]),
    ])
  }
}
