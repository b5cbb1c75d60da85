// Asks the forge for feedback that no webhook reported. A webhook can be lost, and checks are
// always read, because their reports are longer than a webhook.
//
// Guarantees: what is read twice is recorded once, by its id. Nothing is remembered on disk: after
// a start everything is read once. A pull request that did not change costs one conditional request
// for its checks, and its repository one for all of its pull requests.
//
// Failures: a limit or an outage of the forge ends the cycle, and the next one begins when it takes
// calls again. What another fault kept from being read is read in the next cycle.

import Domain
import Engine
import EventLog
import ForgePort
import Logging
import Projections
import SystemCalls
import Workflows

/// Reads feedback at intervals; see the top of this file.
package actor FeedbackWatch {
  /// The most pull requests that are watched; the newest ones.
  private static let pullRequestsMax = 5_000
  /// The most calls at a time.
  private static let callsMax = 4
  /// The most checks of one commit that are reported in one cycle.
  private static let checksMax = 20
  private static let actor = Actor(kind: .system, name: "feedback")

  private struct PullRequestKey: Hashable {
    var repository: RepositoryName
    var number: Int64
  }

  /// A limit or an outage of the forge.
  private struct Stopped: Error {
    /// When the forge takes calls again.
    var until: Timestamp
  }

  private let context: ServerContext
  private let interval: Milliseconds
  private let logger: Logger
  /// What is needed to ask only for what changed.
  private var lists: [RepositoryName: ForgeValidator] = [:]
  private var updates: [PullRequestKey: Timestamp?] = [:]
  private var checks: [PullRequestKey: (commit: ObjectID, validator: ForgeValidator)] = [:]

  init(_ context: ServerContext, interval: Milliseconds, logger: Logger) {
    self.context = context
    self.interval = interval
    self.logger = logger
  }

  /// Reads now, and at each interval until the task is cancelled; never if the interval is 0.
  package func run() async {
    while interval.count > 0, !Task.isCancelled {
      var wait = interval
      do {
        try await cycle()
      } catch let stopped as Stopped {
        wait = max(wait, stopped.until - .now)
      } catch {
        logger.warning("feedback could not be read: \(error)")
      }
      try? await Task.sleep(for: .milliseconds(wait.count))
    }
  }

  private func cycle() async throws {
    let rows = try await context.store.pullRequests(in: [], limit: Self.pullRequestsMax)
      .map(\.row).filter { $0.state == .open }
    let repositories = Dictionary(grouping: rows) { RepositoryName($0.repository) }
    forget(besides: Set(repositories.keys.compactMap(\.self)))
    try await each(repositories.keys.compactMap(\.self).sorted { $0.description < $1.description })
    { watch, name in try await watch.readChanges(of: repositories[name] ?? [], in: name) }
    try await each(rows) { watch, row in try await watch.readChecks(of: row) }
  }

  private func forget(besides kept: Set<RepositoryName>) {
    lists = lists.filter { kept.contains($0.key) }
    updates = updates.filter { kept.contains($0.key.repository) }
    checks = checks.filter { kept.contains($0.key.repository) }
  }

  private func each<Item: Sendable>(
    _ items: [Item], _ body: @escaping @Sendable (FeedbackWatch, Item) async throws -> Void
  ) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for (index, item) in items.enumerated() {
        if index >= Self.callsMax { try await group.next() }
        group.addTask { try await body(self, item) }
      }
      try await group.waitForAll()
    }
  }

  private func ask(_ call: ForgeCall) async throws(Stopped) -> ForgeReply? {
    switch await context.engine.forge.perform(call) {
    case .success(let reply): return reply
    case .failure(let fault):
      switch fault.kind {
      case .limited(let until), .down(let until): throw Stopped(until: until)
      // Others may be readable.
      case .unreachable, .noAnswer, .unavailable, .unauthorized, .forbidden, .notFound, .conflict,
        .exists, .possibleNameClash,
        .notYetVisible, .empty, .draftsUnsupported, .refused:
        logger.debug("feedback could not be read: \(fault.message)")
        return nil
      }
    }
  }

  // MARK: What people say

  /// Reads the pull requests of a repository that changed since the last time.
  private func readChanges(of rows: [PullRequestRow], in name: RepositoryName) async throws {
    guard
      case .openPullRequests(let open, let validator)? = try await ask(
        .openPullRequests(name, since: lists[name]))
    else { return }
    var isWhole = true
    let found = Dictionary(open.map { (Int64($0.number), $0) }, uniquingKeysWith: { a, _ in a })
    for row in rows {
      let key = PullRequestKey(repository: name, number: row.number)
      guard let present = found[row.number] else {
        try await readEnd(of: row, in: name)
        continue
      }
      let isKnown = updates[key].map { $0 != nil && $0 == present.updatedAt } ?? false
      guard !isKnown else { continue }
      guard let first = try await rounds(of: row).first?.row, await listens(first) else {
        continue
      }
      guard case .feedback(let said)? = try await ask(.feedback(name, number: Int(row.number)))
      else {
        isWhole = false
        continue
      }
      try await hear(said, on: first)
      updates[key] = .some(present.updatedAt)
    }
    // What was not read is read at the next interval.
    lists[name] = isWhole ? validator : nil
  }

  /// The delegations of a pull request, oldest first.
  private func rounds(of row: PullRequestRow) async throws -> [DelegationDetail] {
    try await context.rounds(ofPullRequest: row.number, in: row.repository)
  }

  private func listens(_ first: DelegationRow) async -> Bool {
    await context.engine.rounds(digest: first.digest)?.listensToForge ?? false
  }

  /// A pull request that is not among the open ones was merged or closed, and no webhook said so.
  private func readEnd(of row: PullRequestRow, in name: RepositoryName) async throws {
    guard
      case .pullRequest(let found)? = try await ask(.pullRequest(name, number: Int(row.number))),
      found.state != .open
    else { return }
    for round in try await rounds(of: row) {
      _ = await context.engine.command(
        round.row.id, .updatePullRequest(found.state, asOf: found.updatedAt), by: Self.actor)
    }
  }

  // MARK: Checks

  /// Reads the checks of the last commit that AIPM pushed to a pull request.
  private func readChecks(of row: PullRequestRow) async throws {
    guard let name = RepositoryName(row.repository) else { return }
    let rounds = try await rounds(of: row)
    guard let first = rounds.first?.row, rounds.last?.row.state.isTerminal == true,
      await context.engine.rounds(digest: first.digest)?.on.contains(.checks) == true,
      let pushed = rounds.last(where: { $0.row.state == .pushed })?.row.commitSHA
    else { return }
    let key = PullRequestKey(repository: name, number: row.number)
    let commit = ObjectID(pushed)
    let known = checks[key].flatMap { $0.commit == commit ? $0.validator : nil }
    guard
      case .checks(let all, let validator)? = try await ask(
        .checks(name, commit: commit, since: known))
    else { return }
    for check in all.filter({ $0.outcome == .failed }).prefix(Self.checksMax) {
      // A report is long: it is read once.
      if await context.engine.hasHeard(check.id, on: first.id) { continue }
      var report = ""
      if case .checkReport(let found)? = try await ask(.checkReport(name, check)) {
        report = found
      }
      try await hear([check.feedback(report: report)], on: first)
    }
    checks[key] = validator.map { (commit, $0) }
  }

  /// Reads the checks of a pull request now: a webhook said that one has failed.
  func readChecks(ofPullRequest number: Int64, in repository: String) async {
    var row = PullRequestRow(id: .init(repository: repository, number: number))
    row.state = .open
    do {
      try await readChecks(of: row)
    } catch {
      logger.debug("checks are read at the next interval: \(error)")
    }
  }

  /// - Parameter first: the pull request's first delegation.
  private func hear(_ said: [Feedback], on first: DelegationRow) async throws {
    guard !said.isEmpty else { return }
    let reply = await context.engine.hear(
      said, on: first.id, digest: first.digest, by: Self.actor)
    if case .failed(let fault)? = reply {
      throw StoreFault(operation: "record feedback", message: "\(fault)")
    }
  }
}
