import Domain
import WorkerProtocol

/// The agents that workers found. It is not recorded in the log: a worker reports it whenever it
/// registers.
actor AgentDirectory {
  /// How many workers' findings are kept. The oldest go first, since workers may use ever new
  /// names.
  static let workersMax = 1000

  private var findings: [WorkerID: [AgentFinding]] = [:]
  /// The workers with findings, the newest last.
  private var order: [WorkerID] = []

  var all: [WorkerID: [AgentFinding]] { findings }

  func take(_ found: [AgentFinding], from worker: WorkerID) {
    if findings.updateValue(found, forKey: worker) != nil { order.removeAll { $0 == worker } }
    order.append(worker)
    if order.count > Self.workersMax { findings[order.removeFirst()] = nil }
  }

  /// Why each of these workers lacks an agent, for people. Workers with the same reason are
  /// grouped.
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
