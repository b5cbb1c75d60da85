import EventLog
import SQLite
import Synchronization

/// A queued append, and its caller.
struct AppendRequest: Sendable {
  var append: EncodedAppend
  var caller: CheckedContinuation<Result<[RecordedEvent], AppendFault>, Never>
}

/// A request in the writer's queue.
enum WriterRequest: Sendable {
  case append(AppendRequest)
  /// Other work for the writer's thread, in any state and while no batch is under way.
  case job(@Sendable (AppendPipeline) -> Void)
}

/// The writer's state, as other threads see it.
final class WriterStatus: Sendable {
  struct Values: Sendable {
    var head: LogHead
    /// Why writing has stopped; nil if it has not.
    var stopped: AppendFault?
    var commits = 0
    var appends = 0
  }
  let values: Mutex<Values>
  let acceptedRestore: Int64?

  var stopped: AppendFault? { values.withLock { $0.stopped } }

  init(head: LogHead, stopped: AppendFault?, acceptedRestore: Int64?) {
    self.acceptedRestore = acceptedRestore
    values = Mutex(Values(head: head, stopped: stopped))
  }
}

extension AppendFault {
  /// The fault of the appends whose transaction ended with `error`.
  init(_ error: any Error) {
    guard let error = error as? SQLiteError else {
      self = .damaged("\(error): rebuild the views with `aipm-replay --rebuild`")
      return
    }
    switch error.kind {
    case .busy: self = .overloaded
    case .full: self = .full
    case .inputOutput: self = .io(error.description)
    case .corrupt, .interrupted, .other: self = .damaged(error.description)
    }
  }
}
