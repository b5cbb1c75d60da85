import Domain
import EventLog
import Foundation

/// A second, simple implementation of the views: from a list of all events, without the domain's
/// states and without regard to speed. It follows the rules of the guide.
struct PlainModel {
  struct DelegationFacts: Equatable {
    var state = DelegationStateName.requested
    var version: Int64 = 0
    var position: Int64 = 0
    var stateSince: Int64 = 0
    var updatedAt: Int64 = 0
    var requestedAt: Int64 = 0
    var pullRequest: Int64?
    var pullRequestState: PullRequestState?
    var worker: String?
    var attempt: Int64 = 0
    var commit: String?
    var failure: FailureCode?
    var isCancelRequested = false
  }
  struct WorkerFacts: Equatable {
    var state = WorkerStateName.idle
    var incarnation: Int64 = 0
    var restarts: Int64 = 0
    var delegation: DelegationID?
  }

  let log: [RecordedEvent]
  private var streams: [DelegationID: [(RecordedEvent, DelegationEvent)]] = [:]

  init(log: [RecordedEvent]) {
    self.log = log
    for recorded in log {
      guard case .delegation(let id) = recorded.stream,
        case .delegation(let event) = recorded.event
      else { continue }
      streams[id, default: []].append((recorded, event))
    }
  }

  func events(of id: DelegationID) -> [(RecordedEvent, DelegationEvent)] {
    streams[id] ?? []
  }

  var delegations: Set<DelegationID> { Set(streams.keys) }

  func delegation(_ id: DelegationID) -> DelegationFacts {
    var facts = DelegationFacts()
    var milestone = DelegationStateName.requested
    var accepted: String?
    for (recorded, event) in events(of: id) {
      facts.version = recorded.version
      facts.position = recorded.position
      facts.updatedAt = recorded.time.milliseconds
      var entered: DelegationStateName?
      switch event {
      case .requested:
        facts.requestedAt = recorded.time.milliseconds
        entered = .requested
      case .branchCreated: entered = .branchCreated
      case .taskCommitted: entered = .taskCommitted
      case .pullRequestCreated(let made):
        entered = .pullRequestCreated
        facts.pullRequest = Int64(made.number)
        facts.pullRequestState = .open
      case .dispatched(let given):
        entered = .dispatched
        facts.worker = given.worker.rawValue
        facts.attempt = Int64(given.attempt)
      case .generating: entered = .generating
      case .generated(let made): accepted = made.sha.rawValue
      case .pushed(let pushed):
        entered = .pushed
        accepted = pushed.sha.rawValue
        facts.isCancelRequested = false
      case .failed(let failed):
        entered = .failed
        facts.failure = failed.code
        facts.isCancelRequested = false
      case .released:
        entered = .pullRequestCreated
        accepted = nil
      case .retryRequested:
        entered = milestone
        facts.failure = nil
        facts.isCancelRequested = false
      case .cancelRequested: facts.isCancelRequested = true
      case .pullRequestUpdated(let updated): facts.pullRequestState = updated.state
      case .baseResolved, .stepFailed, .actionDone, .networkUsed, .conversation: break
      }
      if let entered {
        facts.state = entered
        facts.stateSince = recorded.time.milliseconds
        let milestones: [DelegationStateName] = [
          .requested, .branchCreated, .taskCommitted, .pullRequestCreated,
        ]
        if milestones.contains(entered) { milestone = entered }
      }
      facts.commit = accepted
    }
    return facts
  }

  /// Who shows a pull request: of those that have it, the one with the largest stamp.
  func pullRequests() -> [Int64: DelegationID] {
    var shown: [Int64: (stamp: Int64, id: DelegationID)] = [:]
    for id in delegations {
      guard let number = delegation(id).pullRequest,
        case .requested(let request)? = events(of: id).first?.1
      else { continue }
      let stamp = request.stamp.milliseconds
      if shown[number].map({ $0.stamp < stamp }) ?? true { shown[number] = (stamp, id) }
    }
    return shown.mapValues(\.id)
  }

