import ArgumentParser
import Domain
import EventLog
import Projections
import SQLiteEventStore

struct Audits: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "audit", abstract: "How long questions to a log take, by each key.")

  @Option(help: "A data folder.")
  var data: String
  @Option(help: "How many questions by each key.")
  var questions = 40

  private static let keyLimitMs = 20.0
  private static let textLimitMs = 300.0
  private static let writers = 64

  func run() async throws {
    let clock = TaleClock(from: 1_800_000_000_000)
    let store = try SQLiteEventStore.open(
      directory: data, clock: { clock.now() }, onCommit: { _ in })
    var alone: [Key: Double] = [:]
    for key in Key.allCases {
      let worst = try await worst(key, store)
      alone[key] = worst
      let limit = key == .words ? Self.textLimitMs : Self.keyLimitMs
      Figure(
        name: "audit-\(key.rawValue)", value: worst, unit: "ms p99", limit: limit,
        target: "< \(Int(limit)) ms", met: worst < limit
      ).tell()
    }
    let writing = Task { try await write(to: store) }
    for key in Key.allCases {
      let (worst, limit) = (try await worst(key, store), alone[key] ?? 0)
      Figure(
        name: "audit-\(key.rawValue)-while-writing", value: worst, unit: "ms p99", limit: limit,
        target: "<= 2 times that without writers", met: worst <= 2 * limit
      ).tell()
    }
    writing.cancel()
    try await writing.value
    await store.close()
  }

  /// Appends with as many writers as a busy server has, until it is cancelled.
  private func write(to store: SQLiteEventStore) async throws {
    // No other delegation of the log has these numbers.
    let first = 10_000_000
    try await withThrowingTaskGroup(of: Void.self) { group in
      for writer in 0..<Self.writers {
        group.addTask {
          var n = first + writer
          while !Task.isCancelled {
            try await Tale(n).append(to: store)
            n += Self.writers
          }
        }
      }
      try await group.waitForAll()
    }
  }

  /// The time that 99 of 100 questions do not exceed, in milliseconds.
  private func worst(_ key: Key, _ store: SQLiteEventStore) async throws -> Double {
    let head = try await store.head()
    var spans: [Double] = []
    for n in 0..<questions {
      let tale = Tale(n &* 7919 % max(1, Int(min(head.position, 1_000_000)) / 12))
      let text = try await key.question(tale, n, store)
      let query = try AuditQuery(text, now: Timestamp(milliseconds: 1_800_000_000_000))
      let started = ContinuousClock.now
      _ = try await store.audit(query, before: nil, limit: 50)
      spans.append((ContinuousClock.now - started) / .milliseconds(1))
    }
    return percentile(99, of: spans)
  }

  enum Key: String, CaseIterable {
    case id, code, branch, pullRequest = "pr", repository = "repo", type, actor, worker, agent, sha
    case since, position, state, words

    func question(_ tale: Tale, _ n: Int, _ store: SQLiteEventStore) async throws -> String {
      let events = tale.events.map(\.1)
      guard case .requested(let request) = events[0] else { return "" }
      switch self {
      case .id: return "id:\(tale.id)"
      case .code: return "code:\(request.stamp.confirmationCode)"
      case .branch: return "branch:\(request.branch)"
      case .pullRequest: return "pr:\(request.repository)#\(1 + tale.n / 5)"
      case .repository: return "repo:\(request.repository)"
      case .type: return "type:delegation.failed"
      case .actor: return "actor:\(request.requester)"
      case .worker: return "worker:worker-\(1 + n % 8)"
      case .agent: return "agent:claude"
      case .sha:
        for case .taskCommitted(let made) in events { return "sha:\(made.sha.rawValue.prefix(10))" }
        return ""
      case .since: return "since:2026-01-01 until:2026-01-02"
      case .position: return "position:\(n * 100)..\(n * 100 + 500)"
      case .state: return "state:Failed"
      case .words: return n.isMultiple(of: 2) ? "\"Number \(tale.n) is\"" : "nobody-ever-wrote-this"
      }
    }
  }
}
