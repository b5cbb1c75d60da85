import Access
import Domain
import Engine
import ForgePort
import Hummingbird
import Text

/// `GET /api/repositories`: the repositories that AIPM's credential may push to, for a form.
struct RepositoryRoutes {
  let server: ServerContext
  private let known: KnownRepositories

  init(server: ServerContext) {
    self.server = server
    known = KnownRepositories(server.engine.forge)
  }

  func add(to router: APIRouter) {
    router.on(.listRepositories) { _, context in try await list(context) }
  }

  /// Only those that the sender may name. Where the forge is asked about each person, nothing is
  /// listed: the credential sees repositories of which people may not even know the name.
  private func list(_ context: APIContext) async throws -> Response {
    let sender = try context.identified()
    let isAsked =
      server.configuration.checksPushPermission && sender.token == nil && sender.session != nil
    let found = isAsked ? KnownRepositories.List() : await known.list()
    let names = found.names.map(\.description).filter { sender.isPermitted($0) }
    return .json(
      .object(["items": Render.list(names), "complete": .bool(found.isComplete && !isAsked)]))
  }
}

/// The list of the forge, kept for some minutes and asked for once at a time.
actor KnownRepositories {
  struct List {
    var names: [RepositoryName] = []
    var isComplete = false
  }

  static let age = Duration.seconds(300)
  /// After a fault.
  static let pause = Duration.seconds(30)

  private let forge: any ForgeClient
  private var kept = List()
  private var askAgain: ContinuousClock.Instant?
  private var asking: Task<ForgeAnswer, Never>?

  init(_ forge: any ForgeClient) { self.forge = forge }

  /// The list, at most `age` old. If the forge does not answer: the last one.
  func list(at now: ContinuousClock.Instant = .now) async -> List {
    if let askAgain, now < askAgain { return kept }
    let task = asking ?? Task { [forge] in await forge.perform(.repositories) }
    asking = task
    let answer = await task.value
    // Of those that waited, the first takes the answer.
    guard asking == task else { return kept }
    asking = nil
    if case .success(.repositories(let names, let isComplete)) = answer {
      kept = List(names: names, isComplete: isComplete)
      askAgain = now + Self.age
    } else {
      askAgain = now + Self.pause
    }
    return kept
  }
}