  struct UsageFacts: Hashable {
    var repository: String
    var month: String
    var attempts: Int64 = 0
    var generations: Int64 = 0
    var duration: Int64 = 0
    var linesAdded: Int64 = 0
    var linesRemoved: Int64 = 0
    var pushed: Int64 = 0
    var failed: Int64 = 0
    /// In the order of `UsageFigure`.
    var used = [Int64?](repeating: nil, count: UsageFigure.allCases.count)

    mutating func add(_ usage: AgentUsage) {
      for (n, figure) in UsageFigure.allCases.enumerated() {
        if let value = usage[figure] { used[n] = (used[n] ?? 0) + value }
      }
    }
  }

  /// What was generated for each repository in each month, counted with the system's calendar.
  func usage() -> Set<UsageFacts> {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = .gmt
    var found: [String: UsageFacts] = [:]
    for id in delegations {
      guard case .requested(let request)? = events(of: id).first?.1 else { continue }
      for (recorded, event) in events(of: id) {
        let date = Date(timeIntervalSince1970: Double(recorded.time.milliseconds) / 1000)
        let parts = calendar.dateComponents([.year, .month], from: date)
        let month = String(format: "%04d-%02d", parts.year ?? 0, parts.month ?? 0)
        let repository = request.repository.description
        var facts =
          found[repository + month] ?? UsageFacts(repository: repository, month: month)
        switch event {
        case .dispatched: facts.attempts += 1
        case .generated(let made):
          facts.generations += 1
          facts.add(made.usage)
          facts.duration += made.figures?.duration.count ?? 0
          facts.linesAdded += Int64(made.figures?.insertions ?? 0)
          facts.linesRemoved += Int64(made.figures?.deletions ?? 0)
        case .pushed: facts.pushed += 1
        case .released(let end): facts.add(end.usage)
        case .failed(let end):
          facts.failed += 1
          facts.add(end.usage)
        case .requested, .branchCreated, .taskCommitted, .pullRequestCreated, .generating,
          .baseResolved, .stepFailed, .cancelRequested, .retryRequested, .pullRequestUpdated,
          .actionDone, .networkUsed, .conversation:
          continue
        }
        found[repository + month] = facts
      }
    }
    return Set(found.values)
  }

  func workers() -> [WorkerID: WorkerFacts] {
    var workers: [WorkerID: WorkerFacts] = [:]
    var isDraining: Set<WorkerID> = []
    for recorded in log {
      guard case .worker(let id) = recorded.stream, case .worker(let event) = recorded.event else {
        continue
      }
      var facts = workers[id] ?? WorkerFacts()
      switch event {
      case .registered(let registered):
        facts.state = .idle
        facts.incarnation = Int64(registered.incarnation)
        isDraining.remove(id)
      case .unhealthy: facts.state = .unhealthy
      case .recovered: facts.state = isDraining.contains(id) ? .draining : .idle
      case .restarted:
        facts.state = .starting
        facts.restarts += 1
      case .parked: facts.state = .parked
      case .draining:
        facts.state = .draining
        isDraining.insert(id)
      case .stopped: facts.state = .stopped
      case .lost: facts.state = .lost
      }
      workers[id] = facts
    }
    for id in delegations {
      guard let holder = holder(of: id) else { continue }
      workers[holder]?.delegation = id
      if workers[holder]?.state == .idle { workers[holder]?.state = .busy }
    }
    return workers
  }

  /// Who works on a delegation: until it handed in or was given up.
  private func holder(of id: DelegationID) -> WorkerID? {
    events(of: id).reduce(nil) { holder, event in
      switch event.1 {
      case .dispatched(let given): given.worker
      case .generated, .released, .failed, .pushed, .retryRequested: nil
      case .requested, .branchCreated, .taskCommitted, .pullRequestCreated, .generating,
        .baseResolved, .stepFailed, .cancelRequested, .pullRequestUpdated, .actionDone,
        .networkUsed, .conversation:
        holder
      }
    }
  }
}
