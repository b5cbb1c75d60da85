import Domain
import EventLog
import LogStories
import Projections
import Randomness
import Testing
import Text

/// Whatever commands come in whatever order: live views, replayed views and a plain model agree.
struct RandomLogTests {
  /// A log, and the views that were kept up while it was written.
  private struct Lived {
    var log: [RecordedEvent] = []
    var projector = Projector()
    var digests: [ViewName: ViewDigest] = .empty
    var states: Set<DelegationStateName> = []
    var workerStates: Set<WorkerStateName> = []

    init(seed: Int, appends: Int) throws {
      var random = RandomLog(seed: seed)
      var sealer = EventSealer(last: nil, random: Seeded(seed))
      for _ in 0..<appends {
        let append = random.next()
        try projector.check(append.events, on: append.stream, at: random.now)
        for one in try sealer.record(append, at: random.now) {
          log.append(one)
          let changes = projector.apply(
            one.event, stream: one.stream, version: one.version, position: one.position,
            time: one.time)
          for change in changes {
            digests.follow(change)
            if let row = change.new as? DelegationRow { states.insert(row.state) }
            if let row = change.new as? WorkerRow { workerStates.insert(row.state) }
          }
        }
      }
    }
  }

  @Test(arguments: 0..<16)
  func liveIsReplayedIsModel(seed: Int) throws {
    let lived = try Lived(seed: seed, appends: 220)
    var fold = LogFold(isChecking: true)
    for event in lived.log { fold.take(try StoredEvent(exported: event.json.canonical)) }
    #expect(fold.faults.isEmpty && fold.unexplainedRedactions.isEmpty)
    #expect(fold.events == lived.log.count)
    #expect(
      fold.head == LogHead(position: Int64(lived.log.count), hash: lived.log.last?.hash ?? []))
    for view in ViewName.allCases {
      let folded = fold.projector.rows(of: view)
      let live = lived.projector.rows(of: view)
      #expect(folded.map(\.key) == live.map(\.key))
      #expect(folded.map(\.row) == live.map(\.row))
    }
    #expect(fold.projector.digests == lived.digests)
    #expect(lived.projector.digests == lived.digests)
    try compare(lived.projector, with: PlainModel(log: lived.log))
  }

  private func compare(_ projector: Projector, with model: PlainModel) throws {
    #expect(Set(projector.delegations.keys) == model.delegations)
    for (id, known) in projector.delegations {
      let row = try #require(known.row)
      #expect(known.corrupt == nil)
      let facts = PlainModel.DelegationFacts(
        state: row.state, version: row.version, position: row.position,
        stateSince: row.stateSince, updatedAt: row.updatedAt, requestedAt: row.requestedAt,
        pullRequest: row.pr, pullRequestState: row.prState, worker: row.worker,
        attempt: row.attempt, commit: row.commitSHA, failure: row.failureCode,
        isCancelRequested: row.cancelRequested)
      #expect(facts == model.delegation(id), "\(id)")
    }
    var shown: [Int64: DelegationID] = [:]
    for row in projector.rows(PullRequestRow.self) {
      shown[row.number] = row.delegation
      #expect(row.state == model.delegation(row.delegation).pullRequestState)
      #expect(row.delegationState == model.delegation(row.delegation).state)
    }
    #expect(shown == model.pullRequests())
    let usage = projector.rows(RepositoryUsage.self).map { row in
      PlainModel.UsageFacts(
        repository: row.repository, month: row.month, attempts: row.attempts,
        generations: row.generations, duration: row.duration, linesAdded: row.linesAdded,
        linesRemoved: row.linesRemoved, pushed: row.pushed, failed: row.failed,
        used: UsageFigure.allCases.map { row.used[$0] })
    }
    #expect(Set(usage) == model.usage() && usage.count == model.usage().count)
    let days = projector.rows(UsageRow.self).map { row in
      PlainModel.UsageOfDay(
        key: [row.day, row.repository, row.requester, row.agent], attempts: row.attempts,
        failedAttempts: row.failedAttempts,
        known: [row.attemptsWithTokens, row.attemptsWithCost, row.attemptsWithCredits],
        pushed: row.pushed, failed: row.failed, used: UsageFigure.allCases.map { row.used[$0] })
    }
    #expect(Set(days) == model.usageByDay() && days.count == model.usageByDay().count)
    let tasks = projector.rows(TaskRow.self).map {
      PlainModel.TaskFacts(
        first: $0.first, newest: $0.newest, rounds: $0.rounds, attempts: $0.attempts,
        linesAdded: $0.linesAdded, linesRemoved: $0.linesRemoved, cost: $0.costMicrodollars,
        withoutCost: $0.attemptsWithoutCost, worked: $0.workedMs,
        isWorking: $0.workingSince != nil)
    }
    let wanted = model.tasks()
    #expect(Set(tasks).symmetricDifference(wanted).sorted { $0.first < $1.first } == [])
    let workers = model.workers()
    #expect(Set(projector.workers.keys) == Set(workers.keys))
    for (id, known) in projector.workers {
      let row = try #require(known.row)
      let facts = PlainModel.WorkerFacts(
        state: row.state, incarnation: row.incarnation, restarts: row.restarts,
        delegation: row.delegation)
      #expect(facts == workers[id], "\(id)")
    }
  }

  /// The walks are no good if they all end early: between them they see every state and event.
  @Test func theWalksSeeEverything() throws {
    var events: Set<String> = []
    var states: Set<DelegationStateName> = []
    var workers: Set<WorkerStateName> = []
    for seed in 0..<16 {
      let lived = try Lived(seed: seed, appends: 220)
      events.formUnion(lived.log.map(\.event.name))
      states.formUnion(lived.states)
      workers.formUnion(lived.workerStates)
    }
    let delegations = EveryEvent.delegation + EveryEvent.rounds
    let known = Set(delegations.map(\.name) + EveryEvent.worker.map(\.name))
    #expect(known.subtracting(events).isEmpty && events.subtracting(known).isEmpty)
    #expect(known.subtracting(events) == [])
    #expect(states == Set(DelegationStateName.allCases))
    #expect(workers == Set(WorkerStateName.allCases))
  }

  /// A fold up to a position is the fold of a log that ends there.
  @Test func everyPrefixIsALog() throws {
    let lived = try Lived(seed: 3, appends: 80)
    var whole = LogFold(isChecking: false)
    for (index, event) in lived.log.enumerated() {
      whole.take(try StoredEvent(exported: event.json.canonical))
      guard index.isMultiple(of: 20) else { continue }
      var part = LogFold(isChecking: true)
      for event in lived.log[...index] {
        part.take(try StoredEvent(exported: event.json.canonical))
      }
      #expect(part.projector.digests == whole.projector.digests)
      #expect(part.head == whole.head && part.time == event.time)
    }
  }
}
