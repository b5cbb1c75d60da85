// An effect: something done in the world, in a way that doing it twice is harmless.
//
// Each effect is a small machine of its own. It makes calls, is given their answers, and ends with
// an outcome. It knows three things of its effect that never change between tries: its identity,
// how to find it, and what of the things found may be adopted. Nothing else in AIPM knows them.
//
// An effect writes first only where this process has just appended the event before it: there the
// forge's own conflict is the look-up. Otherwise it looks first. An answer that was lost is looked
// for before anything is repeated.

import Domain
import EventLog
import ForgePort
import Text
import Workflows

/// A call through one of the doors.
package enum Call: Equatable, Sendable {
  case forge(ForgeCall)
  case git(GitCall)
}

/// What came of a call.
package enum Answer: Equatable, Sendable {
  case forge(ForgeAnswer)
  case git(GitAnswer)
}

/// What an effect wants next.
package enum EffectStep: Equatable, Sendable {
  /// These calls, at the same time; `resume` is given their answers in the same order.
  case calls([Call])
  case done(Outcome)
}

/// How an effect ended.
package enum Outcome: Equatable, Sendable {
  /// To be recorded in the log.
  case record(DelegationCommand)
  /// The branch's head was read, and nothing of this delegation is on it that the log has not.
  case prepared(head: ObjectID)
  case fault(StepFault)
  /// A look-up found nothing (only where `Approach.lookUpOnly` was asked for).
  case absent
}

/// How an effect goes about it.
package enum Approach: Equatable, Sendable {
  /// Write, and look only where the answer is a conflict or lost.
  case writeFirst
  /// Look, and write where nothing is found.
  case lookUpFirst
  /// Look, and write nothing: a cancellation wants to know what is there.
  case lookUpOnly
}

/// One effect under way.
package protocol Effect: Sendable {
  /// The first calls.
  mutating func start() -> EffectStep
  /// Goes on with the answers to the last calls.
  mutating func resume(_ answers: [Answer]) -> EffectStep
}

/// What the effects of one delegation need to know of it.
package struct EffectContext: Sendable {
  package var delegation: Delegation
  package var texts: Texts
  var capabilities = ForgeCapabilities()

  /// What is written to the forge, rendered from the workflow and the user's words when it is
  /// needed: most effects write none of it.
  package struct Texts: Sendable {
    let id: DelegationID
    let workflow: Workflow
    let words: TaskText
    let request: Requested
    /// Where the branch's event stands in the log, and its hash.
    let branchRecord: (position: Int64, hash: [UInt8])
    /// How it went.
    let facts: NoticeFacts

    /// The path of the file that carries the task.
    var taskFilePath: String { workflow.taskFileRule.path(for: request) }
    var taskFile: String { workflow.taskFile(words, id: id) }
    var taskCommitMessage: String {
      workflow.taskCommitMessage(
        words, id: id, logPosition: branchRecord.position,
        logHash: Hex.encode(branchRecord.hash))
    }
    var pullRequestTitle: String { words.pullRequestTitle }
    func comment(_ notice: Notice) -> (text: String, marker: String)? {
      workflow.comment(notice, words, id: id, requested: request, facts: facts)
    }
    var pullRequestBody: String { workflow.pullRequestBody(words, id: id, requested: request) }
  }

  var id: DelegationID { delegation.id }
  var repository: RepositoryName { delegation.request.repository }
  var branch: String { delegation.request.branch }
}

// MARK: - What the effects share

extension StepFault {
  /// The fault of a forge call that cannot be settled by looking.
  init(_ step: Step, _ fault: ForgeFault) {
    let said = fault.requestID.map { "\(fault.message) (request \($0))" } ?? fault.message
    let kind: Kind =
      switch fault.kind {
      case .unreachable: .transient(.unreachable, ambiguous: false, notBefore: nil)
      case .noAnswer: .transient(.noAnswer, ambiguous: true, notBefore: nil)
      case .unavailable: .transient(.unavailable, ambiguous: true, notBefore: nil)
      case .limited(let until): .transient(.rateLimited, ambiguous: false, notBefore: until)
      case .down(let until): .transient(.forgeDown, ambiguous: false, notBefore: until)
      case .notYetVisible: .transient(.notYetVisible, ambiguous: false, notBefore: nil)
      case .conflict, .possibleNameClash: .transient(.conflict, ambiguous: false, notBefore: nil)
      case .unauthorized, .forbidden, .notFound, .exists, .empty, .draftsUnsupported, .refused:
        .final(.forgeRefused, retryable: false)
      }
    self.init(step: step, kind: kind, message: said, hint: fault.hint)
  }

  init(_ step: Step, _ fault: MirrorFault) {
    let kind: Kind =
      switch fault.kind {
      case .unreachable: .transient(.unreachable, ambiguous: false, notBefore: nil)
      case .noAnswer: .transient(.noAnswer, ambiguous: true, notBefore: nil)
      case .limited(let until): .transient(.rateLimited, ambiguous: false, notBefore: until)
      case .down(let until): .transient(.forgeDown, ambiguous: false, notBefore: until)
      case .local: .transient(.local, ambiguous: false, notBefore: nil)
      case .unauthorized, .notFound, .refused: .final(.forgeRefused, retryable: false)
      case .rejected: .final(.pushRejected, retryable: false)
      case .objectMissing: .final(.pushRejected, retryable: true)
      }
    self.init(step: step, kind: kind, message: fault.message, hint: fault.hint)
  }

  /// An answer of a kind that the call cannot have.
  static func unexpected(_ step: Step) -> StepFault {
    StepFault(
      step: step, kind: .transient(.unavailable, ambiguous: true, notBefore: nil),
      message: "the forge's answer does not fit the call", hint: nil)
  }

  static func diverged(_ step: Step, _ message: String, hint: String) -> StepFault {
    StepFault(
      step: step, kind: .final(.branchDiverged, retryable: false), message: message, hint: hint)
  }
}

extension ForgeFault.Kind {
  /// Whether a write with this answer may have been carried out.
  var mayHaveHappened: Bool {
    switch self {
    case .noAnswer, .unavailable: true
    case .unreachable, .limited, .down, .unauthorized, .forbidden, .notFound, .conflict, .exists,
      .possibleNameClash, .notYetVisible, .empty, .draftsUnsupported, .refused:
      false
    }
  }
}

extension Answer {
  /// The forge's answer; an answer of git's in its place is a fault of the adapter.
  var forge: ForgeAnswer {
    switch self {
    case .forge(let answer): answer
    case .git:
      .failure(ForgeFault(kind: .unavailable, message: "an answer of the wrong door"))
    }
  }
  var git: GitAnswer {
    switch self {
    case .git(let answer): answer
    case .forge: .failure(MirrorFault(kind: .local, message: "an answer of the wrong door"))
    }
  }
}

extension [Answer] {
  /// The only answer; an effect that made one call gets one.
  var only: Answer {
    first
      ?? .forge(
        .failure(ForgeFault(kind: .unavailable, message: "no answer was given")))
  }
}
