// An effect: a change outside AIPM that is safe to repeat.
//
// Each effect is a small state machine. It makes calls, receives their answers, and ends with an
// outcome. It defines three things that never change between tries: its identity, how to find the
// result, and which results may be adopted.
//
// An effect writes first only if this process has just appended the event before it: then the
// forge's own conflict is the look-up. Otherwise it looks first. After a lost answer it looks
// before it repeats a write.

import Domain
import EventLog
import ForgePort
import Text
import Workflows

/// A call through one of the ports.
package enum Call: Equatable, Sendable {
  case forge(ForgeCall)
  case git(GitCall)
  /// Request the follow-up delegation of a round, unless that has happened.
  case round(DelegationID, of: DelegationID)
  /// Sum up what this month's delegations have cost.
  case monthCost(requester: String, RepositoryName)
}

/// The result of a call.
package enum Answer: Equatable, Sendable {
  case forge(ForgeAnswer)
  case git(GitAnswer)
  case round(RoundAnswer)
  /// nil if the log could not be read.
  case monthCost(MonthCost?)
}

/// What became of the request of a round.
package enum RoundAnswer: Equatable, Sendable {
  /// It is requested, and has not ended.
  case underWay
  case ended(RoundEnded)
  /// The log could not be read or written.
  case failed(String)
}

/// The next step of an effect.
package enum EffectStep: Equatable, Sendable {
  /// Make these calls at the same time; `resume` receives their answers in the same order.
  case calls([Call])
  /// Do nothing for so long; `resume` receives no answers.
  case pause(Milliseconds)
  case done(Outcome)
}

/// The outcome of an effect.
package enum Outcome: Equatable, Sendable {
  /// Events to record in the log.
  case record(DelegationCommand)
  /// The branch's head was read, and it has no commit of this delegation that is not in the log.
  case prepared(PreparedHead)
  /// The follow-up delegation of a round is requested.
  case requested(DelegationID)
  case fault(StepFault)
  /// A look-up found nothing (only with `Approach.lookUpOnly`).
  case absent
}

/// What an attempt starts from.
package struct PreparedHead: Equatable, Sendable {
  /// The head of the branch, which the push will expect.
  package var head: ObjectID
  /// The merge that the attempt completes; nil if it starts from the head itself.
  package var merge: BaseMerge?
  /// The files with conflicts.
  package var conflicts: [String] = []
  /// What the attempt may cost, in millionths of a US dollar; nil for no limit.
  package var costMax: Int64?

  /// The commit that a worker checks out.
  var start: ObjectID { merge?.start ?? head }
}

/// The order of writing and looking.
package enum Approach: Equatable, Sendable {
  /// Write, and look only if the answer is a conflict or lost.
  case writeFirst
  /// Look, and write if nothing is found.
  case lookUpFirst
  /// Look, and write nothing: a cancellation looks up whether the write happened.
  case lookUpOnly
}

/// A running effect.
package protocol Effect: Sendable {
  /// The first calls.
  mutating func start() -> EffectStep
  /// Continues with the answers to the last calls.
  mutating func resume(_ answers: [Answer]) -> EffectStep
}

/// The data of a delegation that its effects need.
package struct EffectContext: Sendable {
  package var delegation: Delegation
  package var texts: Texts
  var capabilities = ForgeCapabilities()
  /// The marker of a notice that another process may have begun, if any.
  var inheritedNotice: String?

  /// The texts for the forge, rendered from the workflow and the user's text when needed: most
  /// effects write none of them.
  package struct Texts: Sendable {
    let id: DelegationID
    let workflow: Workflow
    let words: TaskText
    let request: Requested
    /// The position and the hash of the branch's event in the log.
    let branchRecord: (position: Int64, hash: [UInt8])
    /// The outcome.
    let facts: NoticeFacts

    /// The path of the task file.
    var taskFilePath: String { workflow.taskFileRule.path(for: request) }
    var taskFile: String { workflow.taskFile(words, id: id) }
    var taskCommitMessage: String {
      workflow.taskCommitMessage(
        words, id: id, logPosition: branchRecord.position,
        logHash: Hex.encode(branchRecord.hash))
    }
    var pullRequestTitle: String { words.pullRequestTitle }
    /// The message of a merge that the server makes itself.
    func mergeMessage(attempt: Int) -> String {
      workflow.generatedCommitMessage(words, id: id, follows: request.follows, attempt: attempt)
    }
    func comment(_ notice: Notice) -> (text: String, marker: String)? {
      workflow.comment(notice, words, id: id, requested: request, facts: facts)
    }
    var pullRequestBody: String { workflow.pullRequestBody(words, id: id, requested: request) }
  }

  var id: DelegationID { delegation.id }
  var repository: RepositoryName { delegation.request.repository }
  var branch: String { delegation.request.branch }
}

// MARK: - Shared by the effects

extension StepFault {
  /// The fault of a forge call that a look-up cannot resolve.
  init(_ step: Step, _ fault: ForgeFault) {
    let message = fault.requestID.map { "\(fault.message) (request \($0))" } ?? fault.message
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
    self.init(step: step, kind: kind, message: message, hint: fault.hint)
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

  /// An answer of the wrong kind for the call.
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
  /// The forge's answer; an answer of git instead is a fault of the adapter.
  var forge: ForgeAnswer {
    switch self {
    case .forge(let answer): answer
    case .git, .round, .monthCost:
      .failure(ForgeFault(kind: .unavailable, message: "an answer of the wrong port"))
    }
  }
  var git: GitAnswer {
    switch self {
    case .git(let answer): answer
    case .forge, .round, .monthCost:
      .failure(MirrorFault(kind: .local, message: "an answer of the wrong port"))
    }
  }
}

extension [Answer] {
  /// The only answer, for an effect that made one call.
  var only: Answer {
    first
      ?? .forge(
        .failure(ForgeFault(kind: .unavailable, message: "no answer was given")))
  }
}
