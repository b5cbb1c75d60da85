// Asks the forge for feedback that no webhook reported. A webhook can be lost, and checks are
// always read, because their reports are longer than a webhook.
//
// Guarantees: what is read twice is recorded once, by its id. After a start everything is read
// once, some of it in each cycle, unless an earlier process has read it (PollRecord.swift). What
// costs a request in each cycle are repositories, one for all of their pull requests, and base
// branches. Checks cost some more (CheckSchedule.swift). So people are heard within the interval,
// also among thousands of pull requests.
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
  static let pullRequestsMax = 5_000
  /// The most calls at a time.
  private static let callsMax = 4
  /// The most pull requests of which everything that was said is read in one cycle, those that
  /// changed last first. The others follow in the next cycles: each costs several requests.
  static let conversationsMax = 100
  /// The most checks of one commit that are reported in one cycle.
  private static let checksMax = 20
  private static let actor = Actor(kind: .system, name: "feedback")

  struct PullRequestKey: Hashable {
    var repository: RepositoryName
    var number: Int64
  }

  /// A limit or an outage of the forge.
  struct Stopped: Error {
    /// When the forge takes calls again.
    var until: Timestamp
  }

  let context: ServerContext
  private let interval: Milliseconds
  let logger: Logger
  /// What is needed to ask only for what changed.
  private var lists: [RepositoryName: ForgeValidator] = [:]
  private var updates: [PullRequestKey: Timestamp?] = [:]
  private var conversationsLeft = 0
  private var pauses = Pauses<RepositoryName>()
  private(set) var checks = CheckSchedule()
  /// As it was written last.
  private var record: PollRecord?
  var bases = BaseBranches()

  init(_ context: ServerContext, interval: Milliseconds, logger: Logger) {
    self.context = context
    self.interval = interval
    self.logger = logger
  }

  /// Reads now, and at each interval until the task is cancelled; never if the interval is 0. A
  /// cycle that takes long makes the pause after it shorter, down to a quarter.
  package func run() async {
    if interval.count > 0 { await restore() }
    while interval.count > 0, !Task.isCancelled {
      let began = ContinuousClock.now
      var wait = interval
      do {
        try await cycle()
        await save()
        let span = Milliseconds(Int64((ContinuousClock.now - began) / .milliseconds(1)))
        wait = max(wait - span, Milliseconds(wait.count / 4))
      } catch let stopped as Stopped {
        await save()
        wait = max(wait, stopped.until - .now)
      } catch {
        logger.warning("feedback could not be read: \(error)")
      }
      try? await Task.sleep(for: .milliseconds(wait.count))
    }
  }

  // MARK: Over a restart

  /// Takes over what an earlier process has read.
  private func restore() async {
    guard let place = context.configuration.pollRecord,
      let record = await PollRecord.read(
        place.path, forge: place.forge, log: context.store,
        shared: context.configuration.sharedFiles)
    else { return }
    for (repository, validator) in record.lists {
      if let name = RepositoryName(repository) { lists[name] = ForgeValidator(validator) }
    }
    for known in record.conversations {
      guard let name = RepositoryName(known.repository) else { continue }
      let updatedAt = known.updatedAt.map { Timestamp(milliseconds: $0) }
      updates[PullRequestKey(repository: name, number: known.number)] = .some(updatedAt)
    }
    checks.restore(record.checks)
    self.record = record
  }

  /// Writes down what was read, if anything new was.
  private func save() async {
    guard let place = context.configuration.pollRecord else { return }
    var now = PollRecord(forge: place.forge)
    now.lists = Dictionary(
      lists.map { ($0.key.description, $0.value.rawValue) }, uniquingKeysWith: { a, _ in a })
    now.conversations = updates.map { key, updatedAt in
      .init(
        repository: key.repository.description, number: key.number,
        updatedAt: updatedAt?.milliseconds)
    }.sorted { ($0.repository, $0.number) < ($1.repository, $1.number) }
    now.checks = checks.saved
    if record?.says(now) ?? false { return }
    do {
      try await now.write(
        place.path, log: context.store, shared: context.configuration.sharedFiles)
      record = now
    } catch {
      logger.warning("what was read of the forge is not kept over a restart: \(error)")
    }
  }

  // MARK: Cycles

  private func cycle() async throws {
    let rows = try await context.store.pullRequests(in: [], limit: Self.pullRequestsMax)
      .map(\.row).filter { $0.state == .open }
    let repositories = Dictionary(grouping: rows) { RepositoryName($0.repository) }
    forget(besides: Set(repositories.keys.compactMap(\.self)))
    let due = checks.begin(rows)
    checks.forget(besides: Set(rows.compactMap { PullRequestKey($0) }))
    conversationsLeft = Self.conversationsMax
    try await each(repositories.keys.compactMap(\.self).sorted { $0.description < $1.description })
    { watch, name in try await watch.readChanges(of: repositories[name] ?? [], in: name) }
    for (name, rows) in repositories {
      if let name { try await compare(rows, in: name) }
    }
    try await each(due) { watch, row in try await watch.readChecks(of: row) }
  }

  private func forget(besides kept: Set<RepositoryName>) {
    lists = lists.filter { kept.contains($0.key) }
    updates = updates.filter { kept.contains($0.key.repository) }
    pauses.forget { !kept.contains($0) }
    bases.forget(besides: kept)
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

  func ask(_ call: ForgeCall) async throws(Stopped) -> ForgeReply? {
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
    guard !pauses.holds(name, at: checks.cycle) else { return }
    let reply = try await ask(.openPullRequests(name, since: lists[name]))
    if reply == nil { pauses.fail(name, at: checks.cycle) } else { pauses.succeed(name) }
    guard case .openPullRequests(let open, let validator)? = reply else { return }
    bases.note(open, in: name)
    var isWhole = true
    let numbers = Set(open.map { Int64($0.number) })
    for row in rows where !numbers.contains(row.number) { try await readEnd(of: row, in: name) }
    let own = Dictionary(rows.map { ($0.number, $0) }, uniquingKeysWith: { a, _ in a })
    for present in open {
      guard let row = own[Int64(present.number)] else { continue }
      let key = PullRequestKey(repository: name, number: row.number)
      let isKnown = updates[key].map { $0 != nil && $0 == present.updatedAt } ?? false
      guard !isKnown else { continue }
      guard let first = try await rounds(of: row).first?.row, await listens(first) else {
        continue
      }
      guard conversationsLeft > 0 else {
        isWhole = false
        break
      }
      conversationsLeft -= 1
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
  func rounds(of row: PullRequestRow) async throws -> [DelegationDetail] {
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
  /// - Parameter isWhole: whether everything is read, also what seems to be as it was.
  private func readChecks(of row: PullRequestRow, isWhole: Bool = false) async throws {
    guard let name = RepositoryName(row.repository) else { return }
    let rounds = try await rounds(of: row)
    guard let first = rounds.first?.row, rounds.last?.row.state.isTerminal == true,
      await context.engine.rounds(digest: first.digest)?.on.contains(.checks) == true,
      let pushed = rounds.last(where: { $0.row.state == .pushed })?.row, let sha = pushed.commitSHA
    else { return checks.note(row, nil, nil, nil, at: .now) }
    let key = PullRequestKey(repository: name, number: row.number)
    let commit = CheckSchedule.Commit(
      sha: ObjectID(sha), pushedAt: Timestamp(milliseconds: pushed.stateSince))
    let known = checks.validator(of: key, commit.sha)
    switch try await ask(.checks(name, commit: commit.sha, since: isWhole ? nil : known)) {
    case .checks(let all, let validator)?:
      for check in all.filter({ $0.outcome == .failed }).prefix(Self.checksMax) {
        // A report is long: it is read once.
        if await context.engine.hasHeard(check.id, on: first.id) { continue }
        var report = ""
        if case .checkReport(let found)? = try await ask(.checkReport(name, check)) {
          report = found
        }
        try await hear([check.feedback(report: report)], on: first)
      }
      checks.note(row, commit, all, validator, at: .now)
    case .unchanged?: checks.note(row, commit, nil, known, at: .now)
    case _: checks.fail(row)
    }
  }

  /// Reads the checks of a pull request now: a webhook said that one has failed.
  func readChecks(ofPullRequest number: Int64, in repository: String) async {
    var row = PullRequestRow(id: .init(repository: repository, number: number))
    row.state = .open
    do {
      try await readChecks(of: row, isWhole: true)
    } catch {
      logger.debug("checks are read at the next interval: \(error)")
    }
  }

  /// - Parameter first: the pull request's first delegation.
  func hear(_ said: [Feedback], on first: DelegationRow) async throws {
    guard !said.isEmpty else { return }
    let reply = await context.engine.hear(
      said, on: first.id, digest: first.digest, by: Self.actor)
    if case .failed(let fault)? = reply {
      throw StoreFault(operation: "record feedback", message: "\(fault)")
    }
  }
}
