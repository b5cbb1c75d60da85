import EventLog
import SQLite
import Synchronization

/// An append that waits for its turn, and the caller who waits for it.
struct AppendRequest: Sendable {
  var append: Append
  var caller: CheckedContinuation<Result<[RecordedEvent], AppendFault>, Never>
}

/// What waits for the writer's thread.
enum WriterRequest: Sendable {
  case append(AppendRequest)
  /// Something else that only the writer may do; it is given the writer, whatever its state.
  case errand(@Sendable (Writer) -> Void)
}

/// What the writer lets others see.
final class WriterStatus: Sendable {
  struct Values: Sendable {
    var head: LogHead
    /// Why nothing is written any more; nil where all is well.
    var stopped: AppendFault?
    var commits = 0
    var appends = 0
  }
  let values: Mutex<Values>
  let acceptedRestore: Int64?

  init(head: LogHead, stopped: AppendFault?, acceptedRestore: Int64?) {
    self.acceptedRestore = acceptedRestore
    values = Mutex(Values(head: head, stopped: stopped))
  }
}

extension AppendFault {
  /// What an error that ended a transaction means for its appends.
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
