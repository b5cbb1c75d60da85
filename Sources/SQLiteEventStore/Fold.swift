import Domain
import EventLog
import Projections
import SQLite

extension Projector {
  /// A projector with the events of one stream only.
  static func folding(_ stream: StreamName, in database: Database) throws -> Projector {
    var scratch = Projector()
    for stored in try EventTable.stream(stream, in: database) { _ = scratch.fold(stored) }
    return scratch
  }
}
