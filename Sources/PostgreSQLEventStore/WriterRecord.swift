#if PostgreSQL

import EventLog
import PostgreSQL
import Synchronization

/// What the writer of this server has acknowledged, and why it writes no more. The election asks:
/// a server that can record nothing sends nothing to the forge.
final class WriterRecord: Sendable {
  /// Why the writer writes no more, with the reason for people.
  enum End {
    /// Another server can go on: it has claimed the log, or this one does not know what became of a
    /// commit.
    case ofServer(String)
    /// The log is corrupt, or lacks what was acknowledged. No server goes on with it.
    case ofLog(String)
  }

  private struct State {
    var end: End?
    var acknowledged = LogHead.empty
  }
  private let state = Mutex(State())

  /// A writer begins with a log that ends there.
  func begin(at head: LogHead, _ end: End?) {
    state.withLock { $0 = State(end: end, acknowledged: head) }
  }

  /// Callers are answered for events up to there.
  func acknowledge(_ head: LogHead) { state.withLock { $0.acknowledged = head } }

  /// The first reason stays.
  func end(_ end: End) { state.withLock { $0.end = $0.end ?? end } }

  /// nil while it writes.
  var end: End? { state.withLock { $0.end } }

  /// Compares the log in the database with what was acknowledged, after the session was lost: the
  /// next one may have reached another server, or a database that was restored.
  func compare(with connection: PostgreSQLConnection) throws {
    let known = state.withLock { $0.acknowledged }
    guard known.position > 0,
      try LogRows.hash(at: known.position, in: connection) != known.hash
    else { return }
    end(.ofLog(Self.loss(of: known, endingAt: try LogRows.head(in: connection))))
  }

  /// The reason if acknowledged events are missing.
  static func loss(of known: LogHead, endingAt end: LogHead) -> String {
    """
    the log in PostgreSQL ends at position \(end.position), and events up to \(known.position) \
    were acknowledged: a server took over that did not have them, or the database was restored. \
    Put the newer database back; or go on with this one: `aipm serve --accept-restore`
    """
  }
}

/// Whether the operator's word still counts, that a log may differ from the head file. It was about
/// the log that this server found. Once the head file is that log's, another difference is a new
/// loss.
final class RestoreAcceptance: Sendable {
  private let hasEnded = Atomic<Bool>(false)
  var isOver: Bool { hasEnded.load(ordering: .relaxed) }
  func end() { hasEnded.store(true, ordering: .relaxed) }
}

#endif
