import Access
import Domain
import Engine
import EventLog
import FoundationEssentials
import HTTPServing
import HTTPTypes
import Hummingbird
import NIOCore
import NetworkRules
import Projections
import Text
import Workflows

/// A request's context: the router's data, the request's connection and its sender.
struct APIContext: RequestContext {
  var coreContext: CoreRequestContextStorage
  let channel: any Channel
  /// The sender; nil if it is unknown. `Admission` sets it.
  var principal: Principal?
  /// The address for which an expected proxy forwarded the request; nil if it came directly.
  var forwardedFor: String?
  /// The client of a request that another server of the store passed on; nil if it came directly.
  var passedOnFor: IPAddress?

  init(source: ApplicationRequestContextSource) {
    coreContext = .init(source: source)
    channel = source.channel
  }
}

/// What the routes share.
struct ServerContext: Sendable {
  let engine: Engine
  let catalog: WorkflowCatalog
  let output: OutputFiles
  let agents: AgentDirectory
  let access: AccessControl
  let configuration: ServerConfiguration
  let lifecycle: Lifecycle
  /// The open event streams.
  let streams: StreamSlots
  /// How many submissions an address may send.
  let submissionRate: AddressRateLimit
  /// How many issues an address may ask for.
  let issueRate: AddressRateLimit
  /// What people may push to.
  let pushPermissions: PushPermissions
  /// The waiting submissions.
  let submissions: SubmissionSlots
  /// What the process counts.
  let metrics: ServiceMetrics
  /// The log as event streams send it.
  let encodedLog: EncodedLog
  /// Wakes event streams after commits.
  let streamSignals: StreamSignals
  /// Who gets the next workers.
  let queue: QueueWatch

  var store: Engine.Store { engine.store }

  /// How people name issues.
  var issueAddresses: IssueAddresses {
    IssueAddresses(forge: configuration.repositoriesAddress, names: configuration.names)
  }

  /// The path of a route under the base path, for `Location`.
  func path(_ route: String) -> String { configuration.basePathPrefix + route }
}

/// Whether the server is ready, and whether it is stopping.
actor Lifecycle {
  private(set) var isReady = false
  private(set) var isDraining = false
  func ready() { isReady = true }
  func drain() { isDraining = true }
}

extension Request {
  /// The whole body of a request whose sender was authenticated.
  /// - Throws: `Problem` 413 if it is over `limit` bytes.
  func bytes(limit: Int) async throws -> [UInt8] {
    if let length = headers[.contentLength].flatMap({ Int($0) }), length > limit {
      throw Self.tooLarge(limit)
    }
    var bytes: [UInt8] = []
    for try await chunk in body {
      guard bytes.count + chunk.readableBytes <= limit else { throw Self.tooLarge(limit) }
      bytes.append(contentsOf: chunk.readableBytesView)
    }
    return bytes
  }

  /// The whole body of a request from any sender. It counts against the memory budget of the
  /// process until the returned value is released.
  /// - Throws: `Problem` 413 if it is over `limit` bytes, 408 if it arrives too slowly, 503 if
  ///   other bodies use the whole budget.
  func uncheckedBytes(limit: Int) async throws -> BodyBudget.Held {
    let length = headers[.contentLength].flatMap { Int($0) }
    guard (length ?? 0) <= limit else { throw Self.tooLarge(limit) }
    do throws(BodyBudget.Fault) {
      return try await BodyBudget.process.collect(body, limit: limit, length: length)
    } catch {
      switch error {
      case .tooLarge: throw Self.tooLarge(limit)
      case .overBudget:
        var problem = Problem(
          .serviceUnavailable, "Too much at once",
          "The bodies of other requests take all the memory that there is for them.",
          hint: "Send it again in a few seconds.")
        problem.retryAfter = 2
        throw problem
      case .tooSlow, .incomplete:
        throw Problem(.requestTimeout, "Too slow", "The body did not come in time.")
      }
    }
  }

  private static func tooLarge(_ limit: Int) -> Problem {
    Problem(
      .contentTooLarge, "Too large", "The body is over \(limit / 1024) KiB, which is the limit.")
  }

