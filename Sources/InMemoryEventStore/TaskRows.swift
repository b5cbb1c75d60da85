import Domain
import EventLog
import Projections
import Synchronization

extension InMemoryEventStore {
  /// See `ReadModels`.
  package func tasks(
    _ filter: TaskFilter, before: Stamp?, limit: Int
  ) async throws(StoreFault) -> [TaskDetail] {
    state.withLock { state in
      var found: [TaskDetail] = []
      let rows = state.projector.rows(TaskRow.self).filter { row in
        (before.map { row.newestStamp < $0.milliseconds } ?? true) && filter.selects(row)
          && filter.repositories.permit(row.repository)
      }
      for row in rows.sorted(by: { $0.newestStamp > $1.newestStamp }) where found.count < limit {
        if let task = state.task(row), task.holds(filter.terms) { found.append(task) }
      }
      return found
    }
  }

  /// See `ReadModels`.
  package func task(of id: DelegationID) async throws(StoreFault) -> TaskDetail? {
    state.withLock { state in
      var first = id
      while let follows = state.projector.delegations[first]?.row?.follows {
        first = DelegationID(follows)
      }
      let row = TaskRow.row(like: TaskRow(id: first), in: state.projector)
      return row.flatMap { state.task($0) }
    }
  }

  /// See `ReadModels`.
  package func taskCounts(_ filter: TaskFilter) async throws(StoreFault) -> [TaskPhase: Int] {
    state.withLock { state in
      let rows = state.projector.rows(TaskRow.self).filter {
        filter.selects($0) && filter.repositories.permit($0.repository)
      }
      return Dictionary(grouping: rows, by: \.phase).mapValues(\.count)
    }
  }

  /// See `ReadModels`.
  package func workTimes(since: Timestamp, limit: Int) async throws(StoreFault) -> [WorkTime] {
    state.withLock { state in
      state.projector.rows(TaskRow.self).filter {
        $0.newestStamp >= since.milliseconds && $0.workingSince == nil && $0.workedMs > 0
          && ![.queued, .working, .cancelled].contains($0.phase)
      }
      .sorted { $0.newestStamp > $1.newestStamp }.prefix(max(0, limit)).map {
        WorkTime(agent: $0.agent, span: Milliseconds($0.workedMs / $0.rounds))
      }
    }
  }
}

extension InMemoryEventStore.State {
  fileprivate func task(_ row: TaskRow) -> TaskDetail? {
    guard let newest = detail(of: row.newest) else { return nil }
    return TaskDetail(row: row, newest: newest, title: detail(of: row.first)?.text?.title)
  }
}

extension TaskDetail {
  /// Whether a text of the task contains each of these.
  fileprivate func holds(_ terms: [SearchTerm]) -> Bool {
    let row = newest.row
    let parts = [row.repository, newest.text?.title ?? "", title ?? ""]
      .map(DelegationFilter.folded)
    let numbered = [row.branch, Stamp(milliseconds: row.stamp).confirmationCode]
      .map(DelegationFilter.folded)
    return terms.allSatisfy { term in
      (term.isSmallNumber ? parts : parts + numbered).contains {
        $0.utf8.contains(term.text.utf8)
      }
    }
  }
}
