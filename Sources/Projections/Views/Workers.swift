import Domain
import EventLog

/// One worker, alive or not.
package struct WorkerRow: ViewRow {
  package var id = WorkerID("")
  package var state = WorkerStateName.idle
  package var host = ""
  /// The agents that it can run, sorted.
  package var agents: [String] = []
  package var version = ""
  package var incarnation: Int64 = 0
  package var local = false
  package var delegation: DelegationID?
  /// When its state began, in milliseconds since 1970.
  package var since: Int64 = 0
  package var restarts: Int64 = 0

  package init() {}

  package static let view = View<WorkerRow>(
    "workers", version: 1,
    columns: [
      Column("id", \.id, .key),
      Column("state", \.state),
      Column("host", \.host),
      Column("agents", \.agents),
      Column("version", \.version),
      Column("incarnation", \.incarnation),
      Column("local", \.local),
      Column("delegation", \.delegation),
      Column("since", \.since),
      Column("restarts", \.restarts),
    ],
    listing: [
      .init("WORKER", \.id.rawValue),
      .init("STATE", \.state.rawValue),
      .init("HOST", \.host),
      .init("DELEGATION") { $0.delegation?.rawValue ?? "-" },
      .init("SINCE") { Timestamp(milliseconds: $0.since).iso8601 },
      .init("RESTARTS") { String($0.restarts) },
    ])

  /// See `ViewRow`.
  package static func forEach(
    in projector: Projector, _ body: (WorkerRow) throws -> Void
  ) rethrows {
    for known in projector.workers.values {
      if let row = known.row { try body(row) }
    }
  }

  /// See `ViewRow`.
  package static func countMax(in projector: Projector) -> Int { projector.workers.count }

  /// See `ViewRow`.
  package static func row(like other: WorkerRow, in projector: Projector) -> WorkerRow? {
    projector.workers[other.id]?.row
  }
}

extension WorkerRow {
  /// - Returns: nil if the worker never registered.
  init?(_ known: ProjectedWorker) {
    guard let life = known.state.life, let name = known.state.name else { return nil }
    id = known.id
    state = name == .idle && known.delegation != nil ? .busy : name
    host = life.registration.host
    agents = life.registration.agents
    version = life.registration.version
    incarnation = Int64(life.registration.incarnation)
    local = life.registration.local
    delegation = known.delegation
    since = max(life.since, known.busySince ?? life.since).milliseconds
    restarts = Int64(life.restarts)
  }
}
