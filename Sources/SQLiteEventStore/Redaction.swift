import Domain
import EventLog
import Projections
import SQLite

extension SQLiteEventStore {
  /// See `EventStore`.
  package func redact(
    _ positions: [Int64], reason: String, by actor: Actor
  ) async throws(RedactionFault) -> [RecordedEvent] {
    let reason = mask?.masked(reason) ?? reason
    do {
      return try await onWriter { try $0.redact(positions, reason: reason, by: actor) }
    } catch let fault as RedactionFault {
      throw fault
    } catch {
      throw .append(error as? AppendFault ?? .damaged("\(error)"))
    }
  }
}

extension AppendPipeline {
  /// Deletes texts and appends the events that record it, in one transaction.
  func redact(
    _ positions: [Int64], reason: String, by actor: Actor
  ) throws -> [RecordedEvent] {
    let before = planner.position
    let planned: PlannedAppend
    do {
      planned = try writer.transaction { database in
        for position in positions { try check(position, in: database) }
        let planned = try planner.plan(
          .redaction(
            of: positions, reason: reason, by: actor, after: planner.version(of: .system)))
        try writer.put(planned)
        for position in positions {
          try database.run("DELETE FROM payloads WHERE position = ?", .integer(position))
        }
        try writer.putDigests(of: planner.position)
        return planned
      }
    } catch {
      rollBack(to: before)
      throw error
    }
    let redactions = planned.events.map(\.recorded)
    writer.committed([.success(redactions)], head: planner.position.head)
    // `secure_delete` has overwritten the texts in the database's pages. The write-ahead log has
    // older copies of these pages until it is truncated.
    writer.checkpoint(.truncate)
    return redactions
  }

  private func check(_ position: Int64, in database: Database) throws {
    let s = try database.statement(EventTable.select + " WHERE e.position = ?")
    s.bind(position, at: 1)
    guard let event = try EventTable.few(s, in: database).first else {
      throw RedactionFault.noSuchEvent(position)
    }
    if let fault = event.redactionFault { throw fault }
    guard case .delegation(let id)? = event.stream.name else { return }
    let state = try database.text(
      """
      SELECT CASE WHEN next_intent IS NULL THEN state ELSE 'Requested' END FROM delegations
      WHERE id = ? AND stream = (SELECT id FROM streams WHERE name = ?)
      """, .text(id.rawValue), .text(event.stream.text))
    if let state, !(DelegationStateName(rawValue: state)?.isTerminal ?? false) {
      throw RedactionFault.underWay(position)
    }
  }
}
