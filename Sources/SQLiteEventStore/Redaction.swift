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

extension Writer {
  /// Deletes texts and appends the events that record it, in one transaction.
  func redact(
    _ positions: [Int64], reason: String, by actor: Actor
  ) throws -> [RecordedEvent] {
    let before = (sealer, digests)
    let redactions: [RecordedEvent]
    do {
      redactions = try transaction { database in
        for position in positions { try check(position, in: database) }
        let stream = try database.integer("SELECT id FROM streams WHERE name = 'system'")
        let version = try database.integer("SELECT version FROM streams WHERE name = 'system'")
        let append = Append.redaction(
          of: positions, reason: reason, by: actor, after: version ?? 0)
        let redactions = try write(EncodedAppend(append), to: stream, at: sealer.time(at: clock()))
        for position in positions {
          try database.run("DELETE FROM payloads WHERE position = ?", .integer(position))
        }
        try ViewTables.put(digests, position: sealer.head.position, in: database)
        return redactions
      }
    } catch {
      (sealer, digests) = before
      streams.removeAll()
      throw error
    }
    committed([.success(redactions)])
    // `secure_delete` has overwritten the texts in the database's pages. The write-ahead log has
    // older copies of these pages until it is truncated.
    checkpoint(.truncate)
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
