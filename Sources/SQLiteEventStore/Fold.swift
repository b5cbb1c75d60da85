import Domain
import EventLog
import Projections
import SQLite

extension Projector {
  /// A projector that knows the events of one stream alone.
  static func folding(_ stream: StreamName, in database: Database) throws -> Projector {
    var scratch = Projector()
    for stored in try EventTable.stream(stream, in: database) { _ = scratch.fold(stored) }
    return scratch
  }
}

extension [RowChange] {
  /// One change for each row: from what it was before the first to what it is after the last.
  var coalesced: [RowChange] {
    guard count > 1 else { return self }
    var merged: [RowChange] = []
    var places: [ViewKey: Int] = [:]
    for change in self {
      if let same = places[change.key] {
        merged[same] = merged[same].followed(by: change)
      } else {
        places[change.key] = merged.count
        merged.append(change)
      }
    }
    return merged
  }
}

extension RowChange {
  fileprivate func followed(by later: RowChange) -> RowChange {
    switch (self, later) {
    case (.delegation(let old, _), .delegation(_, let new)): .delegation(old: old, new: new)
    case (.pullRequest(let old, _), .pullRequest(_, let new)): .pullRequest(old: old, new: new)
    case (.worker(let old, _), .worker(_, let new)): .worker(old: old, new: new)
    case (.delegation, _), (.pullRequest, _), (.worker, _): later
    }
  }
}
