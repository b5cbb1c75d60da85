import Domain
import EventLog
import Text

/// What a row is known by.
package enum ViewKey: Hashable, Comparable, Sendable, CustomStringConvertible {
  case delegation(DelegationID)
  case pullRequest(repository: String, number: Int64)
  case worker(WorkerID)

  package var view: ViewName {
    switch self {
    case .delegation: .delegations
    case .pullRequest: .pullRequests
    case .worker: .workers
    }
  }

  package var description: String {
    switch self {
    case .delegation(let id): id.rawValue
    case .pullRequest(let repository, let number): "\(repository)#\(number)"
    case .worker(let id): id.rawValue
    }
  }
}

extension RowChange {
  package var key: ViewKey {
    switch self {
    case .delegation(_, let row): .delegation(row.id)
    case .pullRequest(_, let row): .pullRequest(repository: row.repository, number: row.number)
    case .worker(_, let row): .worker(row.id)
    }
  }
}

extension Projector {
  /// The rows of a view, in the order of their keys.
  package func rows(of view: ViewName) -> [(key: ViewKey, row: JSONValue)] {
    let rows: [(ViewKey, JSONValue)] =
      switch view {
      case .delegations:
        delegations.values.compactMap(\.row).map { (.delegation($0.id), $0.json) }
      case .pullRequests:
        pullRequests.map {
          (.pullRequest(repository: $0.repository, number: $0.number), $0.json)
        }
      case .workers:
        workers.values.compactMap(\.row).map { (.worker($0.id), $0.json) }
      }
    return rows.sorted { $0.0 < $1.0 }
  }

  /// The keys of a view's rows, in no order.
  package func keys(of view: ViewName) -> [ViewKey] {
    switch view {
    case .delegations:
      delegations.compactMap { $1.row == nil ? nil : .delegation($0) }
    case .pullRequests:
      pullRequestKeys.map { .pullRequest(repository: $0.repository, number: $0.number) }
    case .workers: workers.compactMap { $1.row == nil ? nil : .worker($0) }
    }
  }

  /// One row; nil where there is none.
  package func row(_ key: ViewKey) -> JSONValue? {
    switch key {
    case .delegation(let id): delegations[id]?.row?.json
    case .pullRequest(let repository, let number):
      pullRequest(repository, number)?.json
    case .worker(let id): workers[id]?.row?.json
    }
  }
}
