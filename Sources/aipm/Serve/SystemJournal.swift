import Domain
import EventLog
import SQLiteEventStore
import Workflows

/// Writes the system's own stream: starts, recoveries, and the workflows that delegations stay
/// with.
actor SystemJournal {
  private let store: SQLiteEventStore
  private var version: Int64
  private var lastID: String?
  /// The definitions that the log holds, by digest.
  private var defined: [String: Workflow] = [:]

  init(_ store: SQLiteEventStore) async throws {
    self.store = store
    let events = try await store.read(.system)
    version = events.last?.version ?? 0
    lastID = events.last?.id
    for event in events {
      guard case .system(.workflowDefined(let name, let digest, let source?)) = event.event,
        let workflow = try? Workflow(source: source, file: "\(name) in the log")
      else { continue }
      defined[digest] = workflow
    }
  }

  /// Writes these events, as one.
  func record(_ events: SystemEvent...) async throws {
    do {
      let recorded = try await store.append(
        Append(
          stream: .system, expectedVersion: version, events: events.map { .system($0) },
          actor: .system, correlation: "system", causation: lastID))
      version = recorded.last?.version ?? version
      lastID = recorded.last?.id
    } catch {
      switch error {
      case .damaged(let message): throw Failure("the log takes no events: \(message)")
      case .full: throw Failure("the disk is full: make room in the data folder and start again")
      case .conflict, .duplicate, .stampTaken, .corrupt, .overloaded, .io, .closed:
        throw Failure("the start could not be recorded: \(error)")
      }
    }
  }

  /// Puts each definition into the log that is not there yet.
  /// - Returns: all that the log holds.
  func define(_ catalog: WorkflowCatalog) async throws -> [Workflow] {
    for workflow in catalog.all where defined[workflow.digest] == nil {
      try await record(
        .workflowDefined(
          name: workflow.name, digest: workflow.digest, source: workflow.source))
      defined[workflow.digest] = workflow
    }
    return Array(defined.values)
  }
}
