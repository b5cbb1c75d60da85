import Domain
import EventLog
import Projections
import SQLite

/// The delegations that have not ended.
extension SQLiteEventStore {
  /// See `ReadModels`.
  package func liveDelegations() async throws(StoreFault) -> [DelegationRow] {
    try await readers.read("live delegations") { database in
      return try database.statement(
        "\(DelegationQuery.select) WHERE \(StateSQL.live("d.state")) ORDER BY d.stamp"
      ).rows { try ViewTables.read($0) }
    }
  }

  /// See `ReadModels`.
  package func liveDelegations(branch: String) async throws(StoreFault) -> [DelegationRow] {
    try await readers.read("live delegations of a branch") { database in
      let s = try database.statement(
        "\(DelegationQuery.select) WHERE d.branch = ? AND \(StateSQL.live("d.state")) "
          + "ORDER BY d.stamp")
      s.bind(branch, at: 1)
      return try s.rows { try ViewTables.read($0) }
    }
  }

  /// See `ReadModels`.
  package func liveFigures() async throws(StoreFault) -> LiveFigures {
    try await readers.read("live figures") { database in
      var figures = LiveFigures()
      // The id is that of the row with the smallest time (sqlite.org/lang_select.html#bareagg).
      let counts = try database.statement(
        "SELECT state, count(*), count(trouble_code), count(quarantine), id, min(requested_at) "
          + "FROM delegations WHERE \(StateSQL.live("state")) GROUP BY state")
      defer { counts.reset() }
      while try counts.step() {
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
    try await readers.read("live delegations") { database in
      let s = try database.statement(
        """
        SELECT id, stamp, repository, branch, requester, priority, agent, digest, attempt,
          pr_url IS NOT NULL, commit_sha IS NOT NULL, follows IS NOT NULL, cancel_requested,
          quarantine IS NOT NULL, next_intent, retry_at
        FROM delegations WHERE state = ? AND stamp > ? ORDER BY stamp LIMIT ?
        """)
      s.bind(state.rawValue, at: 1)
      s.bind(stamp?.milliseconds ?? Int64.min, at: 2)
      s.bind(Int64(max(0, limit)), at: 3)
      var texts: Set<String> = []
      /// Delegations share one copy of a text that many of them have.
      func shared(_ column: Int32) -> String {
        texts.insert(s.text(column) ?? "").memberAfterInsert
      }
      return try s.rows { s in
        LiveDelegation(
          id: DelegationID(s.text(0) ?? ""), stamp: Stamp(milliseconds: s.integer(1)),
          state: state, repository: shared(2), branch: s.text(3) ?? "", requester: shared(4),
          priority: Int(s.integer(5)), agent: shared(6), digest: shared(7),
          attempt: Int(s.integer(8)), hasPullRequest: s.integer(9) != 0,
          hasCommit: s.integer(10) != 0, isFollowUp: s.integer(11) != 0,
          isCancelled: s.integer(12) != 0, isQuarantined: s.integer(13) != 0,
          nextIntent: s.isNull(14) ? nil : shared(14),
          retryAt: s.optionalInteger(15).map { Timestamp(milliseconds: $0) })
      }
    }
  }

  /// See `ReadModels`.
  package func liveRepositories() async throws(StoreFault) -> [String] {
    try await readers.read("live repositories") { database in
      try database.statement(
        "SELECT DISTINCT repository FROM delegations WHERE \(StateSQL.live("state"))"
      ).rows { $0.text(0) ?? "" }
    }
  }
}
