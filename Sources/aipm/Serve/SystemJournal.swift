import Domain
import EventLog
import Projections
import Text
import Workflows

/// Writes the system's stream: starts, recoveries, and the workflows of delegations.
actor SystemJournal {
  private let store: any EventStore & LogReader
  private var version: Int64
  private var lastID: String?
  /// The definitions in the log, by digest.
  private var defined: [String: Workflow] = [:]
  /// All definitions in the log.
  var definitions: [Workflow] { Array(defined.values) }
  /// The log's definitions that this program refuses, each in a line. Delegations under such a
  /// definition cannot go on.
  let refused: [String]

  /// Reads the stream's end and its definitions. The rest is not read, since the stream grows with
  /// each redaction.
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

  /// The creations and revocations of tokens.
  func tokenEvents() async throws -> [SystemEvent] {
    try await store.read(.system, types: [.tokenCreated, .tokenRevoked]).compactMap { event in
      if case .system(let event) = event.event { event } else { nil }
    }
  }

  /// Appends these events together.
  func record(_ events: SystemEvent...) async throws {
    do throws(AppendFault) {
      try await append(events, by: .system)
    } catch {
      switch error {
      case .damaged(let message): throw Failure("the log takes no events: \(message)")
      case .unavailable(let reason): throw Failure("nothing can be recorded now: \(reason)")
      case .full: throw Failure("the disk is full: make room in the data folder and start again")
      case .conflict, .duplicate, .stampTaken, .corrupt, .overloaded, .io, .closed:
        throw Failure("an event of the system could not be recorded: \(error)")
      }
    }
  }

  /// Appends an event after whatever others appended in the meantime, such as redactions.
  func add(_ event: SystemEvent, by actor: Actor) async throws(AppendFault) {
    var conflicts = 0
    while true {
      do throws(StoreFault) {
        let last = try await store.last(of: .system)
        version = last?.version ?? 0
        lastID = last.map { UUIDText.encode($0.id) }
      } catch { throw .io("\(error)") }
      do throws(AppendFault) {
        return try await append([event], by: actor)
      } catch {
        guard case .conflict = error, conflicts < Self.conflictsMax else { throw error }
        conflicts += 1
      }
    }
  }

  /// Appends events after the last known one.
  private func append(_ events: [SystemEvent], by actor: Actor) async throws(AppendFault) {
    let recorded = try await store.append(
      Append(
        stream: .system, expectedVersion: version, events: events.map { .system($0) },
        actor: actor, correlation: "system", causation: lastID))
    version = recorded.last?.version ?? version
    lastID = recorded.last?.id
  }

  /// How often another append may come first.
  private static let conflictsMax = 100

  /// Appends the definitions that the log lacks.
  /// - Returns: all definitions in the log.
  func define(_ catalog: WorkflowCatalog) async throws -> [Workflow] {
    for workflow in catalog.all where defined[workflow.digest] == nil {
      try await record(
        .workflowDefined(
          name: workflow.name, digest: workflow.digest, source: workflow.source))
      defined[workflow.digest] = workflow
    }
    return definitions
  }
}
