#if PostgreSQL

import Domain
import EventLog
import PostgreSQL
import Projections

extension PostgreSQLWriter {
  /// Deletes texts and appends the events that record it, in one transaction.
  func redact(
    _ positions: [Int64], reason: String, by actor: Actor
  ) throws -> [RecordedEvent] {
    let (redacted, batch) = try transact({ result in
      if case .success(let events) = result { [.success(events)] } else { [] }
    }) { writer -> (Result<[RecordedEvent], RedactionFault>, LogBatch) in
      var batch = LogBatch(after: writer.sealer.head)
      if let fault = try writer.redactionFault(of: positions) { return (.failure(fault), batch) }
      let connection = try writer.connection()
      let system = try connection.query(
        "SELECT id, version FROM streams WHERE name = $1", [.text(StreamName.system.description)]
      ).first
      if let system { writer.streams[.system] = (system.integer(0), system.integer(1)) }
      let append = Append.redaction(
        of: positions, reason: reason, by: actor, after: system?.integer(1) ?? 0)
      batch.redacted = positions
      let events = try writer.add(
        EncodedAppend(append), at: writer.sealer.time(at: writer.clock()), to: &batch)
      return (.success(events), batch)
    }
    let events = try redacted.get()
    committed([.success(events)], to: batch.new)
    return events
  }

  /// Why one of these texts is not redacted; nil if all are.
  private func redactionFault(of positions: [Int64]) throws -> RedactionFault? {
    let connection = try connection()
    let events = try LogRows.at(positions, in: connection)
    let byPosition = Dictionary(events.map { ($0.position, $0) }) { first, _ in first }
    for position in positions {
      guard let event = byPosition[position] else { return .noSuchEvent(position) }
      if let fault = event.redactionFault { return fault }
      guard case .delegation? = event.stream.name, let number = event.stream.number else {
        continue
      }
      let row = try connection.query(
        "SELECT state, next_intent FROM delegations WHERE stream = $1", [.integer(number)]
      ).first
      guard let row else { continue }
      let state = row.text(0).flatMap(DelegationStateName.init)
      if !(state?.isTerminal ?? false) || !row.isNull(1) { return .underWay(position) }
    }
    return nil
  }
}

#endif
