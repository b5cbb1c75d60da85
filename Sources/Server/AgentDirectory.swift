import Domain
import WorkerProtocol

/// What workers found of each agent when they looked for it. It is no fact: a worker tells it again
/// whenever it registers.
actor AgentDirectory {
  /// How many workers' findings are kept: the newest, for workers may come under ever new names.
  static let workersMax = 1000

  private var findings: [WorkerID: [AgentFinding]] = [:]
  /// Who has told something, the newest last.
  private var order: [WorkerID] = []

  var all: [WorkerID: [AgentFinding]] { findings }

  func take(_ found: [AgentFinding], from worker: WorkerID) {
    if findings.updateValue(found, forKey: worker) != nil { order.removeAll { $0 == worker } }
    order.append(worker)
    if order.count > Self.workersMax { findings[order.removeFirst()] = nil }
  }

  /// Why each of these workers lacks an agent, for people: those with the same reason together.
  func reasons(_ agent: String, of workers: [WorkerID]) -> String {
    var byReason: [String: [WorkerID]] = [:]
    for worker in workers {
      let finding = findings[worker]?.first { $0.name == agent }
      byReason[finding?.detail ?? "it is not there", default: []].append(worker)
    }
    return byReason.sorted { $0.key < $1.key }.map { reason, workers in
      let names = workers.map(\.rawValue)
      let shown = names.prefix(3).joined(separator: ", ")
      return "\(names.count > 3 ? "\(shown) and \(names.count - 3) more" : shown): \(reason)"
    }.joined(separator: "; ")
  }
}
