import Domain
import EmbeddedForge
import Engine
import EventLog
import ForgeGitHub
import ForgePort
import Foundation
import HTTPClient
import Logging
import Mirrors
import Processes
import RawSockets
import Testing

/// For each call and each fault: what a delegation ends as, and that nothing of it is doubled.
@Suite struct FaultTableTests {
  private static let token = "a-token-of-the-embedded-forge"

  /// The forge, with a repository for each case.
  private struct Table: Sendable {
    let root: String
    let url: String
    let forge: EmbeddedForge

    /// A branch with two commits at most, and a pull request at most.
    func leftovers(_ repository: RepositoryName) async throws -> (branches: Int, commits: Int) {
      let path = "\(root)/forge/\(repository).git"
      func lines(_ arguments: [String]) async throws -> Int {
        try await Git.run(arguments, gitDirectory: path).outputText.split(separator: "\n").count
      }
      let branches = try await lines(["for-each-ref", "refs/heads/feature/"])
      return (branches, try await lines(["rev-list", "--all", "--not", "main"]))
    }
  }

  private func run(
    _ cases: [FaultCase],
    _ body: @escaping @Sendable (Table, FaultCase, RepositoryName) async throws -> Void
  ) async throws {
    let root = FileManager.default.temporaryDirectory.path + "/aipm-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: root) }
    try FileManager.default.createDirectory(
      atPath: "\(root)/forge", withIntermediateDirectories: true)
    var rules: [String] = []
    for (index, one) in cases.enumerated() {
      let name = "octo/case-\(index)"
      try await EmbeddedForge.createRepository(
        name, root: "\(root)/forge", settings: one.settings)
      rules += one.rules.map { $0.replacingOccurrences(of: "REPO", with: name) }
    }
    var logger = Logger(label: "forge")
    logger.logLevel = .critical
    let forge = try EmbeddedForge(
      configuration: EmbeddedForgeConfiguration(root: "\(root)/forge", token: Self.token),
      logger: logger)
    let text = #"{"rules":[\#(rules.joined(separator: ","))]}"#
    forge.setFaults(try FaultRules(parsing: Array(text.utf8)))
    let (ports, port) = AsyncStream<Int>.makeStream()
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await forge.run { port.yield($0) } }
      for await number in ports {
        let table = Table(root: root, url: "http://127.0.0.1:\(number)", forge: forge)
        try await withThrowingTaskGroup(of: Void.self) { walks in
          for (index, one) in cases.enumerated() {
            // Some at a time: each runs a dozen processes.
            if index >= 4 { try await walks.next() }
            let repository = RepositoryName(owner: "octo", name: "case-\(index)")
            walks.addTask { try await body(table, one, repository) }
          }
          try await walks.waitForAll()
        }
        break
      }
      group.cancelAll()
    }
  }

  private static func client(
    _ url: String, _ clock: Walk.Clock, limit: Duration = .seconds(20)
  ) -> GitHubClient {
    var configuration = GitHubClient.Configuration(apiURL: url, token: token)
    configuration.now = { clock.now }
    configuration.timeout = limit
    return GitHubClient(
      http: HTTPClient(configuration: .init(userAgent: "aipm/test", proxy: .none)),
      configuration: configuration)
  }

  private static func mirrors(
    _ table: Table, _ repository: RepositoryName, _ client: any ForgeClient,
    limit: Duration = .seconds(20)
  ) -> GitMirrors {
    var git = GitMirrors.Configuration(
      root: "\(table.root)/mirrors-\(repository.name)", token: token, apiURL: table.url)
    (git.fetchTimeout, git.pushTimeout) = (limit, limit)
    return GitMirrors(forge: client, configuration: git)
  }

  @Test func everyCallSurvivesEveryFaultOrEndsWithWordsThatHelp() async throws {
    try await run(FaultCase.all) { table, one, repository in
      let clock = Walk.Clock()
      let client = Self.client(table.url, clock, limit: one.limit)
      if let clash = one.clash {
        try await Git.run(
          ["branch", clash, "main"], gitDirectory: "\(table.root)/forge/\(repository).git")
      }
      let walk = try Walk(
        repository, clock: clock, forge: client,
        mirrors: Self.mirrors(table, repository, client, limit: one.limit), draft: one.draft)
      try await Self.check(walk, one, table)
    }
  }

  /// A connection that is refused, at each call of the API in turn.
  @Test func everyCallSurvivesAConnectionThatIsRefused() async throws {
    let port = try ClosedPort()
    let nowhere = "http://127.0.0.1:\(port.number)"
    let kinds: [(String, @Sendable (ForgeCall) -> Bool)] = [
      ("repository", { if case .repository = $0 { true } else { false } }),
      ("head", { if case .branchHead = $0 { true } else { false } }),
      ("TASK.md", { if case .fileBlob = $0 { true } else { false } }),
      ("ref", { if case .createBranch = $0 { true } else { false } }),
      ("commit", { if case .putFile = $0 { true } else { false } }),
      ("pull", { if case .openPullRequest = $0 { true } else { false } }),
    ]
    let cases = kinds.map { FaultCase(name: "\($0.0): refused", rules: []) }
    try await run(cases) { table, one, repository in
      let clock = Walk.Clock()
      let client = Self.client(table.url, clock)
      let isMeant = try #require(kinds.first { one.name.hasPrefix("\($0.0):") }).1
      let detour = Detour(client, nowhere: Self.client(nowhere, clock), where: isMeant)
      let walk = try Walk(
        repository, clock: clock, forge: detour, mirrors: Self.mirrors(table, repository, client))
      try await Self.check(walk, one, table)
    }
  }

  /// An empty repository has nothing to start from.
  @Test func anEmptyRepositoryIsToldAsSuch() async throws {
    try await run([FaultCase(name: "empty", rules: [])]) { table, one, repository in
      let clock = Walk.Clock()
      let client = Self.client(table.url, clock)
      try await Git.run(
        ["update-ref", "-d", "refs/heads/main"],
        gitDirectory: "\(table.root)/forge/\(repository).git")
      let walk = try Walk(
        repository, clock: clock, forge: client, mirrors: Self.mirrors(table, repository, client))
      let state = try await walk.run()
      guard case .failed(_, let failure) = state else {
        Issue.record("\(one.name): it ended as \(state)")
        return
      }
      #expect(failure.code == .forgeRefused)
      let words = try await Self.words(of: walk)
      #expect(words.contains("is empty") && words.contains("first commit"), "\(words)")
    }
  }

  private static func words(of walk: Walk) async throws -> String {
    guard case .delegation(.failed(let failed)) = try await walk.events.last?.event else {
      return ""
    }
    return "\(failed.message ?? "") \(failed.hint ?? "")"
  }

  private static func check(_ walk: Walk, _ one: FaultCase, _ table: Table) async throws {
    let state = try await walk.run()
    let types = try await walk.events.map(\.event.name)
    let words = try await words(of: walk)
    let left = try await table.leftovers(walk.repository)
    let pulls = try await client(table.url, Walk.Clock()).perform(
      .pullRequests(walk.repository, headBranch: walk.request.branch))
    var count = 0
    if case .success(.pullRequests(let found)) = pulls { count = found.count }
    switch (state, one.end) {
    case (.pushed, .pushed):
      #expect(left.branches == 1 && left.commits == 2, "\(one.name): \(left) after \(types)")
      #expect(count == 1, "\(one.name): \(count) pull requests after \(types)")
    case (.failed(_, let failure), .failed(let code)):
      #expect(failure.code == code, "\(one.name): \(words)")
      #expect(words.contains(one.says), "\(one.name): \(words)")
      #expect(left.branches <= 1 && left.commits <= 2 && count <= 1, "\(one.name): \(left)")
    case (_, .pushed), (_, .failed):
      Issue.record("\(one.name): it ended as \(state.name?.rawValue ?? "-"): \(words) \(types)")
    }
    for transition in ["requested", "branch-created", "task-committed", "pr-created", "pushed"] {
      #expect(types.count { $0 == "delegation.\(transition)" } <= 1, "\(one.name): \(types)")
    }
  }
}
