import Domain
import EventLog
import Projections
import Text
import Workflows

/// Writes the system's own stream: starts, recoveries, and the workflows that delegations stay
/// with.
actor SystemJournal {
  private let store: any EventStore & LogReader
  private var version: Int64
  private var lastID: String?
  /// The definitions that the log holds, by digest.
  private var defined: [String: Workflow] = [:]
  /// Definitions of the log that this program does not take any more, each in a line: what was
  /// requested under one cannot go on.
  let refused: [String]

  /// Reads the end of the stream and the definitions in it. The stream grows with each redaction,
  /// so the rest of it is not read.
  init(_ store: any EventStore & LogReader) async throws {
    self.store = store
    let last = try await store.last(of: .system)
    version = last?.version ?? 0
    lastID = last.map { UUIDText.encode($0.id) }
    var refused: [String] = []
    for event in try await store.read(.system, types: [.workflowDefined]) {
      guard case .system(.workflowDefined(let name, let digest, let source?)) = event.event else {
        continue
      }
      do {
        defined[digest] = try Workflow(source: source, file: "\(name) in the log")
      } catch {
        refused.append("the workflow \(name) (\(digest.prefix(12))) of the log: \(error)")
      }
    }
    self.refused = refused
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
