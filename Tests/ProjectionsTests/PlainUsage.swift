import Domain
import EventLog
import Foundation

extension PlainModel {
  /// What a row of the view `usage` holds.
  struct UsageOfDay: Hashable {
    /// Day, repository, requester and agent.
    var key: [String]
    var attempts: Int64 = 0
    var failedAttempts: Int64 = 0
    var known: [Int64] = [0, 0, 0]
    var pushed: Int64 = 0
    var failed: Int64 = 0
    /// In the order of `UsageFigure`.
    var used = [Int64?](repeating: nil, count: UsageFigure.allCases.count)

    mutating func add(_ usage: AgentUsage) {
      for (n, figure) in UsageFigure.allCases.enumerated() {
        if let value = usage[figure] { used[n] = (used[n] ?? 0) + value }
      }
      if usage[.inputTokens] != nil || usage[.outputTokens] != nil { known[0] += 1 }
      if usage[.cost] != nil { known[1] += 1 }
      if usage[.credits] != nil { known[2] += 1 }
    }
  }

  /// What was used on each day, counted with the system's calendar.
  func usageByDay() -> Set<UsageOfDay> {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = .gmt
    var found: [[String]: UsageOfDay] = [:]
    for id in delegations {
      let own = events(of: id)
      guard case .requested(let request)? = own.first?.1 else { continue }
      // The agent that has been started under the lease, and whether it is still at work.
      var agent: String?
      var isAtWork = false
      for (recorded, event) in own {
        let date = Date(timeIntervalSince1970: Double(recorded.time.milliseconds) / 1000)
        let parts = calendar.dateComponents([.year, .month, .day], from: date)
        let day = String(
          format: "%04d-%02d-%02d", parts.year ?? 0, parts.month ?? 0, parts.day ?? 0)
        func change(_ body: (inout UsageOfDay) -> Void) {
          let key = [
            day, request.repository.description, request.requester, agent ?? request.agent,
          ]
          body(&found[key, default: UsageOfDay(key: key)])
        }
        switch event {
        case .generating(let started):
          agent = started.agent
          isAtWork = true
        case .generated(let made):
          if isAtWork {
            change {
              $0.attempts += 1
              $0.add(made.usage)
            }
          }
          isAtWork = false
        case .released(let end):
          if isAtWork {
            change {
              $0.attempts += 1
              $0.failedAttempts += 1
            }
          }
          if isAtWork || !end.usage.isEmpty { change { $0.add(end.usage) } }
          (agent, isAtWork) = (nil, false)
        case .failed(let end):
          change {
            $0.failed += 1
            $0.attempts += isAtWork ? 1 : 0
            $0.failedAttempts += isAtWork ? 1 : 0
            $0.add(end.usage)
          }
          (agent, isAtWork) = (nil, false)
        case .pushed:
          change { $0.pushed += 1 }
          (agent, isAtWork) = (nil, false)
        case .dispatched: (agent, isAtWork) = (nil, false)
        case .requested, .branchCreated, .taskCommitted, .pullRequestCreated, .baseResolved,
          .stepFailed, .cancelRequested, .retryRequested, .pullRequestUpdated, .actionDone,
          .networkUsed, .conversation:
          break
        }
      }
    }
    return Set(found.values)
  }
}
