import Domain
import Engine
import EventLog
import FoundationEssentials
import Hummingbird
import Projections
import SystemCalls
import Text

/// `GET /api/verification`: whether the log is whole, told to people who look at it. `aipm verify`
/// proves more (the views, the head outside of the database) and needs no trust in this server.
struct VerificationRoutes {
  private let verifier: LogVerifier

  init(server: ServerContext) { verifier = LogVerifier(store: server.store) }

  func add(to router: APIRouter) {
    router.on(.verifyLog) { _, _ in Response.json(try await verifier.look()) }
  }
}

/// What is known of the log's hashes.
enum VerificationState: String, CaseIterable { case checking, whole, broken }

/// Hashes the whole log again, beside the work of the server: a part at a time, only when somebody
/// asks, and all of it anew where the last whole pass is older than ten minutes. Between two passes
/// it goes on from where it was, so that asking often costs what was appended meanwhile.
private actor LogVerifier {
  private static let chunk = 500
  private static let faultsMax = 10
  private static let passMax = Duration.seconds(600)

  private let store: Engine.Store
  private var check = ChainCheck()
  private var faults: [String] = []
  private var begun = ContinuousClock.now
  private var running: Task<Void, Never>?
  /// When the check stood at the log's head last; nil before that.
  private var wholeAt: Timestamp?

  init(store: Engine.Store) { self.store = store }

  /// What is known now. It starts what is to be known next.
  func look() async throws -> JSONValue {
    if running == nil {
      if ContinuousClock.now - begun > Self.passMax { restart() }
      running = Task { await self.pass() }
    }
    // A short tail is checked before the answer.
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
