import Domain
import EventLog
import Projections
import SQLite

extension LogFile {
  /// The streams of workers and of delegations with pending work that cannot be read or whose
  /// events do not follow from each other.
  /// - Throws: `StoreFault` if the views cannot be read.
  package func unfitStreams() throws(StoreFault) -> [UnfitStream] {
    try checking("check the streams") { database in
      let delegations = try database.statement(
        """
        SELECT id FROM delegations WHERE NOT \(StateSQL.ended("state")) OR next_intent IS NOT NULL
        ORDER BY stamp
        """
      ).rows { StreamName.delegation(DelegationID($0.text(0) ?? "")) }
      let workers = try database.statement("SELECT id FROM workers ORDER BY id").rows {
        StreamName.worker(WorkerID($0.text(0) ?? ""))
      }
      return (delegations + workers).compactMap { stream in
        Self.fault(of: stream, in: database).map { UnfitStream(stream: stream, reason: $0) }
      }
    }
  }

  private static func fault(of stream: StreamName, in database: Database) -> String? {
    do {
      let folded = try Projector.folding(stream, in: database)
      switch stream {
      case .delegation(let id): return folded.delegations[id]?.corrupt?.description
      case .worker(let id): return folded.workers[id]?.corrupt?.description
      case .system: return nil
      }
    } catch {
      return "\(error)"
    }
  }
}
