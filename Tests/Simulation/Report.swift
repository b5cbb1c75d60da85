/// What one run came to.
package struct Report: Equatable, Sendable {
  package var events = 0
  package var pushed = 0
  /// What people said about pull requests, and the rounds that answered.
  package var said = 0
  package var rounds = 0
  /// How often a limit of the workflow ended the rounds of a pull request.
  package var stops: [String: Int] = [:]
  package var failed: [String: Int] = [:]
  package var serverCrashes = 0
  package var workerCrashes = 0
  /// What happened to several servers and to their database, and how often.
  package var cluster: [String: Int] = [:]
  /// Virtual time, in milliseconds.
  package var lasted: Int64 = 0
  /// The hash of the log's head: two runs of a seed have the same.
  package var head: [UInt8] = []

  package init() {}

  /// Adds the counts of another run.
  package mutating func add(_ other: Report) {
    events += other.events
    pushed += other.pushed
    said += other.said
    rounds += other.rounds
    stops.merge(other.stops) { $0 + $1 }
    failed.merge(other.failed) { $0 + $1 }
    serverCrashes += other.serverCrashes
    workerCrashes += other.workerCrashes
    cluster.merge(other.cluster) { $0 + $1 }
    lasted += other.lasted
  }

  /// In one line, for people.
  package var line: String {
    func list(_ counts: [String: Int]) -> String {
      counts.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
    }
    return "\(events) events, \(pushed) pushed, \(said) comments, \(rounds) rounds, "
      + "stopped by: \(list(stops)); "
      + "failed: \(list(failed)); "
      + "\(serverCrashes) servers and \(workerCrashes) workers died, \(lasted / 1000) s went by"
      + (cluster.isEmpty ? "" : "; database and servers: \(list(cluster))")
  }
}
