import Domain
import Synchronization
import Workflows

/// The message of an attempt's commit. It is needed for the order, and for each part of the
/// hand-in, and is rendered once. Copies of an executor share it: it follows from the delegation's
/// text and the attempt.
final class AttemptMessage: Sendable {
  private let known = Mutex<(attempt: Int, text: String)?>(nil)

  /// - Parameter render: makes the message if that of another attempt is kept, or none.
  func text(of attempt: Int, _ render: () -> String) -> String {
    known.withLock { known in
      if let known, known.attempt == attempt { return known.text }
      let text = render()
      known = (attempt, text)
      return text
    }
  }
}

extension Executor {
  /// The message of an attempt's commit; nil if the delegation's text or workflow is not known.
  func generatedCommitMessage(attempt: Int) -> String? {
    guard let workflow, let text, let d = state.delegation else { return nil }
    return message.text(of: attempt) {
      workflow.generatedCommitMessage(
        text, id: id, follows: d.request.follows, attempt: attempt)
    }
  }
}
