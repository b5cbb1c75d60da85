#if PostgreSQL

import Domain
import EventLog
import PostgreSQL
import Projections
import SQLiteEventStore

/// The delegations that have not ended.
extension PostgreSQLEventStore {
  /// See `ReadModels`.
  package func liveDelegations() async throws(StoreFault) -> [DelegationRow] {
    try await readers.read("live delegations") { connection in
      try connection.query(
        "\(DelegationReads.select) WHERE \(StateSQL.live("d.state")) ORDER BY d.stamp"
      ).map { try ViewRows.read($0) }
    }
  }

  /// See `ReadModels`.
  package func liveDelegations(branch: String) async throws(StoreFault) -> [DelegationRow] {
    try await readers.read("live delegations of a branch") { connection in
      try connection.query(
        "\(DelegationReads.select) WHERE d.branch = $1 AND \(StateSQL.live("d.state")) "
          + "ORDER BY d.stamp", [.text(branch)]
      ).map { try ViewRows.read($0) }
    }
  }

  /// See `ReadModels`.
  package func liveFigures() async throws(StoreFault) -> LiveFigures {
    try await readers.read("live figures") { connection in
      var figures = LiveFigures()
      let rows = try connection.query(
        """
        SELECT state, count(*), count(trouble_code), count(quarantine),
          (array_agg(id ORDER BY requested_at, id))[1], min(requested_at)
        FROM delegations WHERE \(StateSQL.live("state")) GROUP BY state
        """)
      for index in 0..<rows.count {
        let counts = rows[index]
        guard let state = counts.text(0).flatMap(DelegationStateName.init) else { continue }
        figures.states[state] = Int(counts.integer(1))
        figures.failing += Int(counts.integer(2))
        figures.quarantined += Int(counts.integer(3))
        let requestedAt = counts.integer(5)
        if LiveFigures.isWaiting(state), let id = counts.text(4).flatMap(DelegationID.init),
          requestedAt < figures.oldestWaiting?.requestedAt ?? .max
        {
          figures.oldestWaiting = (id, requestedAt)
        }
      }
      return figures
    }
  }

  /// See `ReadModels`.
  package func liveDelegations(
    in state: DelegationStateName, after stamp: Stamp?, limit: Int
  ) async throws(StoreFault) -> [LiveDelegation] {
    try await readers.read("live delegations") { connection in
      let rows = try connection.query(
        """
        SELECT id, stamp, repository, branch, requester, priority, agent, digest, attempt,
          pr_url IS NOT NULL, commit_sha IS NOT NULL, follows IS NOT NULL, cancel_requested,
          quarantine IS NOT NULL, next_intent, retry_at
        FROM delegations WHERE state = $1 AND stamp > $2 ORDER BY stamp LIMIT $3
        """,
        [
          .text(state.rawValue), .integer(stamp?.milliseconds ?? Int64.min),
          .integer(Int64(max(0, limit))),
        ])
      var texts: Set<String> = []
      return rows.map { row in
        /// Delegations share one copy of a text that many of them have.
        func shared(_ column: Int) -> String {
          texts.insert(row.text(column) ?? "").memberAfterInsert
        }
        return LiveDelegation(
          id: DelegationID(row.text(0) ?? ""), stamp: Stamp(milliseconds: row.integer(1)),
          state: state, repository: shared(2), branch: row.text(3) ?? "", requester: shared(4),
          priority: Int(row.integer(5)), agent: shared(6), digest: shared(7),
          attempt: Int(row.integer(8)), hasPullRequest: row.integer(9) != 0,
          hasCommit: row.integer(10) != 0, isFollowUp: row.integer(11) != 0,
          isCancelled: row.integer(12) != 0, isQuarantined: row.integer(13) != 0,
          nextIntent: row.isNull(14) ? nil : shared(14),
          retryAt: row.optionalInteger(15).map { Timestamp(milliseconds: $0) })
      }
    }
  }

  /// See `ReadModels`.
  package func liveRepositories() async throws(StoreFault) -> [String] {
    try await readers.read("live repositories") { connection in
      try connection.query(
        "SELECT DISTINCT repository FROM delegations WHERE \(StateSQL.live("state"))"
      ).map { $0.text(0) ?? "" }
    }
  }
}

#endif
