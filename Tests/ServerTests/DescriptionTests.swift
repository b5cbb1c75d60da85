import Domain
import Engine
import EventLog
import Hummingbird
import InMemoryEventStore
import InstantWorld
import Logging
import Randomness
import Testing
import Text
import WebUI
import Workflows

@testable import Server

/// The API's description, against the routes that there are.
struct DescriptionTests {
  private struct NoWorkers: WorkerLauncher {
    func run(_ worker: WorkerID, onStart: @escaping @Sendable () -> Void) async -> String { "" }
  }

  private struct AnyNames: RepositoryRules {
    let ownerForm = "an owner"
    let repositoryForm = "a repository"
    func faults(inOwner owner: String) -> [NameFault] { [] }
    func faults(inRepository name: String) -> [NameFault] { [] }
  }

  private struct StoppedClock: EngineClock {
    func now() -> Moment { Moment(wall: Timestamp(milliseconds: 0), monotonic: Milliseconds(0)) }
    func sleep(_ span: Milliseconds) async throws { throw CancellationError() }
  }

  private static func server(basePath: String = "/") throws -> Server {
    let store = InMemoryEventStore(
      clock: { Timestamp(milliseconds: 0) }, random: Seeded(1))
    let catalog = try WorkflowCatalog()
    let engine = Engine(
      store: store, feed: LocalCommitFeed(), forge: InstantForge(), mirrors: InstantMirrors(),
      clock: StoppedClock(), launcher: NoWorkers(),
      configuration: .init(localWorkers: [], epoch: 1), workflows: catalog.all, overrides: .init(),
      stampMark: 0)
    return Server(
      engine: engine, catalog: catalog,
      configuration: ServerConfiguration(
        host: "127.0.0.1", port: 0, basePath: basePath, allowedOrigins: [], agent: nil,
        attempts: nil, tokens: TokenStore(data: "/nowhere"), outputDirectory: "/nowhere",
        incomingDirectory: "/nowhere", mirrorsDirectory: "/nowhere", names: AnyNames(),
        webhooks: nil),
      metrics: ServiceMetrics(version: "1", agents: []), logger: Logger(label: "test"))
  }

  private static func document(
    _ operations: [APIOperation], of server: Server, prefix: String = ""
  ) -> JSONValue {
    APIDescription(
      operations: operations, offer: server.offer, version: "1", basePathPrefix: prefix,
      requiresToken: false
    ).json
  }

  @Test(arguments: ["/", "/prod"]) func everyRouteIsDescribedAndTheReverse(base: String) throws {
    let server = try Self.server(basePath: base)
    let prefix = base == "/" ? "" : base
    let (router, operations) = server.routing
    let routes = Set(router.routes.map { "\($0.method) \($0.path)" })
    let page = Router(context: APIContext.self)
    WebUI.add(to: page.group(RouterPath(prefix)))
    let undescribed = Set(page.routes.map { "\($0.method) \($0.path)" })
    let others = routes.subtracting(undescribed).filter { !$0.contains("\(prefix)/worker/v1/") }

    let document = Self.document(operations, of: server, prefix: prefix)
    let paths = try #require(document["paths"].objectValue)
    let described = paths.flatMap { path, methods in
      (methods.objectValue ?? [:]).keys.map { "\($0.uppercased()) \(prefix)\(path)" }
    }
    #expect(Set(described) == others)
    #expect(described.count == operations.count)
    let servers = document["servers"].arrayValue ?? []
    #expect(servers.map { $0["url"] } == [.string(base)])
  }

  @Test func pathsAndParametersAgree() throws {
    let (_, operations) = try Self.server().routing
    #expect(Set(operations.map(\.id)).count == operations.count)
    for operation in operations {
      let named = operation.path.split(separator: "/").filter { $0.hasPrefix("{") }.map {
        String($0.dropFirst().dropLast())
      }
      let declared = operation.parameters.filter { $0.location == .path }
      #expect(named == declared.map(\.name), "\(operation.id)")
      #expect(declared.allSatisfy { $0.isRequired })
      #expect(operation.summary.hasSuffix("."), "\(operation.id)")
    }
  }

  @Test func everySchemaIsUsedAndNoneIsMissing() throws {
    let server = try Self.server()
    let document = Self.document(server.routing.operations, of: server)
    let schemas = Set(document["components"]["schemas"].objectValue.map { Array($0.keys) } ?? [])
    let text = document.canonicalText
    let prefix = "\"$ref\":\"#/components/schemas/"
    let used = Set(
      text.ranges(of: prefix).map { String(text[$0.upperBound...].prefix { $0 != "\"" }) })
    #expect(used == schemas)
  }

  @Test func valuesAreCheckedByTheirDeclaration() {
    let limit = Parameter.limit(500, defaultValue: 50)
    for value in ["0", "501", "", "1.0", "x", "9223372036854775808"] {
      #expect(limit.fault(in: value) != nil, "\(value)")
    }
    #expect(limit.fault(in: "500") == nil)
    let state = Parameter(name: "state", kind: .words(["Pushed", "Failed"]), description: "")
    #expect(state.fault(in: "pushed,Failed") == nil)
    #expect(state.fault(in: "Pushed,Faled")?.contains("Failed") == true)
    let last = Parameter(
      name: "Last-Event-ID", location: .header, kind: .digits(groups: 2), description: "")
    for value in ["1.2", "0.0", ""] { #expect(last.fault(in: value) == nil, "\(value)") }
    for value in ["1", "1.", "1.2.3", "-1.2", "1.x"] { #expect(last.fault(in: value) != nil) }
  }

  @Test func submissionsThatWaitAreBounded() throws {
    let slots = SubmissionSlots(max: 2)
    var tickets = [try slots.take(), try slots.take()]
    let refused = #expect(throws: Problem.self) { _ = try slots.take() }
    #expect(refused?.status == .serviceUnavailable && refused?.retryAfter == 2)
    tickets.removeLast()
    tickets.append(try slots.take())
    #expect(tickets.count == 2)
  }
}