  /// The body as JSON.
  /// - Throws: `Problem` 415, 413, 408, 503 or 400.
  /// - Parameter check: called with the bytes before they are parsed as JSON.
  func json<T: Decodable>(
    _ type: T.Type, limit: Int = 256 * 1024, checking check: ([UInt8]) throws -> Void = { _ in }
  ) async throws -> T {
    let media = headers[.contentType]?.split(separator: ";").first ?? ""
    guard media.filter({ $0 != " " }).lowercased() == "application/json" else {
      throw Problem(
        .unsupportedMediaType, "Not JSON", "The body must be JSON.",
        hint: "Send Content-Type: application/json.")
    }
    let held = try await uncheckedBytes(limit: limit)
    try check(held.bytes)
    do {
      return try JSONDecoder().decode(type, from: Data(held.bytes))
    } catch {
      throw Problem(.badRequest, "Not JSON", "The body is not JSON of the required form.")
    }
  }

  /// An integer parameter of the query, within a range, for a route without an operation.
  /// - Throws: `Problem` 422 if it is invalid.
  func integer(_ name: String, in range: ClosedRange<Int64>) throws -> Int64? {
    guard let text = text(name) else { return nil }
    guard let n = Int64(text), range.contains(n) else {
      throw Problem.field(
        name, "write a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return n
  }

  /// A query parameter that its operation declares as a number; nil if absent.
  func integer(_ name: String) -> Int64? { text(name).flatMap { Int64($0) } }

  /// Whether a flag of the query is set: any value but `0` and `false` sets it.
  func flag(_ name: String) -> Bool { text(name).map { $0 != "0" && $0 != "false" } ?? false }

  /// A query parameter, encoded as forms do (https://url.spec.whatwg.org/#urlencoded-parsing): a
  /// `+` is a space.
  func text(_ name: String) -> String? { texts(name).first }

  /// All values of a query parameter, in order.
  func texts(_ name: String) -> [String] {
    queryPairs.filter { $0.name == name }.map(\.value)
  }

  /// The names of all query parameters, in order.
  var queryNames: [String] { queryPairs.map(\.name) }

  private var queryPairs: [(name: String, value: String)] {
    (uri.query ?? "").utf8.split(separator: UInt8(ascii: "&")).map { pair in
      let parts = pair.split(
        separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
      return (Self.formText(parts[0]), parts.count == 2 ? Self.formText(parts[1]) : "")
    }
  }

  private static func formText(_ encoded: Substring.UTF8View) -> String {
    let plain = encoded.map { $0 == UInt8(ascii: "+") ? UInt8(ascii: " ") : $0 }
    return String(decoding: Percent.decode(encoded, plusIsSpace: true) ?? plain, as: UTF8.self)
  }
}

extension Problem {
  static func field(_ name: String, _ message: String) -> Problem {
    var problem = Problem(.unprocessableContent, "A field is wrong", "\(name): \(message)")
    problem.errors = [(name, message)]
    return problem
  }
}

extension ServerContext {
  /// The body of a request as JSON. A client decides how long its body takes, and its token or
  /// session can end meanwhile. So the sender is looked at again before the body is used.
  /// - Throws: `Problem` 401, and as `Request.json` does.
  func json<T: Decodable>(
    _ type: T.Type, of request: Request, _ context: APIContext
  ) async throws -> T {
    try await request.json(type) { _ in try access.requireAccepted(context.principal) }
  }

  /// The delegation that a route names.
  /// - Throws: `Problem` 404 if it does not exist, or if its repository is not one of those that
  ///   the sender is limited to: the response does not show which.
  func delegation(_ context: APIContext) async throws -> DelegationDetail {
    let text = context.pathPart("ref")
    guard let reference = DelegationReference(text) else {
      throw Problem.notFound(
        "delegation \"\(text)\"",
        hint: "Name it by id, by confirmation code (PR1733356800123) or as OWNER/REPO#NUMBER.")
    }
    let sender = try context.identified()
    // Refused before a look, which would take longer if the pull request is known.
    if case .pullRequest(let repository, _) = reference, !sender.isPermitted(repository) {
      throw Problem.notFound("delegation \(text)")
    }
    guard let detail = try await store.delegation(reference),
      sender.isPermitted(detail.row.repository)
    else { throw Problem.notFound("delegation \(text)") }
    return detail
  }

  /// The default agent of a request: the server's, else the workflow's first that some worker has.
  func agentChosen(for workflow: Workflow) async -> String {
    if let configured = configuration.agent { return configured }
    let found = await engine.agentsFound()
    return workflow.agentPreference.first { found.contains($0) }
      ?? workflow.agentPreference.last ?? AgentProfile.demo.name
  }
}

extension APIContext {
  /// A part of the path, percent-decoded (RFC 3986, section 2.1); empty if it is absent or its
  /// encoding is invalid.
  func pathPart(_ name: String) -> String {
    guard let raw = parameters.get(name) else { return "" }
    return String(decoding: Percent.decode(raw.utf8) ?? [], as: UTF8.self)
  }
}
