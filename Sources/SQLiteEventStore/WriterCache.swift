import Domain
import EventLog
import Projections
import SQLite

/// What the writer's fold has at hand: workers always, delegations and pull requests as they are
/// wanted.
extension Writer {
  /// How many delegations the fold keeps at hand.
  private static let cachedMax = 20_000

  func load(_ stream: StreamName) throws {
    guard case .delegation(let id) = stream, projector.delegations[id] == nil else { return }
    let folded = try Projector.folding(stream, in: database)
    if let known = folded.delegations[id] { projector.load(id, known) }
  }

  func loadPullRequest(of sealed: SealedEvent) throws {
    guard case .delegation(let id) = sealed.recorded.stream,
      let row = projector.delegations[id]?.row
    else { return }
    var number = row.pr
    if case .delegation(.pullRequestCreated(let made)) = sealed.recorded.event {
      number = Int64(made.number)
    }
    guard let number else { return }
    guard projector.pullRequest(row.repository, number) == nil else { return }
    let known = try ViewTables.pullRequest(row.repository, number, in: database)
    if let known { projector.load(known) }
  }

  func loadWorkers() throws {
    let rows = Dictionary(
      uniqueKeysWithValues: try ViewTables.workers(in: database).map { ($0.id, $0) })
    let names = try database.statement(
      "SELECT name FROM streams WHERE name >= 'worker-' AND name < 'worker.'"
    ).rows { $0.text(0) ?? "" }
    for name in names {
      guard let stream = StreamName(name), case .worker(let id) = stream else { continue }
      var known = try Projector.folding(stream, in: database).workers[id]
      // What it is working on stands in the streams of delegations; the row has it from there.
      known?.delegation = rows[id]?.delegation
      known?.busySince = rows[id].map { Timestamp(milliseconds: $0.since) }
      if let known { projector.load(known) } else { projector.forget(id) }
    }
  }

  func trimCache() {
    if projector.pullRequestCount > Self.cachedMax { projector.forgetPullRequests() }
    guard projector.knownDelegations > Self.cachedMax else { return }
    let terminal = projector.delegations.filter { $0.value.state.name?.isTerminal ?? true }
    let isEnough = terminal.count > Self.cachedMax / 2
    for id in isEnough ? terminal.map(\.key) : Array(projector.delegations.keys) {
      projector.forget(id)
    }
  }
}
