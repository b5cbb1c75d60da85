#if PostgreSQL

import EventLog
import PostgreSQL
import Synchronization

/// A queued append, and its caller.
struct PostgreSQLAppend: Sendable {
  var append: EncodedAppend
  var caller: CheckedContinuation<Result<[RecordedEvent], AppendFault>, Never>
}

/// A request in the writer's queue.
enum PostgreSQLRequest: Sendable {
  case append(PostgreSQLAppend)
  /// Other work for the writer's thread. It gets the writer in any state.
  case job(@Sendable (PostgreSQLWriter) -> Void)
}

/// The writer's state, as other threads see it.
final class PostgreSQLStatus: Sendable {
  struct Values: Sendable {
    var head: LogHead
    /// Why writing has stopped; nil if it has not.
    var stopped: AppendFault?
    /// Whether the log waits for its replica.
    var isWaiting = false
    var commits = 0
    var appends = 0
  }
  let values: Mutex<Values>
  let acceptedRestore: Int64?
  let epoch: Int64

  init(head: LogHead, stopped: AppendFault?, acceptedRestore: Int64?, epoch: Int64) {
    self.acceptedRestore = acceptedRestore
    self.epoch = epoch
    values = Mutex(Values(head: head, stopped: stopped))
  }
}

extension AppendFault {
  /// Another server writes the log.
  static var followed: AppendFault {
    .unavailable("this server follows the log, and another one writes it")
  }

  /// The fault of the appends that failed with `error` before anything was committed.
  init(_ error: any Error) {
    guard let error = error as? PostgreSQLError else {
      self = .damaged("\(error): rebuild the views with `aipm-replay --rebuild`")
      return
    }
    switch error.kind {
    case .full: self = .full
    case .busy, .tooLong: self = .overloaded
    case .lost, .readOnly: self = .noServer
    case .other: self = .damaged(error.description)
    }
  }
}

#endif
